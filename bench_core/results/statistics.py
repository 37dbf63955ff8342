"""Uncertainty and significance, with the source of each formula."""

from __future__ import annotations

import math
from collections.abc import Sequence

_SEED = 20_000
# Resamplings drawn at once: 2,000 × 1,000 paired differences are 16 MB.
_BLOCK = 2_000
# All sign patterns are counted up to 20 differences: a matrix of 2^20 × 20 small numbers.
_MOST_PATTERNS = 2**20


def standard_error(values: Sequence[float]) -> float:
    """The standard error of a mean: the sample's standard deviation (n - 1) over √n.

    Raises:
        ValueError: fewer than two values.
    """
    n = len(values)
    if n < 2:
        raise ValueError("a standard error needs at least two values")
    mean = math.fsum(values) / n
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1) / n)


def wilson_interval(n_successes: int, n: int, z: float = 1.959963984540054) -> tuple[float, float]:
    """The score interval of a proportion (Wilson 1927, J. Am. Stat. Assoc. 22:209-212), at 95 % by default.

    Raises:
        ValueError: no trial, or more successes than trials.
    """
    if n < 1 or not 0 <= n_successes <= n:
        raise ValueError(f"{n_successes} successes of {n} trials have no interval")
    share = n_successes / n
    centre = share + z * z / (2 * n)
    spread = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    low, high = (centre - spread) / scale, (centre + spread) / scale
    return (0.0 if n_successes == 0 else low), (1.0 if n_successes == n else high)


def fisher_randomization(first: Sequence[float], second: Sequence[float], n_permutations: int = 100_000) -> float:
    """Two-sided p of the paired randomisation test on the difference of means (Smucker, Allan & Carterette, CIKM 2007).

    Under the null hypothesis the two systems are exchangeable on each query, so every sign pattern of the differences
    is equally likely. Up to 2^n = `n_permutations` patterns all are counted; beyond that they are drawn with a fixed
    seed and p is (b + 1) / (m + 1), which is never 0 (Phipson & Smyth 2010, Stat. Appl. Genet. Mol. Biol. 9:39).

    Raises:
        ValueError: the two do not have the same, positive number of values.
    """
    import numpy as np

    if len(first) != len(second) or not first:
        raise ValueError(f"paired values are needed, not {len(first)} and {len(second)}")
    differences = np.asarray(second, dtype=np.float64) - np.asarray(first, dtype=np.float64)
    differences = differences[differences != 0.0]  # a sign changes nothing about zero
    if not len(differences):
        return 1.0
    observed = abs(float(differences.sum()))
    # Sums that differ by rounding alone count as equal, else p would hang on the order of summation.
    threshold = observed - 1e-12 * float(np.abs(differences).sum())
    n = len(differences)
    if 2**n <= min(n_permutations, _MOST_PATTERNS):
        patterns = ((np.arange(2**n)[:, None] >> np.arange(n)) & 1).astype(np.int8)
        return float(np.mean(np.abs((1.0 - 2.0 * patterns) @ differences) >= threshold))
    generator = np.random.default_rng(_SEED)
    n_as_extreme = 0
    for start in range(0, n_permutations, _BLOCK):
        signs = generator.integers(0, 2, size=(min(_BLOCK, n_permutations - start), n), dtype=np.int8)
        n_as_extreme += int(np.count_nonzero(np.abs((1.0 - 2.0 * signs) @ differences) >= threshold))
    return (n_as_extreme + 1) / (n_permutations + 1)


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values corrected for their number by Holm's step-down method (Holm 1979, Scand. J. Stat. 6:65-70)."""
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    corrected = [0.0] * len(p_values)
    highest = 0.0
    for position, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - position) * p_values[index]))
        corrected[index] = highest
    return corrected
