from __future__ import annotations

import datetime
import itertools
import math
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sql_bench.comparators.assignment import CodedReading, Repeats, Search
from sql_bench.comparators.coding import encode
from sql_bench.comparators.columns import Slot
from sql_bench.comparators.equality import ValueRules, equal
from sql_bench.comparators.limits import Reading
from sql_bench.comparators.matching import Budget, BudgetSpent
from sql_bench.types import Row

STRICT = ValueRules()
UTC = datetime.UTC
CET = datetime.timezone(datetime.timedelta(hours=1))


def same_bag(gold: list[Row], predicted: list[Row], rules: ValueRules, budget: Budget | None = None) -> bool:
    """Whether the search pairs all rows one to one where it has no choice of columns."""
    n_columns = len((gold or predicted or [()])[0])
    reading = Reading(gold, [True] * len(gold), predicted, len(gold))
    coded = CodedReading.of(reading, n_columns, n_columns, rules)
    search = Search(coded, repeats=Repeats.AS_IN_GOLD, budget=budget or Budget(5_000_000))
    return search.find([Slot(((column, column),)) for column in range(n_columns)]) is not None


EQUAL: list[tuple[Any, Any]] = [
    (1, 1.0),
    (1, Decimal("1.00")),
    (2**60, float(2**60)),
    (0.1 + 0.2, 0.3),
    (0.5, Decimal("0.5000001")),
    (3, 3.0000001),  # one of the two is not whole
    (-0.0, 0),
    (1e-300, 1.0000001e-300),
    (None, None),
    (math.nan, math.nan),
    (math.nan, Decimal("NaN")),
    (math.inf, Decimal("Infinity")),
    (10**400, 10**400),
    (datetime.date(2024, 1, 31), datetime.datetime(2024, 1, 31)),
    (datetime.datetime(2024, 1, 31, 12, tzinfo=UTC), datetime.datetime(2024, 1, 31, 13, tzinfo=CET)),
    (datetime.datetime(1, 1, 1, tzinfo=CET), datetime.datetime(1, 1, 1, tzinfo=CET)),
    (datetime.datetime(2024, 1, 31), datetime.datetime(2024, 1, 31, tzinfo=UTC)),
    (datetime.date(2024, 1, 31), datetime.datetime(2024, 1, 31, tzinfo=UTC)),
    (datetime.date(2024, 1, 31), datetime.datetime(2024, 1, 31, 1, tzinfo=CET)),
    (datetime.datetime(2024, 1, 31, 11), datetime.datetime(2024, 1, 31, 12, tzinfo=CET)),
    ([1, 0.1 + 0.2, None], [1.0, 0.3, None]),
    ([math.nan], [math.nan]),
    ({"a": 1, "b": [0.3]}, {"b": [0.1 + 0.2], "a": 1.0}),
    (b"\x00\x01", b"\x00\x01"),
]

DIFFERENT: list[tuple[Any, Any]] = [
    (161185602.0, 161185652.0),  # close, but both whole
    (161185602, Decimal(161185652)),
    (2**60, 2**60 + 1),
    (2**60, float(2**60) * (1 + 2**-52)),
    (1e-12, 1.1e-12),  # no absolute tolerance
    (0, 1e-300),
    (0.3, 0.3000007),
    (1.5, -1.5),
    (None, 0),
    (None, ""),
    (math.nan, None),
    (math.inf, -math.inf),
    (math.inf, 1.7e308),
    (math.inf, 10**400),
    ("a", "A"),
    ("a", "a "),
    ("1", 1),
    ("true", True),
    (True, 1),
    (False, 0),
    (False, None),
    ("2024-01-31", datetime.date(2024, 1, 31)),
    (datetime.date(2024, 1, 31), datetime.datetime(2024, 1, 31, 0, 0, 1)),
    (datetime.date(2024, 1, 31), datetime.datetime(2024, 1, 31, tzinfo=CET)),
    (datetime.datetime(2024, 1, 31), datetime.datetime(2024, 1, 31, tzinfo=CET)),
    (datetime.datetime(1, 1, 1), datetime.datetime(1, 1, 1, tzinfo=CET)),  # an instant before the year 1
    (datetime.time(1), datetime.timedelta(hours=1)),
    ([1, 2], [2, 1]),
    ([1], [1, None]),
    ([1], 1),
    ([True], [1]),
    ([], {}),
    ([], None),
    ({"a": 1}, {"b": 1}),
    ({"a": 1}, {"a": 1, "b": None}),
    (b"a", "a"),
    (("NaN"), math.nan),
]


@pytest.mark.parametrize(("one", "other"), EQUAL)
def test_equal_cells(one: Any, other: Any) -> None:
    assert equal(one, other, STRICT) and equal(other, one, STRICT)
    assert same_bag([(one,)], [(other,)], STRICT)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_different_cells(one: Any, other: Any) -> None:
    assert not equal(one, other, STRICT) and not equal(other, one, STRICT)
    assert not same_bag([(one,)], [(other,)], STRICT)


@pytest.mark.parametrize(
    ("rules", "one", "other"),
    [
        (ValueRules(relative_tolerance=0.01), 99.5, 100),
        (ValueRules(whole_numbers="tolerant"), 161185602, 161185652),
        (ValueRules(text_case="ignore"), "Straße", "STRASSE"),
        (ValueRules(numbers_as_text=True), "12.50", Decimal("12.5")),
        (ValueRules(numbers_as_text=True), " 1e3", 1000),
        (ValueRules(dates_as_text=True), "2024-01-31", datetime.date(2024, 1, 31)),
        (ValueRules(dates_as_text=True), "2024-01-31 12:00:00+01", datetime.datetime(2024, 1, 31, 11, tzinfo=UTC)),
        (ValueRules(booleans_as_numbers=True), True, 1),
    ],
)
def test_each_option_loosens_one_rule(rules: ValueRules, one: Any, other: Any) -> None:
    assert equal(one, other, rules) and same_bag([(one,)], [(other,)], rules)
    assert not equal(one, other, STRICT)


@pytest.mark.parametrize(
    ("rules", "one", "other"),
    [
        (ValueRules(relative_tolerance=0.0), 0.1 + 0.2, 0.3),
        (ValueRules(numbers_as_text=True), "12 mg", 12),
        (ValueRules(numbers_as_text=True), "", 0),
        (ValueRules(numbers_as_text=True), "1e999999999", 1),
        (ValueRules(dates_as_text=True), "2024-02-31", datetime.date(2024, 2, 29)),
        (ValueRules(booleans_as_numbers=True), True, "true"),
    ],
)
def test_an_option_loosens_no_more_than_it_says(rules: ValueRules, one: Any, other: Any) -> None:
    assert not equal(one, other, rules) and not same_bag([(one,)], [(other,)], rules)


def test_a_pairing_is_found_though_equality_is_not_transitive() -> None:
    low, middle, high = 1.0 - 9e-7, 1.0 + 1e-9, 1.0 + 9e-7
    assert equal(low, middle, STRICT) and equal(middle, high, STRICT) and not equal(low, high, STRICT)
    # What is exactly equal must not be paired off first: low needs one of the middles, and so does high.
    assert same_bag([(middle,), (low,)], [(middle,), (high,)], STRICT)
    assert same_bag([(low,), (middle,)], [(middle,), (high,)], STRICT)
    assert not same_bag([(low,), (low,)], [(middle,), (high,)], STRICT)


def test_a_whole_number_between_fractions_needs_its_own_partner() -> None:
    assert same_bag([(3_000_000,), (3_000_000.5,)], [(3_000_000.4,), (3_000_000,)], STRICT)
    assert same_bag([(3_000_000,), (3_000_000.5,)], [(3_000_000.4,), (3_000_001,)], STRICT)
    assert not same_bag([(3_000_000,), (3_000_002,)], [(3_000_000.4,), (3_000_001,)], STRICT)


def test_rows_are_paired_as_rows() -> None:
    assert not same_bag([("a", 1), ("b", 2)], [("a", 2), ("b", 1)], STRICT)
    assert not same_bag([("a",), ("a",), ("b",)], [("a",), ("b",), ("b",)], STRICT)
    assert not same_bag([("a",)], [("a",), ("a",)], STRICT)
    assert same_bag([], [], STRICT)


@pytest.mark.slow
def test_dense_prices_with_noise_are_paired_within_the_budget() -> None:
    prices = [(cents / 100, "x") for cents in range(1_500_000, 1_520_000)]  # each near the next
    noisy = [(price * (1 + 1e-13), text) for price, text in reversed(prices)]
    assert same_bag(prices, noisy, STRICT)
    assert not same_bag(prices, [*noisy[1:], (14_999.5, "x")], STRICT)


def test_a_search_past_its_budget_says_so() -> None:
    values = [(1 + step * 1e-7,) for step in range(400)]
    with pytest.raises(BudgetSpent):
        same_bag(values, [(value + 3e-8,) for (value,) in values], STRICT, Budget(50))


awkward_numbers = st.sampled_from(
    [
        *(0, 1, 1.0, 1.0000005, 1.0000009, 1.0000014, 0.9999995, 2, Decimal("1.0000003"), Decimal(1), -1.0, -1.0000005),
        *(3e6, 3e6 + 0.5, 3e6 + 1, 3e6 + 1.5, 3e6 + 2.5, 3e6 + 3, 10**20, 1e20, 2**53 + 1, float(2**53), math.inf),
    ]
)
cells = st.one_of(
    awkward_numbers,
    st.sampled_from([None, True, False, "a", "1", math.nan, datetime.date(2024, 1, 1), datetime.datetime(2024, 1, 1)]),
    st.lists(awkward_numbers, max_size=2),
    st.fixed_dictionaries({"a": awkward_numbers}),
)


@given(st.lists(cells, min_size=1, max_size=12))
def test_codes_keep_what_is_equal_together(values: list[Any]) -> None:
    coded = encode([([(value,) for value in values], 1)], STRICT)
    codes = coded.tables[0].codes[0]
    for (one, code), (other, other_code) in itertools.combinations(zip(values, codes, strict=True), 2):
        if equal(one, other, STRICT):
            assert code == other_code
        elif code == other_code:
            assert coded.is_fuzzy[code]
    assert codes.dtype == np.int64 and codes.max() < coded.n_codes


@given(cells, cells)
def test_equality_is_symmetric_and_reflexive(one: Any, other: Any) -> None:
    assert equal(one, one, STRICT)
    assert equal(one, other, STRICT) == equal(other, one, STRICT)


@pytest.mark.slow
@settings(max_examples=300)
@given(
    st.lists(st.tuples(awkward_numbers, st.sampled_from("ab")), max_size=5),
    st.lists(st.tuples(awkward_numbers, st.sampled_from("ab")), max_size=5),
    st.randoms(use_true_random=False),
)
def test_same_bag_is_what_trying_every_pairing_says(gold: list[Row], predicted: list[Row], random: Any) -> None:
    shuffled = random.sample(gold, len(gold))
    mixed = [random.choice([one, other]) for one, other in zip(shuffled, predicted, strict=False)]
    for candidate in (predicted, shuffled, mixed):
        assert same_bag(gold, candidate, STRICT) == every_pairing(gold, candidate)


def every_pairing(gold: list[Row], predicted: list[Row]) -> bool:
    return len(gold) == len(predicted) and any(
        all(all(map(lambda x, y: equal(x, y, STRICT), row, other)) for row, other in zip(gold, order, strict=True))
        for order in itertools.permutations(predicted)
    )
