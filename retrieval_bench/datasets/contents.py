"""Checks of the documents, queries and judgments of a class's dataset; a file's are checked when its lines are read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bench_core.plugins.returns import kind_of
from retrieval_bench.types import Document, Qrels, Query


def problem_of_documents(documents: Sequence[Document]) -> str:
    """Why these documents cannot be searched, as the end of a sentence; empty where they can."""
    if not documents:
        return "has no documents; give at least one"
    return _first_problem("doc_id", ((document.doc_id, document.text) for document in documents))


def problem_of_queries(queries: Sequence[Query]) -> str:
    """Why these queries cannot be searched with, as the end of a sentence; empty where they can."""
    if not queries:
        return "has no queries; give at least one"
    return _first_problem("query_id", ((query.query_id, query.text) for query in queries))


def problem_of_qrels(qrels: Qrels) -> str:
    """Why nothing can be scored by these judgments, as the end of a sentence; empty where it can."""
    if not any(qrels.values()):
        return "has no judgments; give each query_id its doc_ids with their relevance"
    for query_id, judged in qrels.items():
        if not isinstance(query_id, str):
            return f"has judgments of the query_id {query_id!r}; give a text"
        if not isinstance(judged, Mapping):
            return f"has {kind_of(judged)} as judgments of query {query_id}; give a mapping doc_id -> relevance"
        for doc_id, relevance in judged.items():
            if not isinstance(doc_id, str):
                return f"has a judgment of the doc_id {doc_id!r}; give a text"
            if isinstance(relevance, bool) or not isinstance(relevance, int):
                return (
                    f"has the relevance {relevance!r} for document {doc_id} and query {query_id}; give a whole number"
                )
    return ""


def _first_problem(name: str, items: Iterable[tuple[object, object]]) -> str:
    """The first problem among ids with their texts; empty where there is none."""
    seen: set[str] = set()
    return next(filter(None, (_problem_of_text(name, item_id, text, seen) for item_id, text in items)), "")


def _problem_of_text(name: str, item_id: object, text: object, seen: set[str]) -> str:
    """What is wrong with an id, its text, or an id that came before; adds the id to those seen."""
    if not isinstance(item_id, str) or not item_id:
        return f"has the {name} {item_id!r}; give a text"
    if not isinstance(text, str):
        return f"has {kind_of(text)} as the text of {name} {item_id}; give a text, perhaps empty"
    if item_id in seen:
        return f"has the {name} {item_id} twice; make ids unique"
    seen.add(item_id)
    return ""
