import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench_core.errors import BenchError
from retrieval_bench.rankings.topk import canonical_order
from retrieval_bench.types import RankedList


def naive(scores: list[tuple[str, float]], k: int) -> list[tuple[str, float]]:
    best: dict[str, float] = {}
    for doc_id, score in scores:
        rounded = float(np.float32(score))
        best[doc_id] = max(best.get(doc_id, -np.inf), rounded)
    return sorted(best.items(), key=lambda item: (item[1], item[0]), reverse=True)[:k]


@given(
    st.lists(
        st.tuples(
            st.text("abü\U0001f600", min_size=1, max_size=2),
            st.sampled_from([0.0, -0.0, 1.0, 1.0 + 1e-9, 2.0, -3.5, np.inf, -np.inf])
            | st.floats(allow_nan=False, width=32),
        ),
        max_size=30,
    ),
    st.integers(1, 12),
)
def test_the_order_is_score_then_id_both_descending(pairs, k):
    ranked = RankedList("q", [score for _, score in pairs], [doc_id for doc_id, _ in pairs])
    assert canonical_order(ranked, k) == naive(pairs, k)


def test_scores_that_are_one_float32_are_a_tie_also_at_the_cut():
    ranked = RankedList("q", {"a": 1.0 + 1e-9, "b": 1.0, "c": 1.0 - 1e-9})
    assert [doc_id for doc_id, _ in canonical_order(ranked, 1)] == ["c"]


def test_ids_are_ordered_as_trec_evals_bytes_are():
    ids = ["a", "Z", "é", "\U0001f600", "￿", "10", "9"]
    ranking = [doc_id for doc_id, _ in canonical_order(RankedList("q", dict.fromkeys(ids, 1.0)), 10)]
    assert ranking == sorted(ids, key=lambda doc_id: doc_id.encode(), reverse=True)


def test_nan_is_refused_with_its_document():
    with pytest.raises(BenchError, match="document b for query q is NaN"):
        canonical_order(RankedList("q", {"a": 1.0, "b": float("nan")}), 5)


def test_a_list_has_one_score_a_document():
    with pytest.raises(ValueError, match="2 doc_ids but 1 scores"):
        RankedList("q", [1.0], ["a", "b"])
