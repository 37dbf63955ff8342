"""Clauses that sqlglot reads, and leaves out without a word when it writes for DuckDB.

Found by taking each argument away from the trees of some 180 statements in seven dialects: what is written without it
is the same text. Those that change no value (directions of FETCH, hints, the standard's defaults) are not here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sql_bench.guard.rejected import untranslatable

if TYPE_CHECKING:
    from sqlglot import exp


def refuse_dropped(query: exp.Query, dialect: str) -> None:
    """Refuse a statement that would lose a clause.

    Args:
        query: its tree.
        dialect: sqlglot's name of the dialect it is written in.

    Raises:
        Rejected: untranslatable.
    """
    from sqlglot import exp

    for options in query.find_all(exp.LimitOptions):
        if options.args.get("with_ties"):
            raise untranslatable("WITH TIES")
        # A share is rounded up by T-SQL, down by DuckDB; FETCH loses it altogether.
        if options.args.get("percent") and not (dialect == "duckdb" and isinstance(options.parent, exp.Limit)):
            raise untranslatable("a number of rows in per cent")
    for character in query.find_all(exp.Chr):
        if character.args.get("charset"):
            raise untranslatable("CHAR with a character set")
