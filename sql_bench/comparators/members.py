"""The order of members in lists and texts that aggregates gather (docs/rules/comparing.md C3.5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from sql_bench.comparators.assignment import Pair
from sql_bench.comparators.columns import Slot
from sql_bench.comparators.equality import ValueRules, canonical
from sql_bench.comparators.limits import Reading
from sql_bench.comparators.match import Match
from sql_bench.types import ExecutionResult, Gathered, Row, Value

Members = Literal["as_gold", "any_order", "in_order"]
"""How much the order of members counts: as far as gold has asked for one, never, or always."""


@dataclass(frozen=True)
class MemberOrder:
    """Which columns gather, on both sides.

    Attributes:
        gold: gold's columns by their index.
        predicted: the prediction's.
        counts: how much the order of members counts.
    """

    gold: Mapping[int, Gathered]
    predicted: Mapping[int, Gathered]
    counts: Members

    @classmethod
    def of(cls, gold: ExecutionResult, predicted: ExecutionResult, counts: Members) -> MemberOrder:
        """Those of two results."""
        return cls(_by_column(gold), _by_column(predicted), counts)

    @property
    def may_differ(self) -> bool:
        """Whether results may differ in the order of members and still agree in them."""
        return bool(self.gold) and self.counts != "in_order"

    def is_luck(self, match: Match, pairs: Sequence[Pair]) -> bool:
        """Whether gold asks for an order of members, and the prediction leaves it open where it makes a difference."""
        if self.counts != "as_gold":
            return False
        return any(
            self.gold[one].ordered and self._is_open(other) and _has_several(match, other, self.predicted[other])
            for one, other in pairs
            if one in self.gold
        )

    def any_order(self, match: Match) -> Match:
        """The match with all members sorted: columns that do not gather too, as any of them may stand for one."""
        delimiters = [column.delimiter for column in self.gold.values() if column.delimiter]
        like = Gathered(0, delimiters[0] if delimiters else None, ordered=False)
        gold = {column: self.gold.get(column, like) for column in range(len(match.gold_columns))}
        predicted = {column: self.predicted.get(column, like) for column in range(len(match.predicted_columns))}
        return match.of(_sorted(match.reading, gold, predicted))

    def agrees_as_asked(self, match: Match, pairs: Sequence[Pair]) -> bool:
        """Whether two sides agree under these pairs of columns, with members in the order that gold asks for."""
        asked = [
            (one, other)
            for one, other in pairs
            if one in self.gold and (self.counts == "any_order" or not self.gold[one].ordered or self._is_open(other))
        ]
        return self._agrees(match, pairs, asked)

    def agrees_in_members(self, match: Match, pairs: Sequence[Pair]) -> bool:
        """Whether they agree with members in any order, in the columns that gold gathers."""
        return self._agrees(match, pairs, [pair for pair in pairs if pair[0] in self.gold])

    def _agrees(self, match: Match, pairs: Sequence[Pair], loosened: Sequence[Pair]) -> bool:
        gold = {one: self.gold[one] for one, _ in loosened}
        predicted = {other: self.predicted.get(other, self.gold[one]) for one, other in loosened}
        return match.of(_sorted(match.reading, gold, predicted)).agrees_under([Slot((pair,)) for pair in pairs])

    def _is_open(self, column: int) -> bool:
        """Whether a predicted column gathers in no order."""
        return column in self.predicted and not self.predicted[column].ordered


def _by_column(result: ExecutionResult) -> dict[int, Gathered]:
    """Gathering columns by their index from the front."""
    gathered = result.shape.gathered if result.shape is not None else ()
    n_columns = len(result.columns)
    return {column.place % n_columns: column for column in gathered if -n_columns <= column.place < n_columns}


def _has_several(match: Match, column: int, gathered: Gathered) -> bool:
    """Whether any cell of a predicted column has two members that differ."""
    rows = match.reading.predicted_rows
    return any(len({repr(member) for member in _members(row[column], gathered)}) > 1 for row in rows)


def _sorted(reading: Reading, gold: Mapping[int, Gathered], predicted: Mapping[int, Gathered]) -> Reading:
    """A reading whose gathered cells have their members in one order, whatever it was."""
    return replace(
        reading,
        gold_rows=_sorted_rows(reading.gold_rows, gold),
        predicted_rows=_sorted_rows(reading.predicted_rows, predicted),
    )


def _sorted_rows(rows: Sequence[Row], gathered: Mapping[int, Gathered]) -> Sequence[Row]:
    if not gathered:
        return rows
    return [tuple(_sorted_cell(cell, gathered.get(column)) for column, cell in enumerate(row)) for row in rows]


def _sorted_cell(cell: Value, gathered: Gathered | None) -> Value:
    if gathered is None:
        return cell
    members = sorted(_members(cell, gathered), key=_sort_key)
    if isinstance(cell, list):
        return members
    return (gathered.delimiter or "").join(map(str, members)) if isinstance(cell, str) else cell


def _members(cell: Value, gathered: Gathered) -> list[Value]:
    """The members of a gathered cell; of a text what stands between its delimiters."""
    if isinstance(cell, list):
        return cell
    return list(cell.split(gathered.delimiter)) if isinstance(cell, str) and gathered.delimiter else [cell]


def _sort_key(value: Value) -> tuple[str, float, str, str]:
    """Numbers by size, texts without regard to case before all else, everything else by its type and text."""
    form = canonical(value, ValueRules())
    if isinstance(form, int | float):
        return "", float(form), "", ""
    if isinstance(form, str):
        return "text", 0.0, form.casefold(), form
    return type(form).__name__, 0.0, repr(form), ""
