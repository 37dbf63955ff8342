"""The mildest difference that explains a wrong result (docs/rules/comparing.md C2.5)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sql_bench.comparators.assignment import Repeats
from sql_bench.comparators.match import Match, contained
from sql_bench.comparators.matching import BudgetSpent
from sql_bench.types import Difference, VerdictKind


@dataclass(frozen=True)
class NamedDifference:
    """Why a result is wrong.

    Attributes:
        difference: its kind.
        detail: one line for the reader.
        rows_agree: the rows are gold's and nothing contradicts gold; something is missing.
        agrees_as_set: the answer is right when repeated rows do not count.
    """

    difference: Difference
    detail: str
    rows_agree: bool = False
    agrees_as_set: bool = False


def name_difference(match: Match) -> NamedDifference:
    """The difference of a match that does not agree; a question that its search budget cannot answer counts as no."""
    plan, reading = match.plan, match.reading
    anchored = bool(plan.identifiers)
    if_right = reading.if_right
    limits_allow = if_right.kind is not VerdictKind.WRONG or if_right.difference is Difference.ORDER_ONLY
    as_set = if_right.kind is not VerdictKind.WRONG and _answer(match.agrees_as_set)
    if anchored and _answer(match.rows_agree):
        if _answer(match.loosely_typed().agrees):
            return NamedDifference(Difference.TYPE_ONLY, "equal but for the types of values", rows_agree=True)
        detail = plan.missing or "a column of gold's is not there"
        return NamedDifference(Difference.COLUMNS, detail, rows_agree=True, agrees_as_set=as_set)
    if plan.missing and not anchored:
        return NamedDifference(Difference.COLUMNS, plan.missing)
    if reading.gold_ranks is not None and _answer(lambda: match.rows_agree(in_order=False)):
        detail = "the same rows in an order that gold's keys do not allow"
        return NamedDifference(Difference.ORDER_ONLY, detail, agrees_as_set=as_set)
    if reading.cut and _has_fewer_rows(match) and _answer(match.of(contained(reading)).rows_agree):
        return NamedDifference(Difference.CUT_SHORT, f"right as far as it goes, {_count(match)}")
    if limits_allow and _answer(lambda: match.rows_agree(repeats=Repeats.FREE)):
        detail = f"the same rows another number of times, {_count(match)}"
        return NamedDifference(Difference.DUPLICATES_ONLY, detail, agrees_as_set=as_set)
    if _answer(match.loosely_typed().rows_agree):
        return NamedDifference(Difference.TYPE_ONLY, "equal but for the types of values")
    if _answer(match.identifiers_agree):
        return NamedDifference(Difference.VALUES, "the right identifiers beside other values")
    if not anchored and _answer(lambda: _only_values_differ(match)):
        return NamedDifference(Difference.VALUES, "as many rows, some columns with other values")
    return NamedDifference(Difference.ROWS, _count(match))


def _answer(question: Callable[[], bool]) -> bool:
    try:
        return question()
    except BudgetSpent:
        return False


def _has_fewer_rows(match: Match) -> bool:
    n_rows = match.reading.n_rows
    return n_rows is not None and len(match.reading.predicted_rows) < n_rows


def _only_values_differ(match: Match) -> bool:
    """As many rows, and one row at all or a column that agrees."""
    n_rows = match.reading.n_rows
    if n_rows != len(match.reading.predicted_rows):
        return False
    return n_rows == 1 or match.some_column_agrees()


def _count(match: Match) -> str:
    n_found, n_expected = len(match.reading.predicted_rows), match.reading.n_rows
    if n_expected is None:
        return f"{n_found} rows, not all of them gold's or not all of gold's"
    if n_expected == n_found:
        return f"{n_found} rows as in gold, not the same ones"
    return f"{n_found} rows instead of {n_expected}"
