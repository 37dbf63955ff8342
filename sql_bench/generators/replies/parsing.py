"""The test that a text is one whole query."""

from __future__ import annotations


def is_whole_query(text: str, dialect: str) -> bool:
    """Whether sqlglot reads all of a text as one query; a text too long or too deep to be parsed safely is none."""
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    from sql_bench.guard.check import check_size, check_text
    from sql_bench.guard.rejected import Rejected

    try:
        check_size(text)
        read = sqlglot.Dialect.get_or_raise(dialect)
        tokens = read.tokenize(text)
        check_text(tokens)
        statements = [
            found
            for found in read.parser().parse(tokens, text)
            if found is not None and not isinstance(found, exp.Semicolon)
        ]
    except (SqlglotError, Rejected, RecursionError, ValueError, IndexError, KeyError, AttributeError, TypeError):
        return False  # what the parser fails on is no query to it, in whichever way it fails
    return len(statements) == 1 and isinstance(statements[0], exp.Query) and bool(statements[0].selects)
