"""Whether the prediction has gold's rows under some choice of a column for each of gold's (SQL.md section 4, rule 6).

Columns are chosen together: the tuples they make must agree, not each column for itself. The search extends a choice by
one column at a time and gives up a branch as soon as the tuples so far cannot agree; it counts the cells it looks at.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress

from sql_bench.comparators.equality import ValueRules
from sql_bench.comparators.limits import Expectation
from sql_bench.comparators.number_classes import class_key, representatives
from sql_bench.comparators.pairing import Budget, covers
from sql_bench.comparators.pairing import Row as CanonicalRow
from sql_bench.types import Row

# What a step costs besides the cells it looks at, in cells.
_STEP = 64

Keys = Sequence[int]


class Cells:
    """The cells of both sides by column, canonical, each beside the code of the class it belongs to.

    Args:
        gold: rows of gold.
        found: rows of the prediction.
        n_gold_columns: columns of gold; there may be no row to count them in.
        n_found_columns: columns of the prediction.
        rules: what makes values equal.
    """

    def __init__(
        self, gold: Sequence[Row], found: Sequence[Row], n_gold_columns: int, n_found_columns: int, rules: ValueRules
    ) -> None:
        self.rules = rules
        self.gold = _columns(gold, n_gold_columns, rules)
        self.found = _columns(found, n_found_columns, rules)
        stands_for = representatives((value for column in (*self.gold, *self.found) for value in column), rules)
        self.equal_codes_are_equal_values = not stands_for
        codes: dict[Hashable, int] = {}
        keyed = [
            column if not stands_for else [class_key(value, stands_for) for value in column]
            for column in (*self.gold, *self.found)
        ]
        coded = [[codes.setdefault(key, len(codes)) for key in column] for column in keyed]
        self.gold_codes, self.found_codes = coded[:n_gold_columns], coded[n_gold_columns:]
        twins: dict[tuple[Hashable, ...], int] = {}
        self.twins = [twins.setdefault(tuple(column), len(twins)) for column in self.found]
        """For each predicted column a number that columns with the same cells share."""


def _columns(rows: Sequence[Row], n_columns: int, rules: ValueRules) -> list[list[Hashable]]:
    canonical = rules.canonical
    return [[canonical(row[place]) for row in rows] for place in range(n_columns)]


@dataclass(frozen=True)
class Task:
    """What is to be decided.

    Attributes:
        cells: both sides.
        expectation: which of gold's rows must and may be there.
        as_sets: how often a row comes does not matter.
        budget: the steps that are left.
    """

    cells: Cells
    expectation: Expectation
    as_sets: bool
    budget: Budget

    def is_met(self, choices: Mapping[int, Sequence[int]]) -> bool:
        """Whether some choice of columns makes the rows agree.

        Args:
            choices: gold column -> the predicted columns it may be; each predicted column is taken once.

        Raises:
            BudgetSpent: not found, and not all choices were tried.
        """
        if not self._number_of_rows_fits():
            return False
        tried = {column: self.counterparts(column, places) for column, places in choices.items()}
        if not all(tried.values()):
            return False
        # The column with the fewest choices first, then the one that tells most rows apart.
        order = sorted(tried, key=lambda column: (len(tried[column]), -len(set(self.cells.gold_codes[column])), column))
        return self._search(order, tried)

    def counterparts(self, column: int, places: Iterable[int]) -> list[int]:
        """The predicted columns that agree with one of gold's, each looked at by itself."""
        found = []
        for place in places:
            codes, found_codes = self.cells.gold_codes[column], self.cells.found_codes[place]
            self.budget.spend(_STEP + len(codes) + len(found_codes))
            if self._admits(codes, found_codes):
                found.append(place)
        return found

    def _number_of_rows_fits(self) -> bool:
        expectation = self.expectation
        if expectation.n_rows is None or (self.as_sets and expectation.is_exact):
            return True
        return self._n_found == expectation.n_rows

    @property
    def _n_found(self) -> int:
        return len(self.cells.found[0]) if self.cells.found else 0

    def _search(self, order: Sequence[int], choices: Mapping[int, Sequence[int]]) -> bool:
        """Depth first, with a stack of its own: gold may have more columns than Python has frames."""
        start = self._start()
        if not self._admits(start.gold_keys, start.found_keys):
            return False
        stack = [self._extensions(start, order, choices)]
        while stack:
            choice = next(stack[-1], None)
            if choice is None:
                stack.pop()
            elif len(choice.places) < len(order):
                stack.append(self._extensions(choice, order, choices))
            elif self._rows_agree(choice, order):
                return True
        return False

    def _start(self) -> _Choice:
        """Before any column is chosen. In a bag, order is like a column that is chosen already."""
        n_gold, n_found = len(self.expectation.rows), self._n_found
        if self.expectation.blocks is None or self.as_sets:
            return _Choice((), [0] * n_gold, [0] * n_found)
        return _Choice((), self.expectation.blocks, self.expectation.found_blocks(n_found))

    def _extensions(
        self, choice: _Choice, order: Sequence[int], choices: Mapping[int, Sequence[int]]
    ) -> Iterator[_Choice]:
        """The choices of one column more that may still succeed; of equal columns one is enough."""
        column = order[len(choice.places)]
        twins_tried = set()
        for place in choices[column]:
            if place in choice.places or self.cells.twins[place] in twins_tried:
                continue
            twins_tried.add(self.cells.twins[place])
            self.budget.spend(_STEP + len(choice.gold_keys) + len(choice.found_keys))
            pairs: dict[tuple[int, int], int] = {}
            gold_keys = _joined(choice.gold_keys, self.cells.gold_codes[column], pairs)
            found_keys = _joined(choice.found_keys, self.cells.found_codes[place], pairs)
            if self._admits(gold_keys, found_keys):
                yield _Choice((*choice.places, place), gold_keys, found_keys)

    def _admits(self, gold_keys: Keys, found_keys: Keys) -> bool:
        """Whether rows with these keys may be a right prediction."""
        expectation = self.expectation
        if self.as_sets:
            found = set(found_keys)
            return found.issuperset(compress(gold_keys, expectation.required)) and (
                expectation.is_open or found.issubset(gold_keys)
            )
        if expectation.is_exact:
            return dict(Counter(gold_keys)) == dict(Counter(found_keys))
        counts, required = Counter(found_keys), Counter(compress(gold_keys, expectation.required))
        return required <= counts and (expectation.is_open or counts <= Counter(gold_keys))

    def _rows_agree(self, choice: _Choice, order: Sequence[int]) -> bool:
        """Whether rows whose classes agree do so themselves, and sets come in order."""
        if self.as_sets and self.expectation.blocks is not None and not self._is_in_order(choice):
            return False
        if self.cells.equal_codes_are_equal_values:
            return True
        gold = zip(*(self.cells.gold[column] for column in order), strict=True)
        found = zip(*(self.cells.found[place] for place in choice.places), strict=True)
        groups: defaultdict[int, _Group] = defaultdict(_Group)
        for key, row, is_required in zip(choice.gold_keys, gold, self.expectation.required, strict=True):
            groups[key].allowed.append(row)
            if is_required:
                groups[key].required.append(row)
        for key, row in zip(choice.found_keys, found, strict=True):
            groups[key].found.append(row)
        return all(self._group_agrees(group) for group in groups.values())

    def _group_agrees(self, group: _Group) -> bool:
        """Whether a class of rows agrees.

        Where one pairing serves all required rows and another all predicted ones, one that serves both exists
        (Mendelsohn & Dulmage 1958, Can. J. Math. 10:517-534).
        """
        serves = self._all_have_an_equal if self.as_sets else self._all_have_a_partner
        return serves(group.required, group.found) and (self.expectation.is_open or serves(group.found, group.allowed))

    def _all_have_a_partner(self, rows: Sequence[CanonicalRow], others: Sequence[CanonicalRow]) -> bool:
        return covers(rows, others, self.cells.rules.agree, self.budget)

    def _all_have_an_equal(self, rows: Sequence[CanonicalRow], others: Sequence[CanonicalRow]) -> bool:
        distinct = set(others)
        for row in set(rows) - distinct:
            self.budget.spend(len(distinct))
            if not any(self.cells.rules.agree(row, other) for other in distinct):
                return False
        return True

    def _is_in_order(self, choice: _Choice) -> bool:
        """Whether rows, each where it first comes, come in the order of the ties in which gold first has them."""
        assert self.expectation.blocks is not None
        tie_of: dict[int, int] = {}
        for key, tie in zip(choice.gold_keys, self.expectation.blocks, strict=True):
            tie_of.setdefault(key, tie)
        ties = [tie_of[key] for key in dict.fromkeys(choice.found_keys) if key in tie_of]
        return ties == sorted(ties)


@dataclass(frozen=True)
class _Choice:
    """Predicted columns for the first of gold's, and for each row a key of its cells in them."""

    places: tuple[int, ...]
    gold_keys: Keys
    found_keys: Keys


@dataclass(frozen=True)
class _Group:
    """Rows of one class: gold's that must and that may be there, and the prediction's."""

    required: list[CanonicalRow] = field(default_factory=list)
    allowed: list[CanonicalRow] = field(default_factory=list)
    found: list[CanonicalRow] = field(default_factory=list)


def _joined(keys: Keys, codes: Keys, pairs: dict[tuple[int, int], int]) -> list[int]:
    """One number for each pair of key and code."""
    return [pairs.setdefault(pair, len(pairs)) for pair in zip(keys, codes, strict=True)]
