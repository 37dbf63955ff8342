"""Compare systems on one dataset, item by item, against a baseline or the best of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench_core.errors import UserError
from bench_core.results.intervals import Figure, Spread, cluster_numbers, spread, sum_by_cluster
from bench_core.results.scores import AnyScores, ItemScores, ReportedScores, ShownMeasure
from bench_core.results.statistics import (
    DETECTABLE,
    RESAMPLINGS_PER_COMPARISON,
    SIGNIFICANT,
    Randomisation,
    holm,
    least_p,
    randomisation_test,
    rank_intervals,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


# Crossed units are resampled item by item, which is slow; the ends of an interval of ranks need no more.
_CROSSED_SAMPLES = 10_000


@dataclass(frozen=True)
class Test:
    """How a system with items does against the baseline.

    Attributes:
        low: lower end of the 95 % interval of the paired difference; None where the difference does not vary.
        high: its upper end.
        wins: items where the system is better.
        losses: items where it is worse.
        ties: items where both are equal.
        p: two-sided.
        p_holm: corrected over the family.
        detectable: the true difference that would be found in four tries of five.
    """

    low: float | None
    high: float | None
    wins: int
    losses: int
    ties: int
    p: float
    p_holm: float
    detectable: float | None


@dataclass(frozen=True)
class Compared:
    """One system against the baseline.

    Attributes:
        test: None for figures without items.
        rank: the 95 % interval of its rank among all systems with items.
    """

    system: str
    mean: float
    difference: float
    test: Test | None
    rank: tuple[float, float] | None


@dataclass(frozen=True)
class Comparison:
    """Systems against a baseline on the same items of one dataset.

    Attributes:
        rule: by what the items were judged, where there are several ways.
        baseline_is_best: nobody named a baseline; it is the system with the greatest mean.
        rank: the interval of the baseline's rank.
        rows: the other systems, in the order they were given.
        n_items: items all of them were scored on; None where the baseline has none.
        n_units: for each unit the number of its clusters; none where items are independent.
        n_resamplings: sign patterns that were asked for.
        n_samples: bootstrap samples behind the ranks.
        n_drawn: how many systems were tested by drawn patterns; None where p is Student's t's.
        none_can_be_significant: no corrected p could fall below 5 %, even of a system that won every item.
        notes: why a system could not be tested.
    """

    dataset: str
    rule: str
    measure: str
    item: str
    baseline: str
    baseline_figure: Figure
    baseline_is_best: bool
    rank: tuple[float, float] | None
    rows: Sequence[Compared]
    n_items: int | None
    units: Sequence[str]
    n_units: Sequence[int]
    n_resamplings: int
    n_samples: int
    n_drawn: int | None
    none_can_be_significant: bool
    notes: Sequence[str]

    @property
    def tested(self) -> list[Compared]:
        """The family: the systems with a p."""
        return [row for row in self.rows if row.test is not None]

    @property
    def too_few_resamplings(self) -> bool:
        """Whether drawn patterns are too few for the size of the family."""
        return bool(self.n_drawn) and self.n_resamplings < RESAMPLINGS_PER_COMPARISON * len(self.tested)

    def is_significant(self, test: Test) -> bool:
        """Whether a system differs from the baseline at 5 %; with too few resamplings none does."""
        return test.p_holm < SIGNIFICANT and not self.too_few_resamplings

    @property
    def alike(self) -> list[str]:
        """The group of systems that cannot be told from the baseline at 5 %."""
        return [row.system for row in self.rows if row.test is not None and not self.is_significant(row.test)]


def compare(
    systems: Sequence[AnyScores],
    measure: ShownMeasure,
    baseline: AnyScores | None = None,
    n_resamplings: int = 100_000,
) -> Comparison:
    """Each system against a baseline, or against the best of them: differences, tests and ranks.

    The family that p is corrected over (Holm) is all systems with items against the baseline. Items are resampled by
    the units of the scores; where these are crossed, p is Student's t's of the two-way standard error, for no pattern
    of signs respects both.

    Args:
        systems: at least two, the baseline among them.
        measure: what is compared.
        baseline: one of `systems`; None: the one with the greatest mean, the first of those that share it.
        n_resamplings: sign patterns, and bootstrap samples (no more than 10,000 where units are crossed).

    Raises:
        UserError: fewer than two systems, datasets that differ, a measure that was not computed, or systems that were
            not scored on the same items.
    """
    if len(systems) < 2:
        raise UserError("A comparison needs two systems or more.")
    _check_alike(systems)
    figures = [_figure(scores, measure) for scores in systems]
    means = [found.mean or 0.0 for found in figures]
    base = max(range(len(systems)), key=lambda index: means[index])
    if baseline is not None:
        base = next(index for index, scores in enumerate(systems) if scores is baseline)
    first = systems[base]
    paired = [index for index, scores in enumerate(systems) if isinstance(scores, ItemScores)]
    notes = [scores.why_no_interval for scores in systems if isinstance(scores, ReportedScores)]
    found = _Paired.of([scores for scores in systems if isinstance(scores, ItemScores)], measure.name)
    others = [index for index in paired if index != base] if isinstance(first, ItemScores) else []
    tests, n_drawn, hopeless = _tests(found, paired, base, others, n_resamplings)
    n_samples = min(n_resamplings, _CROSSED_SAMPLES) if len(found.clusters) > 1 else n_resamplings
    ranks = dict(zip(paired, found.ranks(n_samples), strict=True)) if len(paired) > 1 else {}
    return Comparison(
        dataset=first.dataset,
        rule=first.rule,
        measure=measure.name,
        item=found.item,
        baseline=first.system,
        baseline_figure=figures[base],
        baseline_is_best=baseline is None,
        rank=ranks.get(base),
        rows=[
            Compared(scores.system, means[index], means[index] - means[base], tests.get(index), ranks.get(index))
            for index, scores in enumerate(systems)
            if index != base
        ],
        n_items=len(found.values) if others else None,
        units=found.units,
        n_units=[int(numbers.max()) + 1 for numbers in found.clusters],
        n_resamplings=n_resamplings,
        n_samples=n_samples,
        n_drawn=n_drawn,
        none_can_be_significant=hopeless,
        notes=notes,
    )


def _check_alike(systems: Sequence[AnyScores]) -> None:
    datasets = sorted({scores.dataset for scores in systems})
    if len(datasets) > 1:
        raise UserError(f"Systems on {' and '.join(datasets)} are not compared with each other; compare one dataset.")
    if len({scores.content for scores in systems if scores.content}) > 1:
        raise UserError(f"Datasets that differ are both called {datasets[0]}; compare systems on one of them.")
    rules = sorted({scores.rule for scores in systems})
    if len(rules) > 1:
        raise UserError(f"Systems judged by {' and '.join(rules)} are not compared with each other; name one.")


def _figure(scores: AnyScores, measure: ShownMeasure) -> Figure:
    found = scores.figure(measure.name)
    if found is None or found.mean is None:
        raise UserError(f"{scores.system} on {scores.dataset} has no {measure.header}; nothing can be compared.")
    return found


@dataclass(frozen=True)
class _Paired:
    """Systems on the items that the measure applies to, the same for all of them.

    Attributes:
        values: `(n_items, n_systems) float64`.
        clusters: for each unit each item's cluster.
    """

    values: NDArray[np.float64]
    clusters: Sequence[NDArray[np.int64]]
    units: Sequence[str]
    item: str

    @classmethod
    def of(cls, systems: Sequence[ItemScores], measure: str) -> _Paired:
        """The values side by side.

        Raises:
            UserError: two systems were not scored on the same items.
        """
        import numpy as np

        if not systems:
            return cls(np.zeros((0, 0)), [], (), "item")
        counted = [
            {item: value for item, value in scores.values[measure].items() if value is not None} for scores in systems
        ]
        items = list(counted[0])
        for scores, found in zip(systems, counted, strict=True):
            if found.keys() != counted[0].keys():
                raise UserError(
                    f"{scores.system} and {systems[0].system} were not scored on the same {plural(scores.item)} "
                    f"({len(found)} and {len(items)} count); only equal ones can be compared."
                )
        values = np.array([[found[item] for found in counted] for item in items], dtype=np.float64)
        # What an earlier version wrote has no labels; those of another system on the same items hold for it.
        labelled = max(systems, key=lambda scores: len(scores.units))
        clusters = [cluster_numbers(labels) for labels in labelled.units_of(items)]
        return cls(values.reshape(len(items), len(systems)), clusters, labelled.units, systems[0].item)

    def differences(self, base: int) -> NDArray[np.float64]:
        """Each system minus the one at `base`."""
        return self.values - self.values[:, [base]]

    def spread(self, differences: NDArray[np.float64]) -> Spread:
        """The spread of the mean differences."""
        import numpy as np

        return spread(differences, np.ones_like(differences, dtype=bool), self.clusters)

    def ranks(self, n_resamplings: int) -> list[tuple[float, float]]:
        """The interval of each system's rank."""
        import numpy as np

        return rank_intervals(self.values, np.ones_like(self.values, dtype=bool), self.clusters, n_resamplings)


def _tests(
    paired: _Paired, positions: Sequence[int], base: int, others: Sequence[int], n_resamplings: int
) -> tuple[dict[int, Test], int | None, bool]:
    """A test by system, how many were tested by drawn patterns, and whether none could be significant.

    Args:
        positions: the place among all systems of each column of `paired`.
        base: the baseline's place among all systems.
        others: the places of those tested.
    """
    import numpy as np

    if not others:
        return {}, None, False
    columns = [positions.index(place) for place in others]
    differences = paired.differences(positions.index(base))[:, columns]
    error = paired.spread(differences)
    low, high = error.interval()
    if len(paired.clusters) > 1:
        outcome, n_drawn, least = _student(error), None, 0.0
    else:
        by_unit = sum_by_cluster(differences, paired.clusters[0]) if paired.clusters else differences
        outcome = randomisation_test(by_unit, n_resamplings)
        n_drawn, least = outcome.n_drawn, least_p(len(by_unit), n_resamplings)
    corrected = holm(outcome.p)
    tests = {}
    for column, place in enumerate(others):
        varies = bool(error.standard_error[column] > 0)
        tests[place] = Test(
            float(low[column]) if varies else None,
            float(high[column]) if varies else None,
            int(np.count_nonzero(differences[:, column] > 0)),
            int(np.count_nonzero(differences[:, column] < 0)),
            int(np.count_nonzero(differences[:, column] == 0)),
            outcome.p[column],
            corrected[column],
            DETECTABLE * float(error.standard_error[column]) if varies else None,
        )
    return tests, n_drawn, len(others) * least >= SIGNIFICANT  # the least of a family, corrected (Holm)


def _student(error: Spread) -> Randomisation:
    """Student's t on each mean difference; one that is 0 throughout has p 1."""
    import numpy as np
    from scipy.special import stdtr

    with np.errstate(invalid="ignore", divide="ignore"):
        statistic = np.abs(error.mean) / error.standard_error
        p = 2 * stdtr(error.degrees, -statistic)
    return Randomisation([float(value) for value in np.nan_to_num(p, nan=1.0)], 0)


def plural(word: str) -> str:
    """The plural of what an item or unit is called."""
    return f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"
