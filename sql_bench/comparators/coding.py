"""Cells as integers: equal cells have equal codes, so that whole columns can be compared by numpy.

The reverse holds but for *fuzzy* codes: numbers close in a chain (a to b, b to c, but not a to c) share a code, and so
do lists and structs that hold such numbers. Who needs to know looks at the cells of fuzzy codes again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sql_bench.comparators.equality import Number, ValueRules, canonical, is_number
from sql_bench.comparators.number_runs import NumberRuns
from sql_bench.types import Row

Codes = NDArray[np.int64]

_EXACT_IN_A_FLOAT = 2**53
"""Whole numbers up to here are floats exactly (IEEE 754 binary64)."""


@dataclass(frozen=True)
class CodedTable:
    """One result, by columns.

    Attributes:
        n_rows: its number of rows.
        columns: its cells, one sequence a column.
        codes: their codes, `(n_rows,) int64` each.
        rules: when two cells are equal.
    """

    n_rows: int
    columns: Sequence[Sequence[Any]]
    codes: Sequence[Codes]
    rules: ValueRules

    def cell(self, column: int, row: int) -> Hashable:
        """A cell in canonical form."""
        return canonical(self.columns[column][row], self.rules)


@dataclass(frozen=True)
class CodedTables:
    """Several results under one code.

    Attributes:
        tables: in the order they were given.
        n_codes: codes run from 0 to below this.
        is_fuzzy: `(n_codes,) bool`, whether cells of this code can differ.
    """

    tables: Sequence[CodedTable]
    n_codes: int
    is_fuzzy: NDArray[np.bool_]

    def fuzzy_columns(self, table: CodedTable) -> list[bool]:
        """For each column of a table whether it holds a fuzzy code."""
        return [bool(self.is_fuzzy[codes].any()) for codes in table.codes]

    def twins(self, table: CodedTable) -> list[int]:
        """For each column of a table the first one whose cells are all equal to its own."""
        first: dict[bytes, int] = {}
        return [
            column if fuzzy else first.setdefault(hashlib.sha256(codes.tobytes()).digest(), column)
            for column, (codes, fuzzy) in enumerate(zip(table.codes, self.fuzzy_columns(table), strict=True))
        ]


def encode(tables: Sequence[tuple[Sequence[Row], int]], rules: ValueRules) -> CodedTables:
    """Give all equal cells of several results one code.

    Columns of plain numbers, which fill long results, go to numpy as they are; the cells of others are looked at one by
    one.

    Args:
        tables: rows and number of columns of each.
        rules: when two cells are equal.
    """
    columns = [_columns(rows, n_columns) for rows, n_columns in tables]
    flat = [column for table in columns for column in table]
    plain = {place: _as_floats(column) for place, column in enumerate(flat) if _is_plain(column)}
    others = {
        place: [canonical(cell, rules) for cell in column] for place, column in enumerate(flat) if place not in plain
    }
    distinct: set[Hashable] = set().union(*others.values())
    runs = NumberRuns.of(plain.values(), (number for cell in distinct for number in _numbers_in(cell)), rules)
    book = _Codebook(runs)
    code_of = {cell: book.code(cell) for cell in distinct}
    code_of_none, code_of_nan = book.code(None), book.code(canonical(float("nan"), rules))
    codes = [
        _plain_codes(flat[place], plain[place], runs, code_of_none, code_of_nan)
        if place in plain
        else np.fromiter(map(code_of.__getitem__, others[place]), np.int64, len(others[place]))
        for place in range(len(flat))
    ]
    is_fuzzy = np.zeros(book.n_codes, dtype=np.bool_)
    is_fuzzy[list(book.fuzzy)] = True
    coded, start = [], 0
    for (rows, n_columns), table in zip(tables, columns, strict=True):
        coded.append(CodedTable(len(rows), table, codes[start : start + n_columns], rules))
        start += n_columns
    return CodedTables(coded, book.n_codes, is_fuzzy)


def _columns(rows: Sequence[Row], n_columns: int) -> list[Sequence[Any]]:
    return list(zip(*rows, strict=True)) if rows else [()] * n_columns


def _is_plain(column: Sequence[Any]) -> bool:
    """Whether a column holds nothing but NULL, floats, and integers that are floats exactly."""
    types = set(map(type, column))
    if not types <= {int, float, type(None)}:
        return False
    return int not in types or all(
        type(cell) is not int or -_EXACT_IN_A_FLOAT <= cell <= _EXACT_IN_A_FLOAT for cell in column
    )


def _as_floats(column: Sequence[Any]) -> NDArray[np.float64]:
    """Plain cells as floats, NULL as NaN."""
    return np.array(column, dtype=np.float64)  # numpy reads None as NaN


def _plain_codes(
    column: Sequence[Any], floats: NDArray[np.float64], runs: NumberRuns, code_of_none: int, code_of_nan: int
) -> Codes:
    codes = runs.of_floats(floats)
    for row in np.flatnonzero(np.isnan(floats)).tolist():
        codes[row] = code_of_none if column[row] is None else code_of_nan
    return codes


def _numbers_in(cell: Hashable) -> Iterator[Number]:
    if is_number(cell):
        yield cell
    elif isinstance(cell, tuple):
        for item in cell:
            yield from _numbers_in(item)


class _Codebook:
    """Hands out codes: a number's run, and a new code for each other cell."""

    def __init__(self, runs: NumberRuns) -> None:
        self._runs = runs
        self._others: dict[Hashable, int] = {}
        self.fuzzy = set(runs.fuzzy)

    @property
    def n_codes(self) -> int:
        return self._runs.n_runs + len(self._others)

    def code(self, cell: Hashable) -> int:
        if is_number(cell):
            return self._runs.of_number(cell)
        if not isinstance(cell, tuple):
            return self._intern(cell)
        parts = tuple(self.code(part) for part in cell)
        code = self._intern(("parts", *parts))
        if self.fuzzy.intersection(parts):
            self.fuzzy.add(code)
        return code

    def _intern(self, key: Hashable) -> int:
        return self._others.setdefault(key, self.n_codes)
