"""Counterexamples for docs/rules/comparing.md C1, C2, C5 and C6; order and LIMIT are in test_answer_limits.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from bench_core.errors import UserError
from sql_bench.comparators.answer import AnswerComparator
from sql_bench.comparators.base import COMPARATORS
from sql_bench.comparators.stated_numbers import stated_numbers
from sql_bench.testing import ComparatorContract
from sql_bench.types import (
    Column,
    ComparisonRules,
    Difference,
    Evidence,
    ExecutionResult,
    Gathered,
    IdentifierRule,
    Outcome,
    Question,
    Row,
    StatementShape,
    Verdict,
    VerdictKind,
)

IDENTIFIED = ComparisonRules(IdentifierRule(frozenset({"UUID"}), r"(AD|PD|drug)_\d+"))
CORRECT, WRONG, UNDETERMINED = VerdictKind.CORRECT, VerdictKind.WRONG, VerdictKind.UNDETERMINED


class TestContract(ComparatorContract):
    def create(self) -> AnswerComparator:
        return AnswerComparator()


def result(names: str, rows: Sequence[Sequence[Any]], **shape: Any) -> Evidence:
    """A result with columns of these names, of a statement of its own."""
    columns = tuple(Column(name, "ANY") for name in names.split())
    canonical = f"SELECT {names} -- {rows!r} {shape!r}"
    shape = {"canonical_sql": canonical, **shape}
    return Evidence(ExecutionResult(Outcome.OK, columns, tuple(map(tuple, rows)), shape=StatementShape(**shape)))


def compare(gold: Evidence, predicted: Evidence, rules: ComparisonRules = IDENTIFIED, **options: Any) -> Verdict:
    return AnswerComparator(**options).compare(gold, predicted, Question("q", "Which?", ("SELECT 1",), rules=rules))


def check(
    gold: Evidence,
    predicted: Evidence,
    expected: VerdictKind | Difference,
    rows: float | None = None,
    as_set: float | None = None,
    extra: float | None = None,
    any_order: float | None = None,
    **options: Any,
) -> Verdict:
    """The verdict is of this kind, or wrong for this reason, and has these figures."""
    verdict = compare(gold, predicted, **options)
    if isinstance(expected, Difference):
        assert (verdict.kind, verdict.difference) == (WRONG, expected), verdict
        assert verdict.detail
    else:
        assert verdict.kind is expected, verdict
    for name, value in (("rows", rows), ("set", as_set), ("extra_columns", extra), ("any_order", any_order)):
        assert value is None or verdict.figures[name] == value, verdict
    return verdict


# 1. Identifiers


def test_rows_of_equal_identifiers_and_columns_are_right() -> None:
    gold = result("UUID SNP p", [["AD_1", "rs1", 1e-9], ["AD_2", "rs2", 2e-9]])
    check(gold, result("p UUID SNP", [[2e-9, "AD_2", "rs2"], [1e-9, "AD_1", "rs1"]]), CORRECT, rows=1, extra=0)


def test_an_identifier_is_known_by_name_in_any_case() -> None:
    rules = ComparisonRules(IdentifierRule(frozenset({"UUID"})))
    gold = result("uuid p", [[7, 0.5]])
    check(gold, result("p", [[0.5]]), CORRECT, rules=rules)  # so it can be dropped
    check(gold, result("Uuid p", [[8, 0.5]]), Difference.ROWS, rules=rules)


def test_an_identifier_is_known_by_its_values_under_any_alias() -> None:
    gold = result("UUID p", [["AD_1", 1e-9], [None, 2e-9]])
    check(gold, result("id pvalue", [["AD_1", 1e-9], [None, 2e-9]]), CORRECT)
    check(gold, result("id p", [["AD_3", 1e-9], [None, 2e-9]]), Difference.ROWS)


def test_a_column_is_no_identifier_because_it_equals_golds() -> None:
    # `code` equals gold's identifier, but neither its name nor its values say that it is one.
    rules = ComparisonRules(IdentifierRule(frozenset({"UUID"}), r"AD_\d+"))
    gold = result("UUID", [["x1"], ["x2"]])
    check(gold, result("code", [["x1"], ["x2"]]), Difference.COLUMNS, rows=0, rules=rules)


def test_a_column_of_which_one_value_matches_no_pattern_is_no_identifier() -> None:
    gold = result("UUID gene", [["AD_1", "APP"], ["AD_2", "BIN1"]])
    check(gold, result("note gene", [["AD_1", "APP"], ["none", "BIN1"]]), CORRECT)  # compared without identifiers


def test_equal_identifiers_with_contradicting_values_are_wrong() -> None:
    gold = result("UUID p", [["AD_1", 1e-9], ["AD_2", 2e-9]])
    check(gold, result("UUID p", [["AD_1", 2e-9], ["AD_2", 1e-9]]), Difference.VALUES, rows=0, as_set=0)


def test_identifiers_of_another_row_are_wrong_whatever_stands_beside_them() -> None:
    gold = result("UUID p", [["AD_1", 1e-9], ["AD_2", 2e-9]])
    check(gold, result("UUID p", [["AD_1", 1e-9], ["AD_3", 2e-9]]), Difference.ROWS, rows=0)


def test_a_missing_column_leaves_rows_right_and_the_answer_wrong() -> None:
    gold = result("UUID SNP p", [["AD_1", "rs1", 1e-9], ["AD_2", "rs2", 2e-9]])
    check(gold, result("UUID", [["AD_2"], ["AD_1"]]), Difference.COLUMNS, rows=1, as_set=0)
    check(gold, result("UUID SNP", [["AD_1", "rs1"], ["AD_2", "rs2"]]), Difference.COLUMNS, rows=1)
    check(gold, result("UUID SNP other", [["AD_1", "rs1", 1], ["AD_2", "rs2", 2]]), Difference.COLUMNS, rows=1)
    check(gold, result("UUID SNP", [["AD_1", "rs1"], ["AD_2", "rs9"]]), Difference.VALUES, rows=0)


def test_a_column_under_another_name_is_found_by_content() -> None:
    gold = result("UUID freq", [["AD_1", 0.1], ["AD_2", 0.2]])
    check(gold, result("UUID af", [["AD_1", 0.1], ["AD_2", 0.2]]), CORRECT)
    check(gold, result("UUID af", [["AD_1", 0.2], ["AD_2", 0.1]]), Difference.COLUMNS, rows=1)


def test_a_column_of_golds_name_is_not_looked_for_elsewhere() -> None:
    gold = result("UUID p", [["AD_1", 0.1]])
    check(gold, result("UUID p q", [["AD_1", 0.7, 0.1]]), Difference.VALUES, rows=0)


def test_of_several_columns_of_one_name_one_agreeing_is_enough() -> None:
    gold = result("UUID SNP", [["AD_1", "rs1"], ["AD_2", "rs2"]])
    check(gold, result("UUID SNP SNP", [["AD_1", "rs7", "rs1"], ["AD_2", "rs8", "rs2"]]), CORRECT, extra=1)
    check(gold, result("UUID UUID SNP", [["AD_9", "AD_1", "rs1"], ["AD_9", "AD_2", "rs2"]]), CORRECT)
    check(gold, result("UUID SNP SNP", [["AD_1", "rs7", "rs1"], ["AD_2", "rs2", "rs8"]]), Difference.VALUES)


def test_gold_may_have_several_columns_of_one_name() -> None:
    gold = result("UUID p p", [["AD_1", 0.1, 0.3], ["AD_2", 0.2, 0.4]])
    check(gold, result("UUID p p_pd", [["AD_1", 0.1, 0.3], ["AD_2", 0.2, 0.4]]), CORRECT)
    check(gold, result("UUID p", [["AD_1", 0.3], ["AD_2", 0.4]]), Difference.COLUMNS, rows=1)


def test_identifiers_of_another_table_are_dropped_from_both_sides() -> None:
    gold = result("UUID gene", [["AD_1", "APP"], ["AD_2", "BIN1"]])
    check(gold, result("UUID gene", [["PD_7", "APP"], ["PD_8", "BIN1"]]), CORRECT)
    check(gold, result("UUID gene", [["PD_7", "APP"], ["PD_8", "SNCA"]]), Difference.ROWS)


def test_a_join_may_bring_the_identifier_of_one_table_of_two() -> None:
    gold = result("UUID UUID_1 gene", [["AD_1", "PD_1", "GRN"], ["AD_2", "PD_2", "BIN1"]])
    check(gold, result("UUID gene", [["PD_1", "GRN"], ["PD_2", "BIN1"]]), CORRECT)
    check(gold, result("UUID gene", [["PD_2", "GRN"], ["PD_1", "BIN1"]]), Difference.VALUES)


def test_without_an_identifier_the_rest_decides_as_a_set() -> None:
    gold = result("UUID gene", [["AD_1", "APP"], ["AD_2", "APP"], ["AD_3", "BIN1"]])
    check(gold, result("gene", [["BIN1"], ["APP"]]), CORRECT)
    check(gold, result("gene", [["BIN1"], ["APP"], ["APP"]]), CORRECT)
    check(gold, result("gene", [["APP"]]), Difference.ROWS)


def test_gold_that_is_only_an_identifier_needs_one() -> None:
    gold = result("UUID", [["AD_1"]])
    check(gold, result("id", [["AD_1"]]), CORRECT)
    check(gold, result("gene", [["APP"]]), Difference.COLUMNS, rows=0)
    check(gold, result("UUID", [["PD_1"]]), Difference.COLUMNS, rows=0)


def test_a_count_needs_no_identifier_and_is_not_right_without_its_value() -> None:
    gold = result("n", [[60]])
    check(gold, result("count_star()", [[60]]), CORRECT, rows=1)
    check(gold, result("count_star()", [[61]]), Difference.VALUES, rows=0)
    check(gold, result("UUID", [["AD_1"]]), Difference.VALUES)
    check(gold, result("year n", [[2000, 60]]), CORRECT, extra=1)


def test_names_decide_where_all_of_golds_occur_once() -> None:
    gold = result("a b", [[1, 2], [2, 1]])
    check(gold, result("b a", [[2, 1], [1, 2]]), CORRECT)
    one_row = result("minimum maximum", [[1, 9]])
    check(one_row, result("minimum maximum", [[9, 1]]), Difference.VALUES)  # swapped
    check(one_row, result("low high", [[9, 1]]), CORRECT)  # names that say nothing


def test_columns_are_found_by_content_where_a_name_is_missing_or_repeated() -> None:
    gold = result("gene n", [["APP", 2], ["BIN1", 3]])
    check(gold, result("total gene", [[2, "APP"], [3, "BIN1"]]), CORRECT)
    check(gold, result("n gene n", [[5, "APP", 2], [5, "BIN1", 3]]), CORRECT)


def test_content_needs_a_column_for_each_of_golds() -> None:
    gold = result("a b", [[1, 1], [2, 2]])
    check(gold, result("x", [[1], [2]]), Difference.COLUMNS)
    check(gold, result("x y", [[1, "s"], [2, "t"]]), WRONG)
    check(gold, result("x y", [[1, 1], [2, 2]]), CORRECT)


def test_extra_columns_are_free_counted_and_can_be_forbidden() -> None:
    gold = result("gene", [["APP"], ["BIN1"]])
    wide = result("gene p q", [["APP", 1, 2], ["BIN1", 3, 4]])
    check(gold, wide, CORRECT, extra=2)
    check(gold, wide, Difference.COLUMNS, extra=2, rows=1, extra_columns="forbid")
    check(gold, result("gene", [["BIN1"], ["APP"]]), CORRECT, extra=0, extra_columns="forbid")


def test_an_empty_gold_needs_an_empty_result() -> None:
    gold = result("UUID p", [])
    check(gold, result("UUID p", []), CORRECT)
    check(gold, result("UUID p", [["AD_1", 0.5]]), Difference.ROWS)
    check(gold, result("UUID", []), Difference.COLUMNS)


# 2. Rows are a bag


def test_repeated_rows_count() -> None:
    gold = result("gene", [["APP"], ["APP"], ["BIN1"]])
    check(gold, result("gene", [["APP"], ["BIN1"]]), Difference.DUPLICATES_ONLY, as_set=1)
    check(gold, result("gene", [["APP"], ["BIN1"], ["BIN1"]]), Difference.DUPLICATES_ONLY, as_set=1)
    check(gold, result("gene", [["APP"], ["APP"], ["SNCA"]]), WRONG, as_set=0)


def test_a_gold_without_duplicates_is_compared_as_a_set_with_wider_results_only() -> None:
    gold = result("gene", [["APP"], ["BIN1"]], duplicate_free=True)
    wide = result("gene snp", [["APP", 1], ["APP", 2], ["BIN1", 3]])
    check(gold, wide, CORRECT)
    check(gold, result("gene", [["APP"], ["APP"], ["BIN1"]]), Difference.DUPLICATES_ONLY)
    check(result("gene", [["APP"], ["BIN1"]]), wide, Difference.DUPLICATES_ONLY)
    check(gold, result("gene snp", [["APP", 1], ["APP", 2]]), Difference.ROWS)


def test_every_wrong_verdict_says_what_differs() -> None:
    gold = result("gene n", [["APP", 2], ["BIN1", 3]])
    check(gold, result("gene", [["APP"], ["BIN1"]]), Difference.COLUMNS)
    check(gold, result("gene n", [["APP", 2], ["BIN1", 4]]), Difference.VALUES)
    check(gold, result("gene n", [["APP", 2]]), Difference.ROWS)
    check(gold, result("gene n", [["APP", "2"], ["BIN1", "3"]]), Difference.TYPE_ONLY)
    check(gold, result("gene n", [["SNCA", 7], ["GBA1", 8]]), Difference.ROWS)


# 5. Values (cells are compared in test_equality.py)


def test_tolerance_is_for_fractions_only() -> None:
    check(result("bp", [[161185602.0]]), result("bp", [[161185652.0]]), Difference.VALUES)
    check(result("x", [[0.1 + 0.2]]), result("x", [[0.3]]), CORRECT)
    check(result("p", [[1e-12]]), result("p", [[2e-12]]), Difference.VALUES)


def test_text_booleans_and_numbers_are_different_things() -> None:
    check(result("x", [[True]]), result("x", [[1]]), Difference.TYPE_ONLY)
    check(result("x", [["1"]]), result("x", [[1]]), Difference.TYPE_ONLY)
    check(result("UUID x", [["AD_1", "1"]]), result("UUID y", [["AD_1", 1]]), Difference.TYPE_ONLY, rows=1)


def gathering(delimiter: str | None, place: int = -1, *, ordered: bool = False) -> dict[str, Any]:
    return {"gathered": (Gathered(place, delimiter, ordered),)}


LISTS = gathering(None)
TEXTS = gathering("; ")
ORDER_ONLY = Difference.ORDER_ONLY


def test_members_in_another_order_are_right_where_gold_asks_for_none() -> None:
    gold = result("year genes", [[2000, ["APP", "BIN1"]], [2001, ["GRN"]]], **LISTS)
    same, swapped, other = (
        [[2000, members], [2001, ["GRN"]]] for members in (["APP", "BIN1"], ["BIN1", "APP"], ["BIN1", "SNCA"])
    )
    for shape in (LISTS, gathering(None, ordered=True), {}):
        check(gold, result("year genes", swapped, **shape), CORRECT, rows=1, as_set=1)
        check(gold, result("year genes", same, **shape), CORRECT)
        check(gold, result("year genes", other, **shape), Difference.VALUES)
    check(gold, result("y g extra", [[2000, ["BIN1", "APP"], 1], [2001, ["GRN"], 1]], **gathering(None, 1)), CORRECT)
    check(gold, result("year genes", [[2000, ["APP", "BIN1", "APP"]], [2001, ["GRN"]]], **LISTS), Difference.VALUES)
    check(result("x", [[[0.5, 2]]], **LISTS), result("x", [[[2.0, 0.50000001]]], **LISTS), CORRECT)
    check(result("x", [[[None, 2]]], **LISTS), result("x", [[[2, None]]], **LISTS), CORRECT)


def test_texts_are_split_at_the_delimiter_that_is_written() -> None:
    gold = result("genes", [["APP; BIN1; C9"]], **TEXTS)
    check(gold, result("genes", [["C9; APP; BIN1"]], **TEXTS), CORRECT)
    check(gold, result("genes", [["C9; APP; BIN2"]], **TEXTS), Difference.VALUES)
    check(gold, result("genes", [["9C; APP; BIN1"]], **TEXTS), Difference.VALUES)  # the same characters
    check(gold, result("genes", [["C9;APP;BIN1"]], **gathering(";")), Difference.VALUES)  # another text
    check(result("genes", [["a,B"]], **gathering(",")), result("genes", [["b,A"]], **gathering(",")), Difference.VALUES)
    check(
        result("g", [["a,B"]], **gathering(",")), result("g", [["b,A"]], **gathering(",")), CORRECT, text_case="ignore"
    )


def test_members_in_no_order_are_wrong_where_gold_asks_for_one() -> None:
    gold = result("genes", [[["APP", "BIN1"]]], **gathering(None, ordered=True))
    swapped, same = [[["BIN1", "APP"]]], [[["APP", "BIN1"]]]
    for rows in (swapped, same):  # nothing hangs on the order that they happen to have
        check(gold, result("genes", rows, **LISTS), ORDER_ONLY, rows=0, any_order=1)
        check(gold, result("genes", rows, **LISTS), CORRECT, unordered="accept")
        check(gold, result("genes", rows, **LISTS), CORRECT, members="any_order")
    check(gold, result("genes", swapped, **gathering(None, ordered=True)), ORDER_ONLY, any_order=0)
    check(gold, result("genes", swapped), ORDER_ONLY)  # of a column that does not gather the order is meant
    check(gold, result("genes", same), CORRECT)
    single = result("genes", [[["APP"]], [["GRN", "GRN"]]], **gathering(None, ordered=True))
    check(single, result("genes", [[["GRN", "GRN"]], [["APP"]]], **LISTS), CORRECT)


def test_the_order_of_members_can_be_made_to_count() -> None:
    gold, swapped = result("genes", [[["APP", "BIN1"]]], **LISTS), result("genes", [[["BIN1", "APP"]]], **LISTS)
    check(gold, swapped, Difference.VALUES, members="in_order")
    check(gold, result("genes", [[["APP", "BIN1"]]], **LISTS), CORRECT, members="in_order")


def test_only_columns_that_gather_lose_the_order_of_their_members() -> None:
    stored = result("a b", [["x, y", "p, q"]], **gathering(", ", 1))
    check(stored, result("a b", [["x, y", "q, p"]], **gathering(", ", 1)), CORRECT)
    check(stored, result("a b", [["y, x", "p, q"]], **gathering(", ", 1)), Difference.VALUES)
    check(result("a", [["x, y"]]), result("a", [["y, x"]], **gathering(", ")), Difference.VALUES)


@pytest.mark.parametrize(
    ("options", "gold", "predicted"),
    [
        ({"relative_tolerance": 0.01}, 0.5, 0.501),
        ({"whole_numbers": "tolerant"}, 161185602, 161185603),
        ({"text_case": "ignore"}, "Apple", "APPLE"),
        ({"numbers_as_text": True}, 5, "5"),
        ({"dates_as_text": True}, "2024-01-31T00:00:00", "2024-01-31"),
        ({"booleans_as_numbers": True}, True, 1),
    ],
)
def test_each_rule_for_values_can_be_loosened_by_name(options: dict[str, Any], gold: Any, predicted: Any) -> None:
    check(result("x", [[gold]]), result("x", [[predicted]]), WRONG)
    check(result("x", [[gold]]), result("x", [[predicted]]), CORRECT, **options)
    assert AnswerComparator(**options).describe() != AnswerComparator().describe()


def test_a_tolerance_is_a_share() -> None:
    with pytest.raises(UserError, match="relative_tolerance"):
        AnswerComparator(relative_tolerance=1.5)


# 6. Bounded search


def test_a_search_past_its_budget_is_undetermined() -> None:
    rows = [[int(i == j) for i in range(12)] for j in range(12)]
    gold = result(" ".join(f"g{i}" for i in range(12)), rows)
    predicted = result(" ".join(f"p{i}" for i in range(12)), [*rows[:-1], [1] * 12])
    check(gold, result(" ".join(f"p{i}" for i in range(12)), rows[::-1]), CORRECT)
    verdict = check(gold, predicted, UNDETERMINED, search_steps=2_000)
    assert "budget" in verdict.detail
    check(gold, predicted, WRONG)


# Everything else


def test_the_same_statement_is_right_whatever_it_returned() -> None:
    shape = {"canonical_sql": "SELECT gene FROM t LIMIT 1", "has_limit": True, "limit": 1}
    check(result("gene", [["APP"]], **shape), result("gene", [["BIN1"]], **shape), CORRECT, rows=1, as_set=1)


def test_the_comparator_is_made_from_the_command_line() -> None:
    from bench_core.plugins.registry import StageSpec

    comparator = COMPARATORS.create(StageSpec.parse("answer,extra_columns=forbid,told_limit=100,text_case=ignore"))
    assert comparator.describe()["extra_columns"] == "forbid" and comparator.describe()["told_limit"] == 100
    assert comparator.describe()["name"] == "answer"
    with pytest.raises(UserError, match="extra_columns"):
        COMPARATORS.create(StageSpec.parse("answer,extra_columns=maybe"))


def test_a_pattern_that_is_none_is_reported() -> None:
    with pytest.raises(UserError, match="regular expression"):
        IdentifierRule(frozenset(), "(AD_")


def test_wrong_results_of_a_hundred_columns_are_named_too() -> None:
    names = " ".join(f"c{i}" for i in range(100))
    rows: list[Row] = [tuple(range(row, row + 100)) for row in range(3)]
    check(result(names, rows), result(names, rows[:2]), Difference.ROWS)
    check(result(names, rows), result(names.replace("c", "d"), rows[::-1]), CORRECT)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("Show the top 10 genes.", {10}),
        ("the 1,000 smallest, then 25", {1000, 25}),
        ("the ten drugs", {10}),
        ("a hundred variants", {100}),
        ("Two hundred and fifty rows of twenty-one thousand", {250, 21_000}),
        ("p < 5e-8, 10% of rs100, TP53, 0.10, 10.5, -10 and 1e10", set()),
        ("Which drugs?", set()),
        ("10-year survival (100)", {10, 100}),
    ],
)
def test_numbers_that_a_question_states(text: str, numbers: set[int]) -> None:
    assert stated_numbers(text) == numbers
