"""The contract over every built-in that runs here, and over broken retrievers, which it must tell apart."""

from __future__ import annotations

import numpy as np
import pytest

from bench_core.plugins.contracts import check
from retrieval_bench.retrievers.base import RETRIEVERS, RetrieverBase
from retrieval_bench.testing import RetrieverContract
from retrieval_bench.types import Description, RankedList


class TestBm25(RetrieverContract):
    def create(self):
        return RETRIEVERS.load("bm25")()


class TestBm25QuerySide(RetrieverContract):
    def create(self):
        return RETRIEVERS.load("bm25-qs")()


@pytest.mark.slow
class TestDense(RetrieverContract):
    def create(self):
        return RETRIEVERS.load("dense")()


class WordOverlap(RetrieverBase):
    def __init__(self, depth: int = 3):
        self.depth = depth

    def index(self, corpus, index_dir):
        self.words = {document.doc_id: set(document.text.lower().split()) for document in corpus}

    def search(self, queries, k):
        for query in queries:
            terms = set(query.text.lower().split())
            scores = {doc_id: len(terms & words) for doc_id, words in self.words.items()}
            yield RankedList(query.query_id, scores)


class TestPlugIn(RetrieverContract):
    def create(self):
        return WordOverlap(depth=3)


class CutsTies(WordOverlap):
    def search(self, queries, k):
        for ranked in super().search(queries, k):
            order = np.argsort(-ranked.scores, kind="stable")[:k]
            yield RankedList(ranked.query_id, ranked.scores[order], [ranked.doc_ids[i] for i in order])


class ForgetsAQuery(WordOverlap):
    def search(self, queries, k):
        yield from list(super().search(queries, k))[1:]


class AnswersTwice(WordOverlap):
    def search(self, queries, k):
        for ranked in super().search(queries, k):
            yield ranked
            yield ranked


class InventsDocuments(WordOverlap):
    def search(self, queries, k):
        for query in queries:
            yield RankedList(query.query_id, {"no such document": 1.0})


class GivesNan(WordOverlap):
    def search(self, queries, k):
        for query in queries:
            yield RankedList(query.query_id, dict.fromkeys(self.words, float("nan")))


class ForgetsItsIndex(WordOverlap):
    def open(self, corpus, index_dir):
        self.words = {document.doc_id: set() for document in corpus}


class DescribesItsMemoryAddress(WordOverlap):
    def describe(self):
        return Description("address", index={"id": id(self)})


@pytest.mark.parametrize(
    ("broken", "point", "failure"),
    [
        (CutsTies, "ties at the cut are not cut arbitrarily", "return every document that ties with the k-th"),
        (ForgetsAQuery, "every query is answered once with known documents", "returned no list for query gout"),
        (AnswersTwice, "every query is answered once with known documents", "returned two lists for query gout"),
        (InventsDocuments, "every query is answered once with known documents", "returned document 'no such document'"),
        (GivesNan, "every query is answered once with known documents", "is NaN"),
        (ForgetsItsIndex, "an opened index ranks like a fresh one", "after open()"),
        (
            DescribesItsMemoryAddress,
            "describe is json and the same for equal retrievers",
            "describe themselves differently",
        ),
    ],
)
def test_a_broken_retriever_is_told_which_point_it_fails(broken, point, failure):
    class Contract(RetrieverContract):
        def create(self):
            return broken()

    failures = {found.name: found.failure for found in check(Contract()) if found.failure}
    assert failure in failures[point]


def test_a_sound_retriever_fails_no_point():
    assert [point for point in check(TestPlugIn()) if point.failure] == []
