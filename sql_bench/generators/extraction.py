"""Extraction of the SQL from a model's reply (docs/rules/extraction.md).

The last closed fence with a query counts, else the last unclosed one, else the text from where a query begins. A
statement in JSON, a call, a tag or a string of code is taken out of it. What follows a bare statement is cut off at a
boundary only, and kept; two statements are refused; a plain statement that the question cannot be answered is an
abstention.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from sql_bench.generators.replies.begins import (
    BETWEEN_STATEMENTS,
    begins_like_a_query,
    begins_like_a_statement,
    follows_another_statement,
    holds_other_statement,
    query_start,
    query_starts,
    without_comments,
)
from sql_bench.generators.replies.boundaries import Ending
from sql_bench.generators.replies.channels import answer_of
from sql_bench.generators.replies.code_strings import closing_bracket, quoted_statement
from sql_bench.generators.replies.fences import Fence, best_fence, fences, holds_query
from sql_bench.generators.replies.json_texts import json_statements
from sql_bench.generators.replies.parsing import is_whole_query
from sql_bench.generators.replies.tags import tagged, unescaped
from sql_bench.types import PredictionStatus

RULES_VERSION = 2
"""Version of the rules, part of the identity of what is extracted; 1 cut at prose after a blank line only."""

_ABSTENTION = re.compile(
    r"\bno answer (?:is )?possible\b|\bnot possible to (?:answer|determine|provide|write)\b|\bunanswerable\b"
    r"|\b(?:can ?not|can't|could not|couldn't|unable to|not able to)\s+(?:be\s+)?"
    r"(?:answer|determine|provide|write|generate|tell|find)"
    r"|\b(?:insufficient|not enough) (?:information|data|context)\b|\bI (?:do not|don't) know\b"
    r"|\bdoes not (?:contain|include|hold|provide|have) (?:the |any |enough |sufficient )?"
    r"(?:information|data|column|table)",
    re.IGNORECASE,
)
_SAYS_SO = "the text says that the question cannot be answered"
_DEEPEST = 6
"""Containers within each other: a fence in JSON in a tag; deeper ones are read as bare text."""
_MOST_MENTIONS = 20


@dataclass(frozen=True)
class Extraction:
    """What was found: `sql` is there exactly when the status is `sql`.

    Attributes:
        cut: what followed the statement and was cut off.
    """

    status: PredictionStatus
    sql: str | None = None
    detail: str = ""
    cut: str = ""


@lru_cache(maxsize=256)
def extract(raw: str, dialect: str) -> Extraction:
    """Take one statement out of a model's text. Never raises, whatever the text.

    Args:
        raw: all the model wrote.
        dialect: sqlglot's name of the dialect, which decides what a string or a comment is.
    """
    text = answer_of(raw)
    found = _Reader(dialect).read(text, 0)
    if found is not None:
        return found
    if _ABSTENTION.search(text):
        return Extraction(PredictionStatus.ABSTAINED, detail=_SAYS_SO)
    return Extraction(PredictionStatus.NO_SQL, detail="no query in the text" if text.strip() else "the text is empty")


@dataclass(frozen=True)
class _Reader:
    """Reads a text, and the texts that it contains."""

    dialect: str

    def read(self, text: str, depth: int) -> Extraction | None:
        """What a text holds; None where no query begins in it and no fence stands for one."""
        found = self._contained(text, depth) if depth < _DEEPEST else None
        return found or self._bare(text)

    def _contained(self, text: str, depth: int) -> Extraction | None:
        whole = json_statements(text, is_whole=True)
        if whole:
            return self._one_of(whole, depth)
        blocks = fences(text)
        fence = best_fence(blocks)
        content = tagged(text)
        if content is not None and not (fence is not None and _stands_behind(text, fence, content)):
            return self._from_tag(content, depth)
        if fence is not None and holds_query(fence):
            return self._from_fence(fence, depth)
        embedded = json_statements(text, is_whole=False)
        if embedded:
            return self._one_of(embedded, depth)
        if fence is None or _begins_outside(text, blocks):
            return None
        return self._from_fence(fence, depth)

    def _from_fence(self, fence: Fence, depth: int) -> Extraction | None:
        if fence.is_sql and (begins_like_a_statement(fence.content) or not holds_query(fence)):
            return self._statement(fence.content, Ending(self.dialect, is_contained=True))
        return self.read(fence.content, depth + 1)

    def _from_tag(self, content: str, depth: int) -> Extraction | None:
        undone = unescaped(content)
        found = self.read(undone, depth + 1) if undone is not None else None
        if found is not None and found.sql is not None and is_whole_query(found.sql, self.dialect):
            return found
        return self.read(content, depth + 1)

    def _one_of(self, statements: Sequence[str], depth: int) -> Extraction | None:
        if len(statements) > 1:
            return Extraction(PredictionStatus.REFUSED, detail=f"the text holds {len(statements)} statements")
        if begins_like_a_query(statements[0]):
            return self._statement(statements[0], Ending(self.dialect, is_contained=True))
        return self.read(statements[0], depth + 1)

    def _bare(self, text: str) -> Extraction | None:
        start = query_start(text)
        if start is None:
            return None
        if follows_another_statement(text, start):
            return Extraction(PredictionStatus.REFUSED, detail="another statement stands before the query")
        quoted = quoted_statement(text, start, lambda inside: is_whole_query(inside, self.dialect))
        if quoted is not None:
            found = self._statement(quoted.text, Ending(self.dialect, is_contained=True))
            return self._with_rest(found, quoted.rest)
        return self._statement(text[start:], Ending(self.dialect, closer=closing_bracket(text, start)))

    def _statement(self, text: str, ending: Ending) -> Extraction:
        """The statement that a text begins with."""
        body = text.strip(BETWEEN_STATEMENTS)
        body = body[_end_of_empty_statements(body) :]
        boundary = ending.boundary(body)
        first, rest = (body, "") if boundary is None else (body[: boundary.end].rstrip(), body[boundary.rest :])
        if not without_comments(first):
            return Extraction(PredictionStatus.NO_SQL, detail="no query in the text")
        if boundary is not None and boundary.is_semicolon and _begins_another(rest):
            return Extraction(PredictionStatus.REFUSED, detail="the text holds more than one statement")
        if not begins_like_a_statement(first) and _ABSTENTION.search(first):
            return Extraction(PredictionStatus.ABSTAINED, detail=_SAYS_SO)
        return self._with_rest(Extraction(PredictionStatus.SQL, first), rest)

    def _with_rest(self, found: Extraction, rest: str) -> Extraction:
        """What was found, with what was cut off behind it; refused where that holds another query."""
        cut = f"{found.cut}{rest}".strip(BETWEEN_STATEMENTS)
        if found.sql is None or not without_comments(cut):
            return found
        if holds_other_statement(cut) or self._holds_another_query(cut, found.sql):
            return Extraction(PredictionStatus.REFUSED, detail="another statement follows the query")
        return replace(found, cut=cut)

    def _holds_another_query(self, cut: str, statement: str) -> bool:
        """Whether a whole query over a table stands in what was cut off, that is not the statement or a part of it."""
        said = _words(statement)
        for start in query_starts(cut)[:_MOST_MENTIONS]:
            text = cut[start:]
            quoted = quoted_statement(cut, start, lambda inside: is_whole_query(inside, self.dialect))
            ending = Ending(self.dialect, closer=closing_bracket(cut, start))
            boundary = ending.boundary(text) if quoted is None else None
            query = quoted.text if quoted else text[: boundary.end] if boundary else text
            is_over_table = re.search(r"\bfrom\s", query, re.IGNORECASE) is not None
            if is_over_table and _words(query) not in said and is_whole_query(query, self.dialect):
                return True
        return False


def _stands_behind(text: str, fence: Fence, content: str) -> bool:
    """Whether a fence of SQL with a query begins behind the content of a tag."""
    return fence.is_sql and fence.holds_bare_query and fence.start >= text.rfind(content) + len(content)


def _begins_outside(text: str, blocks: Sequence[Fence]) -> bool:
    """Whether a query begins outside all fences."""
    position, outside = 0, []
    for block in blocks:
        outside.append(text[position : block.start])
        position = block.end
    return any(query_start(part) is not None for part in (*outside, text[position:]))


def _begins_another(rest: str) -> bool:
    return begins_like_a_statement(without_comments(rest))


def _end_of_empty_statements(body: str) -> int:
    """Where the first statement begins behind comments that end with a semicolon of their own."""
    found = re.match(r"(?:\s*+(?:--[^\n]*+\n|/\*(?:(?!\*/).)*+\*/|#[^\n]*+\n))*+\s*+;\s*+", body, re.DOTALL)
    return found.end() if found else 0


def _words(statement: str) -> str:
    return " ".join(statement.strip(BETWEEN_STATEMENTS).split()).lower()
