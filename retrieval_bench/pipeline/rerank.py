"""Apply a reranker to a run: depth, tail, resume."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench_core.errors import BenchError
from bench_core.plugins.returns import Returned
from bench_core.runs.item_lines import Item
from bench_core.runs.items import ItemKind, ItemStage, Key, Made, Maker, Plan, Unit
from retrieval_bench.pipeline.making import FinishedRun, RunInMaking
from retrieval_bench.pipeline.system import Keep, Reranked
from retrieval_bench.rankings.topk import canonical_order
from retrieval_bench.rerankers.base import score_lists
from retrieval_bench.types import Candidates, Corpus, Query, RankedList, Reranker, Run

# Queries given to a reranker at once: enough to sort their pairs by length, few enough to lose little to a kill.
_QUERIES_AT_ONCE = 4


def _scores_of(item: Item) -> list[float]:
    scores = [float(score) for score in item.content["scores"]]
    if len(scores) != len(item.content["doc_ids"]):
        raise ValueError("expected a score for each document")
    return scores


RERANKED: ItemKind[list[float]] = ItemKind("reranked.jsonl", ("query_id",), _scores_of, made_from=("doc_ids",))
"""A query's candidates with their scores; stored again where the candidates change."""


def rerank(making: RunInMaking, system: Reranked, below: FinishedRun) -> Run:
    """The lists of a first stage, reordered.

    Raises:
        BenchError: nothing was reranked.
    """
    dataset, manifest, reranker = making.dataset, making.manifest, system.reranker
    stored = making.items(RERANKED)
    with manifest.phase("rerank"):
        heads = Heads(below.run, dataset.queries, system.depth)
        lists = rerank_all(reranker, heads, dataset.corpus, system.keep, stored)
        run = {ranked.query_id: canonical_order(ranked, making.k) for ranked in lists}
    if stored.gaps and len(stored.gaps) == sum(map(bool, below.run.values())):
        raise BenchError(f"{system.label}: nothing was reranked. {' '.join(reranker.notes())}")
    manifest.recorded.update({**reranker.recorded(), "first_stage": below.folder.path.name})
    manifest.notes.extend([*below.manifest.notes, *reranker.notes()])
    stored.record(manifest)
    if below.is_partial:
        manifest.status = "partial"
    return run


class Heads:
    """What of a first stage a reranker sees: the `depth` best documents of each query."""

    def __init__(self, first: Run, queries: Sequence[Query], depth: int) -> None:
        self.first, self.queries, self.depth = first, queries, depth
        self.doc_ids = {
            query.query_id: [doc_id for doc_id, _ in first.get(query.query_id, ())[:depth]] for query in queries
        }

    def tail(self, query_id: str) -> list[str]:
        """The documents below, in their order."""
        return [doc_id for doc_id, _ in self.first.get(query_id, ())[self.depth :]]

    def plan(self) -> Plan[Sequence[Query]]:
        """Queries with documents, in groups that are cut from all of them."""
        asked = [query for query in self.queries if self.doc_ids[query.query_id]]
        groups = [asked[start : start + _QUERIES_AT_ONCE] for start in range(0, len(asked), _QUERIES_AT_ONCE)]
        return Plan(
            {(query.query_id,): {"doc_ids": self.doc_ids[query.query_id]} for query in asked},
            [Unit(group, [(query.query_id,) for query in group]) for group in groups],
        )


def rerank_all(
    reranker: Reranker, heads: Heads, corpus: Corpus, keep: Keep, stored: ItemStage[list[float]]
) -> Iterator[RankedList]:
    """Rerank each query's head, as far as that is not done, and yield each query's list.

    Raises:
        BenchError: the reranker gave too few, too many or impossible scores.
    """
    texts = {document.doc_id: document for document in corpus}
    unfinished: dict[str, list[float]] = {}
    """Scores of queries that the reranker could not finish: used in this run, and asked for again by the next."""

    def scored(group: Sequence[Query]) -> Made:
        batch = [Candidates(query, [texts[doc_id] for doc_id in heads.doc_ids[query.query_id]]) for query in group]
        items, gaps = [], dict[Key, str]()
        returned = Returned(reranker.rerank(batch), (batch,), f"{type(reranker).__name__}.rerank")
        for candidates, scores in zip(batch, score_lists(returned), strict=True):
            query_id = candidates.query.query_id
            if query_id in reranker.failed:
                unfinished[query_id], gaps[query_id,] = scores, reranker.failed[query_id]
                continue
            items.append(Item({"query_id": query_id, "doc_ids": heads.doc_ids[query_id], "scores": scores}))
        return Made(items, gaps)

    stored.fill(heads.plan, Maker(scored, f"rerank {type(reranker).__name__}"))
    for query in heads.queries:
        query_id = query.query_id
        head = heads.doc_ids[query_id]
        scores = (unfinished[query_id] if query_id in unfinished else stored.value((query_id,))) if head else []
        tail = heads.tail(query_id) if keep == "all" else []
        yield RankedList(query_id, [*scores, *_below(scores, len(tail))], [*head, *tail])


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
