"""Names that a column and an alias share: BigQuery's clauses behind FROM see the SELECT list first.

Source: BigQuery's query syntax, "Using aliases": in GROUP BY, HAVING, QUALIFY and ORDER BY an alias of the SELECT list
overrides a column of the FROM clause, but not inside an aggregate function. DuckDB takes the column in most of these
places, so the alias is written out where both are there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sql_bench.dialect.names import Names

if TYPE_CHECKING:
    from sqlglot import exp


def write_out_aliases(query: exp.Query, names: Names) -> None:
    """Replace names by the expressions of the SELECT list that they stand for, in place."""
    from sqlglot import exp

    for select in list(query.find_all(exp.Select)):
        aliased = {item.alias_or_name.lower(): item.unalias() for item in select.selects if item.alias_or_name}
        for column in list(_named_after_from(select)):
            meant = aliased.get(column.name.lower())
            if meant is not None and names.has_column(select, column.name.lower()) and not _is_same(meant, column):
                column.replace(_written_out(meant, column, names, select))


def _named_after_from(select: exp.Select) -> Iterator[exp.Column]:
    """The unqualified columns of the clauses that see the SELECT list, outside aggregates."""
    from sqlglot import exp

    group = select.args.get("group")
    for key in group.expressions if group is not None else ():
        if isinstance(key, exp.Column) and not key.table:
            yield key
    order = select.args.get("order")
    for clause in (select.args.get("having"), select.args.get("qualify"), order):
        for column in clause.find_all(exp.Column) if clause is not None else ():
            sorts = isinstance(column.parent, exp.Ordered) and column.parent.parent is order
            if not column.table and not sorts and _belongs_to(column, select):
                yield column


def _belongs_to(column: exp.Column, select: exp.Select) -> bool:
    """Whether a column is neither in a subquery nor in an aggregate, window functions apart."""
    from sqlglot import exp

    ancestor = column.parent
    while ancestor is not None and ancestor is not select:
        aggregates = isinstance(ancestor, exp.AggFunc) and not isinstance(ancestor.parent, exp.Window)
        if aggregates or isinstance(ancestor, exp.Query):
            return False
        ancestor = ancestor.parent
    return True


def _written_out(meant: exp.Expr, column: exp.Column, names: Names, select: exp.Select) -> exp.Expr:
    """The expression for its name; in HAVING with qualified columns, which DuckDB would else take for aliases."""
    from sqlglot import exp

    if isinstance(column.parent, exp.Group):
        return meant.copy()
    expression = exp.paren(meant.copy())
    if column.find_ancestor(exp.Having, exp.Select) is select.args.get("having"):
        for inner in expression.find_all(exp.Column):
            owners = [source for source in names.sources(select) if source.name and source.find(inner.name.lower())]
            if not inner.table and len(owners) == 1:
                inner.set("table", exp.to_identifier(owners[0].name, quoted=True))
    return expression


def _is_same(meant: exp.Expr, column: exp.Column) -> bool:
    """Whether the SELECT list only repeats the column."""
    from sqlglot import exp

    return isinstance(meant, exp.Star) or meant == column
