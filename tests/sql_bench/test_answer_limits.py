"""Order and LIMIT on results built by hand (docs/rules/comparing.md C3, C4)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sql_bench.comparators.answer import AnswerComparator
from sql_bench.types import (
    Column,
    ComparisonRules,
    Difference,
    Evidence,
    ExecutionResult,
    IdentifierRule,
    Outcome,
    Question,
    Row,
    StatementShape,
    Verdict,
    VerdictKind,
)

CORRECT, WRONG, UNDETERMINED = VerdictKind.CORRECT, VerdictKind.WRONG, VerdictKind.UNDETERMINED
SAFETY = ComparisonRules(safety_limits=frozenset({10, 100, 1000}))


def statement(
    names: str,
    whole: Sequence[Sequence[Any]],
    *,
    keys: Sequence[Any] | None = None,
    limit: int | None = None,
    offset: int = 0,
    rerun: bool = True,
    fetched: int = 1000,
    **shape: Any,
) -> Evidence:
    """The runs of a statement that returns the rows `whole`, sorted by `keys` if those are given, cut to `limit`.

    Args:
        rerun: whether it could be run in other forms than as written and with its keys.
        fetched: how many rows a longer LIMIT brings at most.
    """
    columns = tuple(Column(name, "ANY") for name in names.split())
    rows = tuple(map(tuple, whole))
    sort_keys = None if keys is None else tuple((key,) for key in keys)
    has_limit = limit is not None or offset > 0
    made_from = f"{names} {rows} {keys} {limit} {offset}"
    described = StatementShape(made_from, keys is not None, limit, has_limit, offset=offset, **shape)
    window = slice(offset, None if limit is None else offset + limit)
    written = ExecutionResult(Outcome.OK, columns, rows[window], shape=described)
    keyed = None if sort_keys is None else replace(written, sort_keys=sort_keys[window])
    unlimited = replace(written, rows=rows, sort_keys=sort_keys) if has_limit and rerun else None
    longer = None
    if limit is not None and rerun:
        reach = offset + limit + 1
        while keys is not None and 1 < reach < min(len(rows) + 1, fetched) and keys[reach - 1] == keys[reach - 2]:
            reach += 1
        reach = min(reach, fetched)
        longer = replace(written, rows=rows[:reach], cut=len(rows) >= reach)
        longer = longer if sort_keys is None else replace(longer, sort_keys=sort_keys[:reach])
    return Evidence(written, keyed, unlimited, longer)


def asked(names: str, rows: Sequence[Sequence[Any]], **shape: Any) -> Evidence:
    """A statement with an ORDER BY of its own that gives the rows in this order."""
    return statement(names, rows, keys=range(len(rows)), **shape)


def compare(
    gold: Evidence,
    predicted: Evidence,
    text: str = "Which?",
    rules: ComparisonRules | None = None,
    **options: Any,
) -> Verdict:
    question = Question("q", text, ("SELECT 1",), rules=rules or ComparisonRules())
    return AnswerComparator(**options).compare(gold, predicted, question)


def check(gold: Evidence, predicted: Evidence, expected: VerdictKind | Difference, **arguments: Any) -> None:
    verdict = compare(gold, predicted, **arguments)
    if isinstance(expected, Difference):
        assert (verdict.kind, verdict.difference) == (WRONG, expected), verdict
    else:
        assert verdict.kind is expected, verdict


def column(values: str | Sequence[Any]) -> list[list[Any]]:
    return [[value] for value in values]


# 3. Order


def test_order_counts_where_gold_is_ordered() -> None:
    gold = statement("x", column("abc"), keys=[1, 2, 3])
    check(gold, asked("x", column("abc")), CORRECT)
    check(gold, asked("x", column("acb")), Difference.ORDER_ONLY)
    check(gold, asked("x", column("acd")), WRONG)


def test_order_of_the_prediction_alone_does_not_count() -> None:
    check(statement("x", column("abc")), statement("x", column("cba"), keys=[1, 2, 3]), CORRECT)


def test_ties_of_golds_keys_may_stand_in_any_order() -> None:
    gold = statement("x", column("abcd"), keys=[1, 2, 2, 3])
    check(gold, asked("x", column("acbd")), CORRECT)
    check(gold, asked("x", column("bacd")), Difference.ORDER_ONLY)


def test_keys_need_not_be_columns() -> None:
    gold = statement("x", column(["a", "a", "b", "a"]), keys=[1, 1, 2, 3])
    check(gold, asked("x", column(["a", "a", "b", "a"])), CORRECT)
    check(gold, asked("x", column(["a", "b", "a", "a"])), Difference.ORDER_ONLY)


def test_null_and_noise_in_keys() -> None:
    check(statement("x", column("abc"), keys=[None, None, 1]), asked("x", column("bac")), CORRECT)
    nan = float("nan")
    check(statement("x", column("abc"), keys=[1.0, nan, nan]), asked("x", column("acb")), CORRECT)
    # Equal sums that were added up in another order
    check(statement("x", column("ab"), keys=[0.3, 0.1 + 0.2]), asked("x", column("ba")), CORRECT)
    check(statement("x", column("ab"), keys=[1.0 + 2**40, 2.0 + 2**40]), asked("x", column("ba")), WRONG)


def test_without_keys_only_the_very_order_is_known_to_be_right() -> None:
    gold = replace(statement("x", column("abc"), keys=[1, 2, 3]), with_sort_keys=None)
    check(gold, asked("x", column("abc")), CORRECT)
    check(gold, asked("x", column("acb")), UNDETERMINED)
    check(gold, asked("x", column("abd")), WRONG)


def test_as_sets_rows_must_still_follow_golds_order() -> None:
    gold = statement("gene", column("abc"), keys=["a", "b", "c"], duplicate_free=True)
    in_order = [["a", 1], ["a", 2], ["b", 3], ["c", 4]]
    check(gold, asked("gene snp", in_order), CORRECT)
    check(gold, asked("gene snp", in_order[::-1]), Difference.ORDER_ONLY)
    check(gold, asked("gene snp", [in_order[0], in_order[2], in_order[1], in_order[3]]), Difference.ORDER_ONLY)


def test_with_a_dropped_identifier_repeated_values_may_stand_at_any_of_their_ranks() -> None:
    rules = ComparisonRules(IdentifierRule(frozenset({"UUID"}), r"AD_\d+"))
    gold = statement("UUID gene", [["AD_1", "APP"], ["AD_2", "BIN1"], ["AD_3", "APP"]], keys=[1, 2, 3])
    check(gold, asked("gene", column(["APP", "BIN1", "APP"])), CORRECT, rules=rules)
    check(gold, asked("gene", column(["APP", "BIN1"])), CORRECT, rules=rules)
    check(gold, asked("gene", column(["BIN1", "APP"])), CORRECT, rules=rules)
    check(gold, asked("gene", column(["BIN1", "BIN1", "APP"])), Difference.DUPLICATES_ONLY, rules=rules)
    check(gold, asked("gene", column(["BIN1", "APP", "BIN1"])), Difference.ROWS, rules=rules)


# 4. LIMIT


def test_any_choice_among_ties_at_the_limit_is_right() -> None:
    gold = statement("x", column("abcde"), keys=[1, 2, 3, 3, 3], limit=3)
    for third in "cde":
        check(gold, statement("x", column(["a", "b", third]), keys=[1, 2, 3]), CORRECT)
    check(gold, statement("x", column("acd"), keys=[1, 2, 3]), WRONG)  # b stands before the tie
    check(gold, statement("x", column("abx"), keys=[1, 2, 3]), WRONG)
    check(gold, statement("x", column("bac"), keys=[1, 2, 3]), Difference.ORDER_ONLY)
    check(gold, statement("x", column("abcde"), keys=[1, 2, 3, 3, 3]), Difference.ROWS)  # not k in all


def test_another_limit_is_wrong() -> None:
    rows, keys = column("abcde"), [1, 2, 3, 4, 5]
    gold = statement("x", rows, keys=keys, limit=3)
    check(gold, statement("x", rows, keys=keys, limit=2), Difference.CUT_SHORT)
    check(gold, statement("x", rows, keys=keys, limit=4), Difference.ROWS)
    check(gold, statement("x", rows, keys=keys), Difference.ROWS)
    check(gold, statement("x", rows[::-1], keys=keys, limit=3), WRONG)


def test_an_offset_makes_ties_at_both_ends() -> None:
    gold = statement("x", column("abcdef"), keys=[1, 2, 2, 3, 4, 4], limit=3, offset=2)  # one of bc, d, one of ef
    for first, last in itertools.product("bc", "ef"):
        check(gold, asked("x", column([first, "d", last])), CORRECT)
    check(gold, asked("x", column("ade")), WRONG)
    check(gold, asked("x", column("bce")), WRONG)


def test_a_limit_of_nothing_is_nothing() -> None:
    gold = statement("x", column("ab"), keys=[1, 2], limit=0)
    check(gold, statement("x", []), CORRECT)
    check(gold, statement("x", column("a")), Difference.ROWS)


def test_gold_cut_without_an_order_is_compared_whole() -> None:
    rows = column("abcde")
    gold = statement("x", rows, limit=3)
    check(gold, statement("x", rows[::-1], limit=3), CORRECT)  # d and e of it, and c
    check(gold, statement("x", rows), CORRECT)
    check(gold, statement("x", column("abc")), Difference.ROWS)
    check(gold, statement("x", column("abcdf"), limit=3), WRONG)


def test_a_limit_that_cuts_nothing_is_none() -> None:
    gold = statement("x", column("abc"), limit=5)
    check(gold, statement("x", column("cba")), CORRECT)
    check(gold, statement("x", column("cba"), limit=3), CORRECT)
    check(statement("x", column("abc"), keys=[1, 2, 3], limit=3), asked("x", column("abc")), CORRECT)


def test_a_prediction_that_cuts_a_whole_gold_is_cut_short() -> None:
    gold = statement("x", column("abcde"))
    check(gold, statement("x", column("abcde"), limit=3), Difference.CUT_SHORT)
    check(gold, statement("x", column("fghij"), limit=3), Difference.ROWS)
    # as many rows as gold by luck
    check(statement("x", column("abc")), statement("x", column("abcde"), limit=3), Difference.CUT_SHORT)


def test_a_maximum_may_be_the_first_of_an_order() -> None:
    gold = statement("m", [[9]], duplicate_free=True)
    check(gold, statement("x", column([9, 7, 5]), keys=[9, 7, 5], limit=1), CORRECT)
    check(gold, statement("x", column([5, 7, 9]), keys=[5, 7, 9], limit=1), Difference.VALUES)
    check(gold, statement("x", column([9, 9, 9]), limit=1), CORRECT)  # all rows are the same: no luck needed


def test_a_limit_that_the_prompt_told_is_none() -> None:
    gold = statement("x", column("abcde"))
    predicted = statement("x", column("abcde"), limit=3)
    check(gold, predicted, CORRECT, told_limit=3)
    check(gold, predicted, Difference.CUT_SHORT, told_limit=4)
    top = statement("x", column("abcde"), keys=[1, 2, 3, 4, 5], limit=3)
    check(
        top, statement("x", column("abcde"), keys=[1, 2, 3, 4, 5], limit=3, duplicate_free=True), CORRECT, told_limit=3
    )


@pytest.mark.parametrize("text", ["Show the top ten.", "Show the top 10.", "The 10 best"])
def test_safety_limits_are_none_unless_the_question_states_them(text: str) -> None:
    rows = column(range(20))
    whole, cut = statement("x", rows), statement("x", rows, limit=10)
    check(whole, cut, CORRECT, rules=SAFETY)
    check(cut, whole, CORRECT, rules=SAFETY)
    check(cut, statement("x", rows[::-1], limit=10), CORRECT, rules=SAFETY)
    check(whole, cut, Difference.CUT_SHORT, rules=SAFETY, text=text)
    check(whole, statement("x", rows, limit=11), Difference.CUT_SHORT, rules=SAFETY)
    ordered = statement("x", rows, keys=range(20), limit=10)
    check(ordered, asked("x", rows[:10]), Difference.ROWS, rules=SAFETY)
    check(ordered, asked("x", rows), CORRECT, rules=SAFETY)
    check(ordered, asked("x", rows[:10]), CORRECT, rules=SAFETY, text=text)
    check(ordered, asked("x", rows), Difference.ROWS, rules=SAFETY, text=text)


# No re-run possible


def test_without_a_rerun_containment_decides_or_nothing() -> None:
    rows = column("abcde")
    unknown = statement("x", rows, limit=3, rerun=False)
    check(unknown, statement("x", rows), UNDETERMINED)
    check(unknown, statement("x", column("abde")), WRONG)  # c must be there
    check(unknown, statement("x", rows[::-1], limit=3), UNDETERMINED)
    check(unknown, statement("x", rows, limit=2, rerun=False), UNDETERMINED)
    check(unknown, statement("x y", [], limit=2, rerun=False), WRONG)  # without its LIMIT it is empty too
    check(statement("x y", [["a", 1]], limit=3, rerun=False), statement("x", rows), Difference.COLUMNS)


def test_a_whole_gold_decides_on_a_prediction_that_cannot_be_rerun() -> None:
    gold = statement("x", column("abc"))
    check(gold, statement("x", column("abc"), limit=3, rerun=False), UNDETERMINED)
    check(gold, statement("x", column("abc"), keys=[1, 2, 3], limit=3, rerun=False), CORRECT)
    check(gold, statement("x", column("abc"), limit=2, rerun=False), WRONG)
    check(gold, statement("x", column("abf"), limit=3, rerun=False), WRONG)


def test_a_safety_limit_that_cannot_be_taken_off() -> None:
    rows = column(range(20))
    cut = statement("x", rows, limit=10, rerun=False)
    check(statement("x", rows), cut, UNDETERMINED, rules=SAFETY)
    check(statement("x", rows[1:]), cut, WRONG, rules=SAFETY)  # holds a row that gold has not
    check(cut, statement("x", rows), UNDETERMINED, rules=SAFETY)
    check(cut, statement("x", rows[1:]), WRONG, rules=SAFETY)


def test_an_ordered_gold_that_cannot_be_rerun() -> None:
    gold = statement("x", column("abcde"), keys=[1, 2, 3, 3, 4], limit=3, rerun=False)
    check(gold, asked("x", column("abc")), CORRECT)
    check(gold, asked("x", column("abd")), UNDETERMINED)  # d may tie with c
    check(gold, asked("x", column("acd")), WRONG)  # b stands before the tie
    check(gold, asked("x", column("abcd")), WRONG)
    keyless = replace(gold, with_sort_keys=None)
    check(keyless, asked("x", column("abc")), CORRECT)
    check(keyless, asked("x", column("xyz")), UNDETERMINED)
    check(keyless, asked("x", column("ab")), WRONG)


def test_a_failed_rerun_is_none() -> None:
    gold = statement("x", column("abcde"), limit=3)
    failed = replace(gold, without_limit=ExecutionResult(Outcome.RESOURCE_LIMIT), longer_limit=None)
    check(failed, statement("x", column("abcde")), UNDETERMINED)
    check(failed, statement("x", column("ade")), WRONG)


def test_an_ordered_gold_without_keys_is_held_against_its_whole() -> None:
    gold = statement("x", column("abcde"), keys=[1, 2, 3, 3, 4], limit=3)
    assert gold.without_limit is not None
    keyless = Evidence(gold.as_written, None, replace(gold.without_limit, sort_keys=None))
    check(keyless, asked("x", column("abc")), CORRECT)
    check(keyless, asked("x", column("abd")), UNDETERMINED)
    check(keyless, asked("x", column("abx")), WRONG)


# All valid answers of an ordered, cut statement are right, and nothing else is


@st.composite
def cut_statements(draw: Any) -> tuple[list[Row], list[int], int, int]:
    n_rows = draw(st.integers(1, 5))
    keys = sorted(draw(st.lists(st.integers(0, 2), min_size=n_rows, max_size=n_rows)))
    rows: list[Row] = [(draw(st.sampled_from("ab")), draw(st.sampled_from([1, 2.0000001, 2.0000019]))) for _ in keys]
    return rows, keys, draw(st.integers(0, n_rows)), draw(st.integers(0, 2))


@pytest.mark.slow
@settings(max_examples=400)
@given(cut_statements(), st.randoms(use_true_random=False))
def test_right_are_the_rows_of_some_order_that_the_keys_allow(
    drawn: tuple[list[Row], list[int], int, int], random: Any
) -> None:
    rows, keys, limit, offset = drawn
    gold = statement("x y", rows, keys=keys, limit=limit, offset=offset)
    gold = random.choice([gold, replace(gold, without_limit=None), replace(gold, longer_limit=None)])
    answers = {
        tuple(rows[place] for place in order)[offset : offset + limit]
        for order in itertools.permutations(range(len(rows)))
        if [keys[place] for place in order] == keys
    }
    for size in {limit, max(0, limit - 1), len(rows)}:
        predicted = tuple(random.choice(rows) for _ in range(size))
        right = any(len(answer) == len(predicted) and all(map(row_agrees, answer, predicted)) for answer in answers)
        verdict = compare(gold, asked("x y", predicted))
        assert verdict.kind is (CORRECT if right else WRONG), (predicted, verdict)
    for answer in answers:
        assert compare(gold, asked("x y", answer)).kind is CORRECT


def row_agrees(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    return one[0] == other[0] and math.isclose(one[1], other[1], rel_tol=1e-6, abs_tol=0.0)


# A tie larger than what may be fetched


def test_a_tie_beyond_the_cap_is_wrong_or_undetermined_by_its_keys() -> None:
    rows = [["a", 1], *([f"t{n}", 2] for n in range(50))]
    keys = [row[1] for row in rows]
    known = statement("x p", rows, keys=keys, limit=3, fetched=20)
    projected = replace(known, longer_limit=replace(known.longer_limit, key_columns=(1,)))
    for gold in (known, projected):
        gold = replace(gold, without_limit=None)
        check(gold, asked("x p", rows[:3]), UNDETERMINED)
        check(gold, asked("x p", [rows[0], rows[40], rows[41]]), UNDETERMINED)
        check(gold, asked("x p", [rows[1], rows[2], rows[3]]), WRONG)  # a stands before the tie
        check(gold, asked("x p", rows[:4]), Difference.ROWS)
        check(gold, statement("x p", rows[:3]), Difference.ORDER_ONLY)
    wrong_key = asked("x p", [rows[0], rows[1], ["t2", 3]])
    check(replace(known, without_limit=None), wrong_key, UNDETERMINED)
    check(replace(projected, without_limit=None), wrong_key, WRONG)


def test_a_projected_key_alone_decides_only_wrong() -> None:
    gold = statement("x p", [["a", 1], ["b", 2], ["c", 2]], keys=[1, 2, 2], limit=2, rerun=False)
    assert gold.with_sort_keys is not None
    gold = replace(gold, with_sort_keys=replace(gold.with_sort_keys, key_columns=(1,)))
    check(gold, asked("x p", [["a", 1], ["c", 2]]), UNDETERMINED)
    check(gold, asked("x p", [["a", 1], ["c", 3]]), WRONG)


def test_with_ties_k_is_what_gold_returned() -> None:
    rows, keys = column("abcd"), [1, 2, 2, 3]
    gold = statement("x", rows, keys=keys, limit=3)
    assert gold.as_written.shape is not None  # LIMIT 2 WITH TIES gave three rows
    shape = replace(gold.as_written.shape, limit=2)
    gold = replace(gold, as_written=replace(gold.as_written, shape=shape))
    check(gold, asked("x", column("acb")), CORRECT)
    check(gold, asked("x", column("ab")), Difference.ROWS)
    check(gold, asked("x", column("abd")), WRONG)


def test_two_cut_ties_and_a_prediction_in_no_order() -> None:
    gold = statement("x", column("abcdef"), keys=[1, 2, 2, 3, 4, 4], limit=3, offset=2)
    check(gold, statement("x", column("bdf")), Difference.ORDER_ONLY)
    check(gold, statement("x", column("bdf")), UNDETERMINED, unordered="accept")
    check(gold, statement("x", column("bde"), limit=3, rerun=False), Difference.ORDER_ONLY)
