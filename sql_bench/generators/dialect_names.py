"""The names of SQL dialects: sqlglot's."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from bench_core.errors import BadFile, UserError
from bench_core.plugins.arguments import did_you_mean


@cache
def dialect_names() -> frozenset[str]:
    """All of them."""
    from sqlglot.dialects.dialect import Dialects

    return frozenset(member.value for member in Dialects if member.value)


def check_dialect(dialect: str, path: Path | None = None, of: str = "") -> None:
    """Refuse a dialect sqlglot does not know.

    Args:
        path: the file that names it, if one does.
        of: the dataset whose dialect it is, if it is one's.

    Raises:
        UserError: names the close ones.
    """
    known = sorted(dialect_names())
    if dialect not in known:
        message = f"there is no SQL dialect {dialect!r}{did_you_mean(dialect, known)}; known are {', '.join(known)}"
        whose = f"{of}: {message}" if of else f"{message[0].upper()}{message[1:]}"
        raise BadFile(path, message) if path else UserError(f"{whose}.")
