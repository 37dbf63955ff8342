"""Tests and ranks against naive references and scipy."""

import itertools
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench_core.results.statistics import holm, least_p, randomisation_test, rank_intervals

FEW = st.sampled_from([0.0, 0.25, 0.5, 1.0])


def exact_p(differences):
    observed = abs(sum(differences))
    sums = [
        abs(sum(sign * value for sign, value in zip(signs, differences, strict=True)))
        for signs in itertools.product((1, -1), repeat=len(differences))
    ]
    return sum(value >= observed - 1e-9 for value in sums) / len(sums)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 9).flatmap(lambda n: st.lists(st.lists(FEW, min_size=n, max_size=n), min_size=2, max_size=4)))
def test_few_units_are_counted_exactly_for_every_system(columns):
    baseline, *others = np.array(columns)
    differences = np.stack([other - baseline for other in others], axis=1)
    found = randomisation_test(differences)
    assert found.n_drawn == 0
    assert found.p == pytest.approx([exact_p(list(column)) for column in differences.T])


def test_it_equals_scipys_exact_test():
    from scipy.stats import permutation_test

    values = np.random.default_rng(5).normal(0.1, 1, size=(12, 3))
    found = randomisation_test(values)
    for p, column in zip(found.p, values.T, strict=True):
        expected = permutation_test((column,), np.sum, permutation_type="samples", n_resamples=np.inf)
        assert p == pytest.approx(expected.pvalue)


def test_drawn_patterns_come_close_to_all_of_them_and_repeat():
    chance = random.Random(3)
    differences = np.array([[chance.gauss(0.1, 0.3), chance.gauss(0.0, 0.3)] for _ in range(14)])
    found = randomisation_test(differences, n_resamplings=10_000)
    assert found.n_drawn == 2
    assert found.p == randomisation_test(differences, n_resamplings=10_000).p
    assert found.p == pytest.approx([exact_p(list(column)) for column in differences.T], abs=0.02)


def test_a_systems_p_does_not_depend_on_the_others():
    differences = np.random.default_rng(0).normal(0.1, 1, size=(60, 5))
    together = randomisation_test(differences, 2_000).p
    assert [randomisation_test(differences[:, [system]], 2_000).p[0] for system in range(5)] == together


def test_equal_systems_do_not_differ_and_unequal_do():
    differences = np.stack([np.zeros(40), np.ones(40)], axis=1)
    found = randomisation_test(differences, n_resamplings=1000)
    assert found.p == [1.0, pytest.approx(1 / 1001)]


def test_the_order_of_systems_changes_nothing():
    differences = np.array([[0.1], [-0.4], [0.6], [0.1]])
    assert randomisation_test(differences).p == randomisation_test(-differences).p


def test_the_least_p_is_that_of_a_system_that_wins_everywhere():
    for n_units, n_resamplings in ((3, 1000), (12, 1000), (40, 1000)):
        found = randomisation_test(np.arange(1.0, n_units + 1)[:, None], n_resamplings)
        assert found.p == [pytest.approx(least_p(n_units, n_resamplings))]


def test_no_unit_is_refused():
    with pytest.raises(ValueError, match="paired values"):
        randomisation_test(np.zeros((0, 1)))


def test_holm_steps_down():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


def naive_rank_intervals(values, applicable, n_resamplings, seed):
    """One bootstrap sample after the other, ranks by counting."""
    chance = np.random.default_rng(seed)
    n = len(values)
    ranks = []
    for _ in range(n_resamplings):
        drawn = chance.integers(0, n, n)
        means = [values[drawn, s][applicable[drawn, s]].mean() for s in range(values.shape[1])]
        ranks.append([1 + sum(other > own for other in means) for own in means])
    return np.quantile(ranks, [0.025, 0.975], axis=0).T


def test_rank_intervals_equal_a_naive_bootstrap():
    chance = np.random.default_rng(2)
    values = np.clip(chance.normal([0.5, 0.5, 0.6, 0.2], 0.25, size=(80, 4)), 0, 1)
    applicable = chance.random((80, 4)) < 0.9
    found = rank_intervals(values, applicable, n_resamplings=4_000)
    assert np.array(found) == pytest.approx(naive_rank_intervals(values, applicable, 4_000, 7), abs=0.51)
    assert found[3] == (4.0, 4.0)


def test_equal_systems_share_a_rank():
    column = np.random.default_rng(1).random(30)
    values = np.stack([column, column, column - 0.5], axis=1)
    assert rank_intervals(values, np.ones_like(values, dtype=bool), n_resamplings=500) == [
        (1.5, 1.5),
        (1.5, 1.5),
        (3.0, 3.0),
    ]


def test_whole_clusters_are_drawn():
    """Two clusters, each for another system: whichever is drawn twice decides, so that both ranks are possible."""
    clusters = np.repeat([0, 1], 100)
    values = np.stack([clusters == 0, clusters == 1], axis=1).astype(float)
    values[0, 0] = 0.9
    by_cluster = rank_intervals(values, np.ones_like(values, dtype=bool), [clusters], 2_000)
    assert by_cluster == [(1.0, 2.0), (1.0, 2.0)]


def test_crossed_units_spread_ranks_more_than_items_do():
    chance = np.random.default_rng(4)
    first, second = np.repeat(np.arange(12), 10), np.tile(np.arange(10), 12)
    values = np.stack(
        [0.5 + chance.normal(0, 0.1, 12)[first] + chance.normal(0, 0.1, 10)[second] for _ in range(3)], axis=1
    ) + np.array([0.0, 0.03, 0.06])
    everywhere = np.ones_like(values, dtype=bool)
    crossed = rank_intervals(values, everywhere, [first, second], 2_000)
    by_item = rank_intervals(values, everywhere, (), 2_000)
    widths = [sum(high - low for low, high in found) for found in (crossed, by_item)]
    assert widths[0] > widths[1]
