"""Methods of fusion, each the formula it was published as, over all documents that were found for a query.

They are computed here and not by ranx, whose methods these are: its Condorcet order depends on the seed of hashes, its
z-scores lose documents where one list is empty, its minimum and maximum need scores within ±1e9, a run that is empty
as a whole raises, and it takes ten times as long. Where ranx 0.3.21 is right the figures are the same.

In the formulas s is a score after normalisation, w a system's weight, n how many systems found the document; sums go
over these systems. (n_systems, 1) weights come as a column. All return (n_documents,) float64, greater is better.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from retrieval_bench.fusion.pool import Norm, Pool

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

# Rows of the table of all pairs of documents that Condorcet's method holds at once.
_ROWS_AT_ONCE = 256


@dataclass(frozen=True)
class NoParameters:
    """What methods take that read ranks alone."""


@dataclass(frozen=True)
class RankConstant:
    """What `rrf` takes; 60 is its authors' choice."""

    k: int = 60


@dataclass(frozen=True)
class Shift:
    """What `logn_isr` takes; the default is ranx's."""

    sigma: float = 0.01


@dataclass(frozen=True)
class Persistence:
    """What `rbc` takes: how probable it is that somebody who has read a document reads the next one."""

    phi: float


@dataclass(frozen=True)
class Weights:
    """What weighted methods take that read ranks: one weight a system, in their order, as `0.7:0.3`."""

    weights: str


@dataclass(frozen=True)
class Scores:
    """What methods take that read scores; min-max is ranx's default."""

    norm: Norm = "min-max"


@dataclass(frozen=True)
class PoweredScores:
    """What `gmnz` takes: the power of the number of systems."""

    gamma: float
    norm: Norm = "min-max"


@dataclass(frozen=True)
class WeightedScores:
    """What weighted methods take that read scores."""

    weights: str
    norm: Norm = "min-max"


def _sum(values: Floats) -> Floats:
    sums: Floats = values.sum(axis=0)
    return sums


def rrf(pool: Pool, k: int) -> Floats:
    """Reciprocal rank fusion, Σ 1 / (k + rank). Cormack, Clarke and Büttcher, SIGIR 2009."""
    return _sum(pool.found / (k + pool.ranks))


def isr(pool: Pool) -> Floats:
    """Inverse square rank, n · Σ 1 / rank². Mourão, Martins and Magalhães, CMIG 39, 2015."""
    return pool.n_found * _sum(pool.found / pool.ranks**2)


def log_isr(pool: Pool) -> Floats:
    """ISR with a logarithm, ln(n) · Σ 1 / rank²: 0 for what one system alone found. Mourão et al., 2015."""
    return logn_isr(pool, sigma=0)


def logn_isr(pool: Pool, sigma: float) -> Floats:
    """ISR with a shifted logarithm, ln(n + sigma) · Σ 1 / rank². Mourão et al., 2015."""
    import numpy as np

    return np.log(pool.n_found + sigma) * _sum(pool.found / pool.ranks**2)


def rbc(pool: Pool, phi: float) -> Floats:
    """Rank-biased centroids, Σ (1 − phi) · phi^(rank − 1). Bailey, Moffat, Scholer and Thomas, SIGIR 2017."""
    return _sum(pool.found * (1 - phi) * phi ** (pool.ranks - 1))


def w_bordafuse(pool: Pool, weights: Floats) -> Floats:
    """Borda counts, each system's multiplied by its weight. Aslam and Montague, SIGIR 2001.

    Of c documents in all a system gives the first c points, the next c − 1, …; those it did not find share the rest.
    """
    import numpy as np

    c = len(pool.doc_ids)
    return _sum(weights * np.where(pool.found, c - pool.ranks + 1, (c - pool.lengths + 1) / 2))


def bordafuse(pool: Pool) -> Floats:
    """Borda counts, every system's alike. Aslam and Montague, "Models for Metasearch", SIGIR 2001."""
    return w_bordafuse(pool, _equal_weights(pool))


def w_condorcet(pool: Pool, weights: Floats) -> Floats:
    """How many documents each one beats, a draw counting half, where a system has as many votes as its weight.

    A system votes for the document it ranks higher, and for one it found against one it did not. Montague and Aslam,
    "Condorcet Fusion for Improved Retrieval", CIKM 2002, sort by this comparison, which leaves the order open where
    documents beat each other in a circle; counting victories (Copeland's rule) depends on nothing but the ranks.
    """
    import numpy as np

    c = len(pool.doc_ids)
    ranks = np.where(pool.found, pool.ranks, c + 1)
    victories = np.empty(c)
    for start in range(0, c, _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        margins = np.zeros((len(victories[rows]), c))
        for weight, of_system in zip(weights[:, 0], ranks, strict=True):
            margins += weight * np.sign(of_system[None, :] - of_system[rows, None])
        # Weights that sum to a draw on paper need not do so in floating point.
        margins[np.abs(margins) < 1e-12 * weights.sum()] = 0
        victories[rows] = (1 + np.sign(margins)).sum(axis=1) / 2
    return victories - 0.5  # without the draw of each document with itself


def condorcet(pool: Pool) -> Floats:
    """As `w_condorcet`, with one vote a system."""
    return w_condorcet(pool, _equal_weights(pool))


def combsum(pool: Pool) -> Floats:
    """Σ s. Fox and Shaw, "Combination of Multiple Searches", TREC-2, 1994."""
    return _sum(pool.scores)


def combmax(pool: Pool) -> Floats:
    """The greatest s. Fox and Shaw, 1994."""
    greatest: Floats = pool.scores.max(axis=0, where=pool.found, initial=-math.inf)
    return greatest


def combmin(pool: Pool) -> Floats:
    """The least s. Fox and Shaw, 1994."""
    least: Floats = pool.scores.min(axis=0, where=pool.found, initial=math.inf)
    return least


def combmed(pool: Pool) -> Floats:
    """The median s, of an even number the mean of the middle two. Fox and Shaw, 1994."""
    import numpy as np

    medians: Floats = np.nanmedian(np.where(pool.found, pool.scores, math.nan), axis=0)
    return medians


def combanz(pool: Pool) -> Floats:
    """The mean, Σ s / n. Fox and Shaw, 1994."""
    return _sum(pool.scores) / pool.n_found


def combmnz(pool: Pool) -> Floats:
    """Σ s · n. Fox and Shaw, 1994."""
    return gmnz(pool, gamma=1)


def gmnz(pool: Pool, gamma: float) -> Floats:
    """Σ s · n^gamma. Lee, "Analyses of Multiple Evidence Combination", SIGIR 1997."""
    return _sum(pool.scores) * pool.n_found**gamma


def wsum(pool: Pool, weights: Floats) -> Floats:
    """Σ w · s."""
    return _sum(weights * pool.scores)


def mixed(pool: Pool, weights: Floats) -> Floats:
    """Σ w · s · √n. Wu and Crestani, "Data Fusion with Estimated Weights", CIKM 2002."""
    return wsum(pool, weights) * pool.n_found**0.5


def wmnz(pool: Pool, weights: Floats) -> Floats:
    """Σ s · Σ w. Wu and Crestani, 2002."""
    return _sum(pool.scores) * _sum(weights * pool.found)


def _equal_weights(pool: Pool) -> Floats:
    import numpy as np

    return np.ones((len(pool.found), 1))


@dataclass(frozen=True)
class Method:
    """A formula and what a user may set in it."""

    formula: Callable[..., Floats]
    parameters: type[Any]


METHODS = {
    method.formula.__name__: method
    for method in (
        Method(rrf, RankConstant),
        Method(isr, NoParameters),
        Method(log_isr, NoParameters),
        Method(logn_isr, Shift),
        Method(rbc, Persistence),
        Method(bordafuse, NoParameters),
        Method(w_bordafuse, Weights),
        Method(condorcet, NoParameters),
        Method(w_condorcet, Weights),
        Method(combsum, Scores),
        Method(combmin, Scores),
        Method(combmax, Scores),
        Method(combmed, Scores),
        Method(combanz, Scores),
        Method(combmnz, Scores),
        Method(gmnz, PoweredScores),
        Method(wsum, WeightedScores),
        Method(mixed, WeightedScores),
        Method(wmnz, WeightedScores),
    )
}
"""All methods by the names users write."""
