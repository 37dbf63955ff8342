"""Exact inner-product search over vectors on disk, to the last bit, in bounded memory.

FAISS multiplies in blocks, so that equal vectors can differ in their last bit by where they stand, and cuts ties by
chance. It proposes; a float64 product, the same arithmetic for every row, decides.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from retrieval_bench.encoders.corpus_vectors import CorpusVectors

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Float32s = NDArray[np.float32]
    Int64s = NDArray[np.int64]

FLOAT32_ROUNDING = 2.0**-24
"""A float32 inner product of n terms is within n · 2^-24 · |a| · |b| of the true one, summed in whatever order
(N. Higham, "Accuracy and Stability of Numerical Algorithms", 2002, section 3.1; to first order)."""

# Candidates beyond k that FAISS proposes at first; doubled until the k-th score is clear of what was not proposed.
_MARGIN = 32
# A block is read, widened to float32 and searched: with what FAISS needs beside it, a quarter of the memory allowed.
_SHARE_OF_A_BLOCK = 4
_MOST_QUERIES_AT_ONCE = 1024
# From how many queries on FAISS multiplies matrices. Its own bound, 128,000 / dim in version 1.15, is five times slower
# for a hundred queries; 20 is what it had before (benchmarks/dense_search.py --queries 100 shows it).
_FEWEST_QUERIES_FOR_BLAS = 20
# What FAISS multiplies at once, in place of 4,096 queries and 1,024 vectors: up to a fifth faster, since the product is
# still in the processor's cache when the best of it are taken (benchmarks/dense_search.py).
_QUERIES_OF_A_PRODUCT, _VECTORS_OF_A_PRODUCT = 1024, 2048
# The most neighbours FAISS finds on a GPU.
_GREATEST_K_ON_GPU = 2048


@dataclass(frozen=True)
class ExactSearch:
    """The rows of a matrix, searched by inner product.

    Args:
        vectors: rows on disk; they are held where they take no more than half of `memory_bytes`, else read in blocks.
        memory_bytes: what vectors and candidates may take.
    """

    vectors: CorpusVectors
    memory_bytes: int

    @cached_property
    def is_held(self) -> bool:
        """Whether all vectors stay in memory, or are read from disk at each search."""
        return 2 * len(self.vectors.rows) * self.vectors.rows.dim * 4 <= self.memory_bytes

    @cached_property
    def _held(self) -> Float32s:
        return self.vectors.rows.read(0, len(self.vectors.rows))

    def search(self, queries: Float32s, k: int) -> Iterator[tuple[Int64s, Float32s]]:
        """For each row of `queries` (n_queries, dim) the rows of the k best vectors and all that tie with the k-th.

        Yields:
            Row numbers (n,) int64 and scores (n,) float32, in no order, n >= min(k, n_documents).
        """
        import numpy as np

        n_rows = len(self.vectors.rows)
        # Where every row is scored for every query, those scores take no more than an eighth of the memory.
        affordable = self.memory_bytes // (8 * 4 * n_rows) if k + _MARGIN >= n_rows else _MOST_QUERIES_AT_ONCE
        n_at_once = max(min(_MOST_QUERIES_AT_ONCE, affordable), 1)
        for start in range(0, len(queries), n_at_once):
            some = np.ascontiguousarray(queries[start : start + n_at_once], dtype=np.float32)
            yield from self._search_some(some, k)

    def _search_some(self, queries: Float32s, k: int) -> list[tuple[Int64s, Float32s]]:
        import numpy as np

        found: dict[int, tuple[Int64s, Float32s]] = {}
        n_proposed = k + _MARGIN
        while len(found) < len(queries):
            open_queries = np.array([number for number in range(len(queries)) if number not in found])
            if n_proposed >= len(self.vectors.rows):
                everything = self._score_everything(queries[open_queries])
                found.update(zip(open_queries.tolist(), everything, strict=True))
                break
            proposed, rows = self._propose(queries[open_queries], n_proposed)
            errors = self._greatest_errors(queries[open_queries])
            # What is proposed this far below the k-th is neither among the k best nor ties with them.
            n_in_reach = (proposed >= (proposed[:, k - 1] - 3 * errors)[:, None]).sum(axis=1)
            beyond = proposed[:, -1] + errors  # what was not proposed can be no better
            for place, number in enumerate(open_queries.tolist()):
                in_reach = rows[place, : n_in_reach[place]]
                exact = exact_scores(self._take(in_reach), queries[number])
                kth = np.partition(exact, len(exact) - k)[len(exact) - k]
                if kth > beyond[place]:
                    found[number] = in_reach, exact
            n_proposed *= 2
        return [found[number] for number in range(len(queries))]

    def _greatest_errors(self, queries: Float32s) -> NDArray[np.float64]:
        """How far the proposed scores of each query may be from the true ones (n_queries,)."""
        import numpy as np

        norms = np.linalg.norm(queries, axis=1).astype(np.float64)
        errors: NDArray[np.float64] = FLOAT32_ROUNDING * queries.shape[1] * self.vectors.greatest_norm * norms
        return errors

    def _propose(self, queries: Float32s, n: int) -> tuple[Float32s, Int64s]:
        """The n best of all rows by FAISS's arithmetic: scores and rows (n_queries, n), best first."""
        import numpy as np

        best_scores = np.empty((len(queries), 0), dtype=np.float32)
        best_rows = np.empty((len(queries), 0), dtype=np.int64)
        for first_row, block in self._blocks():
            scores, rows = nearest(queries, block, min(n, len(block)))
            best_scores = np.concatenate([best_scores, scores], axis=1)
            best_rows = np.concatenate([best_rows, rows.astype(np.int64) + first_row], axis=1)
            if best_scores.shape[1] > n:
                chosen = np.argsort(-best_scores, axis=1, kind="stable")[:, :n]
                best_scores = np.take_along_axis(best_scores, chosen, axis=1)
                best_rows = np.take_along_axis(best_rows, chosen, axis=1)
        return best_scores, best_rows

    def _score_everything(self, queries: Float32s) -> list[tuple[Int64s, Float32s]]:
        import numpy as np

        scores = np.empty((len(queries), len(self.vectors.rows)), dtype=np.float32)
        for first_row, block in self._blocks():
            for number, query in enumerate(queries):
                scores[number, first_row : first_row + len(block)] = exact_scores(block, query)
        rows = np.arange(scores.shape[1], dtype=np.int64)
        return [(rows, row) for row in scores]

    def _blocks(self) -> Iterator[tuple[int, Float32s]]:
        if self.is_held:
            yield 0, self._held
            return
        row_bytes = 4 * self.vectors.rows.dim
        yield from self.vectors.rows.blocks(max(self.memory_bytes // _SHARE_OF_A_BLOCK // row_bytes, 1))

    def _take(self, rows: Int64s) -> Float32s:
        return self._held.take(rows, axis=0) if self.is_held else self.vectors.rows.take(rows)


def exact_scores(vectors: Float32s, query: Float32s) -> Float32s:
    """Inner products (n,) of vectors (n, dim) with a query in float64, rounded once.

    One dot product a row, alike wherever the row stands; a matrix product need not be.
    """
    import numpy as np

    products: NDArray[np.float64] = np.vecdot(vectors, query, dtype=np.float64)
    return products.astype(np.float32)


def nearest(queries: Float32s, vectors: Float32s, n: int) -> tuple[Float32s, Int64s]:
    """The n greatest inner products by brute force, on the GPU where FAISS sees one: scores and rows, best first."""
    import faiss

    faiss.cvar.distance_compute_blas_threshold = _FEWEST_QUERIES_FOR_BLAS
    faiss.cvar.distance_compute_blas_query_bs = _QUERIES_OF_A_PRODUCT
    faiss.cvar.distance_compute_blas_database_bs = _VECTORS_OF_A_PRODUCT
    if n_gpus() and n <= _GREATEST_K_ON_GPU:
        found: Any = faiss.knn_gpu(_gpu_resources(), queries, vectors, n, metric=faiss.METRIC_INNER_PRODUCT)
    else:
        found = faiss.knn(queries, vectors, n, metric=faiss.METRIC_INNER_PRODUCT)
    return found[0], found[1]


def n_gpus() -> int:
    """The number of CUDA devices FAISS can use: 0 for a CPU build, and for a GPU build on a machine without one."""
    import faiss

    return int(getattr(faiss, "get_num_gpus", lambda: 0)())


@cache
def _gpu_resources() -> Any:
    """FAISS's working memory on the GPU, made once."""
    import faiss

    return faiss.StandardGpuResources()
