from __future__ import annotations

import itertools
import random
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sql_bench.comparators.assignment import CodedReading, Repeats, Search
from sql_bench.comparators.columns import Slot
from sql_bench.comparators.equality import ValueRules, equal
from sql_bench.comparators.limits import Reading
from sql_bench.comparators.matching import Budget, BudgetSpent
from sql_bench.types import Row

STRICT = ValueRules()


def find(
    gold: list[Row], predicted: list[Row], *, as_set: bool = False, steps: int = 5_000_000
) -> tuple[tuple[int, int], ...] | None:
    """The columns found when any predicted one may stand for any of gold's."""
    n_gold, n_predicted = len(gold[0]), len(predicted[0])
    reading = Reading(gold, [True] * len(gold), predicted, len(gold))
    slots = [Slot(tuple((one, other) for other in range(n_predicted))) for one in range(n_gold)]
    coded = CodedReading.of(reading, n_gold, n_predicted, STRICT)
    repeats = Repeats.FREE if as_set else Repeats.AS_IN_GOLD
    return Search(coded, repeats=repeats, budget=Budget(steps)).find(slots)


def incidence_matrix(edges: list[tuple[int, int]], n_points: int) -> list[Row]:
    """One row an edge, one 0/1 column a point: all columns look alike one by one."""
    return [tuple(int(point in edge) for point in range(n_points)) for edge in edges]


def test_columns_are_found_wherever_they_stand() -> None:
    gold: list[Row] = [(1, "a", 0.5), (2, "b", 0.25)]
    assert find(gold, [(0.25, 9, "b", 2), (0.5, 8, "a", 1)]) == ((0, 3), (1, 2), (2, 0))


def test_columns_are_aligned_jointly() -> None:
    # Each of gold's columns is there by itself, but no row is.
    assert find([("a", 1), ("b", 2)], [("a", 2), ("b", 1)]) is None
    # The first column that looks right is the wrong one.
    assert find([("a", 1), ("b", 2)], [("a", 2, 1), ("b", 1, 2)]) == ((0, 0), (1, 2))


def test_every_gold_column_needs_a_column_of_its_own() -> None:
    assert find([(1, 1), (2, 2)], [(1, "x"), (2, "x")]) is None
    assert find([(1, 1), (2, 2)], [(1, 1), (2, 2)]) is not None


@pytest.mark.slow
def test_equal_columns_are_no_work() -> None:
    wide: list[Row] = [(value,) * 200 for value in range(5)]
    assert find(wide, wide, steps=20_000_000) is not None


@pytest.mark.slow
def test_a_thousand_columns_do_not_overflow_the_stack() -> None:
    rows: list[Row] = [tuple(range(1000))]
    assert find(rows, [tuple(reversed(rows[0]))], steps=10**9) == tuple((place, 999 - place) for place in range(1000))


def test_incidence_matrices_of_the_same_graph_agree() -> None:
    rng = random.Random(7)
    petersen = [(i, (i + 1) % 5) for i in range(5)] + [(i, i + 5) for i in range(5)]
    petersen += [(i + 5, (i + 2) % 5 + 5) for i in range(5)]
    for _ in range(5):
        renaming = rng.sample(range(10), 10)
        renamed = [(renaming[one], renaming[other]) for one, other in rng.sample(petersen, 15)]
        assert find(incidence_matrix(petersen, 10), incidence_matrix(renamed, 10)) is not None


def test_incidence_matrices_of_graphs_that_only_look_alike_differ() -> None:
    two_triangles = [(0, 1), (1, 2), (0, 2), (3, 4), (4, 5), (3, 5)]
    hexagon = [(i, (i + 1) % 6) for i in range(6)]  # of the same degrees
    assert find(incidence_matrix(two_triangles, 6), incidence_matrix(hexagon, 6)) is None


def test_a_hard_search_ends_at_its_budget() -> None:
    # Two strongly regular graphs of the same parameters (16, 6, 2, 2), Shrikhande's and the rook's: they are told apart
    # only deep in the search.
    points = list(itertools.product(range(4), repeat=2))
    steps = {(0, 1), (0, 3), (1, 0), (3, 0), (1, 1), (3, 3)}
    shrikhande = [
        (i, j)
        for (i, a), (j, b) in itertools.combinations(enumerate(points), 2)
        if ((a[0] - b[0]) % 4, (a[1] - b[1]) % 4) in steps
    ]
    rook = [
        (i, j) for (i, a), (j, b) in itertools.combinations(enumerate(points), 2) if (a[0] == b[0]) != (a[1] == b[1])
    ]
    assert len(shrikhande) == len(rook) == 48
    one, other = incidence_matrix(shrikhande, 16), incidence_matrix(rook, 16)
    with pytest.raises(BudgetSpent):
        find(one, other, steps=50_000)
    with pytest.raises(BudgetSpent):  # the same every time: steps are counted, not seconds
        find(one, other, steps=50_000)


def test_numbers_that_are_close_in_a_chain_do_not_mislead_the_search() -> None:
    # Both predicted columns have gold's codes, only the second has gold's values.
    low, middle, high = 1.0000001, 1.0000009, 1.0000017
    gold: list[Row] = [("a", low), ("b", high), ("c", middle)]
    assert find(gold, [("a", high, low), ("b", low, high), ("c", middle, middle)]) == ((0, 0), (1, 2))


small_cells = st.sampled_from([0, 1, None, "a", 1.0000005, 1.0000012])


@st.composite
def two_results(draw: Any) -> tuple[list[Row], list[Row]]:
    """Gold, and something made from it: columns and rows moved about, columns added, perhaps a cell changed."""
    n_rows, n_gold, n_extra = draw(st.integers(1, 4)), draw(st.integers(1, 3)), draw(st.integers(0, 2))
    gold = [tuple(draw(small_cells) for _ in range(n_gold)) for _ in range(n_rows)]
    wide = [row + tuple(draw(small_cells) for _ in range(n_extra)) for row in gold]
    columns = draw(st.permutations(range(n_gold + n_extra)))
    rows = [[row[column] for column in columns] for row in draw(st.permutations(wide))]
    for _ in range(draw(st.integers(0, 2))):
        rows[draw(st.integers(0, n_rows - 1))][draw(st.integers(0, len(columns) - 1))] = draw(small_cells)
    if draw(st.booleans()):
        rows.append(list(draw(st.sampled_from(rows))))
    return gold, [tuple(row) for row in rows]


@pytest.mark.slow
@settings(max_examples=400)
@given(two_results())
def test_the_search_says_what_trying_everything_says(results: tuple[list[Row], list[Row]]) -> None:
    gold, predicted = results
    assert (find(gold, predicted) is not None) == any(
        same_rows(gold, [tuple(row[column] for column in columns) for row in predicted])
        for columns in itertools.permutations(range(len(predicted[0])), len(gold[0]))
    )


@pytest.mark.slow
@settings(max_examples=300)
@given(two_results())
def test_as_sets_the_search_says_what_trying_everything_says(results: tuple[list[Row], list[Row]]) -> None:
    gold, predicted = results
    assert (find(gold, predicted, as_set=True) is not None) == any(
        same_set(gold, [tuple(row[column] for column in columns) for row in predicted])
        for columns in itertools.permutations(range(len(predicted[0])), len(gold[0]))
    )


@settings(max_examples=50)
@given(st.integers(2, 5), st.integers(1, 6), st.randoms(use_true_random=False))
def test_zero_one_matrices(n_columns: int, n_rows: int, random: Any) -> None:
    gold = [tuple(random.randint(0, 1) for _ in range(n_columns)) for _ in range(n_rows)]
    columns = random.sample(range(n_columns), n_columns)
    moved = [tuple(row[column] for column in columns) for row in random.sample(gold, n_rows)]
    assert find(gold, moved) is not None
    place = random.randrange(n_rows)
    flipped = [tuple(1 - cell for cell in row) if number == place else row for number, row in enumerate(moved)]
    assume(flipped != moved)
    assert (find(gold, flipped) is not None) == any(
        sorted(gold) == sorted(tuple(row[column] for column in order) for row in flipped)
        for order in itertools.permutations(range(n_columns))
    )


def same_rows(gold: list[Row], predicted: list[Row]) -> bool:
    return len(gold) == len(predicted) and any(
        all(equal_rows(one, other) for one, other in zip(gold, order, strict=True))
        for order in itertools.permutations(predicted)
    )


def same_set(gold: list[Row], predicted: list[Row]) -> bool:
    return all(any(equal_rows(one, other) for other in predicted) for one in gold) and all(
        any(equal_rows(one, other) for one in gold) for other in predicted
    )


def equal_rows(one: Row, other: Row) -> bool:
    return all(equal(cell, found, STRICT) for cell, found in zip(one, other, strict=True))
