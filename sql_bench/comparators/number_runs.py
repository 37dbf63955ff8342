"""Runs of numbers each near the next, so that numbers of different runs never agree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from sql_bench.comparators.equality import Number, ValueRules, as_float, is_whole

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class NumberRuns:
    """All numbers of a comparison, in runs numbered from 0.

    Two numbers that agree are in one run; two of one run agree unless it is fuzzy.

    Attributes:
        floats: `(n,)`, the distinct floats, ascending.
        float_runs: `(n,) int64`, the run of each.
        other_runs: the run of each number that is no float exactly: most decimals, and large integers.
        n_runs: how many runs there are.
        fuzzy: the runs in which not all numbers agree.
    """

    floats: Floats
    float_runs: NDArray[np.int64]
    other_runs: Mapping[Number, int]
    n_runs: int
    fuzzy: frozenset[int]

    @classmethod
    def of(cls, columns: Iterable[Floats], numbers: Iterable[Number], rules: ValueRules) -> NumberRuns:
        """Put numbers into runs.

        Args:
            columns: floats, NaN among them left out.
            numbers: further numbers of any type.
            rules: when two numbers agree.
        """
        distinct = set(numbers)
        exact = {number: _exact_float(number) for number in distinct}
        others = sorted(number for number in distinct if exact[number] is None)
        further = np.array([value for value in exact.values() if value is not None], dtype=np.float64)
        floats = np.unique(np.concatenate([*columns, further]))
        floats = floats[~np.isnan(floats)]
        values = np.concatenate((floats, np.array([as_float(number) for number in others], dtype=np.float64)))
        whole = np.concatenate((floats == np.floor(floats), np.array([is_whole(n) for n in others], dtype=np.bool_)))
        order = np.argsort(values, kind="stable")
        starts = _starts(values[order], whole[order], rules)
        runs = np.empty(len(values), dtype=np.int64)
        runs[order] = np.cumsum(starts) - 1
        fuzzy = _fuzzy_runs(values[order], whole[order], np.flatnonzero(starts), rules)
        other_runs = dict(zip(others, runs[len(floats) :].tolist(), strict=True))
        return cls(floats, runs[: len(floats)], other_runs, int(starts.sum()), frozenset(fuzzy.tolist()))

    def of_floats(self, values: Floats) -> NDArray[np.int64]:
        """The runs of floats that were among the numbers; of NaN, anything."""
        if len(self.floats) == 0:
            return np.zeros(len(values), dtype=np.int64)
        places = np.minimum(np.searchsorted(self.floats, values), len(self.floats) - 1)
        runs: NDArray[np.int64] = self.float_runs[places]
        return runs

    def of_number(self, number: Number) -> int:
        """The run of one of the numbers."""
        run = self.other_runs.get(number)
        return int(self.float_runs[np.searchsorted(self.floats, as_float(number))]) if run is None else run


def _exact_float(number: Number) -> float | None:
    """The float that a number is, if it is one."""
    value = as_float(number)
    if isinstance(number, float) or Decimal(value) == number:
        return value
    return None


def _starts(values: Floats, whole: NDArray[np.bool_], rules: ValueRules) -> NDArray[np.bool_]:
    """Which of the sorted numbers begin a run; a run of whole numbers comes apart, as those must be equal."""
    starts = np.ones(len(values), dtype=np.bool_)
    starts[1:] = ~_near(values[:-1], values[1:], rules)
    if rules.whole_numbers == "exact" and len(values):
        run = np.cumsum(starts) - 1
        has_fraction = np.bincount(run, weights=~whole) > 0
        starts |= ~has_fraction[run]
    return starts


def _fuzzy_runs(
    values: Floats, whole: NDArray[np.bool_], first: NDArray[np.int64], rules: ValueRules
) -> NDArray[np.int64]:
    """The runs of sorted numbers whose ends are not near, or that hold several whole numbers."""
    if len(values) == 0:
        return first
    last = np.append(first[1:], len(values)) - 1
    fuzzy = (first != last) & ~_near(values[first], values[last], rules)
    if rules.whole_numbers == "exact":
        fuzzy |= (first != last) & (np.add.reduceat(whole.astype(np.int64), first) > 1)
    return np.flatnonzero(fuzzy)


def _near(smaller: Floats, larger: Floats, rules: ValueRules) -> NDArray[np.bool_]:
    """`equality.near`, or equal, for sorted pairs; an infinity is near nothing but itself."""
    with np.errstate(over="ignore", invalid="ignore"):
        bound = rules.relative_tolerance * np.maximum(np.abs(smaller), np.abs(larger))
        near: NDArray[np.bool_] = (smaller == larger) | ((larger - smaller <= bound) & np.isfinite(bound))
    return near
