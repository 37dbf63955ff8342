"""The comparator `answer`: whether a result answers the question as gold does (docs/rules/comparing.md C1 to C8)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from bench_core.errors import UserError
from bench_core.identity import Json
from sql_bench.comparators.base import ComparatorBase
from sql_bench.comparators.differences import name_difference
from sql_bench.comparators.equality import ValueRules
from sql_bench.comparators.limits import Reading, Unordered, ignored_limits, readings
from sql_bench.comparators.match import Match
from sql_bench.comparators.matching import BudgetSpent
from sql_bench.comparators.members import MemberOrder, Members
from sql_bench.comparators.sides import Side, read_side, same_statement
from sql_bench.types import Difference, Evidence, Question, Variant, Verdict, VerdictKind


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
        unordered: `accept` lets a prediction without an ORDER BY have gold's rows, and members of lists and texts that
            it gathers, in any order.
        members: `any_order` lets members of gathered lists and texts stand in any order, whatever gold asks for;
            `in_order` wants gold's even where gold asks for none.
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
        members: Members = "as_gold",
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
        self.members: Members = members
        self.extra_columns = extra_columns
        self.told_limit = told_limit
        self.search_steps = search_steps
        if told_limit is not None:
            self.needs = self.needs | {Variant.WITHOUT_LIMIT}

    def describe(self) -> Mapping[str, Json]:
        """Name, version of the rules, and all options."""
        return {"name": "answer", "version": 3, **self.arguments()}

    def compare(self, gold: Evidence, predicted: Evidence, question: Question) -> Verdict:
        """See `sql_bench.types.Comparator`."""
        if same_statement(gold.as_written, predicted.as_written):
            return Verdict(
                VerdictKind.CORRECT, figures=_figures(rows=True, as_set=True, any_order=True, n_extra_columns=0)
            )
        matches = self.matches(gold, predicted, question)
        n_extra = max(0, len(predicted.as_written.columns) - len(gold.as_written.columns))
        order = MemberOrder.of(gold.as_written, predicted.as_written, self.members)
        try:
            found = self._agreement_in(matches, order)
        except BudgetSpent:
            figures = _figures(False, False, False, n_extra)
            return Verdict(VerdictKind.UNDETERMINED, detail="search budget", figures=figures)
        if found is not None:
            return found
        named = name_difference(matches[0])
        return Verdict(
            VerdictKind.WRONG,
            named.difference,
            named.detail,
            _figures(named.rows_agree, named.agrees_as_set, False, n_extra),
        )

    def _agreement_in(self, matches: Sequence[Match], order: MemberOrder) -> Verdict | None:
        """The verdict under the first reading that agrees; None if there is none.

        Raises:
            BudgetSpent: the search for columns came to no end.
        """
        for match in matches:
            pairs = match.agreement()
            if pairs is not None:
                return self._agreement(match, match.unplaced_null_column(pairs), is_luck=order.is_luck(match, pairs))
        if not order.may_differ:
            return None
        for match in matches:
            pairs = order.any_order(match).agreement()
            if pairs is not None and order.agrees_as_asked(match, pairs):
                return self._agreement(match, match.unplaced_null_column(pairs), is_luck=order.is_luck(match, pairs))
            if pairs is not None and order.agrees_in_members(match, pairs):
                figures = _figures(False, False, False, match.n_extra_columns)
                return Verdict(VerdictKind.WRONG, Difference.ORDER_ONLY, _MEMBERS_IN_ANOTHER_ORDER, figures)
        return None

    def matches(self, gold: Evidence, predicted: Evidence, question: Question) -> list[Match]:
        """The ways to hold them against each other; the first that agrees decides, else the first says why not."""
        sides = self.sides(gold, predicted, question)
        return [self._match(reading, gold, predicted, question) for reading in readings(*sides, self.unordered)]

    def sides(self, gold: Evidence, predicted: Evidence, question: Question) -> tuple[Side, Side]:
        """Both sides' rows, LIMITs that do not count taken off."""
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

    def _agreement(self, match: Match, unplaced: str | None, *, is_luck: bool) -> Verdict:
        verdict, n_extra = match.reading.if_right, match.n_extra_columns
        if is_luck and self.unordered == "wrong" and verdict.kind is VerdictKind.CORRECT:
            verdict = Verdict(VerdictKind.WRONG, Difference.ORDER_ONLY, _MEMBERS_IN_NO_ORDER)
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


_MEMBERS_IN_ANOTHER_ORDER = "the members of a list or text in another order than gold asks for"
_MEMBERS_IN_NO_ORDER = "gold asks for an order of the members of a list or text, and the prediction for none"


def _figures(rows: bool, as_set: bool, any_order: bool, n_extra_columns: int) -> dict[str, float]:
    return {
        "rows": float(rows),
        "set": float(as_set),
        "any_order": float(any_order),
        "extra_columns": float(n_extra_columns),
    }
