"""The shape of a statement's outermost query.

Everything here reads sqlglot's tree of the statement as the model wrote it, before it is translated.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sql_bench.dialect.clock import is_volatile, reads_clock
from sql_bench.dialect.gathered import gathered_columns
from sql_bench.types import StatementShape

if TYPE_CHECKING:
    from sqlglot import exp


def shape_of(query: exp.Query, dialect: str) -> StatementShape:
    """The shape of a parsed statement.

    Args:
        query: its tree; not changed.
        dialect: sqlglot's name of the dialect it is written in.
    """

    outer = outermost(query)
    return StatementShape(
        canonical_sql=query.sql(dialect=dialect, comments=False),
        ordered=any(layer.args.get("order") for layer in layers(query)),
        limit=_literal_limit(query),
        offset=_literal_offset(query),
        has_limit=any(limit_clauses(layer) for layer in layers(query)) or _sampled(outer),
        duplicate_free=_duplicate_free(outer),
        gathered=gathered_columns(query, dialect),
        volatile=is_volatile(query),
        reads_clock=reads_clock(query),
    )


def layers(query: exp.Query) -> Iterator[exp.Query]:
    """The statement and, where it is only a pair of parentheses, what stands in them."""
    from sqlglot import exp

    yield query
    while isinstance(query, exp.Subquery) and isinstance(query.this, exp.Query):
        query = query.this
        yield query


def outermost(query: exp.Query) -> exp.Query:
    """The query that orders and cuts the result: inside parentheses unless something follows them."""
    from sqlglot import exp

    while (
        isinstance(query, exp.Subquery)
        and isinstance(query.this, exp.Query)
        and not any(query.args.get(clause) for clause in ("order", "limit", "offset", "with_"))
    ):
        query = query.this
    return query


def limit_clauses(query: exp.Query) -> list[str]:
    """The names of the arguments of a query that cut its rows."""
    return [clause for clause in ("limit", "offset") if query.args.get(clause)]


def _literal_limit(query: exp.Query) -> int | None:
    """The number of the outermost LIMIT or FETCH."""
    from sqlglot import exp

    for layer in layers(query):
        limit = layer.args.get("limit")
        if limit is not None:
            count = limit.args.get("count") if isinstance(limit, exp.Fetch) else limit.expression
            options = limit.args.get("limit_options")
            if options is not None and options.args.get("percent"):
                return None
            return int(count.this) if isinstance(count, exp.Literal) and str(count.this).isdecimal() else None
    return None


def _literal_offset(query: exp.Query) -> int | None:
    """The number of the outermost OFFSET, 0 without one; None where a longer LIMIT could not be put in its place."""
    from sqlglot import exp

    limited = [layer for layer in layers(query) if limit_clauses(layer)]
    if len(limited) > 1 or _sampled(outermost(query)):
        return None
    offset = limited[0].args.get("offset") if limited else None
    if offset is None:
        return 0
    count = offset.expression
    return int(count.this) if isinstance(count, exp.Literal) and str(count.this).isdecimal() else None


def _sampled(query: exp.Query) -> bool:
    from sqlglot import exp

    if query.args.get("sample"):
        return True
    return any(
        table.args.get("sample") and table.find_ancestor(exp.Query) is query
        for table in query.find_all(exp.Table, exp.Subquery)
    )


def _duplicate_free(query: exp.Query) -> bool:
    from sqlglot import exp

    if isinstance(query, exp.SetOperation):
        return bool(query.args.get("distinct"))
    if not isinstance(query, exp.Select):
        return False
    distinct = query.args.get("distinct")
    if distinct is not None and not distinct.args.get("on"):
        return True
    group = query.args.get("group")
    if group is None:
        return False  # an aggregate's one row is an answer, and a table of such rows is none
    if group.args.get("all"):
        return True
    if any(group.args.get(kind) for kind in ("rollup", "cube", "grouping_sets")):
        return False
    return bool(group.expressions) and all(_is_projected(key, query.selects) for key in group.expressions)


def _is_projected(key: exp.Expr, selects: list[exp.Expr]) -> bool:
    """Whether a GROUP BY key, which may be a position or an alias, is one of the columns."""
    from sqlglot import exp

    if isinstance(key, exp.Literal) and not key.is_string:
        return True
    projected = [projection.unalias() for projection in selects]
    if key in projected:
        return True
    if not isinstance(key, exp.Column):
        return False
    if not key.table:
        names = {projection.alias_or_name.lower() for projection in selects}
        return key.name.lower() in names and not any(isinstance(p, exp.Star) for p in projected)
    # Of two tables' columns of one name only a qualified one can be meant, so an unqualified one is the key's.
    return any(isinstance(p, exp.Column) and not p.table and p.name.lower() == key.name.lower() for p in projected)
