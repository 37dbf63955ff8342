"""Documents that several systems found for a query, with scores made comparable."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from bench_core.errors import BenchError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Norm = Literal["min-max", "sum", "z-score", "rank", "borda", "none"]
"""How the scores of different systems are made comparable, list by list; see `normalised`."""


@dataclass(frozen=True)
class Pool:
    """All documents that any system found for a query. Arrays are (n_systems, n_documents).

    Attributes:
        found: whether the system found the document.
        ranks: from 1; 1 where it was not found, so that it can be divided by.
        scores: 0 where it was not found.
    """

    doc_ids: Sequence[str]
    found: NDArray[np.bool_]
    ranks: Floats
    scores: Floats

    @classmethod
    def of(cls, rankings: Sequence[Sequence[tuple[str, float]]]) -> Pool:
        """Gather the lists of several systems, each in canonical order."""
        import numpy as np

        columns: dict[str, int] = {}
        for ranking in rankings:
            for doc_id, _ in ranking:
                columns.setdefault(doc_id, len(columns))
        shape = len(rankings), len(columns)
        found, ranks, scores = np.zeros(shape, dtype=np.bool_), np.ones(shape), np.zeros(shape)
        for row, ranking in enumerate(rankings):
            numbers = [columns[doc_id] for doc_id, _ in ranking]
            found[row, numbers] = True
            ranks[row, numbers] = range(1, len(ranking) + 1)
            scores[row, numbers] = [score for _, score in ranking]
        return cls(list(columns), found, ranks, scores)

    @property
    def n_found(self) -> Floats:
        """(n_documents,) how many systems found each document."""
        counts: Floats = self.found.sum(axis=0, dtype="float64")
        return counts

    @property
    def lengths(self) -> Floats:
        """(n_systems, 1) how many documents each system found."""
        counts: Floats = self.found.sum(axis=1, keepdims=True, dtype="float64")
        return counts


def normalised(pool: Pool, norm: Norm) -> Pool:
    """The pool with scores made comparable. For a list of n documents with scores s, of a pool of c documents:

    | norm    | a document found                      | one not found       |
    |---------|---------------------------------------|---------------------|
    | min-max | (s − min) / (max − min)               | stays not found     |
    | sum     | (s − min) / Σ (s − min)               | stays not found     |
    | z-score | (s − mean) / standard deviation       | stays not found     |
    | rank    | 1 − (rank − 1) / n                    | stays not found     |
    | borda   | 1 − (rank − 1) / c                    | ½ − (n − 1) / 2c    |
    | none    | s                                     | stays not found     |

    A list whose scores are all equal says nothing by the first three, and its documents get 0. Source: M. Renda and
    U. Straccia, "Web Metasearch: Rank vs. Score Based Rank Aggregation Methods", SAC 2003 (rank, borda, min-max and
    z-score); M. Montague and J. Aslam, "Relevance Score Normalization for Metasearch", CIKM 2001 (sum).

    Raises:
        BenchError: a score is infinite.
    """
    import numpy as np

    if not np.isfinite(pool.scores).all():
        raise BenchError("A score is infinite, which cannot be fused with others; fuse by rank, as rrf does.")
    found, n = pool.found, np.maximum(pool.lengths, 1)
    if norm == "none":
        return pool
    if norm == "rank":
        return replace(pool, scores=np.where(found, 1 - (pool.ranks - 1) / n, 0))
    if norm == "borda":
        c = found.shape[1]
        scores = np.where(found, 1 - (pool.ranks - 1) / c, 0.5 - (pool.lengths - 1) / (2 * c))
        return replace(pool, scores=scores, found=np.ones_like(found))
    if norm == "z-score":
        start = (pool.scores / n).sum(axis=1, keepdims=True)
        scale = np.sqrt((np.where(found, pool.scores - start, 0) ** 2 / n).sum(axis=1, keepdims=True))
    else:
        start = pool.scores.min(axis=1, keepdims=True, where=found, initial=math.inf)
        above = np.where(found, pool.scores - start, 0)
        scale = above.max(axis=1, keepdims=True, initial=0) if norm == "min-max" else above.sum(axis=1, keepdims=True)
    # A scale that is no more than the rounding of the scores is none: they are equal.
    rounding = 2.0**-50 * np.abs(pool.scores).max(axis=1, keepdims=True, initial=0)
    usable = found & (scale > rounding)
    return replace(pool, scores=np.divide(pool.scores - start, scale, out=np.zeros_like(pool.scores), where=usable))
