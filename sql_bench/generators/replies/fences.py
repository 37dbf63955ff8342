"""Fenced blocks of a reply, and which of them holds the statement (rules/extraction.md X2)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sql_bench.generators.dialect_names import dialect_names
from sql_bench.generators.replies.begins import begins_like_a_query, begins_like_a_statement, query_start

_OPENING = re.compile(r"(?P<run>`{3,}+)|^[ \t>]*+(?P<tildes>~{3,}+)", re.MULTILINE)
_LABEL = re.compile(r"[ \t]*\{?[ \t]*\.?(?P<label>[\w+#-]*)\}?(?P<rest>[^\n]*)")
_SQL_NAMES = re.compile(
    r"sql|bq|bqsql|bigquery-sql|google-?sql|standardsql|p(?:g|l|lpg)?sql|postgresql|sqlite3|mssql|t-sql|sparksql|mariadb"
)


@dataclass(frozen=True)
class Fence:
    """A fenced block.

    Attributes:
        label: its language in small letters, empty where none is named.
        start, end: the offsets of the whole block.
    """

    label: str
    content: str
    is_closed: bool
    start: int
    end: int

    @property
    def is_sql(self) -> bool:
        """Whether its label is SQL's, a dialect's, or missing."""
        return not self.label or _names_sql(self.label)

    @property
    def holds_bare_query(self) -> bool:
        """Whether it is a query and nothing else, by its first word."""
        return begins_like_a_query(self.content)


def fences(text: str) -> list[Fence]:
    """The blocks with content, in order; three or more backticks or tildes open one and as many close it."""
    return [fence for fence in _blocks(text) if fence.content.strip()]


def best_fence(found: list[Fence]) -> Fence | None:
    """The block that holds the statement: the last with a query, SQL before any other language; closed before unclosed.

    Without a query the last block of SQL with another statement, else the last of SQL with anything, else None.
    """
    ranked = [(_rank(fence), fence.is_closed, position) for position, fence in enumerate(found)]
    best = max(ranked, default=None)
    return found[best[2]] if best is not None and best[0] > 0 else None


def holds_query(fence: Fence) -> bool:
    """Whether a query begins anywhere in a block."""
    return query_start(fence.content) is not None


def _rank(fence: Fence) -> int:
    if fence.is_sql and fence.holds_bare_query:
        return 4
    if holds_query(fence) and not (fence.is_sql and begins_like_a_statement(fence.content)):
        return 3
    if not fence.is_sql:
        return 0
    return 2 if begins_like_a_statement(fence.content) else 1


def _blocks(text: str) -> Iterator[Fence]:
    position = 0
    while opening := _OPENING.search(text, position):
        run = opening.group("run") or opening.group("tildes")
        closing = _closing(text, opening.end(), run)
        start, end = closing or (len(text), len(text))
        label, content = _labelled(text[opening.end() : start])
        yield Fence(label, content, closing is not None, opening.start(), end)
        position = end


def _closing(text: str, position: int, run: str) -> tuple[int, int] | None:
    """Where the block's closing run begins and ends; a longer run within a line closes with its last signs.

    So a name in backticks may stand directly before it. A run with text before and behind it in a later line than the
    opening one stands in a string.
    """
    line_end = _line_end(text, position)
    for found in re.compile(rf"{re.escape(run[0])}{{{len(run)},}}+").finditer(text, position):
        start, end = found.span()
        is_own_line = not text[text.rfind("\n", 0, start) + 1 : start].strip(" \t>")
        is_last = not text[end : _line_end(text, end)].strip()
        if is_own_line or is_last or start < line_end:
            return (start if is_own_line else end - len(run)), end
    return None


def _line_end(text: str, position: int) -> int:
    found = text.find("\n", position)
    return len(text) if found < 0 else found


def _labelled(block: str) -> tuple[str, str]:
    """The label of a block and its content; the rest of the line behind a label is no content, unless it is SQL."""
    line, newline, content = block.partition("\n")
    named = _LABEL.match(line)
    label, rest = (named.group("label").lower(), named.group("rest")) if named else ("", line)
    if begins_like_a_statement(line) or (not newline and not _names_sql(label)):
        return "", block
    if begins_like_a_statement(rest) or not newline:
        return label, f"{rest}{newline}{content}"
    return label, content


def _names_sql(label: str) -> bool:
    return _SQL_NAMES.fullmatch(label) is not None or label in dialect_names()
