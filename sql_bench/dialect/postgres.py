"""PostgreSQL to DuckDB: the few differences that ordinary SELECTs meet and sqlglot leaves.

Integer division, division by zero and logarithms outside their domain are mended by the engine's settings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sql_bench.dialect.like import with_backslash_escape

if TYPE_CHECKING:
    from sqlglot import exp

RELATIVES = frozenset({"redshift", "materialize", "risingwave"})
"""sqlglot's names of the dialects without a list of their own that are PostgreSQL's as far as `rewrite_relative` goes."""

# An unbounded numeric; DuckDB's DECIMAL without digits keeps three behind the point.
_NUMERIC = "DECIMAL(38, 12)"


def rewrite_relative(query: exp.Query) -> exp.Query:
    """Mend a statement of a relative for DuckDB, in place."""
    from sqlglot import exp

    for cast in list(query.find_all(exp.Cast)):
        if cast.to.this is exp.DType.DECIMAL and not cast.to.expressions:
            cast.set("to", exp.DataType.build(_NUMERIC, dialect="duckdb"))
    likes: list[exp.Like | exp.ILike] = [*query.find_all(exp.Like), *query.find_all(exp.ILike)]
    for like in likes:
        like.replace(with_backslash_escape(like))
    return query
