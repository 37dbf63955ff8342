"""Which rows a right prediction has, where a LIMIT or an order leaves a choice (SQL.md section 4, rules 3 and 4)."""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from sql_bench.comparators.equality import ValueRules
from sql_bench.types import (
    Difference,
    Evidence,
    ExecutionResult,
    Outcome,
    Question,
    Row,
    StatementShape,
    Verdict,
    VerdictKind,
)

_WORDS = {5: "five", 10: "ten", 20: "twenty", 50: "fifty", 100: "hundred", 1000: "thousand"}


@dataclass(frozen=True)
class Expectation:
    """What is known of the rows of a right prediction.

    Attributes:
        rows: gold rows that may be there, in gold's order.
        required: for each of them whether it must be there.
        blocks: for each of them the number of its tie; None where order is free.
        first: position in `rows` of what comes first in the result: ties may begin before it.
        n_rows: how many rows the prediction must have; None: any number.
        is_open: rows that no run of gold shows may be there too.
    """

    rows: Sequence[Row]
    required: Sequence[bool]
    blocks: Sequence[int] | None = None
    first: int = 0
    n_rows: int | None = None
    is_open: bool = False

    @property
    def is_exact(self) -> bool:
        """Whether just these rows must be there."""
        return not self.is_open and all(self.required)

    def found_blocks(self, n_found: int) -> list[int]:
        """The tie each row of a prediction stands in, by its position."""
        assert self.blocks is not None
        return list(self.blocks[self.first : self.first + n_found])


@dataclass(frozen=True)
class Reading:
    """An expectation, and the verdict on a prediction that meets it."""

    expectation: Expectation
    kind: VerdictKind = VerdictKind.CORRECT
    detail: str = ""


@dataclass(frozen=True)
class Confrontation:
    """The prediction's rows and what they are held against; the first reading that they meet decides."""

    found: Sequence[Row]
    readings: tuple[Reading, ...]


@dataclass(frozen=True)
class LimitRules:
    """Limits that do not mean "the first k".

    Attributes:
        safety: limits that a dataset declares as mere caution.
        told: a limit that the prompt asked for.
    """

    safety: frozenset[int] = frozenset()
    told: int | None = None

    def ignores(self, limit: int | None, question: Question) -> bool:
        """Whether a statement's limit was written for caution only."""
        if limit is None:
            return False
        return limit == self.told or (limit in self.safety and not _states(question.text, limit))


def confront(gold: Evidence, predicted: Evidence, question: Question, rules: LimitRules) -> Confrontation | Verdict:
    """Choose the runs to compare, or decide where the LIMITs alone do."""
    expected, found = _Side.of(gold), _Side.of(predicted)
    gold_is_cautious = rules.ignores(expected.shape.limit, question)
    if expected.is_cut is not False and expected.shape.ordered and not gold_is_cautious:
        return Confrontation(found.written.rows, tuple(_top_rows(expected)))
    gold_is_whole = expected.is_cut is False
    if gold_is_whole and found.is_cut and not rules.ignores(found.shape.limit, question):
        detail = f"the prediction stops at {len(found.written.rows)} rows and gold does not"
        return Verdict(VerdictKind.WRONG, Difference.CUT_SHORT, detail)
    expected_rows = expected.written if gold_is_whole else expected.whole
    found_rows = found.written if found.is_cut is False else found.whole
    if expected_rows is not None and found_rows is not None:
        return Confrontation(found_rows.rows, tuple(_all_rows(expected_rows, expected.shape.ordered)))
    detail = "a result that its LIMIT cuts could not be had without it"
    if expected_rows is not None:
        return Confrontation(found.written.rows, (Reading(_may_hold(expected_rows.rows), _UNDETERMINED, detail),))
    if found_rows is not None:
        return Confrontation(found_rows.rows, (Reading(_must_hold(expected.written.rows), _UNDETERMINED, detail),))
    return Verdict(VerdictKind.UNDETERMINED, detail=detail)


_UNDETERMINED = VerdictKind.UNDETERMINED


@dataclass(frozen=True)
class _Side:
    """The runs of a statement.

    Attributes:
        written: as written, with its sort keys if they are known.
        whole: without its LIMIT; None where that could not be had.
        is_cut: whether the LIMIT leaves rows out; None where that is not known.
    """

    shape: StatementShape
    written: ExecutionResult
    whole: ExecutionResult | None
    is_cut: bool | None

    @classmethod
    def of(cls, evidence: Evidence) -> _Side:
        written = evidence.as_written
        shape = written.shape or StatementShape("")
        with_keys = _if_it_ran(evidence.with_sort_keys) or written
        if not shape.has_limit:
            return cls(shape, with_keys, with_keys, False)
        whole = _if_it_ran(evidence.without_limit)
        if whole is not None:
            return cls(shape, with_keys, whole, len(whole.rows) > len(written.rows))
        is_below = shape.limit is not None and len(written.rows) < shape.limit
        return cls(shape, with_keys, None, False if is_below else None)


def _if_it_ran(result: ExecutionResult | None) -> ExecutionResult | None:
    return result if result is not None and result.outcome is Outcome.OK else None


def _all_rows(gold: ExecutionResult, ordered: bool) -> list[Reading]:
    """All of gold's rows, in its order if it has one."""
    rows, required = gold.rows, [True] * len(gold.rows)
    unordered = Expectation(rows, required, n_rows=len(rows))
    if not ordered:
        return [Reading(unordered)]
    if gold.sort_keys is not None:
        return [Reading(Expectation(rows, required, _ties(gold.sort_keys), n_rows=len(rows)))]
    return [
        Reading(Expectation(rows, required, range(len(rows)), n_rows=len(rows))),
        Reading(unordered, _UNDETERMINED, "gold's sort keys are not known: its order may have ties"),
    ]


def _top_rows(gold: _Side) -> list[Reading]:
    """The first k rows of an ordered gold, where the tie that the cut runs through leaves a choice."""
    keys = gold.written.sort_keys
    if keys is None:
        return _top_rows_without_keys(gold)
    if gold.whole is not None and gold.whole.sort_keys is not None:
        window = _window(gold.whole, keys)
        if window is not None:
            return [Reading(window)]
    rows, ties = gold.written.rows, _ties(keys)
    before_last_tie = [tie != ties[-1] for tie in ties]
    return [
        Reading(Expectation(rows, [True] * len(rows), ties, n_rows=len(rows))),
        Reading(
            Expectation(rows, before_last_tie, ties, n_rows=len(rows), is_open=True),
            _UNDETERMINED,
            "the rest of the tie that gold's LIMIT cuts is not known",
        ),
    ]


def _top_rows_without_keys(gold: _Side) -> list[Reading]:
    rows = gold.written.rows
    detail = "gold's sort keys are not known: its LIMIT may cut a tie"
    may_be = Expectation(rows, [False] * len(rows), n_rows=len(rows), is_open=True)
    if gold.whole is not None:
        may_be = Expectation(gold.whole.rows, [False] * len(gold.whole.rows), n_rows=len(rows))
    return [
        Reading(Expectation(rows, [True] * len(rows), range(len(rows)), n_rows=len(rows))),
        Reading(may_be, _UNDETERMINED, detail),
    ]


def _window(whole: ExecutionResult, keys: Sequence[Row]) -> Expectation | None:
    """The ties that the rows with these keys lie in: those wholly inside are required, of the others so many as fit.

    Args:
        whole: the result without LIMIT and OFFSET, with its sort keys.
        keys: the sort keys of the rows within the LIMIT; where they stand in the whole tells the OFFSET.

    Returns:
        None where the keys do not stand in the whole in this order.
    """
    n_rows = len(keys)
    if not n_rows:
        return Expectation((), (), (), n_rows=0)
    all_keys, own = _canonical(whole.sort_keys or ()), _canonical(keys)
    offset = next((p for p in range(len(all_keys) - n_rows + 1) if all_keys[p : p + n_rows] == own), None)
    if offset is None:
        return None
    ties = _ties(whole.sort_keys or ())
    first_tie, last_tie = ties[offset], ties[offset + n_rows - 1]
    start, end = ties.index(first_tie), len(ties) - ties[::-1].index(last_tie)
    # A tie is wholly inside unless the window begins behind its first row or ends before its last one.
    partial = {
        tie for tie, is_partial in ((first_tie, start < offset), (last_tie, offset + n_rows < end)) if is_partial
    }
    return Expectation(
        whole.rows[start:end],
        [tie not in partial for tie in ties[start:end]],
        ties[start:end],
        first=offset - start,
        n_rows=n_rows,
    )


def _may_hold(rows: Sequence[Row]) -> Expectation:
    return Expectation(rows, [False] * len(rows))


def _must_hold(rows: Sequence[Row]) -> Expectation:
    return Expectation(rows, [True] * len(rows), is_open=True)


def _ties(keys: Sequence[Row]) -> list[int]:
    """Numbers of the ties: neighbours with equal keys share one."""
    canonical = _canonical(keys)
    numbers = [0] if canonical else []
    for previous, key in pairwise(canonical):
        numbers.append(numbers[-1] + (previous != key))
    return numbers


def _canonical(keys: Sequence[Row]) -> list[tuple[Hashable, ...]]:
    """Keys with a value of their own for NaN, which equals nothing in Python."""
    strict = ValueRules()
    return [tuple(map(strict.canonical, key)) for key in keys]


def _states(text: str, number: int) -> bool:
    """Whether a text has the number in it, in digits or, if it is a usual one, as a word."""
    digits = rf"(?<![\w.,-])(?:{number}|{number:,})(?![\w%]|[.,]\d)"
    word = _WORDS.get(number)
    return bool(re.search(digits, text)) or (word is not None and bool(re.search(rf"(?i)\b{word}\b", text)))
