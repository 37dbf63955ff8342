"""Results, their columns and single rows as tables."""

from __future__ import annotations

from collections.abc import Sequence

from bench_core.results.tables import Cell, Table
from bench_core.results.tables import Column as TableColumn
from sql_bench.comparators.explaining import Compared
from sql_bench.comparators.pairing import ColumnPair
from sql_bench.reports.cells import table_cell
from sql_bench.types import Column, ExecutionResult, Row


def unique_names(names: Sequence[str]) -> list[str]:
    """Names for JSON's fields: of equal ones the second is `a_2`, and so on."""
    keys: list[str] = []
    taken: set[str] = set()
    for name in names:
        key, number = name, 1
        while key in taken:
            number += 1
            key = f"{name}_{number}"
        keys.append(key)
        taken.add(key)
    return keys


def rows_table(columns: Sequence[Column], rows: Sequence[Row]) -> Table:
    """Rows under their columns' names and types."""
    keys = unique_names([column.name for column in columns])
    heads = [
        TableColumn(key, f"{column.name} {column.type}", decimals=6) for key, column in zip(keys, columns, strict=True)
    ]
    return Table("", heads, [[table_cell(value) for value in row] for row in rows], missing="NULL")


def result_table(result: ExecutionResult, most: int) -> Table:
    """The first rows of a result; of none, its columns."""
    if result.rows:
        return rows_table(result.columns, result.rows[:most])
    named = ", ".join(f"{column.name} {column.type}" for column in result.columns)
    return Table("", [TableColumn("columns", "columns", wraps=True)], [[f"no rows, of the columns {named}"]])


def column_table(compared: Compared) -> Table:
    """Gold's columns with the predicted ones that stand for them, then the predicted ones that stand for none."""
    match = compared.match
    n_gold = len(match.reading.gold_rows)
    rows: list[list[Cell]] = []
    for pair in compared.columns:
        gold = match.gold_columns[pair.gold]
        predicted = match.predicted_columns[pair.predicted] if pair.predicted is not None else None
        rows.append([_named(gold), _named(predicted) if predicted is not None else None, _why(pair, n_gold)])
    rows += [
        [_named(match.gold_columns[place]), None, "an identifier that is not compared"] for place in compared.dropped
    ]
    rows += [[None, _named(match.predicted_columns[place]), "not asked for"] for place in compared.extra]
    heads = [
        TableColumn("gold", "gold", priority=1),
        TableColumn("predicted", "prediction", priority=1),
        TableColumn("why", "why", priority=1, wraps=True),
    ]
    return Table("", heads, rows)


def _named(column: Column) -> str:
    return f"{column.name} {column.type}"


def _why(pair: ColumnPair, n_gold: int) -> str:
    if pair.predicted is None:
        return "none is left"
    name = "of one name" if pair.by_name else "of another name"
    if n_gold == 0:
        return name
    cells = "all values" if pair.n_equal == n_gold else f"{pair.n_equal} of {n_gold} values"
    return f"{name}, {cells} in both"
