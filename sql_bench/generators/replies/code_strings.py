"""The statement in a string of code, a call, a here document, or quotes of a sentence (rules/extraction.md X4)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

_QUOTE_BEFORE = re.compile(r"(?P<quote>\"\"\"|'''|[\"'`])\s*(?:--[^\n]*\n\s*)*\Z")
_CODE_BEFORE = re.compile(r"[=(,:\[{+]\s*(?:[rRfFbBuU]{1,2})?\Z|(?:^|[ \t])(?:-\w|--\w[\w-]*)[ =]\Z|\w=\w+[ \t]\Z")
_HERE_DOCUMENT = re.compile(r"<<[-~]?[ \t]*(['\"]?)(?P<word>\w+)\1[^\n]*\n\s*\Z")
_NEXT_PART = re.compile(r"\s*\\?\s*\+?\s*[rRfFbBuU]{0,2}(?P<quote>[\"'])(?!\s*[,)\]}:])")
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|\n|[nrt\"'`\\/])", re.DOTALL)
_MEANING = {"n": "\n", "r": "\r", "t": "\t", "\n": ""}
_MOST_QUOTES = 20
_CLOSING_BRACKETS = {"(": ")", "[": "]", "{": "}"}


@dataclass(frozen=True)
class Quoted:
    """A statement that stood in quotes, its escapes undone, and what follows the closing quote."""

    text: str
    rest: str


def quoted_statement(text: str, start: int, is_whole: Callable[[str], bool]) -> Quoted | None:
    """The statement at `start` if a quote or a here document opens directly before it; None where it wraps none.

    The first quote closes it before which all is one query; in code, where none is, the first that is not escaped.

    Args:
        is_whole: whether a text is one whole query.
    """
    before = text[:start]
    here = _HERE_DOCUMENT.search(before)
    if here is not None:
        end = re.compile(rf"^[ \t]*{here.group('word')}[ \t]*$", re.MULTILINE).search(text, start)
        return Quoted(text[start : end.start()], text[end.end() :]) if end else None
    opened = _QUOTE_BEFORE.search(before)
    if opened is None:
        return None
    quote = opened.group("quote")
    is_code = len(quote) == 3 or _CODE_BEFORE.search(before[: opened.start()]) is not None
    found = _joined(text, start, quote) if is_code and len(quote) == 1 else None
    if found is not None:
        return found
    return _closed(text, start, quote, is_code, is_whole)


def closing_bracket(text: str, start: int) -> str:
    """The bracket that closes one that opens directly before a statement, or the empty string."""
    return _CLOSING_BRACKETS.get(text[:start].rstrip()[-1:], "")


def _closed(text: str, start: int, quote: str, is_code: bool, is_whole: Callable[[str], bool]) -> Quoted | None:
    first = None
    for position in islice(_closing_quotes(text, start, quote), _MOST_QUOTES):
        rest = text[position + len(quote) :]
        inside = text[start:position]
        candidate = Quoted(_undone(inside) if is_code or _is_escaped(inside) else inside, rest)
        first = first or candidate
        if not re.match(r"\w", rest) and is_whole(candidate.text):
            return candidate
    return first if is_code else None


def _closing_quotes(text: str, start: int, quote: str) -> Iterator[int]:
    escaped = re.compile(rf"\\.|{re.escape(quote)}", re.DOTALL)
    return (match.start() for match in escaped.finditer(text, start) if match.group() == quote)


def _joined(text: str, start: int, quote: str) -> Quoted | None:
    """A statement in several strings, one behind the other, that the language joins."""
    parts: list[str] = []
    position, opened = start, quote
    while True:
        end = next(_closing_quotes(text, position, opened), None)
        if end is None:
            return None
        parts.append(text[position:end])
        following = _NEXT_PART.match(text, end + 1)
        if following is None or following.group()[:-1].strip(" ") == "":
            break
        position, opened = following.end(), following.group("quote")
    return Quoted(_undone("".join(parts)), text[end + 1 :]) if len(parts) > 1 else None


def _is_escaped(text: str) -> bool:
    """Whether a text in quotes of a sentence is written with escapes: ends of lines or quotes as in code."""
    return '\\"' in text or ("\\n" in text and "\n" not in text)


def _undone(text: str) -> str:
    return _ESCAPE.sub(_meant, text)


def _meant(escape: re.Match[str]) -> str:
    sign = escape.group(1)
    return chr(int(sign[1:], 16)) if sign[0] in "ux" else _MEANING.get(sign, sign)
