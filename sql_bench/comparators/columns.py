"""Predicted columns that may stand for gold's (docs/rules/comparing.md C1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sql_bench.comparators.identifiers import IdentifierColumn, identifier_columns
from sql_bench.types import Column, IdentifierRule, Row


@dataclass(frozen=True)
class Slot:
    """One place to fill: exactly one of these pairs of (gold column, predicted column) must be chosen."""

    pairs: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class ColumnPlan:
    """What must be found in a prediction.

    Attributes:
        identifiers: slots of identifiers that both sides carry; empty where gold has none or they are dropped.
        found: slots of the columns that the prediction has by name; with `identifiers`, rows are right if these agree.
        all_slots: slots of everything that a right answer holds.
        missing: what the prediction cannot have, in words; then no answer is right.
        dropped: an identifier of gold's is not compared, so that rows may have become equal.
    """

    identifiers: tuple[Slot, ...]
    found: tuple[Slot, ...]
    all_slots: tuple[Slot, ...]
    missing: str = ""
    dropped: bool = False


def plan_columns(
    gold: Sequence[Column],
    gold_rows: Sequence[Row],
    predicted: Sequence[Column],
    predicted_rows: Sequence[Row],
    rule: IdentifierRule | None,
) -> ColumnPlan:
    """Columns by docs/rules/comparing.md C1.2, C1.3 and C1.4, tried in this order."""
    gold_identifiers = identifier_columns(gold, gold_rows, rule)
    found_identifiers = identifier_columns(predicted, predicted_rows, rule)
    anchors = _anchors(gold_identifiers, found_identifiers)
    if anchors:
        return _anchored(gold, gold_identifiers, predicted, found_identifiers, anchors)
    if not gold_identifiers:
        return _free(gold, range(len(gold)), predicted, range(len(predicted)), dropped=False)
    kept = _others(gold, gold_identifiers)
    if not kept:
        missing = "gold is nothing but an identifier, and the prediction has none of that table"
        return ColumnPlan((), (), (), missing, dropped=True)
    return _free(gold, kept, predicted, _others(predicted, found_identifiers), dropped=True)


def _anchors(gold: Sequence[IdentifierColumn], predicted: Sequence[IdentifierColumn]) -> list[Slot]:
    """A slot for each of gold's identifiers that the prediction may carry too; identifiers without values come last."""
    candidates = [
        [(one.position, other.position) for other in predicted if one.may_be_of_same_table(other)] for one in gold
    ]
    return [Slot(tuple(pairs)) for pairs in candidates if pairs]


def _anchored(
    gold: Sequence[Column],
    gold_identifiers: Sequence[IdentifierColumn],
    predicted: Sequence[Column],
    found_identifiers: Sequence[IdentifierColumn],
    anchors: Sequence[Slot],
) -> ColumnPlan:
    """C1.2: identifiers say which row is which; columns stand under their name, or anywhere if nothing has it."""
    rest = _others(gold, gold_identifiers)
    gold_places = _places_by_name(gold, rest)
    found_places = _places_by_name(predicted, _others(predicted, found_identifiers))
    named = {
        name: Slot(tuple((one, other) for one in gold_places[name] for other in found_places[name]))
        for name in gold_places
        if name in found_places
    }
    slots = [*anchors, *(slot for name, slot in named.items() if len(gold_places[name]) == 1)]
    anywhere = [
        position
        for name, positions in gold_places.items()
        for position in positions
        if name not in named or len(positions) > 1
    ]
    slots += [_anywhere(gold, position, predicted, range(len(predicted))) for position in anywhere]
    missing = "" if len(slots) <= len(predicted) else _too_few(len(predicted), len(slots))
    return ColumnPlan(
        tuple(anchors), tuple(named.values()), tuple(slots), missing, dropped=len(anchors) < len(gold_identifiers)
    )


def _free(
    gold: Sequence[Column], kept: Sequence[int], predicted: Sequence[Column], offered: Sequence[int], *, dropped: bool
) -> ColumnPlan:
    """C1.3 and C1.4: each gold column a column of its own, by name if that tells them all, else by content."""
    if len(offered) < len(kept):
        return ColumnPlan((), (), (), _too_few(len(offered), len(kept)), dropped)
    gold_places, found_places = _places_by_name(gold, kept), _places_by_name(predicted, offered)
    by_name = all(
        len(positions) == 1 and len(found_places.get(name, [])) == 1 for name, positions in gold_places.items()
    )
    if by_name:
        slots = [Slot(((positions[0], found_places[name][0]),)) for name, positions in gold_places.items()]
    else:
        slots = [_anywhere(gold, one, predicted, offered) for one in kept]
    return ColumnPlan((), tuple(slots), tuple(slots), dropped=dropped)


def _anywhere(gold: Sequence[Column], position: int, predicted: Sequence[Column], offered: Sequence[int]) -> Slot:
    """A slot for any of the predicted columns, those of the same name first: equal columns are told apart by it."""
    name = gold[position].name.casefold()
    named_first = sorted(offered, key=lambda other: predicted[other].name.casefold() != name)
    return Slot(tuple((position, other) for other in named_first))


def _others(columns: Sequence[Column], identifiers: Sequence[IdentifierColumn]) -> list[int]:
    taken = {identifier.position for identifier in identifiers}
    return [position for position in range(len(columns)) if position not in taken]


def _places_by_name(columns: Sequence[Column], positions: Sequence[int]) -> dict[str, list[int]]:
    """Positions under each name, case folded: SQL's names have no case."""
    places: dict[str, list[int]] = {}
    for position in positions:
        places.setdefault(columns[position].name.casefold(), []).append(position)
    return places


def _too_few(n_found: int, n_needed: int) -> str:
    return f"{n_found} columns for {n_needed} of gold's"
