import itertools
import math
import random

import pytest

from bench_core.results.statistics import fisher_randomization, holm, standard_error, wilson_interval


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


def exact_p(first, second):
    differences = [b - a for a, b in zip(first, second, strict=True)]
    observed = abs(sum(differences))
    sums = [
        abs(sum(sign * d for sign, d in zip(signs, differences, strict=True)))
        for signs in itertools.product((1, -1), repeat=len(differences))
    ]
    return sum(value >= observed - 1e-9 for value in sums) / len(sums)


@pytest.mark.parametrize("seed", range(8))
def test_few_queries_are_counted_exactly(seed):
    chance = random.Random(seed)
    n = chance.randint(1, 9)
    first = [chance.choice([0.0, 0.25, 0.5, 1.0]) for _ in range(n)]
    second = [chance.choice([0.0, 0.25, 0.5, 1.0]) for _ in range(n)]
    assert fisher_randomization(first, second) == pytest.approx(exact_p(first, second))


def test_drawn_patterns_come_close_to_all_of_them_and_repeat():
    chance = random.Random(3)
    first = [chance.random() for _ in range(14)]
    second = [value + chance.gauss(0.1, 0.3) for value in first]
    drawn = fisher_randomization(first, second, n_permutations=10_000)
    assert drawn == fisher_randomization(first, second, n_permutations=10_000)
    assert drawn == pytest.approx(exact_p(first, second), abs=0.02)


def test_equal_systems_do_not_differ_and_unequal_do():
    assert fisher_randomization([0.5] * 40, [0.5] * 40) == 1.0
    assert fisher_randomization([0.0] * 40, [1.0] * 40, n_permutations=1000) == pytest.approx(1 / 1001)


def test_the_order_of_systems_changes_nothing():
    first, second = [0.1, 0.9, 0.3, 0.3], [0.2, 0.5, 0.9, 0.4]
    assert fisher_randomization(first, second) == fisher_randomization(second, first)


@pytest.mark.parametrize(("first", "second"), [([], []), ([1.0], [1.0, 2.0])])
def test_unpaired_values_are_refused(first, second):
    with pytest.raises(ValueError, match="paired values"):
        fisher_randomization(first, second)


def test_holm_steps_down():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []
