"""Pairing rows one to one under a relation that is not transitive, within a budget of steps."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

Row = tuple[Hashable, ...]


class BudgetSpent(Exception):
    """The search took more steps than it may; what it looks for may or may not be there."""


@dataclass
class Budget:
    """Steps left. Steps are counted, not seconds, so that a verdict is the same on every machine."""

    steps: int

    def spend(self, steps: int) -> None:
        """Take steps off.

        Raises:
            BudgetSpent: there are not that many left.
        """
        self.steps -= steps
        if self.steps < 0:
            raise BudgetSpent


def covers(rows: Sequence[Row], others: Sequence[Row], agree: Callable[[Row, Row], bool], budget: Budget) -> bool:
    """Whether each of `rows` can have one of `others` to itself that it agrees with.

    Equal rows, or else neighbours after sorting, usually do; a maximum bipartite matching by augmenting paths
    (Berge 1957, Proc. Natl. Acad. Sci. 43:842-844) decides what is left.

    Raises:
        BudgetSpent: undecided within the budget.
    """
    if len(rows) > len(others):
        return False
    if not Counter(rows) - Counter(others):
        return True
    budget.spend(len(rows))
    if len(rows) == len(others) and all(map(agree, sorted(rows), sorted(others))):
        return True
    neighbours: list[list[int]] = []
    for row in rows:
        budget.spend(len(others))
        neighbours.append([place for place, other in enumerate(others) if agree(row, other)])
    matching = _Matching({}, {})
    return all(matching.augment(start, neighbours, budget) for start in range(len(rows)))


@dataclass
class _Matching:
    """Pairs so far, looked up from both ends."""

    place_of: dict[int, int]
    row_at: dict[int, int]

    def augment(self, start: int, neighbours: Sequence[Sequence[int]], budget: Budget) -> bool:
        """Pair one more row, moving others to places of their choice; False if that is impossible."""
        reached_from: dict[int, int] = {}
        queue = deque([start])
        while queue:
            row = queue.popleft()
            budget.spend(1 + len(neighbours[row]))
            for place in neighbours[row]:
                if place in reached_from:
                    continue
                reached_from[place] = row
                if place not in self.row_at:
                    self._move_along(place, start, reached_from)
                    return True
                queue.append(self.row_at[place])
        return False

    def _move_along(self, place: int, start: int, reached_from: dict[int, int]) -> None:
        while True:
            row = reached_from[place]
            left = self.place_of.get(row)
            self.place_of[row], self.row_at[place] = place, row
            if row == start or left is None:
                return
            place = left
