"""One reading of both sides, held against the columns it must have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from sql_bench.comparators.assignment import CodedReading, Pair, Repeats, Search
from sql_bench.comparators.columns import ColumnPlan, Slot, plan_columns
from sql_bench.comparators.equality import ValueRules
from sql_bench.comparators.limits import Reading
from sql_bench.comparators.matching import Budget
from sql_bench.types import Column, IdentifierRule, Row


@dataclass(frozen=True)
class Match:
    """A reading and all that decides whether its rows agree.

    Attributes:
        reading: the rows.
        gold_columns: gold's columns.
        predicted_columns: the predicted ones.
        identifiers: what the dataset says of its identifiers.
        gold_is_set: gold's statement cannot return a row twice.
        rules: when two cells are equal.
        n_steps: how long each search may take.
    """

    reading: Reading
    gold_columns: Sequence[Column]
    predicted_columns: Sequence[Column]
    identifiers: IdentifierRule | None
    gold_is_set: bool
    rules: ValueRules
    n_steps: int

    @cached_property
    def plan(self) -> ColumnPlan:
        """Which columns may stand for which."""
        return plan_columns(
            self.gold_columns,
            self.reading.gold_rows,
            self.predicted_columns,
            self.reading.predicted_rows,
            self.identifiers,
        )

    @cached_property
    def coded(self) -> CodedReading:
        """The reading's cells, coded."""
        return CodedReading.of(self.reading, len(self.gold_columns), len(self.predicted_columns), self.rules)

    @property
    def repeats(self) -> Repeats:
        """How often a row of gold's may stand in the prediction (docs/rules/comparing.md C2.2 to C2.4)."""
        if self.gold_is_set and self.n_extra_columns > 0:
            return Repeats.FOLDED
        return Repeats.AS_IN_GOLD_OR_ONCE if self.plan.dropped else Repeats.AS_IN_GOLD

    @property
    def n_extra_columns(self) -> int:
        """Predicted columns that stand for none of gold's."""
        return max(0, len(self.predicted_columns) - len(self.plan.all_slots))

    def agreement(self) -> tuple[Pair, ...] | None:
        """The columns of gold's and the prediction's under which it holds all that gold does; None if it does not.

        Raises:
            BudgetSpent: the search came to no end.
        """
        pairs = self._found(self.plan.all_slots, self.repeats)
        return pairs if pairs is None or self._keys_agree() else None

    def _keys_agree(self) -> bool:
        """Whether sort keys that are columns are gold's, where no more of a right result is known."""
        check = self.reading.key_check
        if check is None:
            return True
        slots = [slot for slot in self.plan.all_slots if slot.pairs[0][0] in check.columns]
        n_rows = len(check.rows)
        keys_only = Reading(check.rows, [True] * n_rows, self.reading.predicted_rows, n_rows, check.ranks, check.ranks)
        return not slots or self.of(keys_only)._finds(slots, self.repeats)

    def agrees(self) -> bool:
        """Whether the prediction holds all that gold does.

        Raises:
            BudgetSpent: the search came to no end.
        """
        return self.agreement() is not None

    def agrees_under(self, slots: Sequence[Slot]) -> bool:
        """`agrees`, with these columns."""
        return self._finds(slots, self.repeats) and self._keys_agree()

    def agrees_as_set(self) -> bool:
        """`agrees`, however often a row occurs."""
        return self._finds(self.plan.all_slots, Repeats.FREE)

    def unplaced_null_column(self, pairs: Sequence[Pair]) -> str | None:
        """A column of gold's that is NULL throughout and that no name or place tells which predicted one stands for.

        Its cells agree with those of any other such column, so content says nothing (docs/rules/comparing.md C1.6).
        """
        unplaced = [
            self.gold_columns[one].name
            for one, other in pairs
            if _is_null_throughout(self.reading.gold_rows, one)
            and self.gold_columns[one].name.casefold() != self.predicted_columns[other].name.casefold()
        ]
        if not unplaced or (len(unplaced) == 1 and len(self.gold_columns) == len(self.predicted_columns)):
            return None
        return unplaced[0]

    def rows_agree(self, *, repeats: Repeats | None = None, in_order: bool = True) -> bool:
        """Whether the rows are gold's and nothing in them contradicts gold; further columns may be missing.

        Without identifiers this is `agrees`.
        """
        slots = (*self.plan.identifiers, *self.plan.found) if self.plan.identifiers else self.plan.all_slots
        return self._finds(slots, repeats or self.repeats, in_order=in_order)

    def identifiers_agree(self) -> bool:
        """Whether both sides carry an identifier and it says that the rows are the same."""
        return bool(self.plan.identifiers) and self._finds(self.plan.identifiers, self.repeats, in_order=False)

    def some_column_agrees(self) -> bool:
        """Whether any of gold's columns, by itself, is there."""
        return any(self._finds([slot], self.repeats, in_order=False) for slot in self.plan.all_slots)

    def loosely_typed(self) -> Match:
        """The same where texts, numbers, booleans and dates that are written alike are equal."""
        return self.under(
            replace(self.rules, numbers_as_text=True, dates_as_text=True, booleans_as_numbers=True, dates="as_instants")
        )

    def under(self, rules: ValueRules) -> Match:
        """The same with other rules for values."""
        return replace(self, rules=rules)

    def of(self, reading: Reading) -> Match:
        """The same columns with other rows."""
        return replace(self, reading=reading)

    def _finds(self, slots: Sequence[Slot], repeats: Repeats, *, in_order: bool = True) -> bool:
        return self._found(slots, repeats, in_order=in_order) is not None

    def _found(self, slots: Sequence[Slot], repeats: Repeats, *, in_order: bool = True) -> tuple[Pair, ...] | None:
        if self.plan.missing and slots is self.plan.all_slots:
            return None
        search = Search(self.coded, repeats=repeats, budget=Budget(self.n_steps), in_order=in_order)
        return search.find(slots)


def contained(reading: Reading) -> Reading:
    """A reading that only asks whether the predicted rows are among gold's."""
    return replace(
        reading, required=[False] * len(reading.gold_rows), n_rows=None, gold_ranks=None, expected_ranks=None
    )


def _is_null_throughout(rows: Sequence[Row], column: int) -> bool:
    return bool(rows) and all(row[column] is None for row in rows)
