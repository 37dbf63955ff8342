"""Tell failures of a database file, a disk or a machine from what a statement or a table file did wrong."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

DAMAGED = "the database file is damaged"
"""How the sentence of a failure begins that only another import mends."""

_MOST_CHARACTERS = 200

# DuckDB checks a hash of every block it reads; what it says of one that does not agree has no class of its own.
_CORRUPT = re.compile(
    r"corrupt|checksum|deserializ|not a valid DuckDB database|database file with version|Could not read (all|enough)"
    r"|read .* bytes|storage",
    re.IGNORECASE,
)
_FULL = re.compile(r"No space left|disk quota", re.IGNORECASE)
# The bound on the size of files that a worker sets for itself: that is the statement's temporary file.
_OWN_BOUND = re.compile(r"File too large", re.IGNORECASE)


def storage_failure(error: duckdb.Error) -> str | None:
    """What failed, as a sentence without a full stop, if it was the machinery; None where the statement is to blame."""
    import duckdb

    text = " ".join(str(error).split())
    if isinstance(error, duckdb.IOException):
        if _OWN_BOUND.search(text):
            return None
        if _FULL.search(text):
            return _full(text)
        if _CORRUPT.search(text):
            return f"{DAMAGED} ({text[:_MOST_CHARACTERS]})"
        return f"the disk or the database file cannot be read or written ({text[:_MOST_CHARACTERS]})"
    # What a transaction could not write when it was committed has a class of its own.
    if isinstance(error, duckdb.TransactionException | duckdb.FatalException) and _FULL.search(text):
        return _full(text)
    has_no_class = type(error) is duckdb.Error
    is_internal = isinstance(error, duckdb.FatalException | duckdb.InternalException | duckdb.SerializationException)
    if (has_no_class and text.startswith("Corrupt")) or (is_internal and _CORRUPT.search(text)):
        return f"{DAMAGED} ({text[:_MOST_CHARACTERS]})"
    return None


def _full(text: str) -> str:
    return f"the disk is full ({text[:_MOST_CHARACTERS]}); make room on it and run the command again"
