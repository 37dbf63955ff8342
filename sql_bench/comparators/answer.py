"""The comparator `answer`: whether a result answers the question as gold does (docs/rules/comparing.md C1 to C8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from bench_core.errors import UserError
from bench_core.identity import Json
from sql_bench.comparators.base import ComparatorBase
from sql_bench.comparators.differences import name_difference
from sql_bench.comparators.equality import ValueRules
from sql_bench.comparators.limits import Reading, Unordered, ignored_limits, readings
from sql_bench.comparators.match import Match, without_inner_order
from sql_bench.comparators.matching import BudgetSpent
from sql_bench.comparators.sides import Side, read_side
from sql_bench.types import Difference, Evidence, ExecutionResult, Question, Variant, Verdict, VerdictKind


class AnswerComparator(ComparatorBase):
    """Rows as a bag by identifier or content, order and LIMIT up to ties, values by type and tolerance.

    A verdict's figures: `rows`, 1 if the rows are gold's and nothing in them contradicts gold, whatever else is
    missing; `set`, 1 if the answer is right when repeated rows do not count; `any_order`, 1 if it is right where a
    prediction without an ORDER BY may have any order; `extra_columns`, how many columns were not asked for.

    Args:
        relative_tolerance: numbers of which at least one is not whole agree within this share of the larger.
        whole_numbers: `tolerant` gives two whole numbers that tolerance too.
        text_case: `ignore` compares text without regard to case.
        numbers_as_text: a text written like a number counts as that number.
        dates_as_text: a text written like an ISO date or timestamp counts as one.
        booleans_as_numbers: true and false count as 1 and 0.
        dates: `by_type` keeps DATE, DATETIME and TIMESTAMP apart.
        unordered: `accept` lets a prediction without an ORDER BY have gold's rows in any order.
        extra_columns: `forbid` makes an answer with columns that were not asked for wrong.
        told_limit: the LIMIT that the prompt asked for, which then counts as none where gold is whole.
        search_steps: how long a search for columns may take, in rows looked at; past it the verdict is undetermined.
    """

    is_remote = False
    needs: frozenset[Variant] = frozenset({Variant.WITH_SORT_KEYS, Variant.LONGER_LIMIT})
    question_fields = frozenset({"rules", "stated_limits"})

    def __init__(
        self,
        relative_tolerance: float = 1e-6,
        whole_numbers: Literal["exact", "tolerant"] = "exact",
        text_case: Literal["exact", "ignore"] = "exact",
        numbers_as_text: bool = False,
        dates_as_text: bool = False,
        booleans_as_numbers: bool = False,
        dates: Literal["as_instants", "by_type"] = "as_instants",
        unordered: Unordered = "wrong",
        extra_columns: Literal["allow", "forbid"] = "allow",
        told_limit: int | None = None,
        search_steps: int = 30_000_000,
    ) -> None:
        if not 0 <= relative_tolerance < 1:
            raise UserError(f"relative_tolerance={relative_tolerance} is no share; give a number from 0 to below 1.")
        self.rules = ValueRules(
            relative_tolerance, whole_numbers, text_case, numbers_as_text, dates_as_text, booleans_as_numbers, dates
        )
        self.unordered = unordered
        self.extra_columns = extra_columns
        self.told_limit = told_limit
        self.search_steps = search_steps
        if told_limit is not None:
            self.needs = self.needs | {Variant.WITHOUT_LIMIT}

    def describe(self) -> Mapping[str, Json]:
        """Name, version of the rules, and all options."""
        return {"name": "answer", "version": 2, **self.arguments()}

    def compare(self, gold: Evidence, predicted: Evidence, question: Question) -> Verdict:
        """See `sql_bench.types.Comparator`."""
        if _same_statement(gold.as_written, predicted.as_written):
            return Verdict(
                VerdictKind.CORRECT, figures=_figures(rows=True, as_set=True, any_order=True, n_extra_columns=0)
            )
        if gold.as_written.shape is not None and gold.as_written.shape.volatile:
            detail = "gold gives another result each time it runs"
            return Verdict(VerdictKind.UNDETERMINED, detail=detail, figures=_figures(False, False, False, 0))
        gold_side, predicted_side = self._sides(gold, predicted, question)
        matches = [
            self._match(reading, gold, predicted, question)
            for reading in readings(gold_side, predicted_side, self.unordered)
        ]
        n_extra = max(0, len(predicted.as_written.columns) - len(gold.as_written.columns))
        try:
            for match in matches:
                pairs = match.agreement()
                if pairs is not None:
                    return self._agreement(match, match.unplaced_null_column(pairs))
            gathered = _gathers_unordered(gold.as_written) or _gathers_unordered(predicted.as_written)
            if gathered and any(match.of(without_inner_order(match.reading)).agrees() for match in matches):
                detail = "lists or texts gathered without ORDER BY differ only in their order"
                return Verdict(VerdictKind.UNDETERMINED, detail=detail, figures=_figures(False, False, False, n_extra))
        except BudgetSpent:
            return Verdict(
                VerdictKind.UNDETERMINED, detail="search budget", figures=_figures(False, False, False, n_extra)
            )
        named = name_difference(matches[0])
        return Verdict(
            VerdictKind.WRONG,
            named.difference,
            named.detail,
            _figures(named.rows_agree, named.agrees_as_set, False, n_extra),
        )

    def _sides(self, gold: Evidence, predicted: Evidence, question: Question) -> tuple[Side, Side]:
        ignored = ignored_limits(question)
        gold_side = read_side(gold, ignored)
        if self.told_limit is not None and gold_side.cut is False:
            ignored |= {self.told_limit}
        return gold_side, read_side(predicted, ignored)

    def _match(self, reading: Reading, gold: Evidence, predicted: Evidence, question: Question) -> Match:
        shape = gold.as_written.shape
        return Match(
            reading,
            gold.as_written.columns,
            predicted.as_written.columns,
            question.rules.identifiers,
            shape is not None and shape.duplicate_free,
            self.rules,
            self.search_steps,
        )

    def _agreement(self, match: Match, unplaced: str | None) -> Verdict:
        verdict, n_extra = match.reading.if_right, match.n_extra_columns
        if unplaced is not None and verdict.kind is VerdictKind.CORRECT:
            detail = f"which column stands for gold's {unplaced}, which is NULL throughout, cannot be told"
            verdict = Verdict(VerdictKind.UNDETERMINED, detail=detail)
        right = verdict.kind is VerdictKind.CORRECT
        any_order = right or verdict.difference is Difference.ORDER_ONLY
        figures = _figures(right, right, any_order, n_extra)
        if right and n_extra > 0 and self.extra_columns == "forbid":
            figures = {**figures, "any_order": 0.0}
            return Verdict(VerdictKind.WRONG, Difference.COLUMNS, f"{n_extra} columns too many", figures)
        return Verdict(verdict.kind, verdict.difference, verdict.detail, figures)


def _same_statement(gold: ExecutionResult, predicted: ExecutionResult) -> bool:
    return (
        gold.shape is not None
        and predicted.shape is not None
        and gold.shape.canonical_sql == predicted.shape.canonical_sql
    )


def _gathers_unordered(result: ExecutionResult) -> bool:
    return result.shape is not None and result.shape.unordered_aggregate


def _figures(rows: bool, as_set: bool, any_order: bool, n_extra_columns: int) -> dict[str, float]:
    return {
        "rows": float(rows),
        "set": float(as_set),
        "any_order": float(any_order),
        "extra_columns": float(n_extra_columns),
    }
