"""Exact search: the brute-force ranking at any k, held in memory or streamed from disk, and never past its bound."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest

from retrieval_bench.encoders.corpus_vectors import CorpusVectors
from retrieval_bench.encoders.row_file import RowFile
from retrieval_bench.rankings.topk import canonical_order
from retrieval_bench.retrievers.exact_search import ExactSearch
from retrieval_bench.retrievers.float32_products import n_gpus
from retrieval_bench.types import RankedList

pytest.importorskip("faiss")

HELD, STREAMED = 1 << 30, 1 << 16
"""Memory in bytes with which the matrices of these tests are held, and read in many blocks."""


def unit_vectors(n, dim, seed):
    vectors = np.random.default_rng(seed).standard_normal((n, dim)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def on_disk(folder, vectors, precision="float32"):
    folder.mkdir(exist_ok=True)
    rows = RowFile(folder / "vectors.bin", vectors.shape[1], precision)
    rows.append(vectors)
    greatest = float(np.linalg.norm(vectors.astype(np.float64), axis=1).max())
    return CorpusVectors(rows, np.arange(len(vectors)), greatest)


def ranking(rows, scores, k):
    return canonical_order(RankedList("q", scores, [f"{row:06d}" for row in rows]), k)


def brute_force(vectors, query, k):
    scores = np.einsum("ij,j->i", vectors.astype(np.float64), query.astype(np.float64)).astype(np.float32)
    return ranking(range(len(vectors)), scores, k)


@pytest.mark.slow
@pytest.mark.parametrize("memory_bytes", [HELD, STREAMED])
@pytest.mark.parametrize(("n", "dim", "k"), [(1, 3, 5), (50, 8, 100), (5000, 384, 100), (3000, 16, 1000)])
def test_the_ranking_is_brute_forces(tmp_path, n, dim, k, memory_bytes):
    vectors, queries = unit_vectors(n, dim, 1), unit_vectors(60, dim, 2)
    search = ExactSearch(on_disk(tmp_path, vectors), memory_bytes)
    assert search.is_held == (memory_bytes == HELD or n * dim * 8 <= STREAMED)
    for query, (rows, scores) in zip(queries, search.search(queries, k), strict=True):
        assert ranking(rows, scores, k) == brute_force(vectors, query, k)


@pytest.mark.parametrize("memory_bytes", [HELD, STREAMED])
def test_equal_vectors_rank_by_id_wherever_they_stand(tmp_path, memory_bytes):
    """Far more equal vectors than k: all of them tie at the cut, and none may be lost to how products are blocked."""
    dim, k = 384, 10
    vectors = unit_vectors(4000, dim, 3)
    equal = np.random.default_rng(4).choice(4000, size=700, replace=False)
    vectors[equal] = vectors[equal[0]]
    query = vectors[equal[0]][None, :]
    ((rows, scores),) = ExactSearch(on_disk(tmp_path, vectors), memory_bytes).search(query, k)
    assert [doc_id for doc_id, _ in ranking(rows, scores, k)] == [f"{row:06d}" for row in sorted(equal)[::-1][:k]]


@pytest.mark.parametrize("order", [1, -1])
def test_rows_sorted_by_their_score_are_all_looked_at(tmp_path, order):
    """The best in the last product of all, or all in the first: what passes a bound found before differs most."""
    query = unit_vectors(1, 8, 9)[0]
    vectors = unit_vectors(30_000, 8, 10)
    vectors = vectors[np.argsort(vectors @ query)[::order]].copy()
    for memory_bytes in (HELD, 1 << 20):
        ((rows, scores),) = ExactSearch(on_disk(tmp_path / str(memory_bytes), vectors), memory_bytes).search(
            query[None, :], 50
        )
        assert ranking(rows, scores, 50) == brute_force(vectors, query, 50)


@pytest.mark.parametrize("scale", [1, 1000])
def test_near_ties_are_decided_by_the_exact_product(tmp_path, scale):
    """Also where vectors are long, and rounding errors with them."""
    dim, k = 64, 5
    base = unit_vectors(1, dim, 5)[0]
    vectors = np.repeat(base[None, :], 500, axis=0)
    vectors[:, 0] += np.linspace(0, 3e-6, 500, dtype=np.float32)
    vectors *= scale
    ((rows, scores),) = ExactSearch(on_disk(tmp_path, vectors), HELD).search(base[None, :], k)
    assert ranking(rows, scores, k) == brute_force(vectors, base, k)


def test_a_float16_store_is_searched_as_what_it_holds(tmp_path):
    vectors, queries = unit_vectors(2000, 64, 7), unit_vectors(5, 64, 8)
    stored = vectors.astype(np.float16).astype(np.float32)
    search = ExactSearch(on_disk(tmp_path, vectors, "float16"), STREAMED)
    for query, (rows, scores) in zip(queries, search.search(queries, 20), strict=True):
        assert ranking(rows, scores, 20) == brute_force(stored, query, 20)


def test_no_query_gives_nothing(tmp_path):
    search = ExactSearch(on_disk(tmp_path, unit_vectors(10, 4, 6)), HELD)
    assert list(search.search(np.zeros((0, 4), dtype=np.float32), 3)) == []


@pytest.mark.slow
def test_a_million_vectors_are_searched_in_half_a_gigabyte(tmp_path):
    """1.5 GB of vectors on disk; the process with its libraries stays below 0.55 GB of resident memory."""
    script = textwrap.dedent("""
        import sys
        from pathlib import Path
        import numpy as np
        from retrieval_bench.encoders.corpus_vectors import CorpusVectors
        from retrieval_bench.encoders.row_file import RowFile
        from retrieval_bench.retrievers.exact_search import ExactSearch
        rows = RowFile(Path(sys.argv[1]) / "vectors.bin", 384, "float32")
        generator = np.random.default_rng(0)
        for _ in range(20):
            block = generator.standard_normal((50_000, 384), dtype=np.float32)
            rows.append(block / np.linalg.norm(block, axis=1, keepdims=True))
        queries = rows.take(np.arange(0, 1_000_000, 10_000))
        search = ExactSearch(CorpusVectors(rows, np.arange(len(rows)), 1.0), 10**9)
        assert not search.is_held
        found = list(search.search(queries, 100))
        best = [int(numbers[scores.argmax()]) for numbers, scores in found]
        assert best == list(range(0, 1_000_000, 10_000)), best
        # Of this program alone: ru_maxrss would be that of the tests' process where it is greater.
        (line,) = [line for line in open("/proc/self/status") if line.startswith("VmHWM")]
        print(int(line.split()[1]) * 1024)
    """)
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 550_000_000  # the libraries, one block of a quarter of memory=, and its products


@pytest.mark.gpu
def test_a_gpu_ranks_like_the_processor(tmp_path):
    if not n_gpus():
        pytest.skip("no CUDA device that FAISS can use")
    vectors, queries = unit_vectors(5000, 384, 1), unit_vectors(20, 384, 2)
    search = ExactSearch(on_disk(tmp_path, vectors), HELD)
    for query, (rows, scores) in zip(queries, search.search(queries, 100), strict=True):
        assert ranking(rows, scores, 100) == brute_force(vectors, query, 100)
