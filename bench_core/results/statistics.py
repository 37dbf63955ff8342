"""Tests and ranks over many systems at once, with the source of each method.

One matrix of draws with a stated seed serves all systems: every p-value of a table comes from the same resamplings.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench_core.results.intervals import LEVEL, sum_by_cluster

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SEED = 20_000
"""Of every drawing; tables print it."""

SIGNIFICANT = 1 - LEVEL
"""A corrected p below this is called significant."""

DETECTABLE = 2.80
"""Standard errors that a true difference must have to be found in four tries of five at 5 %: 1.96 + 0.84."""

RESAMPLINGS_PER_COMPARISON = 200
"""A family of F comparisons needs 200 × F resamplings, so that the least corrected p is at most 0.005."""

# Numbers drawn at once: 4 million float64 are 32 MB.
_MOST_DRAWN = 4_000_000
# All sign patterns are counted up to 20 units: a matrix of 2^20 × 20 bits.
_MOST_PATTERNS = 2**20


@dataclass(frozen=True)
class Randomisation:
    """The outcome of a randomisation test of several systems.

    Attributes:
        p: two-sided p by system.
        n_drawn: how many systems were tested by drawn patterns; for the others all patterns were counted.
    """

    p: list[float]
    n_drawn: int


def least_p(n_units: int, n_resamplings: int) -> float:
    """The p of a system that wins on every unit: the smallest that `randomisation_test` can give."""
    return 2 / 2**n_units if 2**n_units <= min(n_resamplings, _MOST_PATTERNS) else 1 / (n_resamplings + 1)


def randomisation_test(differences: NDArray[np.float64], n_resamplings: int = 100_000) -> Randomisation:
    """Fisher's paired randomisation test of several systems against one (Smucker, Allan & Carterette, CIKM 2007).

    Under the null hypothesis the two systems are exchangeable on each unit (a query; a template with all its
    questions), so every sign pattern of the differences is equally likely. Where `n_resamplings` is no less than the
    number of patterns all are counted; else they are drawn, the same for all systems, and p is (b + 1) / (m + 1), which
    is never 0 (Phipson & Smyth 2010, Stat. Appl. Genet. Mol. Biol. 9:39).

    Args:
        differences: `(n_units, n_systems)`: system minus baseline, summed over the items of a unit.
        n_resamplings: m.

    Raises:
        ValueError: no unit.
    """
    import numpy as np

    n_units, n_systems = differences.shape
    if not n_units:
        raise ValueError("paired values are needed, and there are none")
    p = [1.0] * n_systems
    drawn: list[int] = []
    n_counted = min(n_resamplings, _MOST_PATTERNS)
    for system in range(n_systems):
        telling = differences[differences[:, system] != 0.0, system]  # a sign changes nothing about zero
        if not len(telling):
            continue
        if 2 ** len(telling) > n_counted:
            drawn.append(system)
            continue
        every = ((np.arange(2 ** len(telling))[:, None] >> np.arange(len(telling))) & 1).astype(np.float64)
        extreme = _as_extreme(every, telling[:, None])
        p[system] = float(extreme[0] / len(every))
    if drawn:
        tested = differences[:, drawn]
        extreme = np.zeros(len(drawn), dtype=np.int64)
        for patterns in _sign_patterns(n_units, n_resamplings):
            extreme += _as_extreme(patterns, tested)
        for system, number in zip(drawn, extreme, strict=True):
            p[system] = (int(number) + 1) / (n_resamplings + 1)
    return Randomisation(p, len(drawn))


def _as_extreme(patterns: NDArray[np.float64], differences: NDArray[np.float64]) -> NDArray[np.int64]:
    """How many patterns (rows of 0 and 1, the latter a change of sign) give a sum as far from 0 as the observed."""
    import numpy as np

    total = differences.sum(axis=0)
    # Sums that differ by rounding alone count as equal, else p would hang on the order of summation.
    threshold = np.abs(total) - 1e-12 * np.abs(differences).sum(axis=0)
    extreme: NDArray[np.int64] = np.count_nonzero(np.abs(total - 2.0 * (patterns @ differences)) >= threshold, axis=0)
    return extreme


def _sign_patterns(n_units: int, n_patterns: int) -> Iterator[NDArray[np.float64]]:
    import numpy as np

    generator = np.random.default_rng(SEED)
    n_bytes = (n_units + 7) // 8
    for size in _blocks(n_patterns, n_units):
        drawn = generator.integers(0, 256, size=(size, n_bytes), dtype=np.uint8)
        yield np.unpackbits(drawn, axis=1, count=n_units).astype(np.float64)


def _blocks(n_rows: int, row_length: int) -> Iterator[int]:
    """Sizes of blocks of rows that fit into memory together; the draws do not depend on the machine."""
    size = max(1, _MOST_DRAWN // max(row_length, 1))
    for start in range(0, n_rows, size):
        yield min(size, n_rows - start)


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values corrected for their number by Holm's step-down method (Holm 1979, Scand. J. Stat. 6:65-70)."""
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    corrected = [0.0] * len(p_values)
    highest = 0.0
    for position, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - position) * p_values[index]))
        corrected[index] = highest
    return corrected


def rank_intervals(
    values: NDArray[np.float64],
    applicable: NDArray[np.bool_],
    units: Sequence[NDArray[np.int64]] = (),
    n_resamplings: int = 100_000,
) -> list[tuple[float, float]]:
    """The 95 % percentile interval of each system's rank, 1 being the greatest mean, by a bootstrap of whole units.

    All systems are resampled together, values and denominators both. Crossed units are each resampled by themselves and
    their weights multiplied (Owen & Eckles 2012, Ann. Appl. Stat. 6:895-927). Ties take average ranks. The intervals
    describe each rank by itself; they are too narrow where many means are nearly equal (Mogstad et al. 2024, Rev. Econ.
    Stud. 91:476-518).

    Args:
        values: `(n_items, n_systems)`; what stands where an item does not apply is not looked at.
        applicable: `(n_items, n_systems)`.
        units: as for `spread`.
        n_resamplings: number of bootstrap samples.
    """
    import numpy as np
    from scipy.stats import rankdata

    numerators, denominators = np.where(applicable, values, 0.0), applicable.astype(np.float64)
    if len(units) == 1:
        numerators, denominators = (sum_by_cluster(matrix, units[0]) for matrix in (numerators, denominators))
    crossed = units if len(units) > 1 else [np.arange(len(numerators))]
    same = bool((denominators == denominators[:, :1]).all())
    ranks = []
    for weights in _resampled(crossed, n_resamplings):
        below = weights @ (denominators[:, :1] if same else denominators)
        with np.errstate(invalid="ignore", divide="ignore"):
            means = weights @ numerators / below
        # Equal systems have equal means but for the order of summation.
        ranks.append(rankdata(-np.round(means[(below > 0).all(axis=1)], 12), axis=1))
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(np.concatenate(ranks), [tail, 1 - tail], axis=0, method="closest_observation")
    return [(float(first), float(last)) for first, last in zip(low, high, strict=True)]


def _resampled(units: Sequence[NDArray[np.int64]], n_resamplings: int) -> Iterator[NDArray[np.float64]]:
    """Blocks of weights, `(n_samples, n_items)`: how often each item's unit was drawn, multiplied over the ways."""
    import numpy as np

    generator = np.random.default_rng(SEED)
    for size in _blocks(n_resamplings, len(units[0])):
        weights = np.ones((size, len(units[0])))
        for unit in units:
            n = int(unit.max()) + 1
            drawn = generator.integers(0, n, size=(size, n)) + n * np.arange(size)[:, None]
            weights *= np.bincount(drawn.ravel(), minlength=size * n).reshape(size, n)[:, unit]
        yield weights
