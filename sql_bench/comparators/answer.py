"""Whether a prediction answers the question as gold does: SQL.md section 4, the suite's own rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from bench_core.described import Described
from bench_core.errors import UserError
from bench_core.identity import Json
from sql_bench.comparators.assignment import Cells, Task
from sql_bench.comparators.columns import ColumnPlan, plan_columns
from sql_bench.comparators.equality import ValueRules
from sql_bench.comparators.limits import Confrontation, Expectation, LimitRules, confront
from sql_bench.comparators.pairing import Budget, BudgetSpent
from sql_bench.types import Difference, Evidence, Question, Variant, Verdict, VerdictKind


class AnswerComparator(Described):
    """Rows as bags, values by type and tolerance, columns by name or content, order and LIMIT up to ties.

    Figures: `set` (right if it does not matter how often a row comes), `rows` (right as far as identifiers and the
    columns that both sides name go), `extra_columns` (their number).

    Args:
        extra_columns: `free`, or `forbid`: columns beyond gold's make a right prediction wrong.
        real_tolerance: largest relative difference of two numbers that are not both whole.
        absolute_tolerance: largest absolute difference of two such numbers.
        loose_integers: the tolerances hold for two whole numbers too.
        fold_text: case and the amount of white space in text do not matter.
        text_numbers: text that spells a number is that number.
        text_booleans: the texts true and false are booleans.
        text_dates: text that spells an ISO date or timestamp is that instant.
        boolean_numbers: TRUE is 1 and FALSE is 0.
        unordered_lists: lists are compared as bags.
        told_limit: a LIMIT that the prompt asked for; 0: none.
        search_budget: cells that a comparison may look at while it looks for columns and pairs of rows.
    """

    needs: frozenset[Variant] = frozenset({Variant.WITH_SORT_KEYS, Variant.WITHOUT_LIMIT})

    def __init__(
        self,
        extra_columns: Literal["free", "forbid"] = "free",
        real_tolerance: float = 1e-6,
        absolute_tolerance: float = 0.0,
        loose_integers: bool = False,
        fold_text: bool = False,
        text_numbers: bool = False,
        text_booleans: bool = False,
        text_dates: bool = False,
        boolean_numbers: bool = False,
        unordered_lists: bool = False,
        told_limit: int = 0,
        search_budget: int = 20_000_000,
    ) -> None:
        if extra_columns not in ("free", "forbid"):
            raise UserError(f"answer: extra_columns is 'free' or 'forbid', not {extra_columns!r}.")
        if not 0 <= real_tolerance < 1 or not 0 <= absolute_tolerance < float("inf"):
            raise UserError("answer: real_tolerance lies from 0 to below 1, absolute_tolerance is 0 or more.")
        if told_limit < 0 or search_budget < 1:
            raise UserError("answer: told_limit is 0 or more, search_budget at least 1.")
        self.extra_columns = extra_columns
        self.values = ValueRules(
            real_tolerance=real_tolerance,
            absolute_tolerance=absolute_tolerance,
            loose_integers=loose_integers,
            fold_text=fold_text,
            text_numbers=text_numbers,
            text_booleans=text_booleans,
            text_dates=text_dates,
            boolean_numbers=boolean_numbers,
            unordered_lists=unordered_lists,
        )
        self.told_limit = told_limit
        self.search_budget = search_budget

    def describe(self) -> Mapping[str, Json]:
        """Name, version of the rules, and all options."""
        return {"name": "answer", "version": 1, **self._arguments}

    def compare(self, gold: Evidence, predicted: Evidence, question: Question) -> Verdict:
        """See `sql_bench.types.Comparator`."""
        if _same_statement(gold, predicted):
            return Verdict(VerdictKind.CORRECT, detail="the same statement", figures=_figures(1.0, 1.0, 0))
        limits = LimitRules(question.rules.safety_limits, self.told_limit or None)
        confrontation = confront(gold, predicted, question, limits)
        if isinstance(confrontation, Verdict):
            return replace(confrontation, figures=_figures(0.0, 0.0, 0))
        expected_rows = confrontation.readings[0].expectation.rows
        plan = plan_columns(
            (gold.as_written.columns, expected_rows),
            (predicted.as_written.columns, confrontation.found),
            question.rules.identifiers,
            gold_is_duplicate_free=_shape(gold, "duplicate_free"),
        )
        case = _Case(plan, confrontation, self.values, self.search_budget)
        verdict = self._verdict(case, _shape(gold, "unordered_aggregate") or _shape(predicted, "unordered_aggregate"))
        if verdict.kind is VerdictKind.CORRECT and plan.n_extra and self.extra_columns == "forbid":
            detail = f"{plan.n_extra} columns more than gold"
            return Verdict(VerdictKind.WRONG, Difference.COLUMNS, detail, _figures(0.0, 1.0, plan.n_extra))
        return verdict

    def _verdict(self, case: _Case, has_unordered_aggregate: bool) -> Verdict:
        """The verdict on rows that a choice of runs has made comparable."""
        n_extra = case.plan.n_extra
        try:
            for reading in case.confrontation.readings:
                if case.agrees(reading.expectation):
                    is_right = float(reading.kind is VerdictKind.CORRECT)
                    return Verdict(reading.kind, detail=reading.detail, figures=_figures(is_right, is_right, n_extra))
            if has_unordered_aggregate and case.agrees(rules=_any_order_within(self.values)):
                detail = "they differ only in the order inside an aggregate that has none"
                return Verdict(VerdictKind.UNDETERMINED, detail=detail, figures=_figures(0.0, 0.0, n_extra))
            agrees_as_set = case.agrees(as_sets=True)
            rows_agree = case.agrees(choices=case.plan.rows) if case.plan.rows != case.plan.answer else False
            difference, detail = _difference(case, agrees_as_set)
        except BudgetSpent:
            detail = f"search budget: not decided after {self.search_budget:,} cells"
            return Verdict(VerdictKind.UNDETERMINED, detail=detail, figures=_figures(0.0, 0.0, n_extra))
        figures = _figures(float(agrees_as_set), float(rows_agree), n_extra)
        return Verdict(VerdictKind.WRONG, difference, detail, figures)


def _figures(as_set: float, rows: float, n_extra: int) -> dict[str, float]:
    return {"set": as_set, "rows": rows, "extra_columns": float(n_extra)}


def _same_statement(gold: Evidence, predicted: Evidence) -> bool:
    first, second = gold.as_written.shape, predicted.as_written.shape
    return first is not None and second is not None and first.canonical_sql == second.canonical_sql != ""


def _shape(evidence: Evidence, property_name: Literal["duplicate_free", "unordered_aggregate"]) -> bool:
    shape = evidence.as_written.shape
    return shape is not None and bool(getattr(shape, property_name))


def _any_order_within(values: ValueRules) -> ValueRules:
    return replace(values, unordered_lists=True, unordered_text=True)


def _any_type(values: ValueRules) -> ValueRules:
    return replace(values, text_numbers=True, text_booleans=True, text_dates=True, boolean_numbers=True)


@dataclass(frozen=True)
class _Case:
    """A prediction's rows, what they are held against, and which columns are to agree."""

    plan: ColumnPlan
    confrontation: Confrontation
    values: ValueRules
    budget: int

    def agrees(
        self,
        expectation: Expectation | None = None,
        choices: Mapping[int, Sequence[int]] | None = None,
        rules: ValueRules | None = None,
        as_sets: bool = False,
    ) -> bool:
        """Whether the rows agree: by default all columns, under the first reading and the rules as they are.

        Raises:
            BudgetSpent: undecided.
        """
        return self.task(expectation, rules, as_sets).is_met(self.plan.answer if choices is None else choices)

    def task(
        self, expectation: Expectation | None = None, rules: ValueRules | None = None, as_sets: bool = False
    ) -> Task:
        """The comparison to be made, with a budget of its own."""
        expected = expectation or self.expectation
        cells = Cells(
            expected.rows, self.confrontation.found, self.plan.n_gold, self.plan.n_found, rules or self.values
        )
        return Task(cells, expected, as_sets or self.plan.as_sets, Budget(self.budget))

    @property
    def expectation(self) -> Expectation:
        """What the first reading expects."""
        return self.confrontation.readings[0].expectation


def _difference(case: _Case, agrees_as_set: bool) -> tuple[Difference, str]:
    """In what a wrong prediction differs: the first kind of looseness that would make it right, else what is missing."""
    expectation, n_found = case.expectation, len(case.confrontation.found)
    missing = len(case.plan.answer) - case.plan.n_available
    if missing > 0:
        return Difference.COLUMNS, f"{missing} columns less than gold"
    if expectation.blocks is not None and case.agrees(replace(expectation, blocks=None)):
        return Difference.ORDER_ONLY, "the same rows in another order"
    if agrees_as_set:
        return Difference.DUPLICATES_ONLY, "the same rows, other numbers of each"
    if case.agrees(rules=_any_type(case.values)):
        return Difference.TYPE_ONLY, "equal but for types of values"
    if expectation.n_rows is not None and n_found != expectation.n_rows:
        return Difference.ROWS, f"{n_found} rows instead of {expectation.n_rows}"
    unmatched = _unmatched_columns(case)
    if unmatched and len(unmatched) < len(case.plan.answer):
        return Difference.VALUES, f"no column has the values of {', '.join(unmatched[:5])}"
    return Difference.ROWS, f"{n_found} rows, as many as due, but not the same"


def _unmatched_columns(case: _Case) -> list[str]:
    """Gold's columns that no predicted column agrees with even by itself."""
    task = case.task()
    return [
        case.plan.gold_names[column]
        for column, places in case.plan.answer.items()
        if not task.counterparts(column, places)
    ]
