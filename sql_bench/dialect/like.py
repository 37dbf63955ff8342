"""LIKE in dialects where a backslash escapes by default."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sql_bench.guard.rejected import untranslatable

if TYPE_CHECKING:
    from sqlglot import exp


def with_backslash_escape(node: exp.Like | exp.ILike) -> exp.Expr:
    """LIKE with the backslash as its escape character, where the pattern is not known to do without.

    DuckDB has no escape character unless one is named; BigQuery and PostgreSQL have this one.

    Raises:
        Rejected: untranslatable, for LIKE ANY with an escape, which has no place to name one.
    """
    from sqlglot import exp

    pattern = node.expression
    if isinstance(node.parent, exp.Escape):
        return node
    if isinstance(pattern, exp.Any | exp.All | exp.Tuple):
        if any("\\" in literal.name for literal in pattern.find_all(exp.Literal)):
            raise untranslatable("LIKE ANY with an escaped character")
        return node
    if isinstance(pattern, exp.Literal | exp.RawString) and "\\" not in str(pattern.this):
        return node
    return exp.Escape(this=node.copy(), expression=exp.Literal.string("\\"))
