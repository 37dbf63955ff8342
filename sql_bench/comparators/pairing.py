"""The predicted columns and rows that stand nearest to gold's, where no assignment makes them agree."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter

import numpy as np

from sql_bench.comparators.assignment import Pair
from sql_bench.comparators.coding import CodedTable, Codes
from sql_bench.comparators.identifiers import identifier_columns
from sql_bench.comparators.match import Match
from sql_bench.comparators.matching import BudgetSpent

_MOST_PAIRS = 2_500
"""Pairs of columns that are held against each other; beyond that a column goes with the one of its name or place."""

Key = tuple[int, ...]
"""The codes of a row's cells."""


@dataclass(frozen=True)
class ColumnPair:
    """Gold's column and the predicted one that stands for it.

    Attributes:
        gold, predicted: their places from 0; no predicted one where none is left.
        n_equal: cells of gold's that the predicted column has, as often as it has them.
        by_name: they have one name.
        instead: another predicted column that has gold's cells all and as often, where this one has not.
    """

    gold: int
    predicted: int | None
    n_equal: int = 0
    by_name: bool = False
    instead: int | None = None


def column_pairs(match: Match) -> list[ColumnPair]:
    """For each of gold's columns the predicted one that stands for it: in a right result, else the nearest."""
    try:
        agreed = match.agreement()
    except BudgetSpent:
        agreed = None
    overlaps = _Overlaps(match)
    chosen = dict(agreed) if agreed is not None else _nearest(match, overlaps)
    anchors = {pair[0] for slot in match.plan.identifiers for pair in slot.pairs}
    dropped = dropped_identifiers(match)
    compared = [place for place in range(len(match.gold_columns)) if place in chosen or place not in dropped]
    n_gold = len(match.reading.gold_rows)
    pairs = []
    for gold in compared:
        found = chosen.get(gold)
        n_equal = overlaps.of(gold, found) if found is not None else 0
        instead = None
        if n_equal < n_gold and gold not in anchors:
            others = [place for place in range(len(match.predicted_columns)) if place != found]
            instead = next((other for other in others if overlaps.of(gold, other) == n_gold > 0), None)
        pairs.append(ColumnPair(gold, found, n_equal, _same_name(match, gold, found), instead))
    return pairs


def dropped_identifiers(match: Match) -> list[int]:
    """Identifiers of gold's that are not compared."""
    kept = {gold for slot in match.plan.identifiers for gold, _ in slot.pairs}
    found = identifier_columns(match.gold_columns, match.reading.gold_rows, match.identifiers)
    return [one.position for one in found if match.plan.dropped and one.position not in kept]


def _nearest(match: Match, overlaps: _Overlaps) -> dict[int, int]:
    """Greedily the pairs with the most equal cells; of equal ones those of one name, then of one place."""
    slots = match.plan.all_slots
    candidates: Iterable[Pair]
    if slots:
        candidates = {pair for slot in slots for pair in slot.pairs}
    else:
        places = range(len(match.predicted_columns))
        dropped = dropped_identifiers(match)
        kept = [gold for gold in range(len(match.gold_columns)) if gold not in dropped]
        candidates = {(gold, other) for gold in kept for other in places}
    if len(set(candidates)) > _MOST_PAIRS:
        candidates = {pair for pair in candidates if _same_name(match, *pair) or pair[0] == pair[1]}
    by_name_only = {slot.pairs[0] for slot in slots if len(slot.pairs) == 1}
    order = sorted(
        candidates,
        key=lambda pair: (
            pair not in by_name_only,
            -overlaps.of(*pair),
            not _same_name(match, *pair),
            abs(pair[0] - pair[1]),
            pair,
        ),
    )
    chosen: dict[int, int] = {}
    for gold, other in order:
        if gold not in chosen and other not in chosen.values():
            chosen[gold] = other
    return chosen


def _same_name(match: Match, gold: int, predicted: int | None) -> bool:
    if predicted is None:
        return False
    return match.gold_columns[gold].name.casefold() == match.predicted_columns[predicted].name.casefold()


class _Overlaps:
    """How many cells of two columns are equal, whatever their rows."""

    def __init__(self, match: Match) -> None:
        self._coded = match.coded
        self._counted: tuple[dict[int, tuple[Codes, Codes]], dict[int, tuple[Codes, Codes]]] = ({}, {})
        self._found: dict[Pair, int] = {}

    def of(self, gold: int, predicted: int) -> int:
        if (gold, predicted) not in self._found:
            codes, n_codes = self._counts(0, gold)
            others, n_others = self._counts(1, predicted)
            _, here, there = np.intersect1d(codes, others, assume_unique=True, return_indices=True)
            self._found[gold, predicted] = int(np.minimum(n_codes[here], n_others[there]).sum())
        return self._found[gold, predicted]

    def _counts(self, side: int, column: int) -> tuple[Codes, Codes]:
        table = (self._coded.gold, self._coded.predicted)[side]
        if column not in self._counted[side]:
            self._counted[side][column] = np.unique(table.codes[column], return_counts=True)
        return self._counted[side][column]


def row_keys(table: CodedTable, columns: Sequence[int]) -> list[Key]:
    """Each row's codes in these columns: equal keys, equal cells."""
    if not columns:
        return [()] * table.n_rows
    return list(zip(*(table.codes[column].tolist() for column in columns), strict=True))


@dataclass(frozen=True)
class RowPairs:
    """Rows that only one side has, two and two.

    Attributes:
        pairs: places of gold's row and of the predicted one.
        told_by: places, among the compared columns, of those that say that the two are one; empty where there is one
            row on each side.
    """

    pairs: Sequence[tuple[int, int]]
    told_by: tuple[int, ...] = ()


def row_pairs(
    gold: Sequence[Key], predicted: Sequence[Key], left: Sequence[int], others: Sequence[int], anchors: Sequence[int]
) -> RowPairs:
    """Pair rows that only gold has with rows that only the prediction has, where something says that they are one.

    Tried in this order: an identifier; a column whose cells are distinct on both sides; all columns but one; all there
    is.

    Args:
        gold, predicted: the keys of all rows.
        left, others: places of the rows that only gold has, and that only the prediction has.
        anchors: places, in a key, of identifiers.
    """
    n_columns = len(gold[0]) if gold else len(predicted[0]) if predicted else 0
    tries = [tuple(anchors)] if anchors else []
    tries += [
        (column,)
        for column in range(n_columns)
        if n_columns > 1 and _is_distinct(gold, column) and _is_distinct(predicted, column)
    ]
    if n_columns > 2:
        tries += [tuple(c for c in range(n_columns) if c != column) for column in range(n_columns)]
    best, most = RowPairs(()), min(len(left), len(others))
    for told_by in tries:
        if len(best.pairs) == most:
            break
        pairs = _paired_by(gold, predicted, left, others, told_by)
        if len(pairs) > len(best.pairs):
            best = RowPairs(pairs, told_by)
    if not best.pairs and len(gold) == len(predicted) == 1 and left and others:
        return RowPairs([(left[0], others[0])])
    return best


def equal_rows(gold: Sequence[Key], predicted: Sequence[Key], left: Sequence[int], others: Sequence[int]) -> RowPairs:
    """Pair rows that are equal under these keys."""
    return RowPairs(_paired_by(gold, predicted, left, others, range(len(gold[0]) if gold else 0)))


def _is_distinct(keys: Sequence[Key], column: int) -> bool:
    return len({key[column] for key in keys}) == len(keys)


def _paired_by(
    gold: Sequence[Key], predicted: Sequence[Key], left: Sequence[int], others: Sequence[int], told_by: Sequence[int]
) -> list[tuple[int, int]]:
    if not told_by:
        return []
    part = itemgetter(*told_by)
    waiting: defaultdict[object, list[int]] = defaultdict(list)
    for place in reversed(others):
        waiting[part(predicted[place])].append(place)
    pairs = []
    for place in left:
        same = waiting.get(part(gold[place]))
        if same:
            pairs.append((place, same.pop()))
    return pairs


def one_sided(keys: Sequence[Key], other: Sequence[Key]) -> list[int]:
    """Places of the rows whose key the other side does not have at all."""
    there = set(other)
    return [place for place, key in enumerate(keys) if key not in there]


def repeated_otherwise(gold: Sequence[Key], predicted: Sequence[Key]) -> list[tuple[Key, int, int]]:
    """Keys of both sides that stand there another number of times, with both numbers."""
    n_gold, n_predicted = Counter(gold), Counter(predicted)
    return [(key, n, n_predicted[key]) for key, n in n_gold.items() if 0 < n_predicted[key] != n]
