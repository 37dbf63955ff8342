"""JSON lines files of documents, queries and judgments, checked line by line."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench_core.characters import whole_characters
from bench_core.errors import BadFile
from bench_core.jsonl import id_field, read_objects, text_field
from retrieval_bench.datasets.text import indexed_text
from retrieval_bench.rankings.trec import RELEVANCE_BOUND, add_judgment, whole_relevance
from retrieval_bench.types import Corpus, Document, Query

Duplicates = Literal["refuse", "first"]
"""What to do with a doc_id that comes again: refuse the file, or keep the first and count the others."""


@dataclass(frozen=True)
class CorpusFile:
    """A corpus as read, with the number of repeated ids that were left out."""

    corpus: Corpus
    n_duplicates: int


def read_corpus(path: Path, duplicates: Duplicates = "refuse") -> CorpusFile:
    """Read `{id|_id, title?, text}` lines.

    Raises:
        BadFile: no document at all, a wrong line, or (unless `duplicates` is "first") a doc_id that comes twice.
    """
    first_line: dict[str, int] = {}
    documents: list[Document] = []
    n_duplicates = 0
    for number, item in read_objects(path):
        doc_id = id_field(path, number, item, ("id", "_id"))
        text = text_field(path, number, item, ("text",))
        title = text_field(path, number, item, ("title",)) if item.get("title") else ""
        if doc_id in first_line:
            if duplicates == "refuse":
                remedy = "make ids unique, or keep the first with duplicates=first (an option of dir:PATH)"
                raise BadFile(path, f"doc_id {doc_id} stands in line {first_line[doc_id]} already; {remedy}", number)
            n_duplicates += 1
            continue
        first_line[doc_id] = number
        documents.append(Document(doc_id, whole_characters(indexed_text(title, text))))
    if not documents:
        raise BadFile(path, "expected at least one document, but the corpus is empty")
    return CorpusFile(Corpus(documents), n_duplicates)


def read_queries(path: Path) -> list[Query]:
    """Read `{id|_id, text}` lines.

    Raises:
        BadFile: no query at all, a wrong line, or a query_id that comes twice.
    """
    queries: dict[str, Query] = {}
    for number, item in read_objects(path):
        query_id = id_field(path, number, item, ("id", "_id", "query_id"))
        if query_id in queries:
            raise BadFile(path, f"query_id {query_id} stands in an earlier line already; make ids unique", number)
        queries[query_id] = Query(query_id, whole_characters(text_field(path, number, item, ("text",))))
    if not queries:
        raise BadFile(path, "expected at least one query, but the file is empty")
    return list(queries.values())


def read_qrels_objects(path: Path) -> dict[str, dict[str, int]]:
    """Read R2MED's `{q_id, p_id, score}` lines.

    Raises:
        BadFile: a wrong line, or a score that is not a whole number.
    """
    qrels: dict[str, dict[str, int]] = {}
    for number, item in read_objects(path):
        query_id = id_field(path, number, item, ("q_id", "query_id"))
        doc_id = id_field(path, number, item, ("p_id", "doc_id"))
        score = item.get("score")
        is_number = isinstance(score, int | float) and not isinstance(score, bool)
        relevance = whole_relevance(json.dumps(score)) if is_number else None
        if relevance is None:
            found = json.dumps(score)[:40]
            raise BadFile(path, f"expected a whole number in score and found {found} ({RELEVANCE_BOUND})", number)
        add_judgment(qrels, query_id, doc_id, relevance, path, number)
    if not qrels:
        raise BadFile(path, "expected at least one judgment, but the file is empty")
    return qrels
