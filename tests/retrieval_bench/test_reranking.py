"""What a reranker sees, what becomes of the rest, what is asked again after a kill, and what a broken one is told."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench_core.errors import BenchError
from bench_core.runs.items import ItemStage
from bench_core.runs.manifest import RunFolder
from retrieval_bench.pipeline.rerank import RERANKED, Heads, _below, rerank_all
from retrieval_bench.rankings.topk import canonical_order
from retrieval_bench.rerankers.base import RerankerBase
from retrieval_bench.types import Corpus, Description, Document, Query

CORPUS = Corpus([Document(f"d{n}", "word " * n) for n in range(12)])
QUERIES = [Query(f"q{n}", f"text {n}") for n in range(9)]
FIRST = {query.query_id: [(f"d{n}", float(20 - n)) for n in range(3 + number)] for number, query in enumerate(QUERIES)}
FIRST["q2"] = []


class ByLength(RerankerBase):
    """The longest document first; counts what it is asked."""

    def __init__(self, stop_after=None):
        self.asked = []
        self.stop_after = stop_after

    def describe(self):
        return Description("by-length")

    def rerank(self, batch):
        if self.stop_after is not None and len(self.asked) >= self.stop_after:
            raise KeyboardInterrupt
        self.asked.extend(candidates.query.query_id for candidates in batch)
        return [[float(len(document.text)) for document in candidates.documents] for candidates in batch]


def reranked(tmp_path, depth=4, keep="reranked", reranker=None):
    stored = ItemStage(RERANKED, RunFolder(tmp_path), {}, None, print)
    lists = rerank_all(reranker or ByLength(), Heads(FIRST, QUERIES, depth), CORPUS, keep, stored)
    return {found.query_id: [doc_id for doc_id, _ in canonical_order(found, 100)] for found in lists}


def test_only_what_was_seen_stays(tmp_path):
    run = reranked(tmp_path)
    assert run["q0"] == ["d2", "d1", "d0"]
    assert run["q8"] == ["d3", "d2", "d1", "d0"]
    assert run["q2"] == []
    assert list(run) == [query.query_id for query in QUERIES]


def test_or_all_stays_and_the_rest_keeps_its_order_below(tmp_path):
    run = reranked(tmp_path, keep="all")
    assert run["q8"] == ["d3", "d2", "d1", "d0", *(f"d{n}" for n in range(4, 11))]
    assert run["q0"] == ["d2", "d1", "d0"]


@given(st.floats(-(2.0**100), 2.0**100, width=32), st.integers(0, 300))
def test_scores_below_fall_strictly_as_32_bit_floats(least, n):
    falling = np.array([least, *_below([least, least], n)], dtype=np.float32)
    assert (np.diff(falling) < 0).all()


def test_what_is_scored_is_not_scored_again(tmp_path):
    first = ByLength(stop_after=4)
    with pytest.raises(KeyboardInterrupt):
        reranked(tmp_path, reranker=first)
    second = ByLength()
    assert reranked(tmp_path, reranker=second) == reranked(tmp_path / "fresh")
    assert first.asked == ["q0", "q1", "q3", "q4"]
    assert second.asked == ["q5", "q6", "q7", "q8"]


def test_candidates_that_changed_are_scored_anew(tmp_path):
    reranked(tmp_path, depth=2)
    again = ByLength()
    reranked(tmp_path, depth=3, reranker=again)
    assert len(again.asked) == 8


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (lambda batch: [[1.0]] * len(batch), "gave 1 scores for the 3 documents of query q0"),
        (
            lambda batch: [[float("nan")] * len(c.documents) for c in batch],
            "gave query q0 a list with the number nan in it; give each document a finite number",
        ),
        (lambda batch: [], "returned a list of 0 where 4 queries were given"),
        (lambda batch: None, "returned None; return a list of scores for each of the 4 queries"),
    ],
)
def test_a_broken_reranker_is_told_what_is_wrong(tmp_path, returned, message):
    class Broken(ByLength):
        def rerank(self, batch):
            return returned(batch)

    with pytest.raises(BenchError, match=message):
        reranked(tmp_path, reranker=Broken())
