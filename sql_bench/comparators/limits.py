"""Rows to compare, given the outermost ORDER BY and LIMIT of both sides (docs/rules/comparing.md C3, C4).

A LIMIT makes the answer of a right statement depend on what the engine happens to return among ties, or among all rows
where there is no order. So what is compared is a `Reading`: gold's rows with the rank of each (rows with equal sort
keys have one rank), which of them must be there, and how many rows in all, in which order of ranks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from sql_bench.comparators.sides import Side, ranks, tie_key
from sql_bench.comparators.stated_numbers import stated_numbers
from sql_bench.types import Difference, Question, Row, Verdict, VerdictKind

Unordered = Literal["wrong", "accept"]
"""What gold's rows in an order that the prediction has not asked for are worth."""

_CORRECT = Verdict(VerdictKind.CORRECT)
_CUT_SHORT = Verdict(VerdictKind.WRONG, Difference.CUT_SHORT, "gold has all rows, the prediction has left some out")
_IN_NO_ORDER = Verdict(
    VerdictKind.WRONG, Difference.ORDER_ONLY, "gold's rows, but gold asks for an order and the prediction for none"
)


def _undetermined(detail: str) -> Verdict:
    return Verdict(VerdictKind.UNDETERMINED, detail=detail)


@dataclass(frozen=True)
class KeyCheck:
    """Sort keys that are among gold's columns: a right result has the same, whichever rows of a tie it holds.

    Attributes:
        columns: gold's columns that are sort keys.
        rows: gold's own rows.
        ranks: the rank of each; None where the prediction asks for no order.
    """

    columns: tuple[int, ...]
    rows: Sequence[Row]
    ranks: Sequence[int] | None


@dataclass(frozen=True)
class Reading:
    """Rows to compare, and what it means if they agree.

    Attributes:
        gold_rows: all rows that a right result may hold.
        required: for each whether a right result must hold it.
        predicted_rows: all rows of the prediction.
        n_rows: how many rows a right result has (None: it does not matter).
        gold_ranks: for each gold row its place in the order, ties sharing one; None where order does not count.
        expected_ranks: the ranks of a right result's rows, from its first to its last; None as above.
        only_gold: every predicted row must be among gold's.
        if_right: the verdict where all that is so.
        cut: the prediction's own LIMIT cut it.
        key_check: where not all rows are known that a right result may hold, what its sort keys must be.
    """

    gold_rows: Sequence[Row]
    required: Sequence[bool]
    predicted_rows: Sequence[Row]
    n_rows: int | None
    gold_ranks: Sequence[int] | None = None
    expected_ranks: Sequence[int] | None = None
    only_gold: bool = True
    if_right: Verdict = _CORRECT
    cut: bool = False
    key_check: KeyCheck | None = None


def ignored_limits(question: Question) -> frozenset[int]:
    """The dataset's safety limits that the question does not ask for."""
    safety_limits = question.rules.safety_limits
    return safety_limits - stated_numbers(question.text) if safety_limits else safety_limits


def readings(gold: Side, predicted: Side, unordered: Unordered = "wrong") -> Iterator[Reading]:
    """The ways to compare two sides, best first; the first under which they agree decides, and none means wrong."""
    if gold.cut is False:
        return _against_whole(gold, predicted, unordered)
    if not gold.ordered or gold.to_be_whole:
        return _against_sample(gold, predicted)
    return _against_top(gold, predicted, unordered)


def _against_whole(gold: Side, predicted: Side, unordered: Unordered) -> Iterator[Reading]:
    """Gold has all its rows: so must the prediction."""
    if predicted.to_be_whole:
        reason = "the prediction's safety LIMIT could not be taken off"
        yield Reading(gold.rows, [False] * len(gold.rows), predicted.rows, None, if_right=_undetermined(reason))
        return
    yield from _in_order(gold, predicted, _if_all_there(gold, predicted), unordered)


def _if_all_there(gold: Side, predicted: Side) -> Verdict:
    """What agreement with a whole gold is worth where the prediction has a LIMIT.

    MAX(x) written as ORDER BY x DESC LIMIT 1 is right; with another number of rows a LIMIT cannot have given gold's,
    even where repeated rows do not count. Without an order the same number of rows is luck, unless all rows that there
    are to choose from are the same.
    """
    if predicted.cut is False:
        return _CORRECT
    if predicted.ordered and predicted.cut:
        return _CORRECT if len(predicted.rows) == len(gold.rows) else _CUT_SHORT
    if predicted.ordered:
        return _CORRECT
    if predicted.cut is None:
        return _undetermined("the prediction has a LIMIT without an order, and could not be run without it")
    if any(row != predicted.rows[0] for row in predicted.whole or predicted.rows):
        return _CUT_SHORT
    if predicted.whole is None:
        return _undetermined("the prediction has a LIMIT without an order, and could not be run without it")
    return _CORRECT


def _against_top(gold: Side, predicted: Side, unordered: Unordered) -> Iterator[Reading]:
    """Gold is ordered and has a LIMIT: rows before the tie that it cuts are required, the rest is out of that tie."""
    trusted = predicted.cut is False or predicted.ordered
    if_right = _CORRECT if trusted else _undetermined("the prediction has a LIMIT without an order")
    if predicted.to_be_whole:
        if_right = _undetermined("the prediction's safety LIMIT could not be taken off")
    if len(predicted.rows) != len(gold.rows):  # as many rows as gold's LIMIT leaves, even where repeats do not count
        if_right = Verdict(
            VerdictKind.WRONG, Difference.ROWS, f"{len(predicted.rows)} rows instead of {len(gold.rows)}"
        )
    top = _top(gold)
    if top is None:
        yield from _against_unknown_ties(gold, predicted, if_right, unordered)
    elif top.is_open:
        yield _against_open_tie(gold, predicted, top, if_right, unordered)
    else:
        yield top.reading(predicted, _if_in_order(if_right, predicted, top.window, unordered))


@dataclass(frozen=True)
class _TopRows:
    """Gold's rows with those that tie at its ends.

    Attributes:
        rows: they.
        required: for each whether a right result must hold it.
        ranks: the rank of each.
        window: the ranks that gold's own rows have.
        is_open: the last tie may have more rows than these.
    """

    rows: Sequence[Row]
    required: Sequence[bool]
    ranks: Sequence[int]
    window: Sequence[int]
    is_open: bool

    def reading(self, predicted: Side, if_right: Verdict) -> Reading:
        """These rows against a prediction's."""
        cut, n_rows = predicted.cut is True, len(self.window)
        if not predicted.in_no_order:
            return Reading(
                self.rows, self.required, predicted.rows, n_rows, self.ranks, self.window, if_right=if_right, cut=cut
            )
        cut_ranks = {rank for rank, required in zip(self.ranks, self.required, strict=True) if not required}
        if len(cut_ranks) > 1 and if_right.kind is VerdictKind.CORRECT:
            if_right = _undetermined("ties at both ends of gold's LIMIT, and a prediction in no order")
        return Reading(self.rows, self.required, predicted.rows, n_rows, if_right=if_right, cut=cut)


def _top(gold: Side) -> _TopRows | None:
    """None where keys are not known. An OFFSET makes a tie at the first row too."""
    if gold.top is not None:
        there, rows, is_open = ranks(gold.top.keys), gold.top.rows, gold.top.more
        window = there[gold.top.first : gold.top.first + len(gold.rows)]
        is_open = is_open and bool(window) and window[-1] == there[-1]
    elif gold.whole is not None and gold.whole_keys is not None and gold.keys is not None:
        there, rows, is_open = ranks(gold.whole_keys), gold.whole, False
        rank_of = dict(zip(map(tie_key, gold.whole_keys), there, strict=True))
        window = [rank_of.get(tie_key(key), -1) for key in gold.keys]
        if -1 in window:  # the two runs saw different keys
            return None
    else:
        return None
    n_shown, n_there = Counter(window), Counter(there)
    kept = [place for place, rank in enumerate(there) if rank in n_shown]
    required = [n_shown[there[place]] == n_there[there[place]] for place in kept]
    return _TopRows([rows[place] for place in kept], required, [there[place] for place in kept], window, is_open)


def _against_open_tie(gold: Side, predicted: Side, top: _TopRows, if_right: Verdict, unordered: Unordered) -> Reading:
    """The tie at gold's LIMIT has more rows than were fetched: rows before it must be there, all else is open."""
    n_known = sum(rank == top.window[-1] for rank in top.ranks)
    if if_right.kind is not VerdictKind.WRONG:
        reason = f"a tie of more than {n_known} rows; a larger --max-rows takes it in"
        if_right = _if_in_order(_undetermined(reason), predicted, top.window, unordered)
    required = [asked and rank != top.window[-1] for asked, rank in zip(top.required, top.ranks, strict=True)]
    return Reading(
        top.rows,
        required,
        predicted.rows,
        len(top.window),
        only_gold=False,
        if_right=if_right,
        cut=predicted.cut is True,
        key_check=_key_check(gold, predicted, top.window),
    )


def _against_unknown_ties(gold: Side, predicted: Side, if_right: Verdict, unordered: Unordered) -> Iterator[Reading]:
    if not predicted.in_no_order:
        yield _as_it_stands(gold, predicted, if_right)
    elif len(gold.rows) <= 1:
        yield Reading(gold.rows, [True] * len(gold.rows), predicted.rows, len(gold.rows), if_right=if_right)
    if if_right.kind is not VerdictKind.WRONG:
        if_right = _undetermined("which of gold's rows tie at its LIMIT is not known")
        if_right = _if_in_order(if_right, predicted, [] if gold.keys is None else ranks(gold.keys), unordered)
    shown, required = gold.rows, _before_last_tie(gold)
    if gold.whole is not None:
        shown, required = gold.whole, [False] * len(gold.whole)
    yield Reading(
        shown,
        required,
        predicted.rows,
        len(gold.rows),
        only_gold=gold.whole is not None,
        if_right=if_right,
        key_check=None if gold.keys is None else _key_check(gold, predicted, ranks(gold.keys)),
    )


def _key_check(gold: Side, predicted: Side, window: Sequence[int]) -> KeyCheck | None:
    if not gold.key_columns:
        return None
    return KeyCheck(gold.key_columns, gold.rows, None if predicted.in_no_order else window)


def _if_in_order(if_right: Verdict, predicted: Side, gold_ranks: Sequence[int], unordered: Unordered) -> Verdict:
    """What agreement is worth where the prediction asks for no order: nothing may hang on the order it came in."""
    if not predicted.in_no_order or unordered == "accept" or len(set(gold_ranks)) <= 1:
        return if_right
    return if_right if if_right.kind is VerdictKind.WRONG else _IN_NO_ORDER


def _against_sample(gold: Side, predicted: Side) -> Iterator[Reading]:
    """Gold's LIMIT has no order, or does not count: both sides are compared whole, as far as they are known."""
    if gold.whole is not None and predicted.whole is not None:
        yield Reading(gold.whole, [True] * len(gold.whole), predicted.whole, len(gold.whole))
        return
    reason = "a LIMIT without an order could not be taken off"
    if gold.to_be_whole or predicted.to_be_whole:
        reason = "a safety LIMIT could not be taken off"
    found = predicted.rows if predicted.whole is None else predicted.whole
    expected = gold.rows if gold.whole is None else gold.whole
    must_be_found = gold.whole is None and predicted.whole is not None
    yield Reading(
        expected,
        [must_be_found] * len(expected),
        found,
        None,
        only_gold=gold.whole is not None,
        if_right=_undetermined(reason),
    )


def _in_order(gold: Side, predicted: Side, if_right: Verdict, unordered: Unordered) -> Iterator[Reading]:
    """All of gold's rows, in order where gold has one, up to ties of its keys."""
    whole = Reading(
        gold.rows,
        [True] * len(gold.rows),
        predicted.rows,
        len(gold.rows),
        if_right=if_right,
        cut=predicted.cut is True,
    )
    if not gold.ordered:
        yield whole
    elif gold.keys is not None and predicted.in_no_order:
        yield replace(whole, if_right=_if_in_order(if_right, predicted, ranks(gold.keys), unordered))
    elif gold.keys is not None:
        there = ranks(gold.keys)
        yield replace(whole, gold_ranks=there, expected_ranks=there)
    elif predicted.in_no_order and (unordered == "accept" or len(gold.rows) <= 1):
        yield whole
    else:
        if not predicted.in_no_order:
            yield _as_it_stands(gold, predicted, if_right)
        yield replace(
            whole, if_right=_undetermined("gold's sort keys are not known, so rows in another order may be ties")
        )


def _as_it_stands(gold: Side, predicted: Side, if_right: Verdict) -> Reading:
    """Gold's rows in the very order in which they came."""
    places = range(len(gold.rows))
    required = [True] * len(gold.rows)
    return Reading(
        gold.rows,
        required,
        predicted.rows,
        len(gold.rows),
        places,
        places,
        if_right=if_right,
        cut=predicted.cut is True,
    )


def _before_last_tie(gold: Side) -> list[bool]:
    """Which rows do not tie with the last one; none where keys are not known."""
    if gold.keys is None or not gold.keys:
        return [False] * len(gold.rows)
    keys = [tie_key(key) for key in gold.keys]
    return [key != keys[-1] for key in keys]
