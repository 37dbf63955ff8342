"""Complaints of BigQuery about statements that DuckDB runs: error rates measured on a mirror miss these.

A list for tables and reports, not a verdict: only what can be told from the text and the schema is on it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from sql_bench.dialect.foreign_syntax import foreign_syntax
from sql_bench.dialect.kinds import Kinds
from sql_bench.dialect.names import Names
from sql_bench.dialect.schema import Schema, TableReference, table_references
from sql_bench.dialect.type_rules import type_complaints

if TYPE_CHECKING:
    from sqlglot import exp


def bigquery_complaints(sql: str, query: exp.Query, schema: Schema) -> list[str]:
    """Reasons for which BigQuery would not run a statement; the same reason once.

    Args:
        sql: its text.
        query: the tree of a BigQuery statement that the guard let through; not changed.
        schema: the tables; every table the statement names must be there.

    Raises:
        Rejected: a table is not there.
    """
    references = table_references(query, schema)
    names = Names(schema)
    complaints = [
        *_wrong_case(references, schema),
        *foreign_syntax(sql, query),
        *_aliases_used_too_early(query, names),
        *_ambiguous_names(query, names),
        *type_complaints(query, Kinds(query, names)),
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
            # Nothing else has a name by itself: CAST(id AS STRING) is not called id.
            named = isinstance(projection, exp.Alias | exp.Column | exp.Dot)
            names.append(projection.alias_or_name if named else "")
            continue
        star = projection.find(exp.Star)
        if star is None or star.args.get("except_") or star.args.get("rename") or star.args.get("except"):
            continue
        if isinstance(projection, exp.Dot):  # the fields of a struct
            continue
        wanted = [projection.table.lower()] if isinstance(projection, exp.Column) else list(columns)
        names += [name for source in wanted for name in columns.get(source, ()) if name.lower() not in merged]
    return names
