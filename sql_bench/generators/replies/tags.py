"""The statement in a pair of tags such as `<sql>…</sql>` (rules/extraction.md X4)."""

from __future__ import annotations

import html
import re

from sql_bench.generators.replies.begins import query_start

_NAMES = (
    "answer|final_answer|final|sql|query|final_sql|final_query|sql_query|sqlquery|predicted_sql|generated_sql|corrected_sql"
    "|refined_sql|sql_code|statement|result|output|response|solution|code|pre|parameter|arg_value"
)
_TAG = re.compile(rf"[<\[](?P<end>/?)(?P<name>{_NAMES})(?:[\s=][^<>\n]{{0,200}}+)?[>\]]", re.IGNORECASE)
_CDATA = re.compile(r"<!\[CDATA\[|\]\]>")
_ENTITY = re.compile(r"&(?:lt|gt|amp|quot|apos|#39|#x27);")
_MOST_PAIRS = 20


def tagged(text: str) -> str | None:
    """The content of the last pair of tags, by name one for an answer or for SQL, in which a query begins."""
    pairs = _pairs(text)[-_MOST_PAIRS:]
    contents = (_CDATA.sub("", text[start:end]) for start, end in reversed(pairs))
    return next((content for content in contents if query_start(content) is not None), None)


def unescaped(text: str) -> str | None:
    """The text with the entities of HTML undone, `&lt;` as `<`; None where it has none."""
    return html.unescape(text) if _ENTITY.search(text) else None


def _pairs(text: str) -> list[tuple[int, int]]:
    """Where contents begin and end, by the ends of the pairs; each end has the nearest start of its name."""
    begun: dict[str, int] = {}
    found: list[tuple[int, int]] = []
    for tag in _TAG.finditer(text):
        name = f"{tag.group()[0]}{tag.group('name').lower()}"
        if not tag.group("end"):
            begun[name] = tag.end()
        elif name in begun:
            found.append((begun.pop(name), tag.start()))
    return found
