"""Queries in the forms test collections publish: tagged topics, XML, `id<tab>text`; told apart by content (F5, F6).

Rules: docs/rules/files.md. A field of a tagged topic ends at its closing tag, or where it has none at the next tag.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench_core.characters import whole_characters
from bench_core.errors import BadFile, UserError
from bench_core.jsonl import read_lines
from bench_core.plugins.arguments import did_you_mean
from retrieval_bench.types import Query

DEFAULT_FIELDS = ("title", "query", "summary", "description", "desc", "note", "question")
"""Fields of tagged topics that are the query where none is named: the first of them that the file has. Ad hoc tracks:
title; Web and COVID: query; Clinical Decision Support: summary. Else the topic's own text (Clinical Trials 2021 and
2022), else all fields in their order (Precision Medicine: disease, gene, demographic, other)."""

OWN_TEXT = "text"
"""The name of what stands in a topic outside its fields."""

ALL_FIELDS = "all"
"""The name of all fields of a topic together, in their order."""

_TOPIC_TAGS = ("top", "topic")
# Topics where there are none of these (CLEF eHealth); elsewhere a field.
_LESSER_TOPIC_TAGS = ("query",)
_ID_TAGS = ("num", "number", "id", "identifier", "qid", "query_id", "topic_id")
# Words that classic topics put before a field, and their fields.
_LABELS = {"num": "Number:", "title": "Topic:", "desc": "Description:", "narr": "Narrative:"}
_TAG = re.compile(r"<(?P<closes>/?)(?P<name>[A-Za-z][\w.-]*)(?P<attributes>(?:\s[^<>]*)?)>")
_NO_CONTENT = re.compile(r"<!--.*?-->|<\?.*?\?>|<!DOCTYPE[^>]*>", re.DOTALL | re.IGNORECASE)
_CDATA = re.compile(r"<!\[CDATA\[(.*?)\]\]>", re.DOTALL)
_ENTITY = re.compile(r"&(?:amp|lt|gt|quot|apos|#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6});")
_ATTRIBUTE = re.compile(r"""([\w.:-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_HEADERS = (("query-id", "query_id", "qid", "q_id", "topic_id"), ("query", "text", "title", "query_text"))


@dataclass(frozen=True)
class _Topic:
    """One topic, and the line it begins on."""

    line: int
    query_id: str
    fields: Mapping[str, str]


def read_topics(path: Path, field: str = "") -> list[Query]:
    """The queries of a file that is not JSON lines, in file order.

    Args:
        field: of tagged topics the field that is the query, or several with + between them, joined by spaces; `text`
            is what stands outside of fields, `all` every field; empty: see `DEFAULT_FIELDS`.

    Raises:
        BadFile: no query at all, in any of the forms; a topic without an id or text; an id that comes twice.
        UserError: a field that no topic has, or one is named where topics have none.
    """
    lines = list(read_lines(path))
    first = next((line for _, line in lines if line.strip()), "")
    text = "\n".join(line for _, line in lines)
    if not first:
        raise BadFile(path, "expected at least one query, but the file is empty")
    if not first.lstrip().startswith("<") and "\t" in first.strip():
        if field:
            raise UserError(
                f"{path}: topic_field={field} is for tagged topics, and these are lines of an id and a text."
            )
        return _unique(path, _of_lines(path, lines))
    topics = list(_tagged(path, text))
    if not topics:
        expected = (
            "expected <top> … </top>, <topic number=…> … </topic>, or lines of a query_id, a tab and the query's text; "
            "found neither"
        )
        raise BadFile(path, expected, 1)
    return _unique(path, _of_topics(path, topics, field))


def _unique(path: Path, numbered: Iterator[tuple[int, Query]]) -> list[Query]:
    queries: dict[str, Query] = {}
    for number, query in numbered:
        if query.query_id in queries:
            expected = f"query_id {query.query_id} stands in an earlier line already; make ids unique"
            raise BadFile(path, expected, number)
        queries[query.query_id] = query
    return list(queries.values())


def _of_lines(path: Path, lines: Sequence[tuple[int, str]]) -> Iterator[tuple[int, Query]]:
    is_first = True
    for number, line in lines:
        if not line.strip():
            continue
        query_id, separator, text = line.partition("\t")
        if not separator or not query_id.strip(" "):
            raise BadFile(path, "expected a query_id, a tab and the query's text", number)
        is_header = is_first and query_id.lower() in _HEADERS[0] and text.strip().lower() in _HEADERS[1]
        is_first = False
        if not is_header:
            yield number, Query(query_id.strip(" "), text)


def _of_topics(path: Path, topics: Sequence[_Topic], field: str) -> Iterator[tuple[int, Query]]:
    counts = Counter(name for topic in topics for name in topic.fields)
    names = tuple(name.strip().lower() for name in field.split("+")) if field else _default_fields(counts)
    known = [*counts, ALL_FIELDS]
    for name in names:
        if name not in known:
            raise UserError(
                f"{path}: no topic has a field {name!r}{did_you_mean(name, known)}; there are {', '.join(known)}."
            )
    for topic in topics:
        text = " ".join(filter(None, (_field(topic, name) for name in names)))
        if not topic.query_id or any(character in topic.query_id for character in "\t\n"):
            raise BadFile(path, "expected an id of the topic, as <num> or number=…", topic.line)
        if not text:
            shown = " or ".join(names)
            there = ", ".join(topic.fields) or "none"
            raise BadFile(
                path, f"expected text in {shown} of topic {topic.query_id}; its fields are {there}", topic.line
            )
        yield topic.line, Query(topic.query_id, whole_characters(text))


def _field(topic: _Topic, name: str) -> str:
    return " ".join(topic.fields.values()) if name == ALL_FIELDS else topic.fields.get(name, "")


def _default_fields(counts: Mapping[str, int]) -> tuple[str, ...]:
    return (next((name for name in (*DEFAULT_FIELDS, OWN_TEXT) if name in counts), ALL_FIELDS),)


def _tagged(path: Path, content: str) -> Iterator[_Topic]:
    """The topics of tagged text, well-formed XML or not."""
    content = _NO_CONTENT.sub(lambda found: "\n" * found.group().count("\n"), content)
    content = _CDATA.sub(lambda found: html.escape(found.group(1), quote=False), content)
    found = [tag for tag in _TAG.finditer(content) if tag["name"].lower() in (*_TOPIC_TAGS, *_LESSER_TOPIC_TAGS)]
    names = _TOPIC_TAGS if any(tag["name"].lower() in _TOPIC_TAGS for tag in found) else _LESSER_TOPIC_TAGS
    tags = [tag for tag in found if tag["name"].lower() in names]
    line, counted = 1, 0
    for position, opening in enumerate(tags):
        if opening["closes"]:
            continue
        following = tags[position + 1] if position + 1 < len(tags) else None
        line, counted = line + content.count("\n", counted, opening.start()), opening.start()
        if following is None or not following["closes"]:
            raise BadFile(path, f"expected </{opening['name']}> behind this <{opening['name']}>", line)
        yield _topic(line, opening, content[opening.end() : following.start()])


def _topic(line: int, opening: re.Match[str], content: str) -> _Topic:
    attributes = _attributes(opening)
    query_id = next((attributes[name] for name in _ID_TAGS if attributes.get(name)), "")
    fields: dict[str, list[str]] = {}
    for name, text in _pieces(content):
        if name in _ID_TAGS:
            query_id = query_id or text
        elif text:
            fields.setdefault(name, []).append(text)
    return _Topic(line, query_id, {name: " ".join(texts) for name, texts in fields.items()})


def _pieces(content: str) -> Iterator[tuple[str, str]]:
    """Each field's name and text, in their order; what stands outside of fields is `text`."""
    own, start = [], 0
    while (tag := _TAG.search(content, start)) is not None:
        own.append(content[start : tag.start()])
        start = tag.end()
        if tag["closes"] or tag["attributes"].endswith("/"):
            continue
        name = tag["name"].lower()
        closing = re.compile(rf"</{re.escape(tag['name'])}\s*>", re.IGNORECASE).search(content, start)
        following = _TAG.search(content, start)
        if closing is not None:
            end, start = closing.start(), closing.end()
        else:
            end = start = following.start() if following else len(content)
        # Clinical Trials 2023 names its fields by an attribute.
        shown = _attributes(tag).get("name", name).lower() if name == "field" else name
        yield shown, _clean(content[tag.end() : end], _LABELS.get(name, ""))
    own.append(content[start:])
    yield OWN_TEXT, _clean(" ".join(own))


def _clean(text: str, label: str = "") -> str:
    """A field's text: lines joined by spaces, the track's label and tags within it left out, entities resolved."""
    untagged, n_tags = _TAG.subn(" ", text)
    lines = (line.strip() for line in untagged.split("\n"))
    joined = " ".join(line for line in lines if line).removeprefix(label).strip()
    joined = re.sub(" +", " ", joined) if n_tags else joined
    return _ENTITY.sub(lambda found: html.unescape(found.group()), joined)


def _attributes(tag: re.Match[str]) -> dict[str, str]:
    found = _ATTRIBUTE.findall(tag["attributes"])
    return {name.lower(): _clean(double or single) for name, double, single in found}
