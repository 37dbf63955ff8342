"""Rows to compare, given the outermost ORDER BY and LIMIT of both sides (docs/rules/comparing.md C3, C4).

A LIMIT makes the answer of a right statement depend on what the engine happens to return among ties, or among all rows
where there is no order. So what is compared is a `Reading`: gold's rows with the rank of each (rows with equal sort
keys have one rank), which of them must be there, and how many rows in all, in which order of ranks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

from sql_bench.comparators.equality import ValueRules, canonical
from sql_bench.comparators.stated_numbers import stated_numbers
from sql_bench.types import Difference, Evidence, ExecutionResult, Outcome, Question, Row, Verdict, VerdictKind

_CORRECT = Verdict(VerdictKind.CORRECT)
_CUT_SHORT = Verdict(VerdictKind.WRONG, Difference.CUT_SHORT, "gold has all rows, the prediction has left some out")


def _undetermined(detail: str) -> Verdict:
    return Verdict(VerdictKind.UNDETERMINED, detail=detail)


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


@dataclass(frozen=True)
class Side:
    """One side's rows, once LIMITs that do not count are taken off.

    Attributes:
        rows: what is compared.
        keys: the sort keys beside each row, None where they are not known.
        whole: all rows that there are without a LIMIT, None where that is not known.
        whole_keys: the sort keys beside those.
        cut: whether a LIMIT left rows out; None where that is not known.
        ordered: the outermost query has an ORDER BY.
        to_be_whole: its LIMIT does not count, but what it leaves out is not known.
    """

    rows: Sequence[Row]
    keys: Sequence[Row] | None
    whole: Sequence[Row] | None
    whole_keys: Sequence[Row] | None
    cut: bool | None
    ordered: bool
    to_be_whole: bool = False


def read_side(evidence: Evidence, ignored_limits: frozenset[int]) -> Side:
    """One side's rows.

    Args:
        evidence: its runs.
        ignored_limits: numbers of an outermost LIMIT that does not count.
    """
    written, shape = evidence.as_written, evidence.as_written.shape
    ordered = shape is not None and shape.ordered
    rows, keys = _with_keys(written, evidence.with_sort_keys)
    if shape is None or not shape.has_limit:
        return Side(rows, keys, rows, keys, cut=False, ordered=ordered)
    ignored = shape.limit in ignored_limits
    whole = evidence.without_limit
    if whole is None or whole.outcome is not Outcome.OK:
        return Side(rows, keys, None, None, cut=None, ordered=ordered, to_be_whole=ignored)
    whole_keys = _keys(whole)
    if ignored:
        return Side(whole.rows, whole_keys, whole.rows, whole_keys, cut=False, ordered=ordered)
    return Side(rows, keys, whole.rows, whole_keys, cut=len(whole.rows) > len(rows), ordered=ordered)


def ignored_limits(question: Question) -> frozenset[int]:
    """The dataset's safety limits that the question does not ask for."""
    safety_limits = question.rules.safety_limits
    return safety_limits - stated_numbers(question.text) if safety_limits else safety_limits


def readings(gold: Side, predicted: Side) -> Iterator[Reading]:
    """The ways to compare two sides, best first; the first under which they agree decides, and none means wrong."""
    if gold.cut is False:
        return _against_whole(gold, predicted)
    if not gold.ordered or gold.to_be_whole:
        return _against_sample(gold, predicted)
    return _against_top(gold, predicted)


def _against_whole(gold: Side, predicted: Side) -> Iterator[Reading]:
    """Gold has all its rows: so must the prediction."""
    if predicted.to_be_whole:
        reason = "the prediction's safety LIMIT could not be taken off"
        yield Reading(gold.rows, [False] * len(gold.rows), predicted.rows, None, if_right=_undetermined(reason))
        return
    yield from _in_order(gold, predicted, _if_all_there(gold, predicted), bool(predicted.cut))


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
    assert predicted.whole is not None
    first = predicted.whole[0]
    return _CORRECT if all(row == first for row in predicted.whole) else _CUT_SHORT


def _against_top(gold: Side, predicted: Side) -> Iterator[Reading]:
    """Gold is ordered and has a LIMIT: rows before the tie that it cuts are required, the rest is out of that tie."""
    trusted = predicted.cut is False or predicted.ordered
    if_right = _CORRECT if trusted else _undetermined("the prediction has a LIMIT without an order")
    if predicted.to_be_whole:
        if_right = _undetermined("the prediction's safety LIMIT could not be taken off")
    top = _top(gold)
    if top is not None:
        rows, required, ranks, expected = top
        cut = predicted.cut is True
        if len(predicted.rows) != len(expected):  # as many rows as gold's LIMIT leaves, even where repeats do not count
            detail = f"{len(predicted.rows)} rows instead of {len(expected)}"
            if_right = Verdict(VerdictKind.WRONG, Difference.ROWS, detail)
        yield Reading(rows, required, predicted.rows, len(expected), ranks, expected, if_right=if_right, cut=cut)
        return
    yield _as_it_stands(gold, predicted, if_right)
    reason = "which of gold's rows tie at its LIMIT is not known"
    shown, required = gold.rows, _before_last_tie(gold)
    if gold.whole is not None:
        shown, required = gold.whole, [False] * len(gold.whole)
    yield Reading(
        shown,
        required,
        predicted.rows,
        len(gold.rows),
        only_gold=gold.whole is not None,
        if_right=_undetermined(reason),
    )


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


def _in_order(gold: Side, predicted: Side, if_right: Verdict, cut: bool) -> Iterator[Reading]:
    """All of gold's rows, in order where gold has one, up to ties of its keys."""
    n_rows, required = len(gold.rows), [True] * len(gold.rows)
    if not gold.ordered:
        yield Reading(gold.rows, required, predicted.rows, n_rows, if_right=if_right, cut=cut)
        return
    if gold.keys is not None:
        ranks = _ranks(gold.keys)
        yield Reading(gold.rows, required, predicted.rows, n_rows, ranks, ranks, if_right=if_right, cut=cut)
        return
    yield _as_it_stands(gold, predicted, if_right)
    unknown = _undetermined("gold's sort keys are not known, so rows in another order may be ties")
    yield Reading(gold.rows, required, predicted.rows, n_rows, if_right=unknown, cut=cut)


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


def _top(gold: Side) -> tuple[list[Row], list[bool], list[int], list[int]] | None:
    """Gold's rows with those that tie at its ends, which are required, their ranks, and the ranks its rows have.

    None where keys are not known. An OFFSET makes a tie at the first row too.
    """
    if gold.whole is None or gold.whole_keys is None or gold.keys is None:
        return None
    whole_ranks = _ranks(gold.whole_keys)
    rank_of = dict(zip(map(_tie_key, gold.whole_keys), whole_ranks, strict=True))
    expected = [rank_of.get(_tie_key(key)) for key in gold.keys]
    window = [rank for rank in expected if rank is not None]
    if len(window) != len(expected):  # the two runs saw different keys
        return None
    n_shown, n_there = Counter(window), Counter(whole_ranks)
    kept = [place for place, rank in enumerate(whole_ranks) if rank in n_shown]
    ranks = [whole_ranks[place] for place in kept]
    return [gold.whole[place] for place in kept], [n_shown[r] == n_there[r] for r in ranks], ranks, window


def _before_last_tie(gold: Side) -> list[bool]:
    """Which rows do not tie with the last one; none where keys are not known."""
    if gold.keys is None or not gold.keys:
        return [False] * len(gold.rows)
    keys = [_tie_key(key) for key in gold.keys]
    return [key != keys[-1] for key in keys]


def _with_keys(written: ExecutionResult, keyed: ExecutionResult | None) -> tuple[Sequence[Row], Sequence[Row] | None]:
    """The rows as written, from the run that has keys beside them if there is one."""
    if keyed is None or keyed.outcome is not Outcome.OK or len(keyed.rows) != len(written.rows):
        return written.rows, _keys(written)
    return keyed.rows, _keys(keyed)


def _keys(result: ExecutionResult) -> Sequence[Row] | None:
    keys = result.sort_keys
    return keys if keys is not None and len(keys) == len(result.rows) else None


def _ranks(keys: Sequence[Row]) -> list[int]:
    """The place of each row's key among the distinct keys, in the order in which they come."""
    place_of: dict[Hashable, int] = {}
    return [place_of.setdefault(_tie_key(key), len(place_of)) for key in keys]


_TIE_RULES = ValueRules()
_TIE_DIGITS = 12
"""Sums of floats differ in their last digits with the order of summation: fractions equal to 12 digits tie."""


def _tie_key(keys: Row) -> Hashable:
    return tuple(
        float(f"{key:.{_TIE_DIGITS}g}") if isinstance(key, float) and key % 1 > 0 else canonical(key, _TIE_RULES)
        for key in keys
    )
