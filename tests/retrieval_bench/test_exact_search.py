import numpy as np
import pytest

from retrieval_bench.retrievers.exact_search import ExactSearch, n_gpus
from retrieval_bench.topk import canonical_order
from retrieval_bench.types import RankedList

pytest.importorskip("faiss")


def unit_vectors(n, dim, seed):
    vectors = np.random.default_rng(seed).standard_normal((n, dim)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def ranking(rows, scores, k):
    return canonical_order(RankedList("q", scores, [f"{row:06d}" for row in rows]), k)


def brute_force(vectors, query, k):
    scores = (vectors.astype(np.float64) @ query.astype(np.float64)).astype(np.float32)
    return ranking(range(len(vectors)), scores, k)


@pytest.mark.parametrize(("n", "dim", "k"), [(1, 3, 5), (50, 8, 100), (5000, 384, 100), (3000, 16, 1000)])
def test_the_ranking_is_brute_forces(n, dim, k):
    vectors, queries = unit_vectors(n, dim, 1), unit_vectors(300, dim, 2)
    for query, (rows, scores) in zip(queries, ExactSearch(vectors).search(queries, k), strict=True):
        found, expected = ranking(rows, scores, k), brute_force(vectors, query, k)
        assert [doc_id for doc_id, _ in found] == [doc_id for doc_id, _ in expected]


def test_equal_vectors_rank_by_id_wherever_they_stand():
    """Far more equal vectors than k: all of them tie at the cut, and none may be lost to how FAISS blocks its work."""
    dim, k = 384, 10
    vectors = unit_vectors(4000, dim, 3)
    equal = np.random.default_rng(4).choice(4000, size=700, replace=False)
    vectors[equal] = vectors[equal[0]]
    query = vectors[equal[0]][None, :]
    ((rows, scores),) = ExactSearch(vectors).search(query, k)
    assert [doc_id for doc_id, _ in ranking(rows, scores, k)] == [f"{row:06d}" for row in sorted(equal)[::-1][:k]]


def test_near_ties_are_decided_by_the_exact_product():
    dim, k = 64, 5
    base = unit_vectors(1, dim, 5)[0]
    vectors = np.repeat(base[None, :], 500, axis=0)
    vectors[:, 0] += np.linspace(0, 3e-6, 500, dtype=np.float32)
    ((rows, scores),) = ExactSearch(vectors).search(base[None, :], k)
    assert ranking(rows, scores, k) == brute_force(vectors, base, k)


def test_without_a_device_the_search_stays_on_the_processor():
    if n_gpus():
        pytest.skip("there is a GPU here")
    assert ExactSearch(unit_vectors(10, 4, 6)).on_gpu is False


@pytest.mark.gpu
def test_a_gpu_ranks_like_the_processor():
    if not n_gpus():
        pytest.skip("no CUDA device that FAISS can use")
    vectors, queries = unit_vectors(5000, 384, 1), unit_vectors(20, 384, 2)
    search = ExactSearch(vectors)
    assert search.on_gpu
    for query, (rows, scores) in zip(queries, search.search(queries, 100), strict=True):
        assert ranking(rows, scores, 100) == brute_force(vectors, query, 100)
