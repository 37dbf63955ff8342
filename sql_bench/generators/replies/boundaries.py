"""The end of a statement that something follows (rules/extraction.md X5).

The first boundary counts that no SQL follows and before which nothing is open or waits for more; what stands before it
must be one whole query, else nothing is cut. The longest prefix that parses is no rule: it makes other statements.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from sql_bench.generators.replies.begins import begins_like_a_statement, without_comments
from sql_bench.generators.replies.parsing import is_whole_query
from sql_bench.generators.replies.prose import Writing, waits
from sql_bench.generators.replies.tokens import Kind, Token, tokens
from sql_bench.guard.check import MAX_SQL_BYTES

_OPENING = {"(": ")", "[": "]", "{": "}"}
_BLANK_LINE = re.compile(r"\n[ \t\r]*\n")
_FROM = re.compile(r"\bfrom\b", re.IGNORECASE)
_MOST_LINES = 50
"""Lines that are looked at as the end of a statement: what follows each is read, and a text may have thousands."""


@dataclass(frozen=True)
class Boundary:
    """A place where a statement may end.

    Attributes:
        end: the offset of the statement's end.
        rest: the offset of what follows the boundary.
        is_semicolon: it is one; a further statement may follow it.
    """

    end: int
    rest: int
    is_semicolon: bool = False


@dataclass(frozen=True)
class Ending:
    """How a text that begins with a statement may end.

    Attributes:
        is_contained: a fence or the like says where the statement ends, so that only marks and semicolons count.
        closer: the bracket that closes one opened before the statement, if there is one.
    """

    dialect: str
    is_contained: bool = False
    closer: str = ""

    def boundary(self, text: str) -> Boundary | None:
        """Where a text is cut, or None where it is kept whole, as one that the guard finds too long is."""
        found = next(_candidates(text, self), None) if len(text) <= MAX_SQL_BYTES else None
        if found is None:
            return None
        statement = text[: found.end]
        if found.is_semicolon and not text[found.rest :].strip("; \t\r\n"):
            return found
        if found.is_semicolon and begins_like_a_statement(text[found.rest :]):
            return found  # two statements, whatever the first is
        return found if is_whole_query(statement, self.dialect) else None


def _candidates(text: str, ending: Ending) -> Iterator[Boundary]:
    """Boundaries that count by what stands around them, the first first."""
    scan = _Scan(text, ending, _writing(text))
    for token in tokens(text, ending.dialect):
        yield from scan.step(token)


def _writing(text: str) -> Writing:
    word = re.match(r"[\s(;]*(\w+)", without_comments(text))
    return Writing.of(word.group(1) if word else "")


@dataclass
class _Scan:
    """The state of a walk over a statement's tokens."""

    text: str
    ending: Ending
    writing: Writing
    brackets: list[str] = field(default_factory=list)
    last: str = ""
    before_last: str = ""
    n_lines: int = 0

    def step(self, token: Token) -> Iterator[Boundary]:
        """Take one token; yields the boundary that stands at it, if one does."""
        at_line = self._at_line_start(token)
        if at_line is not None:
            yield at_line
        if token.kind is Kind.MARK:
            if self._may_end():
                yield Boundary(token.start, token.start)
        elif token.kind is Kind.SYMBOL and self._may_end():
            if token.text == ";" and not self._clause_follows(token.start + 1):
                yield Boundary(token.start, token.start + 1, is_semicolon=True)
            elif self._closes_wrapper(token) and not self.writing.goes_on(self.text[token.start + 1 :].lstrip(" \t")):
                yield Boundary(token.start, token.start)
        self._take(token)

    def _take(self, token: Token) -> None:
        if token.kind in (Kind.BLANK, Kind.COMMENT):
            return
        if token.text in _OPENING:
            self.brackets.append(_OPENING[token.text])
        elif self.brackets and token.text == self.brackets[-1]:
            self.brackets.pop()
        self.before_last, self.last = self.last, token.text

    def _may_end(self) -> bool:
        return bool(self.last) and not self.brackets and not waits(self.last, self.before_last)

    def _closes_wrapper(self, token: Token) -> bool:
        return bool(self.ending.closer) and token.text == self.ending.closer and not self.brackets

    def _clause_follows(self, start: int) -> bool:
        rest = without_comments(self.text[start:])
        word = re.match(r"\w+|[),]", rest)
        if word is None:
            return False
        text = word.group()
        return text in ")," or (self.writing.is_keyword(text) and not begins_like_a_statement(rest))

    def _at_line_start(self, token: Token) -> Boundary | None:
        """The boundary where a line begins: behind blanks with a line's end, or at a comment that begins a line."""
        if self.ending.is_contained or token.kind is not Kind.BLANK or "\n" not in token.text or not self._may_end():
            return None
        start = token.start + len(token.text)
        line = self.text[start:].partition("\n")[0]
        if not line:
            return None
        is_blank_line = _BLANK_LINE.search(token.text) is not None
        if not is_blank_line and not self.writing.ends_before(line):
            return None
        # Words of a list or of prose might be a difference or an alias; behind a FROM they hardly are.
        if not is_blank_line and self.writing.may_be_operands(line) and not _FROM.search(self.text[: token.start]):
            return None
        self.n_lines += 1
        if self.n_lines > _MOST_LINES or self.writing.goes_on(self.text[start:]) or self.is_whole:
            return None
        return Boundary(token.start, start)

    @cached_property
    def is_whole(self) -> bool:
        """Whether all up to the first mark or semicolon is one query, so that none of its lines is prose."""
        ends = (
            token.start
            for token in tokens(self.text, self.ending.dialect)
            if token.kind is Kind.MARK or token.text == ";"
        )
        return is_whole_query(self.text[: next(ends, len(self.text))], self.ending.dialect)
