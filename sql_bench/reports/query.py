"""`query`: one statement of the user's, on the path that predictions take."""

from __future__ import annotations

from bench_core.errors import BenchError, UserError
from bench_core.results.tables import Cell, Column, Table
from sql_bench.reports.result_tables import unique_names
from sql_bench.types import ExecutionResult, Limits, Outcome, SqlBackend, Value


def query_table(sql: str, backend: SqlBackend, limits: Limits) -> Table:
    """The rows of a statement, as a table.

    Raises:
        UserError: the statement was refused, or is not SQL this database can run.
        BenchError: it ran into a bound, or the database failed.
    """
    result = backend.execute(sql, limits)
    if result.outcome is not Outcome.OK:
        message = f"{result.outcome.value}: {result.message.rstrip('.')}."
        own_fault = result.outcome in (Outcome.INVALID_SQL, Outcome.REFUSED, Outcome.UNTRANSLATABLE)
        raise UserError(message) if own_fault else BenchError(message)
    return _table(result)


def _table(result: ExecutionResult) -> Table:
    keys = unique_names([column.name for column in result.columns])
    columns = [
        Column(key, f"{column.name} {column.type}", decimals=6)
        for key, column in zip(keys, result.columns, strict=True)
    ]
    rows = [[_cell(value) for value in row] for row in result.rows]
    return Table(f"{len(rows)} rows", columns, rows)


def _cell(value: Value) -> Cell:
    """Numbers and texts as they are; everything else, and floats JSON cannot hold, as text."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return repr(value)
    return str(value)
