"""Which predicted column may stand for which of gold's (SQL.md section 4, rules 1 and 2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sql_bench.comparators.identifiers import identifiers_of
from sql_bench.types import Column, IdentifierRule, Row


@dataclass(frozen=True)
class ColumnPlan:
    """What is compared, by position of the columns.

    Attributes:
        answer: for each of gold's columns that must be there the predicted columns it may be.
        rows: the part of it that says whether both sides have the same rows: identifiers, and columns that both name.
        as_sets: how often a row comes does not matter.
        n_available: predicted columns that may be taken.
        n_gold: all columns of gold.
        n_found: all columns of the prediction.
        gold_names: their names.
    """

    answer: Mapping[int, Sequence[int]]
    rows: Mapping[int, Sequence[int]]
    as_sets: bool
    n_available: int
    n_gold: int
    n_found: int
    gold_names: Sequence[str]

    @property
    def n_extra(self) -> int:
        """Predicted columns beyond those that gold has."""
        return max(0, self.n_available - len(self.answer))


Result = tuple[Sequence[Column], Sequence[Row]]


def plan_columns(gold: Result, found: Result, rule: IdentifierRule | None, gold_is_duplicate_free: bool) -> ColumnPlan:
    """Decide by identifiers, names and positions.

    Where both sides carry an identifier of one table it must agree, and so must each of gold's columns: with the
    predicted columns of its name if there are such, else with any. Otherwise identifiers are left out on both sides.
    Without identifiers names decide if each of gold's comes once in the prediction, else content.
    """
    gold_names = [column.name.lower() for column in gold[0]]
    found_names = [column.name.lower() for column in found[0]]
    own, theirs = identifiers_of(*gold, rule), identifiers_of(*found, rule)
    paired = {
        identifier.place: [other.place for other in theirs if identifier.is_of_the_table_of(other)]
        for identifier in own
    }
    paired = {place: others for place, others in paired.items() if others}
    own_places = {identifier.place for identifier in own}
    rest = [place for place in range(len(gold_names)) if place not in own_places]
    available = list(range(len(found_names)))
    if own and not paired:
        available = [place for place in available if place not in {other.place for other in theirs}]
    same_name = {column: [place for place in available if found_names[place] == gold_names[column]] for column in rest}
    if paired:
        answer = {**paired, **{column: same_name[column] or available for column in rest}}
        rows = {**paired, **{column: places for column, places in same_name.items() if places}}
    else:
        by_name = len({gold_names[column] for column in rest}) == len(rest) and all(
            len(places) == 1 for places in same_name.values()
        )
        answer = rows = {column: same_name[column] if by_name else available for column in rest}
    return ColumnPlan(
        answer,
        rows,
        as_sets=len(paired) < len(own) or (gold_is_duplicate_free and len(available) > len(answer)),
        n_available=len(available),
        n_gold=len(gold_names),
        n_found=len(found_names),
        gold_names=gold_names,
    )
