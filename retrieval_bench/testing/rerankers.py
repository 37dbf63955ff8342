"""Contract tests of rerankers: subclass `RerankerContract`, or give one to `bench_core.plugins.contracts.check`."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bench_core.identity import canonical_json
from retrieval_bench.types import Candidates, Document, Query, Reranker

_TEXTS = (
    "Metformin lowers hepatic glucose output and is first-line in type 2 diabetes.",
    "Lactic acidosis is a rare harm of metformin in severe renal impairment.",
    "An acute attack of gout follows crystals of monosodium urate in the joint.",
    "Allopurinol inhibits xanthine oxidase and lowers serum urate.",
    "",
)
# Scores of one pair from different batches may differ in their last bits: matrix products are summed in other orders.
_TOLERANCE = 1e-4


class RerankerContract:
    """What every reranker holds. A subclass gives `create`, which returns a new, equal reranker at each call."""

    def create(self) -> Reranker:
        """A new reranker, always with the same arguments."""
        raise NotImplementedError

    def test_describe_is_json_and_the_same_for_equal_rerankers(self) -> None:
        one, other = self.create(), self.create()
        first, second = one.describe(), other.describe()
        assert first.name, "describe().name is empty"
        assert not first.index, "describe().index is not empty; a reranker has no index, all goes to search"
        assert canonical_json(first.as_json()) == canonical_json(second.as_json()), (
            "two rerankers made with the same arguments describe themselves differently"
        )

    def test_every_document_gets_one_finite_score(self) -> None:
        batch = [_candidates("gout", 5), _candidates("diabetes", 2), _candidates("stroke", 1)]
        for candidates, scores in zip(batch, _scores(self.create(), batch), strict=True):
            assert len(scores) == len(candidates.documents), (
                f"query {candidates.query.query_id} has {len(candidates.documents)} documents and got {len(scores)} "
                "scores; give each document one, in order"
            )
            assert all(map(math.isfinite, scores)), f"{scores} holds a score that is no finite number"

    def test_queries_without_text_or_documents_are_taken(self) -> None:
        batch = [Candidates(Query("empty", ""), _documents(2)), Candidates(Query("nothing found", "gout"), [])]
        assert [len(scores) for scores in _scores(self.create(), batch)] == [2, 0]
        assert _scores(self.create(), []) == []

    def test_what_else_is_in_the_batch_changes_nothing(self) -> None:
        reranker = self.create()
        batch = [_candidates("diabetes", 3), _candidates("gout", 5), _candidates("stroke", 4)]
        together = _scores(reranker, batch)
        for candidates, scores in zip(batch, together, strict=True):
            _assert_close(
                _scores(reranker, [candidates])[0], scores, "a query's scores depend on the queries beside it"
            )
        backward = _scores(reranker, batch[::-1])[::-1]
        for one, other in zip(backward, together, strict=True):
            _assert_close(one, other, "a query's scores depend on the order of the queries")

    def test_a_new_reranker_scores_like_a_used_one(self) -> None:
        used = self.create()
        _scores(used, [_candidates("diabetes", 4)])
        batch = [_candidates("gout", 5)]
        _assert_close(
            _scores(used, batch)[0], _scores(self.create(), batch)[0], "scores depend on what was reranked before"
        )


def _documents(n: int) -> list[Document]:
    return [Document(f"d{number}", text) for number, text in enumerate(_TEXTS[:n])]


def _candidates(query_id: str, n_documents: int) -> Candidates:
    texts = {
        "gout": "What lowers urate after an attack of gout?",
        "diabetes": "first-line drug of type 2 diabetes",
        "stroke": "preventing stroke in atrial fibrillation",
    }
    return Candidates(Query(query_id, texts[query_id]), _documents(n_documents))


def _scores(reranker: Reranker, batch: Sequence[Candidates]) -> list[list[float]]:
    found = reranker.rerank(batch)
    assert len(found) == len(batch), f"{len(batch)} queries got {len(found)} lists of scores; return one a query"
    return [[float(score) for score in scores] for scores in found]


def _assert_close(one: Sequence[float], other: Sequence[float], failure: str) -> None:
    same = all(math.isclose(a, b, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE) for a, b in zip(one, other, strict=True))
    assert same, f"{failure}: {list(one)} and {list(other)}"
