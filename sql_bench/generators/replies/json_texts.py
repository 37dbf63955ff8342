"""The statement in JSON: an object with the SQL, a tool call, a list of them (rules/extraction.md X4)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

from sql_bench.generators.replies.begins import begins_like_a_query, query_start

_SQL_KEY = re.compile(r"(?:final|predicted|generated|corrected)?sql(?:query|statement|code)?|(?:final)?query|statement")
_MOST_ATTEMPTS = 20
_DEEPEST = 8
_DECODER = json.JSONDecoder(strict=False)  # models leave the ends of lines in their texts as they are


def json_statements(text: str, *, is_whole: bool) -> list[str]:
    """The distinct texts that hold a query in the JSON of a reply, those under a key for SQL before all others.

    Args:
        is_whole: all of the text is JSON, else none is looked for.
    """
    found: list[str] = []
    values = _whole(text) if is_whole else _embedded(text)
    for value in values:
        strings = list(_strings(value, "", 0))
        named = [content for key, content in strings if _SQL_KEY.fullmatch(key) and query_start(content) is not None]
        others = [content for _, content in strings if begins_like_a_query(content) or "```" in content]
        found.extend(named or [content for content in others if query_start(content) is not None])
    return list(dict.fromkeys(found))


def _whole(text: str) -> Iterator[Any]:
    stripped = text.strip()
    if stripped[:1] in ("{", "["):
        value, end = _decoded(stripped, 0)
        if end == len(stripped):
            yield value


def _embedded(text: str) -> Iterator[Any]:
    """The objects and lists in a text that are whole, the outermost ones."""
    position = 0
    starts = (start for start, character in enumerate(text) if character in "{[")
    for start in islice(starts, _MOST_ATTEMPTS):
        if start < position:
            continue
        value, end = _decoded(text, start)
        if end > start:
            yield value
            position = end


def _decoded(text: str, start: int) -> tuple[Any, int]:
    """The value that begins there and where it ends; the start itself where there is none."""
    try:
        return _DECODER.raw_decode(text, start)
    except (ValueError, RecursionError):
        return None, start


def _strings(value: Any, key: str, depth: int) -> Iterator[tuple[str, str]]:
    """Texts with the key they stand under, its letters only; JSON within a text (a call's arguments) is read too."""
    if depth > _DEEPEST:
        return
    if isinstance(value, dict):
        for name, content in value.items():
            yield from _strings(content, "".join(filter(str.isalnum, name)).lower(), depth + 1)
    elif isinstance(value, list):
        for content in value:
            yield from _strings(content, key, depth + 1)
    elif isinstance(value, str):
        inner = list(_whole(value))
        for content in inner:
            yield from _strings(content, key, depth + 1)
        if not inner:
            yield key, value
