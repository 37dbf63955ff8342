"""Intervals of means: by item, by cluster, crossed two ways, and of proportions, with the source of each formula.

A mean is Σ value / Σ applicable, a ratio: an item that does not apply is outside the denominator, and how much of a
cluster applies is as random as its values. One jackknife serves all designs, because a single item is a cluster of one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LEVEL = 0.95
"""Two-sided level of every interval."""


@dataclass(frozen=True)
class Figure:
    """A mean with its uncertainty; None where there is none.

    Attributes:
        mean: Σ value / Σ applicable; None where no item applies.
        n: the denominator; None for a figure reported without items.
        standard_error: of the mean, by the design's units.
        low: lower end of the 95 % interval.
        high: its upper end.
        estimator: how the interval was made, in words that a table can print.
    """

    mean: float | None
    n: int | None
    standard_error: float | None = None
    low: float | None = None
    high: float | None = None
    estimator: str = ""

    @property
    def interval(self) -> tuple[float, float] | None:
        """Both ends of the interval."""
        return None if self.low is None or self.high is None else (self.low, self.high)


@dataclass(frozen=True)
class Spread:
    """Ratio means of several columns with their standard errors; each array is `(n_columns,) float64`.

    Attributes:
        degrees: degrees of freedom of Student's t; NaN, as the standard error is, where there are fewer than two units.
    """

    mean: NDArray[np.float64]
    standard_error: NDArray[np.float64]
    degrees: NDArray[np.float64]

    def interval(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The 95 % interval of each mean by Student's t."""
        half = _quantile(self.degrees) * self.standard_error
        return self.mean - half, self.mean + half


def spread(
    values: NDArray[np.float64], applicable: NDArray[np.bool_], units: Sequence[NDArray[np.int64]] = ()
) -> Spread:
    """The ratio mean of each column, with a standard error that respects how the items hang together.

    By item or by cluster: the delete-one jackknife of the ratio (CR3), with the degrees of freedom of Bell & McCaffrey
    2002 (Survey Methodology 28:169-181) for independent items. Crossed two ways: the variances by the first unit and by
    the second less that by item (Cameron, Gelbach & Miller 2011, J. Bus. Econ. Stat. 29:238-249), never below the
    greater of the first two (MacKinnon, Nielsen & Webb 2024, arXiv 2406.08880), with the smaller degrees of freedom.

    Args:
        values: `(n_items, n_columns)`; what stands where an item does not apply is not looked at.
        applicable: `(n_items, n_columns)`.
        units: for each way of clustering the number of each item's cluster, `(n_items,)`; none: by item.
    """
    import numpy as np

    counted = applicable.astype(np.float64)
    total = counted.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(applicable, values, 0.0).sum(axis=0) / total
        influence = np.where(applicable, values - mean, 0.0) / total
        weights = counted / total
    by_item = np.arange(len(values))
    if len(units) < 2:
        variance, degrees = _jackknife(influence, weights, units[0] if units else by_item)
        return Spread(mean, np.sqrt(variance), degrees)
    (first, first_degrees), (second, second_degrees) = (_jackknife(influence, weights, unit) for unit in units)
    shared, _ = _jackknife(influence, weights, by_item)
    variance = np.maximum(first + second - shared, np.maximum(first, second))
    return Spread(mean, np.sqrt(variance), np.minimum(first_degrees, second_degrees))


def _jackknife(
    influence: NDArray[np.float64], weights: NDArray[np.float64], clusters: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Variance and degrees of freedom of each column.

    With w a cluster's share of the denominator and u its share of the numerator's deviation, leaving it out moves the
    ratio by u / (1 - w), so the variance is (G - 1)/G Σ (u / (1 - w))². As a quadratic form in independent items its
    matrix has w / (1 - w) on the diagonal and -a_g a_h beside it, a = w / (1 - w); Satterthwaite's degrees of freedom
    are the square of its trace over the trace of its square.
    """
    import numpy as np

    moved, share = sum_by_cluster(influence, clusters), sum_by_cluster(weights, clusters)
    n_clusters = np.count_nonzero(share > 0, axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = (n_clusters - 1) / n_clusters * ((moved / (1 - share)) ** 2).sum(axis=0)
        ratio = share / (1 - share)
        squares = (ratio**2).sum(axis=0)
        degrees = ratio.sum(axis=0) ** 2 / (squares + squares**2 - (ratio**4).sum(axis=0))
    enough = n_clusters > 1
    return np.where(enough, variance, np.nan), np.where(enough, degrees, np.nan)


def sum_by_cluster(values: NDArray[np.float64], clusters: NDArray[np.int64]) -> NDArray[np.float64]:
    """The rows of a matrix summed by cluster: `(n_clusters, n_columns)`."""
    import numpy as np

    n_clusters = int(clusters.max()) + 1 if len(clusters) else 0
    return np.stack([np.bincount(clusters, column, n_clusters) for column in values.T], axis=1)


def cluster_numbers(labels: Sequence[str]) -> NDArray[np.int64]:
    """Clusters numbered in the order of their names, one an item."""
    import numpy as np

    numbers: NDArray[np.int64] = np.unique(np.array(labels, dtype=object).astype(str), return_inverse=True)[1]
    return numbers


def figure(
    values: Sequence[float | None],
    units: Sequence[Sequence[str]] = (),
    unit_names: Sequence[str] = (),
    bounds: tuple[float, float] | None = None,
) -> Figure:
    """The mean of the applicable values and its interval.

    Where every value is 0 or 1 it is Wilson's, else Student's t; where values do not vary there is none, for a sample
    that says nothing of its spread is not certain.

    Args:
        values: one an item; None where the measure does not apply.
        units: for each way of clustering the cluster of each item.
        unit_names: what the clusters are, in words.
        bounds: what the measure cannot leave; the interval is cut there.
    """
    kept = [position for position, value in enumerate(values) if value is not None]
    counted = [value for value in values if value is not None]
    if not counted:
        return Figure(None, 0)
    mean = sum(counted) / len(counted)
    error, degrees = _error(counted, [[unit[position] for position in kept] for unit in units])
    if all(value in (0, 1) for value in counted):
        n_clusters = min((len({unit[position] for position in kept}) for unit in units), default=len(counted))
        found = _proportion(mean, len(counted), n_clusters, bool(units), error, degrees)
        if found is not None:
            return Figure(mean, len(counted), error, *found, _named("Wilson", "effective size", unit_names))
    if not error or degrees is None:
        return Figure(mean, len(counted), error)
    half = float(_quantile(degrees)) * error
    low, high = mean - half, mean + half
    if bounds is not None:
        low, high = max(low, bounds[0]), min(high, bounds[1])
    return Figure(mean, len(counted), error, low, high, _named("Student's t", "jackknife", unit_names))


def _named(simple: str, clustered: str, unit_names: Sequence[str]) -> str:
    if not unit_names:
        return simple
    return f"{simple} ({clustered} {'by' if len(unit_names) == 1 else 'two-way by'} {' and '.join(unit_names)})"


def _error(values: Sequence[float], units: Sequence[Sequence[str]]) -> tuple[float | None, float | None]:
    """The standard error of a mean and its degrees of freedom; None where there is but one unit."""
    import numpy as np

    if not units:
        return (standard_error(values), len(values) - 1.0) if len(values) > 1 else (None, None)
    column = np.asarray(values, dtype=np.float64)[:, None]
    found = spread(column, np.ones_like(column, dtype=bool), [cluster_numbers(unit) for unit in units])
    error = float(found.standard_error[0])
    return (None, None) if math.isnan(error) else (error, float(found.degrees[0]))


def standard_error(values: Sequence[float]) -> float:
    """The standard error of a mean of independent items: the sample's standard deviation (n - 1) over √n.

    Raises:
        ValueError: fewer than two values.
    """
    n = len(values)
    if n < 2:
        raise ValueError("a standard error needs at least two values")
    mean = math.fsum(values) / n
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1) / n)


def _proportion(
    share: float, n: int, n_clusters: int, clustered: bool, error: float | None, degrees: float | None
) -> tuple[float, float] | None:
    """Wilson's interval of a share; of clustered items with their effective number and Student's quantile.

    The effective number is that of independent items with the same standard error (Korn & Graubard 1998, Survey
    Methodology 24:193-201), put into Wilson's formula (Dean & Pagano 2015, J. Surv. Stat. Methodol. 3:484-503). Where
    all clusters agree it is the number of clusters; one cluster has none.
    """
    if not clustered:
        return wilson_interval(round(share * n), n)
    if error is None or degrees is None:
        return None
    if error == 0:
        return wilson_interval(round(share * n_clusters), n_clusters)
    effective, z = min(float(n), share * (1 - share) / error**2), float(_quantile(degrees))
    centre = share + z * z / (2 * effective)
    reach = z * math.sqrt(share * (1 - share) / effective + z * z / (4 * effective**2))
    scale = 1 + z * z / effective
    return (centre - reach) / scale, (centre + reach) / scale


def wilson_interval(n_successes: int, n: int) -> tuple[float, float]:
    """The 95 % score interval of a proportion (Wilson 1927, J. Am. Stat. Assoc. 22:209-212).

    Raises:
        ValueError: no trial, or more successes than trials.
    """
    if n < 1 or not 0 <= n_successes <= n:
        raise ValueError(f"{n_successes} successes of {n} trials have no interval")
    from scipy.stats import binomtest

    found = binomtest(n_successes, n).proportion_ci(LEVEL, method="wilson")
    return float(found.low), float(found.high)


def _quantile(degrees: float | NDArray[np.float64]) -> NDArray[np.float64]:
    """Student's t at the upper end of a two-sided interval."""
    import numpy as np
    from scipy.special import stdtrit

    return np.asarray(stdtrit(degrees, (1 + LEVEL) / 2))
