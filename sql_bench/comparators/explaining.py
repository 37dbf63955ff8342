"""Two results held against each other: columns, rows and cells that agree and that differ."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from sql_bench.comparators.cell_patterns import pattern_of
from sql_bench.comparators.match import Match
from sql_bench.comparators.pairing import (
    ColumnPair,
    Key,
    column_pairs,
    dropped_identifiers,
    equal_rows,
    one_sided,
    repeated_otherwise,
    row_keys,
    row_pairs,
)
from sql_bench.types import Row, Value


@dataclass(frozen=True)
class CellDifference:
    """Two cells that stand for each other and differ.

    Attributes:
        row: by what the row is known.
        column: gold's column.
    """

    row: str
    column: str
    gold: Value
    predicted: Value


@dataclass(frozen=True)
class RepeatedRow:
    """A row of gold's that the prediction has another number of times."""

    row: Row
    n_gold: int
    n_predicted: int


@dataclass(frozen=True)
class OrderDifference:
    """The first place at which the prediction leaves gold's order.

    Attributes:
        place: from 1.
        reversed: the rows stand there in the opposite order.
    """

    place: int
    gold: Row
    predicted: Row
    reversed: bool


@dataclass(frozen=True)
class Compared:
    """Two results held against each other.

    Attributes:
        columns: which predicted column stands for which of gold's.
        extra: places of the predicted columns that stand for none.
        dropped: places of gold's identifiers that are not compared.
        cells: cells that differ, of rows that are one but for them; `n_cells` of them, as many are here as were asked.
        patterns: by gold's column what the cells that differ have in common.
        only_gold: rows of gold's alone that are no row of the prediction with other cells; `n_only_gold` of them.
        only_predicted: the same of the prediction; whole rows, all columns.
        repeated: rows of both that stand there another number of times; `n_repeated` of them.
        n_gold: rows of a right result.
        n_common: distinct rows of gold's that the prediction has.
        order: where the order departs from gold's; None where it does not, or does not count.
    """

    match: Match
    columns: Sequence[ColumnPair]
    extra: Sequence[int]
    dropped: Sequence[int]
    cells: Sequence[CellDifference]
    n_cells: int
    patterns: Sequence[tuple[str, str]]
    only_gold: Sequence[Row]
    n_only_gold: int
    only_predicted: Sequence[Row]
    n_only_predicted: int
    repeated: Sequence[RepeatedRow]
    n_repeated: int
    n_gold: int
    n_common: int
    order: OrderDifference | None

    @property
    def missing(self) -> list[str]:
        """Gold's columns that no predicted one stands for."""
        return [self.match.gold_columns[pair.gold].name for pair in self.columns if pair.predicted is None]


def compared(match: Match, most: int, *, ordered: bool = False, loosely: bool = False) -> Compared:
    """Hold the rows of a reading against each other under the columns that agree best.

    Args:
        match: the reading.
        most: how many rows, cells and repeated rows are kept of each kind.
        ordered: a row at another place than gold's is looked for.
        loosely: rows that are equal but for types are taken for one.
    """
    columns = column_pairs(match.loosely_typed() if loosely else match)
    paired = [pair for pair in columns if pair.predicted is not None]
    reading = match.reading
    gold, predicted = _keys(match, paired)
    there = set(predicted)
    asked = _asked(match, gold, there)
    left = [place for place in asked if gold[place] not in there]
    others = one_sided(predicted, gold)
    anchors = {one for slot in match.plan.identifiers for one, _ in slot.pairs}
    rows = row_pairs(gold, predicted, left, others, [n for n, pair in enumerate(paired) if pair.gold in anchors])
    if loosely or len(rows.pairs) < min(len(left), len(others)):
        written_alike = equal_rows(*_keys(_loosely(match), paired), left, others)
        rows = max(rows, written_alike, key=lambda found: len(found.pairs))
    cells = _Cells(match, paired, rows.told_by, most)
    for pair in rows.pairs:
        cells.note(*pair, gold, predicted)
    paired_rows = {one for one, _ in rows.pairs}, {other for _, other in rows.pairs}
    alone = [place for place in left if place not in paired_rows[0]]
    alone_predicted = [place for place in others if place not in paired_rows[1]]
    repeated = repeated_otherwise([gold[place] for place in asked], predicted)
    first = {key: place for place, key in reversed(list(enumerate(gold)))}
    taken = {pair.predicted for pair in paired}
    return Compared(
        match,
        columns,
        [place for place in range(len(match.predicted_columns)) if place not in taken],
        dropped_identifiers(match),
        cells.first,
        cells.n,
        cells.patterns(),
        [reading.gold_rows[place] for place in alone[:most]],
        len(alone),
        [reading.predicted_rows[place] for place in alone_predicted[:most]],
        len(alone_predicted),
        [RepeatedRow(reading.gold_rows[first[key]], n, other) for key, n, other in repeated[:most]],
        len(repeated),
        len(reading.gold_rows) if reading.n_rows is None else reading.n_rows,
        len(set(gold) & there),
        _order(match, gold, predicted) if ordered else None,
    )


def _asked(match: Match, gold: Sequence[Key], there: set[Key]) -> list[int]:
    """Places of the rows that a right result holds: of those that tie at gold's LIMIT first the ones that are there."""
    reading = match.reading
    asked = [place for place, required in enumerate(reading.required) if required]
    if reading.n_rows is None or len(asked) >= reading.n_rows:
        return asked
    free = [place for place, required in enumerate(reading.required) if not required]
    free.sort(key=lambda place: gold[place] not in there)
    return sorted([*asked, *free[: reading.n_rows - len(asked)]])


def _loosely(match: Match) -> Match:
    """The same where what is written alike is equal, in upper or lower case."""
    loose = match.loosely_typed()
    return loose.under(replace(loose.rules, text_case="ignore"))


def _keys(match: Match, paired: Sequence[ColumnPair]) -> tuple[list[Key], list[Key]]:
    return (
        row_keys(match.coded.gold, [pair.gold for pair in paired]),
        row_keys(match.coded.predicted, [pair.predicted for pair in paired if pair.predicted is not None]),
    )


class _Cells:
    """The cells that differ between rows that are one."""

    def __init__(self, match: Match, paired: Sequence[ColumnPair], told_by: Sequence[int], most: int) -> None:
        self._match, self._paired, self._told_by, self._most = match, paired, told_by, most
        self._pairs: defaultdict[int, list[tuple[Value, Value]]] = defaultdict(list)
        self.first: list[CellDifference] = []

    @property
    def n(self) -> int:
        """How many there are."""
        return sum(map(len, self._pairs.values()))

    def note(self, row: int, other: int, gold: Sequence[Key], predicted: Sequence[Key]) -> None:
        """Look at two rows that are one."""
        reading = self._match.reading
        for place, pair in enumerate(self._paired):
            if pair.predicted is None or gold[row][place] == predicted[other][place]:
                continue
            cells = reading.gold_rows[row][pair.gold], reading.predicted_rows[other][pair.predicted]
            self._pairs[pair.gold].append(cells)
            if len(self.first) < self._most:
                name = self._match.gold_columns[pair.gold].name
                self.first.append(CellDifference(self._name_of(row), name, *cells))

    def patterns(self) -> list[tuple[str, str]]:
        """By gold's column, where its cells that differ have something in common."""
        return [
            (self._match.gold_columns[column].name, said)
            for column, pairs in self._pairs.items()
            if (said := pattern_of(pairs))
        ]

    def _name_of(self, row: int) -> str:
        cells = self._match.reading.gold_rows[row]
        columns = [self._paired[place].gold for place in self._told_by]
        return ", ".join(f"{self._match.gold_columns[column].name} {cells[column]!s}" for column in columns)


def _order(match: Match, gold: Sequence[Key], predicted: Sequence[Key]) -> OrderDifference | None:
    """The first place whose row is of another rank than gold's there; rows that tie have one rank."""
    ranks = match.reading.gold_ranks or range(len(gold))
    rank_of: defaultdict[Key, set[int]] = defaultdict(set)
    for key, rank in zip(gold, ranks, strict=True):
        rank_of[key].add(rank)
    expected = match.reading.expected_ranks or ranks
    for place, (key, rank) in enumerate(zip(predicted, expected, strict=False)):
        if rank not in rank_of[key]:
            there = next(row for row, found in enumerate(ranks) if found == rank)
            found = [min(rank_of[other], default=0) for other in predicted]
            backwards = all(one >= other for one, other in pairwise(found))
            rows = match.reading.gold_rows[there], match.reading.predicted_rows[place]
            return OrderDifference(place + 1, *rows, reversed=backwards)
    return None
