"""What BigQuery would reject although DuckDB runs the translation: error rates measured on a mirror miss these.

A list for tables and reports, not a verdict: only what can be told from the text and the schema is on it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from sql_bench.dialect.kinds import Kind, Kinds, branches
from sql_bench.dialect.names import Names
from sql_bench.dialect.schema import Schema, TableReference, table_references
from sql_bench.guard_names import words

if TYPE_CHECKING:
    from sqlglot import exp

# Kinds that BigQuery compares with one another; text is coerced to dates and times where it is a literal.
_NUMBERS = frozenset({Kind.INT, Kind.FLOAT, Kind.NUMERIC})
_TIMES = frozenset({Kind.DATE, Kind.DATETIME, Kind.TIMESTAMP})


def bigquery_complaints(query: exp.Query, schema: Schema) -> list[str]:
    """Reasons for which BigQuery would not run a statement, in the order of its text; the same reason once.

    Args:
        query: the tree of a BigQuery statement that the guard let through; not changed.
        schema: the tables; every table the statement names must be there.

    Raises:
        Rejected: a table is not there.
    """
    references = table_references(query, schema)
    names = Names(schema)
    kinds = Kinds(query, names)
    complaints = [
        *_wrong_case(references, schema),
        *_clauses(query),
        *_aliases_used_too_early(query, names),
        *_ambiguous_names(query, names),
        *_mismatched_comparisons(query, kinds),
        *_without_common_type(query, kinds),
        *_partitions_by_floats(query, kinds),
        *_sorted_by_what_distinct_drops(query),
        *_duplicate_names(query, references, schema),
    ]
    return list(dict.fromkeys(complaints))


def _wrong_case(references: list[TableReference], schema: Schema) -> Iterator[str]:
    """Table names are case-sensitive: https://cloud.google.com/bigquery/docs/reference/standard-sql/lexical."""
    names = set(schema.known_names())
    for reference in references:
        if reference.written not in names:
            yield f"table names are case-sensitive: {reference.written} is not {reference.table}"


def _clauses(query: exp.Query) -> Iterator[str]:
    """Clauses of other dialects that sqlglot reads and DuckDB has."""
    from sqlglot import exp

    for node in query.walk(bfs=False):
        if isinstance(node, exp.ILike):
            yield "there is no ILIKE"
        elif isinstance(node, exp.Fetch):
            yield "there is no FETCH FIRST"
        elif isinstance(node, exp.Filter):
            yield "aggregates take no FILTER clause"
        elif isinstance(node, exp.WithinGroup):
            yield "aggregates take no WITHIN GROUP clause"
        elif isinstance(node, exp.Distinct) and node.args.get("on"):
            yield "there is no DISTINCT ON"
        elif isinstance(node, exp.Join) and (
            node.method or node.kind.upper() in ("SEMI", "ANTI", "POSITIONAL", "ASOF")
        ):
            yield f"there is no {(node.method or node.kind).upper()} JOIN"
        elif isinstance(node, exp.Limit) and not isinstance(node.expression, exp.Literal):
            yield "LIMIT must be a literal integer"


def _aliases_used_too_early(query: exp.Query, names: Names) -> Iterator[str]:
    """Aliases of the SELECT list are known in GROUP BY, HAVING, QUALIFY and ORDER BY, not in WHERE nor beside them."""
    from sqlglot import exp

    for select in query.find_all(exp.Select):
        aliases = {
            projection.alias.lower(): projection
            for projection in select.selects
            if isinstance(projection, exp.Alias) and not names.has_column(select, projection.alias.lower())
        }
        places = [
            ("WHERE", select.args.get("where")),
            *(("the SELECT list", projection) for projection in select.selects),
        ]
        for place, tree in places:
            for column in tree.find_all(exp.Column) if tree is not None and aliases else ():
                name = column.name.lower()
                own = aliases.get(name) is tree
                if name in aliases and not column.table and not own and column.find_ancestor(exp.Select) is select:
                    yield f"the alias {column.name} cannot be used in {place}"


def _ambiguous_names(query: exp.Query, names: Names) -> Iterator[str]:
    """Of two columns of one name DuckDB takes the first, in a subquery as in the SELECT list."""
    from sqlglot import exp

    for column in query.find_all(exp.Column):
        if names.n_columns(column) > 1:
            yield f"the column name {column.name} is ambiguous"
    for select in query.find_all(exp.Select):
        group, order = select.args.get("group"), select.args.get("order")
        keys = list(group.expressions) if group is not None else []
        keys += [ordered.this for ordered in order.expressions] if order is not None else []
        for key in keys:
            if isinstance(key, exp.Column) and not key.table:
                named = {item.unalias() for item in select.selects if item.alias_or_name.lower() == key.name.lower()}
                if len(named) > 1:
                    yield f"the column name {key.name} is ambiguous"


def _mismatched_comparisons(query: exp.Query, kinds: Kinds) -> Iterator[str]:
    """Numbers, texts and booleans are not compared with one another; nothing is converted."""
    from sqlglot import exp

    for node in query.find_all(exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.In, exp.Between):
        if isinstance(node, exp.In):
            others = list(node.expressions)
        elif isinstance(node, exp.Between):
            others = [node.args["low"], node.args["high"]]
        else:
            others = [node.expression]
        left = kinds.of(node.this)
        for other in others:
            right = kinds.of(other)
            if _incomparable(left, right, isinstance(node.this, exp.Literal), isinstance(other, exp.Literal)):
                yield f"{_shown(node.this, left)} is not compared with {_shown(other, right)}"


def _without_common_type(query: exp.Query, kinds: Kinds) -> Iterator[str]:
    """Branches of CASE, IF and COALESCE and the queries of a UNION have one type; DuckDB makes them texts."""
    from sqlglot import exp

    for node in query.find_all(exp.Case, exp.If, exp.Coalesce, exp.SetOperation):
        together: list[list[exp.Expr]] = []
        if isinstance(node, exp.SetOperation):
            together = [list(pair) for pair in zip(node.this.selects, node.expression.selects, strict=False)]
        elif isinstance(node, exp.Case | exp.Coalesce) or not isinstance(node.parent, exp.Case):
            together = [branches(node)]
        for items in together:
            found = {kinds.of(item) for item in items} & (_NUMBERS | {Kind.TEXT, Kind.BOOL})
            if len(found - _NUMBERS) + bool(found & _NUMBERS) > 1:
                shown = ", ".join(sorted(kind.value for kind in found if kind is not None))
                yield f"{words(type(node).__name__)} of values without a common type ({shown})"


def _partitions_by_floats(query: exp.Query, kinds: Kinds) -> Iterator[str]:
    """https://cloud.google.com/bigquery/docs/reference/standard-sql/window-function-calls: PARTITION BY."""
    from sqlglot import exp

    for window in query.find_all(exp.Window):
        for key in window.args.get("partition_by") or ():
            if kinds.of(key) is Kind.FLOAT:
                yield f"PARTITION BY takes no FLOAT64 ({key.sql(dialect='bigquery')[:60]})"


def _sorted_by_what_distinct_drops(query: exp.Query) -> Iterator[str]:
    """Behind SELECT DISTINCT only its own columns can be sorted by; DuckDB takes any row's value."""
    from sqlglot import exp

    for select in query.find_all(exp.Select):
        order = select.args.get("order")
        if order is None or not select.args.get("distinct") or any(item.is_star for item in select.selects):
            continue
        selected = [item.unalias() for item in select.selects]
        names = {item.alias_or_name.lower() for item in select.selects}
        for column in order.find_all(exp.Column):
            key = column.find_ancestor(exp.Ordered)
            if column.name.lower() not in names and column not in selected and (key and key.this not in selected):
                yield f"{column.name} cannot be sorted by behind SELECT DISTINCT"


def _incomparable(left: Kind | None, right: Kind | None, left_literal: bool, right_literal: bool) -> bool:
    if left is None or right is None or left is right or Kind.OTHER in (left, right):
        return False
    if {left, right} <= _NUMBERS:
        return False
    if (left is Kind.TEXT and left_literal) or (right is Kind.TEXT and right_literal):
        return bool({left, right} & (_NUMBERS | {Kind.BOOL}))
    return not {left, right} <= _TIMES or Kind.DATE in (left, right)


def _shown(node: exp.Expr, kind: Kind | None) -> str:
    return f"{node.sql(dialect='bigquery')[:60]} ({kind.value if kind else 'unknown'})"


def _duplicate_names(query: exp.Query, references: list[TableReference], schema: Schema) -> Iterator[str]:
    """The columns of a result must have different names."""
    names = _output_names(query, references, schema)
    for name, n_times in Counter(name.lower() for name in names if name).items():
        if n_times > 1:
            yield f"the result has {n_times} columns called {name}"


def _output_names(query: exp.Query, references: list[TableReference], schema: Schema) -> list[str]:
    """The names of the result's columns; stars over tables are written out, others are left out."""
    from sqlglot import exp

    while isinstance(query, exp.Subquery | exp.SetOperation):
        query = query.this
    if not isinstance(query, exp.Select):
        return []
    joins = query.args.get("joins") or []
    merged = {name.name.lower() for join in joins for name in join.args.get("using") or ()}
    sources = [query.args["from_"].this] if query.args.get("from_") else []
    sources += [join.this for join in joins]
    by_node = {id(reference.node): reference.table for reference in references}
    columns = {
        source.alias_or_name.lower(): list(schema.tables[by_node[id(source)]]) if id(source) in by_node else []
        for source in sources
    }
    names: list[str] = []
    for projection in query.selects:
        if not projection.is_star:
            names.append(projection.alias_or_name)
            continue
        star = projection.find(exp.Star)
        if star is None or star.args.get("except_") or star.args.get("rename") or star.args.get("except"):
            continue
        wanted = [projection.table.lower()] if isinstance(projection, exp.Column) else list(columns)
        names += [name for source in wanted for name in columns.get(source, ()) if name.lower() not in merged]
    return names
