"""Intervals against formulas, naive references and scipy; how often they cover the truth stands in test_coverage."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench_core.results.intervals import Figure, cluster_numbers, figure, spread, standard_error, wilson_interval

VALUES = st.floats(0, 1, allow_nan=False).map(lambda value: round(value, 3))


def test_the_standard_error_is_the_formulas():
    values = [0.2, 0.4, 0.9, 0.1]
    mean = sum(values) / 4
    assert standard_error(values) == pytest.approx(math.sqrt(sum((v - mean) ** 2 for v in values) / 3 / 4))
    with pytest.raises(ValueError):
        standard_error([1.0])


def test_wilson_equals_the_published_example():
    """Newcombe 1998 (Stat. Med. 17:857-872), table I, method 3: 81 of 263, 15 of 148, 0 of 20, 1 of 29."""
    for successes, n, expected in [
        (81, 263, (0.2553, 0.3662)),
        (15, 148, (0.0624, 0.1605)),
        (0, 20, (0.0, 0.1611)),
        (1, 29, (0.0061, 0.1718)),
    ]:
        assert wilson_interval(successes, n) == pytest.approx(expected, abs=5e-5)
    assert wilson_interval(20, 20)[1] == 1.0
    with pytest.raises(ValueError):
        wilson_interval(1, 0)


def naive_jackknife(values, clusters):
    """Leave out one cluster after the other and compute the ratio again."""

    def ratio(kept):
        counted = [value for value, keep in zip(values, kept, strict=True) if keep and value is not None]
        return sum(counted) / len(counted)

    names = sorted({cluster for value, cluster in zip(values, clusters, strict=True) if value is not None})
    whole = ratio([True] * len(values))
    left_out = [ratio([cluster != name for cluster in clusters]) for name in names]
    return math.sqrt((len(names) - 1) / len(names) * sum((found - whole) ** 2 for found in left_out))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.one_of(st.none(), VALUES), st.sampled_from("abcde")), min_size=6, max_size=30))
def test_the_clustered_error_is_the_jackknifes(items):
    values, clusters = [value for value, _ in items], [cluster for _, cluster in items]
    if len({cluster for value, cluster in items if value is not None}) < 2:
        return
    column = np.array([[math.nan if value is None else value] for value in values])
    found = spread(column, ~np.isnan(column), [cluster_numbers(clusters)])
    assert float(found.standard_error[0]) == pytest.approx(naive_jackknife(values, clusters), abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(st.lists(VALUES, min_size=2, max_size=40))
def test_by_item_it_is_students_interval(values):
    from scipy.stats import t

    found = figure(values)
    if len(set(values)) == 1 or set(values) <= {0, 1}:
        return
    low, high = t.interval(0.95, len(values) - 1, np.mean(values), np.std(values, ddof=1) / math.sqrt(len(values)))
    assert found.interval == pytest.approx((low, high))
    column = np.array(values)[:, None]
    by_item = spread(column, np.ones_like(column, dtype=bool))
    assert float(by_item.degrees[0]) == pytest.approx(len(values) - 1)
    assert float(by_item.standard_error[0]) == pytest.approx(found.standard_error)


def bell_mccaffrey(sizes):
    """Satterthwaite's degrees of freedom of CR3 for independent items, from the matrix of its quadratic form."""
    n = sum(sizes)
    weights = np.array(sizes) / n
    residuals = np.eye(n) - 1 / n
    forms = []
    for position, size in enumerate(sizes):
        start = sum(sizes[:position])
        forms.append(residuals[start : start + size].sum(axis=0) / n / (1 - weights[position]))
    matrix = np.array(forms)
    eigenvalues = np.linalg.eigvalsh(matrix @ matrix.T)
    return eigenvalues.sum() ** 2 / (eigenvalues**2).sum()


@pytest.mark.parametrize("sizes", [[3, 3, 3], [1, 2, 10], [5, 1, 1, 20, 7]])
def test_degrees_of_freedom_are_those_of_the_quadratic_form(sizes):
    clusters = np.repeat(np.arange(len(sizes)), sizes)
    column = np.random.default_rng(1).random((len(clusters), 1))
    found = spread(column, np.ones_like(column, dtype=bool), [clusters])
    assert float(found.degrees[0]) == pytest.approx(bell_mccaffrey(sizes))


def test_two_ways_are_the_sum_less_what_they_share():
    chance = np.random.default_rng(3)
    first, second = np.repeat(np.arange(8), 6), np.tile(np.arange(6), 8)
    column = (chance.normal(size=8)[first] + chance.normal(size=6)[second] + chance.normal(size=48))[:, None]
    everywhere = np.ones_like(column, dtype=bool)
    both = spread(column, everywhere, [first, second])
    variances = [float(spread(column, everywhere, units).standard_error[0]) ** 2 for units in ([first], [second], [])]
    assert float(both.standard_error[0]) ** 2 == pytest.approx(variances[0] + variances[1] - variances[2])
    assert float(both.degrees[0]) == pytest.approx(5.0)


def test_two_ways_are_never_narrower_than_one():
    """Values that repel each other within a note: the sum less the shared part would be below the first alone."""
    first, second = np.repeat(np.arange(10), 2), np.tile([0, 1], 10)
    column = (np.linspace(0, 1, 10)[first] + np.where(second == 0, 0.4, -0.4))[:, None]
    everywhere = np.ones_like(column, dtype=bool)
    both, alone = (spread(column, everywhere, units) for units in ([first, second], [first]))
    assert both.standard_error[0] >= alone.standard_error[0]


def test_what_does_not_apply_is_outside_the_denominator():
    assert figure([0.5, None, 1.0, 0.0]) == figure([0.5, 1.0, 0.0])
    assert figure([None, None]) == Figure(None, 0)
    assert figure([]) == Figure(None, 0)
    assert figure([0.5, None, 1.0, 0.0], [["a", "b", "a", "c"]], ["template"]) == figure(
        [0.5, 1.0, 0.0], [["a", "a", "c"]], ["template"]
    )


def test_where_nothing_varies_there_is_no_interval_and_a_share_has_wilsons():
    assert figure([0.5, 0.5, 0.5]) == Figure(0.5, 3, 0.0)
    assert figure([0.5]) == Figure(0.5, 1)
    perfect = figure([1.0] * 20)
    assert perfect.interval == wilson_interval(20, 20) and perfect.estimator == "Wilson"
    assert figure([1.0]).interval == wilson_interval(1, 1)


def test_a_clustered_share_has_the_size_of_its_clusters():
    """Ten clusters of ten that agree within are ten trials; independent items in clusters lose little."""
    agreed = [float(number < 6) for number in range(10) for _ in range(10)]
    clusters = [str(number) for number in range(10) for _ in range(10)]
    low, high = figure(agreed, [clusters], ["template"]).interval
    plain_low, plain_high = wilson_interval(6, 10)
    assert low < plain_low + 0.02 and high > plain_high - 0.02
    everywhere = figure([1.0] * 100, [clusters], ["template"])
    assert everywhere.interval == wilson_interval(10, 10)
    assert "template" in everywhere.estimator
    assert figure([1.0, 0.0, 1.0], [["a"] * 3], ["template"]).interval is None


def test_an_interval_stays_within_the_measures_bounds():
    found = figure([1.0, 1.0, 1.0, 0.6], bounds=(0.0, 1.0))
    assert found.high == 1.0 and found.low < 0.9
    assert figure([1.0, 1.0, 1.0, 0.6]).high > 1.0
