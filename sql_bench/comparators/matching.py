"""Pair rows one to one where equality is not transitive.

Rows are split into classes of equal codes first; only classes that hold fuzzy codes need pairs to be looked for.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sql_bench.comparators.coding import CodedTable, CodedTables, Codes
from sql_bench.comparators.equality import Number, ValueRules, canonically_equal, is_number, near

Cells = tuple[Hashable, ...]


class BudgetSpent(Exception):
    """A search took its number of steps and is not at its end."""


@dataclass
class Budget:
    """How many steps a search may still take; steps are counted, never timed, so that verdicts repeat."""

    steps: int

    def spend(self, steps: int) -> None:
        """Take some steps.

        Raises:
            BudgetSpent: there are not so many left.
        """
        self.steps -= steps
        if self.steps < 0:
            raise BudgetSpent


def refine(classes: Codes, codes: Codes, n_codes: int) -> Codes:
    """Split classes by one more column.

    Args:
        classes: `(n,) int64`, the class of each row so far, below n.
        codes: `(n,) int64`, the row's code in the column.
        n_codes: codes are below this.

    Returns:
        The new classes, `(n,) int64`, numbered from 0 without gaps.
    """
    _, refined = np.unique(classes * max(n_codes, 1) + codes, return_inverse=True)
    new_classes: Codes = refined.reshape(-1).astype(np.int64, copy=False)
    return new_classes


def fuzzy_rows(
    coded: CodedTables,
    table: CodedTable,
    classes: Codes,
    columns: Sequence[int],
    wanted: NDArray[np.bool_] | None = None,
) -> dict[int, Counter[Cells]]:
    """The rows that hold a fuzzy code, as one bag a class; rows of other classes are equal as they are.

    Args:
        coded: the code.
        table: whose rows.
        classes: `(n_rows,) int64`, classes by the codes of `columns`.
        columns: those to take, which hold all fuzzy codes of both sides.
        wanted: `(n_rows,) bool`, the only rows to take; all if not given.
    """
    is_fuzzy = np.zeros(len(classes), dtype=np.bool_)
    for column in columns:
        is_fuzzy |= coded.is_fuzzy[table.codes[column]]
    keep = np.flatnonzero(is_fuzzy if wanted is None else is_fuzzy & wanted)
    bags: dict[int, Counter[Cells]] = {}
    for row, row_class in zip(keep.tolist(), classes[keep].tolist(), strict=True):
        bags.setdefault(row_class, Counter())[tuple(table.cell(column, row) for column in columns)] += 1
    return bags


def can_pair_all(left: Counter[Cells], right: Counter[Cells], rules: ValueRules, budget: Budget) -> bool:
    """Whether every row on the left can have an equal row of its own on the right; the right may have more.

    Raises:
        BudgetSpent: it could not be found out within the budget.
    """
    if all(right[row] >= count for row, count in left.items()):
        return True
    if left.total() > right.total():
        return False
    if len(left) == len(right) == 1:
        (row,), (other,) = left, right
        return canonically_equal(row, other, rules)
    equal = _equal_rows(left, right, rules, budget)
    return all(equal.values()) and _saturates(left, right, equal, budget)


def each_has_equal(left: Counter[Cells], right: Counter[Cells], rules: ValueRules, budget: Budget) -> bool:
    """Whether every row on the left has an equal one on the right, however many share it.

    Raises:
        BudgetSpent: it could not be found out within the budget.
    """
    return left.keys() <= right.keys() or all(_equal_rows(left, right, rules, budget).values())


def _equal_rows(
    left: Counter[Cells], right: Counter[Cells], rules: ValueRules, budget: Budget
) -> dict[Cells, list[Cells]]:
    """For each distinct row on the left the equal ones on the right, found among those near in the first column."""
    candidates = _Neighbours(right, rules)
    equal = {}
    for row in left:
        near_rows = candidates.of(row)
        budget.spend(1 + len(near_rows))
        equal[row] = [other for other in near_rows if canonically_equal(row, other, rules)]
    return equal


class _Neighbours:
    """Rows by their first cell where all of those are numbers."""

    def __init__(self, rows: Counter[Cells], rules: ValueRules) -> None:
        self._rules = rules
        self._rows = list(rows)
        self._firsts: list[Number] | None = None
        firsts = [row[0] for row in rows if is_number(row[0])]
        if len(firsts) == len(self._rows):
            self._rows.sort(key=lambda row: row[0])  # type: ignore[arg-type, return-value]  # all of them are numbers
            self._firsts = sorted(firsts)

    def of(self, row: Cells) -> Sequence[Cells]:
        """The rows that may be equal to this one."""
        first = row[0]
        if self._firsts is None or not is_number(first):
            return self._rows
        low = high = bisect_left(self._firsts, first)
        while low > 0 and self._is_near(first, low - 1):
            low -= 1
        while high < len(self._firsts) and self._is_near(first, high):
            high += 1
        return self._rows[low:high]

    def _is_near(self, number: Number, position: int) -> bool:
        assert self._firsts is not None
        return self._firsts[position] == number or near(self._firsts[position], number, self._rules)


def _saturates(
    left: Counter[Cells], right: Counter[Cells], equal: Mapping[Cells, Sequence[Cells]], budget: Budget
) -> bool:
    """Whether a flow from the left to the right along `equal` can carry all of the left (augmenting paths)."""
    free = Counter(right)
    flow: dict[Cells, Counter[Cells]] = {other: Counter() for other in right}  # right row -> left row -> pairs
    for row, count in left.items():
        for other in sorted(equal[row], key=lambda other: other != row):  # what is exactly equal first
            paired = min(count, free[other])
            flow[other][row] += paired
            free[other] -= paired
            count -= paired
        for _ in range(count):
            if not _augment(row, free, flow, equal, budget):
                return False
    return True


def _augment(
    start: Cells,
    free: Counter[Cells],
    flow: Mapping[Cells, Counter[Cells]],
    equal: Mapping[Cells, Sequence[Cells]],
    budget: Budget,
) -> bool:
    """Give one more row like `start` a partner, moving others to new partners on the way (breadth first)."""
    came_from: dict[Cells, Cells] = {}  # right row -> the left row it was reached from
    gave_up: dict[Cells, Cells] = {}  # left row -> the right row it would give up
    waiting = deque([start])
    while waiting:
        row = waiting.popleft()
        budget.spend(1 + len(equal[row]))
        for other in equal[row]:
            if other in came_from:
                continue
            came_from[other] = row
            if free[other] > 0:
                _shift(start, other, free, flow, came_from, gave_up)
                return True
            for holder, pairs in flow[other].items():
                if pairs > 0 and holder != start and holder not in gave_up:
                    gave_up[holder] = other
                    waiting.append(holder)
    return False


def _shift(
    start: Cells,
    end: Cells,
    free: Counter[Cells],
    flow: Mapping[Cells, Counter[Cells]],
    came_from: Mapping[Cells, Cells],
    gave_up: Mapping[Cells, Cells],
) -> None:
    free[end] -= 1
    while True:
        row = came_from[end]
        flow[end][row] += 1
        if row == start:
            return
        end = gave_up[row]
        flow[end][row] -= 1
