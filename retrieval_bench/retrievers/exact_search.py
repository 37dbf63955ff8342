"""Exact inner-product search with FAISS, to the last bit.

FAISS multiplies in blocks, so that equal vectors can differ in their last bit by where they stand, and cuts ties by
chance. It proposes; a float64 product, the same arithmetic for every row, decides.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Candidates beyond k that FAISS proposes at first; doubled until the k-th score is clear of what was not proposed.
_MARGIN = 64
# FAISS's float32 inner products of unit vectors are within d * 2^-24 of the true ones; 1e-4 covers 1,677 dimensions
# in the worst case and far more in practice.
_FLOAT32_SLACK = 1e-4
_QUERIES_PER_BLOCK = 256


class ExactSearch:
    """The rows of a matrix, searched by inner product.

    Args:
        vectors: (n_documents, dim) float32, normalised.
    """

    def __init__(self, vectors: NDArray[np.float32]) -> None:
        import faiss

        self._vectors = vectors
        index = faiss.IndexFlatIP(vectors.shape[1])
        self.on_gpu = n_gpus() > 0
        self._index: Any = faiss.index_cpu_to_all_gpus(index) if self.on_gpu else index
        self._index.add(vectors)

    def search(self, queries: NDArray[np.float32], k: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """For each row of `queries` (n_queries, dim) the rows of the k best vectors and all that tie with the k-th.

        Yields:
            Row numbers (n,) int64 and scores (n,) float32, in no order, n >= min(k, n_documents).
        """
        for start in range(0, len(queries), _QUERIES_PER_BLOCK):
            block = queries[start : start + _QUERIES_PER_BLOCK]
            n_proposed = min(k + _MARGIN, len(self._vectors))
            proposed_scores, proposed_rows = self._index.search(block, n_proposed)
            for query, rows, scores in zip(block, proposed_rows, proposed_scores, strict=True):
                yield self._decide(query, rows, scores, k)

    def _decide(
        self, query: NDArray[np.float32], rows: NDArray[np.int64], proposed: NDArray[np.float32], k: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        import numpy as np

        while True:
            exact = self._exact_scores(rows, query)
            if len(rows) == len(self._vectors):
                return rows, exact
            kth = np.partition(exact, len(exact) - k)[len(exact) - k]
            if kth > proposed[-1] + _FLOAT32_SLACK:
                return rows, exact
            n_proposed = min(2 * len(rows), len(self._vectors))
            found_scores, found_rows = self._index.search(query[None, :], n_proposed)
            proposed, rows = found_scores[0], found_rows[0]

    def _exact_scores(self, rows: NDArray[np.int64], query: NDArray[np.float32]) -> NDArray[np.float32]:
        """Inner products in float64, rounded once. einsum sums each row alike wherever it stands; BLAS need not."""
        import numpy as np

        candidates = self._vectors[rows].astype(np.float64)
        products: NDArray[np.float64] = np.einsum("ij,j->i", candidates, query.astype(np.float64), optimize=False)
        return products.astype(np.float32)


def n_gpus() -> int:
    """The number of CUDA devices FAISS can use: 0 for a CPU build, and for a GPU build on a machine without one."""
    import faiss

    return int(getattr(faiss, "get_num_gpus", lambda: 0)())
