"""Apply a reranker to a run: depth, tail, resume."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from bench_core.artifacts import JsonLines
from bench_core.errors import BenchError
from bench_core.machine.progress import progress
from retrieval_bench.types import Candidates, Corpus, Query, RankedList, Reranker, Run

Keep = Literal["reranked", "all"]
"""`reranked`: only what the reranker has seen stays in the run (R2MED's rule). `all`: the other documents stay too,
below those and in the order they had."""

# Queries given to a reranker at once: enough to sort their pairs by length, few enough to lose little to a kill.
_QUERIES_AT_ONCE = 4


def rerank(
    reranker: Reranker, first: Run, corpus: Corpus, queries: Sequence[Query], depth: int, keep: Keep, log: Path
) -> Iterator[RankedList]:
    """Rerank the `depth` best documents of each query, and yield each query's list.

    Args:
        log: a JSON lines file of what is scored already: added to, and not scored again.

    Raises:
        BenchError: the reranker gave too few, too many or impossible scores.
    """
    texts = {document.doc_id: document for document in corpus}
    heads = {query.query_id: [doc_id for doc_id, _ in first.get(query.query_id, ())[:depth]] for query in queries}
    scored = _scored_already(log, heads)
    asked = [query for query in queries if heads[query.query_id]]
    # Groups are cut from all queries, done or not: a resumed run gives each the company it would have had.
    groups = [asked[start : start + _QUERIES_AT_ONCE] for start in range(0, len(asked), _QUERIES_AT_ONCE)]
    waiting = [group for group in groups if any(query.query_id not in scored for query in group)]
    name = type(reranker).__name__
    with JsonLines(log) as lines:
        for group in progress(waiting, f"rerank {name}", total=len(waiting)):
            batch = [Candidates(query, [texts[doc_id] for doc_id in heads[query.query_id]]) for query in group]
            for candidates, scores in zip(batch, _scores(reranker, batch), strict=True):
                query_id = candidates.query.query_id
                scored[query_id] = scores
                if query_id not in reranker.failed:
                    lines.append({"query_id": query_id, "doc_ids": heads[query_id], "scores": scores})
    for query in queries:
        head, scores = heads[query.query_id], scored.get(query.query_id, [])
        tail = [doc_id for doc_id, _ in first.get(query.query_id, ())[depth:]] if keep == "all" else []
        yield RankedList(query.query_id, [*scores, *_below(scores, len(tail))], [*head, *tail])


def _scores(reranker: Reranker, batch: Sequence[Candidates]) -> list[list[float]]:
    name = type(reranker).__name__
    returned: Any = reranker.rerank(batch)
    if not isinstance(returned, Sequence) or len(returned) != len(batch):
        raise BenchError(f"{name}.rerank returned no list of {len(batch)} lists of scores; return one a query.")
    checked = []
    for candidates, scores in zip(batch, returned, strict=True):
        query_id, values = candidates.query.query_id, [float(score) for score in scores]
        if len(values) != len(candidates.documents):
            raise BenchError(
                f"{name}.rerank gave {len(values)} scores for the {len(candidates.documents)} documents of query "
                f"{query_id}; give each document one, in order."
            )
        if not all(map(math.isfinite, values)):
            raise BenchError(f"{name}.rerank gave query {query_id} a score that is no finite number.")
        checked.append(values)
    return checked


def _scored_already(log: Path, heads: Mapping[str, list[str]]) -> dict[str, list[float]]:
    return {
        line["query_id"]: line["scores"]
        for line in JsonLines(log).read()
        if line["doc_ids"] == heads.get(line["query_id"])
    }


def _below(scores: Sequence[float], n: int) -> list[float]:
    """Falling scores that are less than all given ones, also as 32-bit floats."""
    import numpy as np

    falling = []
    last = np.float32(min(scores, default=0.0))
    for _ in range(n):
        # A step of 1 where floats are finer than that, else the next smaller float.
        last = min(np.float32(last - np.float32(1)), np.nextafter(last, np.float32(-np.inf)))
        falling.append(float(last))
    return falling
