"""The search for predicted columns that together hold gold's rows.

Columns are not compared one by one: each chosen pair splits the rows of both sides further, and the classes must hold
right numbers of both at every step. The search is exact and takes a bounded number of steps.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sql_bench.comparators.coding import CodedTable, CodedTables, Codes, encode
from sql_bench.comparators.columns import Slot
from sql_bench.comparators.equality import ValueRules, canonical
from sql_bench.comparators.limits import Reading
from sql_bench.comparators.matching import Budget, can_pair_all, each_has_equal, fuzzy_rows, refine

_STEPS_PER_CALL = 300
"""What one numpy call on few rows costs, in rows."""

Pair = tuple[int, int]


class Repeats(Enum):
    """How often a row of gold's may stand in the prediction (docs/rules/comparing.md C2)."""

    AS_IN_GOLD = "as often as in gold"
    AS_IN_GOLD_OR_ONCE = "as often as in gold, or once"
    FOLDED = "any number of times, as long as further columns tell the rows apart"
    FREE = "any number of times"


@dataclass(frozen=True)
class CodedReading:
    """A reading whose cells are coded.

    Attributes:
        reading: the reading.
        rules: when two of its cells are equal.
        coded: the codes of gold's rows and of the predicted ones.
    """

    reading: Reading
    rules: ValueRules
    coded: CodedTables

    @classmethod
    def of(cls, reading: Reading, n_gold_columns: int, n_predicted_columns: int, rules: ValueRules) -> CodedReading:
        tables = [(reading.gold_rows, n_gold_columns), (reading.predicted_rows, n_predicted_columns)]
        return cls(reading, rules, encode(tables, rules))

    @cached_property
    def twins(self) -> tuple[Sequence[int], Sequence[int]]:
        """`CodedTables.twins` of gold's columns and of the predicted ones."""
        return self.coded.twins(self.gold), self.coded.twins(self.predicted)

    @cached_property
    def fuzzy_columns(self) -> tuple[Sequence[bool], Sequence[bool]]:
        """`CodedTables.fuzzy_columns` of both sides."""
        return self.coded.fuzzy_columns(self.gold), self.coded.fuzzy_columns(self.predicted)

    @cached_property
    def code_sums(self) -> tuple[Sequence[int], Sequence[int]]:
        """A sum over the codes of each column, of gold's and of the predicted ones: equal bags have equal sums."""
        one, other = ([int(_scrambled(codes).sum()) for codes in table.codes] for table in (self.gold, self.predicted))
        return one, other

    @cached_property
    def whole_repeats(self) -> NDArray[np.int64]:
        """For each predicted row how many are equal to it in every column, those beyond gold's too."""
        rows = [tuple(canonical(cell, self.rules) for cell in row) for row in self.reading.predicted_rows]
        n_equal = Counter(rows)
        return np.fromiter((n_equal[row] for row in rows), np.int64, len(rows))

    @property
    def gold(self) -> CodedTable:
        return self.coded.tables[0]

    @property
    def predicted(self) -> CodedTable:
        return self.coded.tables[1]


def _scrambled(codes: Codes) -> NDArray[np.uint64]:
    """Codes spread over 64 bits, so that other codes hardly have the same sum (the finaliser of SplitMix64)."""
    bits = codes.astype(np.uint64)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


class Search:
    """Looks for the columns under which a reading's rows agree.

    Args:
        coded: the reading.
        repeats: how often a row may occur.
        budget: how long to look.
        in_order: order counts where the reading has one.
    """

    def __init__(self, coded: CodedReading, *, repeats: Repeats, budget: Budget, in_order: bool = True) -> None:
        self._coded, self._repeats, self._budget = coded, repeats, budget
        self._counts_rows = repeats is Repeats.AS_IN_GOLD
        reading = coded.reading
        self._n_gold, self._n_predicted = coded.gold.n_rows, coded.predicted.n_rows
        self._required = np.asarray(reading.required, dtype=np.bool_).reshape(-1)
        self._ranks: tuple[Codes, Codes] | None = None
        if in_order and reading.gold_ranks is not None and reading.expected_ranks is not None:
            self._ranks = (np.asarray(reading.gold_ranks, np.int64), np.asarray(reading.expected_ranks, np.int64))

    def find(self, slots: Sequence[Slot]) -> tuple[Pair, ...] | None:
        """One pair of columns for each slot, no predicted column twice, under which the rows agree; None without one.

        Raises:
            BudgetSpent: there were too many ways to try.
        """
        reading = self._coded.reading
        if self._counts_rows and reading.n_rows is not None and self._n_predicted != reading.n_rows:
            return None
        start = self._first_classes()
        candidates = [[pair for pair in slot.pairs if self._may_agree(start, pair)] for slot in slots]
        if not all(candidates):
            return None
        order = sorted(range(len(slots)), key=lambda slot: len(candidates[slot]))
        chosen = self._search(start, [candidates[slot] for slot in order])
        return None if chosen is None else tuple(pair for _, pair in sorted(zip(order, chosen, strict=True)))

    def _may_agree(self, start: Codes, pair: Pair) -> bool:
        """Whether two columns by themselves have the same cells; the sums of their codes tell most that have not."""
        gold_sums, predicted_sums = self._coded.code_sums
        whole = self._counts_rows and self._coded.reading.only_gold and bool(self._required.all())
        if whole and gold_sums[pair[0]] != predicted_sums[pair[1]]:
            return False
        return self._agree(self._split(start, pair))

    def _search(self, start: Codes, candidates: Sequence[Sequence[Pair]]) -> list[Pair] | None:
        """Depth first, on a stack of its own: a result may have a thousand columns."""
        if not candidates:
            return [] if self._holds(start, []) else None
        chosen: list[Pair] = []
        stack = [self._children(start, candidates[0], chosen)]
        while stack:
            step = next(stack[-1], None)
            if step is None:
                stack.pop()
                if chosen:
                    chosen.pop()
                continue
            pair, classes = step
            if len(stack) < len(candidates):
                chosen.append(pair)
                stack.append(self._children(classes, candidates[len(stack)], chosen))
            elif self._holds(classes, [*chosen, pair]):
                return [*chosen, pair]
        return None

    def _children(self, classes: Codes, pairs: Sequence[Pair], chosen: Sequence[Pair]) -> Iterator[tuple[Pair, Codes]]:
        """The pairs that go with those chosen so far; of equal columns only the first is tried."""
        taken = {predicted for _, predicted in chosen}
        gold_twins, predicted_twins = self._coded.twins
        tried: set[Pair] = set()
        for pair in pairs:
            kind = gold_twins[pair[0]], predicted_twins[pair[1]]
            if pair[1] in taken or kind in tried:
                continue
            tried.add(kind)
            split = self._split(classes, pair)
            if self._agree(split):
                yield pair, split

    def _first_classes(self) -> Codes:
        """All rows in one class, or in a bag with an order one for each rank: the n-th row must be of the n-th rank."""
        if not self._counts_rows or self._ranks is None:
            return np.zeros(self._n_gold + self._n_predicted, dtype=np.int64)
        gold_ranks, expected_ranks = self._ranks
        return refine(np.concatenate((gold_ranks, expected_ranks)), np.zeros(1, np.int64), 1)

    def _split(self, classes: Codes, pair: Pair) -> Codes:
        self._budget.spend(_STEPS_PER_CALL + len(classes))
        codes = np.concatenate((self._coded.gold.codes[pair[0]], self._coded.predicted.codes[pair[1]]))
        return refine(classes, codes, self._coded.coded.n_codes)

    def _agree(self, classes: Codes) -> bool:
        """Whether no class has too few or too many rows; necessary, and enough but for fuzzy codes and ordered sets."""
        there, required, found = self._counts(classes)
        if not self._counts_rows:
            required = np.minimum(required, 1)
        if self._repeats in (Repeats.FOLDED, Repeats.FREE):
            there, found = np.minimum(there, 1), np.minimum(found, 1)
        return bool((required <= found).all() and (not self._coded.reading.only_gold or (found <= there).all()))

    def _counts(self, classes: Codes) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        n_classes = int(classes.max(initial=-1)) + 1
        gold, predicted = classes[: self._n_gold], classes[self._n_gold :]
        return (
            np.bincount(gold, minlength=n_classes),
            np.bincount(gold[self._required], minlength=n_classes),
            np.bincount(predicted, minlength=n_classes),
        )

    def _holds(self, classes: Codes, pairs: Sequence[Pair]) -> bool:
        """Whether the rows agree under all chosen columns, cells of fuzzy codes looked at again."""
        if not self._counts_rows and not (self._enough_rows(classes) and self._follows(classes)):
            return False
        return self._agree(classes) and self._fuzzy_rows_agree(classes, pairs) and self._repeats_hold(classes, pairs)

    def _repeats_hold(self, classes: Codes, pairs: Sequence[Pair]) -> bool:
        """Whether no row stands there more often than it may, once all columns are chosen."""
        there, required, found = self._counts(classes)
        if self._repeats is Repeats.AS_IN_GOLD_OR_ONCE:
            decided = (required == there) & ~self._fuzzy_classes(classes, pairs)
            return bool(((found == there) | (found == 1) | ~decided).all())
        if self._repeats is Repeats.FOLDED:
            most = np.maximum(there, 1)[classes[self._n_gold :]]
            return bool((self._coded.whole_repeats <= most).all())
        return True

    def _fuzzy_classes(self, classes: Codes, pairs: Sequence[Pair]) -> NDArray[np.bool_]:
        """For each class whether rows of it may differ."""
        is_fuzzy = np.zeros(int(classes.max(initial=-1)) + 1, dtype=np.bool_)
        for gold_column, _ in pairs:
            is_fuzzy[classes[: self._n_gold][self._coded.coded.is_fuzzy[self._coded.gold.codes[gold_column]]]] = True
        return is_fuzzy

    def _enough_rows(self, classes: Codes) -> bool:
        """With a LIMIT, as sets: the rows beyond those required must be a choice of as many rows as gold has."""
        n_rows = self._coded.reading.n_rows
        if n_rows is None or self._required.all():
            return True
        n_there, n_required, n_found = self._counts(classes)
        n_free = n_rows - int(self._required.sum())
        n_chosen = int(((n_found > 0) & (n_required == 0)).sum())
        return n_chosen <= n_free <= int((n_there - n_required)[n_found > 0].sum())

    def _follows(self, classes: Codes) -> bool:
        """As sets, whether the predicted rows can be read along gold's order: none at a rank before the last one's."""
        if self._ranks is None:
            return True
        ranks_of: dict[int, list[int]] = {}
        for row_class, rank in zip(classes[: self._n_gold].tolist(), self._ranks[0].tolist(), strict=True):
            ranks_of.setdefault(row_class, []).append(rank)
        for ranks in ranks_of.values():
            ranks.sort()
        reached = -1
        for row_class in classes[self._n_gold :].tolist():
            ranks = ranks_of.get(row_class, [])
            later = bisect_left(ranks, reached)
            if later == len(ranks):
                return False
            reached = ranks[later]
        return True

    def _fuzzy_rows_agree(self, classes: Codes, pairs: Sequence[Pair]) -> bool:
        gold, predicted = self._coded.gold, self._coded.predicted
        gold_is_fuzzy, predicted_is_fuzzy = self._coded.fuzzy_columns
        fuzzy = [pair for pair in pairs if gold_is_fuzzy[pair[0]] or predicted_is_fuzzy[pair[1]]]
        if not fuzzy:
            return True
        gold_columns, gold_classes = [one for one, _ in fuzzy], classes[: self._n_gold]
        coded = self._coded.coded
        found = fuzzy_rows(coded, predicted, classes[self._n_gold :], [other for _, other in fuzzy])
        there = fuzzy_rows(coded, gold, gold_classes, gold_columns)
        required = fuzzy_rows(coded, gold, gold_classes, gold_columns, self._required)
        covers = can_pair_all if self._counts_rows else each_has_equal
        fits = each_has_equal if self._repeats in (Repeats.FOLDED, Repeats.FREE) else can_pair_all
        # A pairing that takes in all required rows and one that takes in all predicted rows make one that does both
        # (Mendelsohn and Dulmage 1958).
        lower = all(covers(cells, found[number], self._coded.rules, self._budget) for number, cells in required.items())
        return lower and (
            not self._coded.reading.only_gold
            or all(fits(cells, there[number], self._coded.rules, self._budget) for number, cells in found.items())
        )
