"""Load one file into one table by the engine, with inferred or declared types."""

from __future__ import annotations

import glob
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from bench_core.errors import BadFile
from sql_bench.mirror.content import quoted
from sql_bench.mirror.failures import storage_failure
from sql_bench.mirror.sources import MAX_LINE_BYTES, TableFile, line_of_row

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# DuckDB's own list without BOOLEAN, for which it takes columns of T or F too: alleles, the sex of patients.
_FOUND_TYPES = ["NULL", "BIGINT", "HUGEINT", "DOUBLE", "TIME", "DATE", "TIMESTAMP", "TIMESTAMPTZ", "VARCHAR"]
# DuckDB rounds '1.5' and takes '0x1F' and '1_000' for a BIGINT; pandas writes an integer beside a NULL as '12.0'.
_WHOLE_NUMBER = r"[+-]?[0-9]+(\.0*)?"
_SHOWN_CHARACTERS = 60


def load_table(connection: DuckDBPyConnection, file: TableFile, types: Mapping[str, str] | None) -> None:
    """Create the table of a file, its rows in file order.

    Args:
        types: column -> DuckDB type, for all columns; None where the engine is to find them from all rows.

    Raises:
        BadFile: the engine cannot read the file, or a value does not fit its declared type.
    """
    import duckdb

    try:
        if types is None:
            _load_with_found_types(connection, file)
        else:
            _load_with_declared_types(connection, file, types)
    except duckdb.Error as error:
        if isinstance(error, duckdb.InterruptException) or storage_failure(error):
            raise  # no fault of the file
        raise BadFile(file.path, f"DuckDB cannot read it ({str(error).splitlines()[0]})") from error


def _load_with_found_types(connection: DuckDBPyConnection, file: TableFile) -> None:
    table = quoted(file.table)
    relation = _relation(file, f"sample_size = -1, auto_type_candidates = {_FOUND_TYPES}")
    connection.execute(f"CREATE TABLE {table} AS FROM {relation}")
    texts = [quoted(name) for name, kind in _columns(connection, table).items() if kind == "VARCHAR"]
    if file.is_parquet or not texts:
        return
    are_booleans = ", ".join(f"bool_and(lower({name}) IN ('true', 'false'))" for name in texts)
    answers = connection.execute(f"SELECT {are_booleans} FROM {table}").fetchall()[0]
    for name, is_boolean in zip(texts, answers, strict=True):
        if is_boolean:
            connection.execute(f"ALTER TABLE {table} ALTER {name} TYPE BOOLEAN")


def _load_with_declared_types(connection: DuckDBPyConnection, file: TableFile, types: Mapping[str, str]) -> None:
    relation = _relation(file, "all_varchar = true")
    _check_values(connection, file, relation, types)
    values = ", ".join(f"CAST({quoted(name)} AS {kind}) AS {quoted(name)}" for name, kind in types.items())
    connection.execute(f"CREATE TABLE {quoted(file.table)} AS SELECT {values} FROM {relation}")


def _check_values(connection: DuckDBPyConnection, file: TableFile, relation: str, types: Mapping[str, str]) -> None:
    """Find the first value that is not of its column's declared type."""
    found = _columns(connection, relation)
    misfits = {name: _misfit(name, kind) for name, kind in types.items() if kind not in ("VARCHAR", found[name])}
    if not misfits:
        return
    numbered = f"SELECT row_number() OVER () AS row, {', '.join(map(quoted, misfits))} FROM {relation}"
    cases = " ".join(f"WHEN {misfit} THEN {number}" for number, misfit in enumerate(misfits.values()))
    texts = ", ".join(f"{quoted(name)}::VARCHAR" for name in misfits)
    first = connection.execute(
        f"SELECT * FROM (SELECT row, CASE {cases} END AS misfit, [{texts}] AS texts FROM ({numbered}))"
        " WHERE misfit IS NOT NULL ORDER BY row LIMIT 1"
    ).fetchone()
    if first is None:
        return
    row, misfit, values = first
    name = list(misfits)[misfit]
    expected = f"column {name}: expected {types[name]} and found {values[misfit][:_SHOWN_CHARACTERS]!r}"
    if file.is_parquet:
        raise BadFile(file.path, f"row {row}, {expected}")
    raise BadFile(file.path, expected, line_of_row(file.path, row))


def _misfit(name: str, kind: str) -> str:
    """An SQL condition that holds for values that are there and not of a type."""
    text = f"{quoted(name)}::VARCHAR"
    refused = f"TRY_CAST({text} AS {kind}) IS NULL"
    if kind == "BIGINT":
        refused = f"({refused} OR NOT regexp_full_match({text}, '{_WHOLE_NUMBER}'))"
    return f"{quoted(name)} IS NOT NULL AND {refused}"


def _relation(file: TableFile, csv_types: str) -> str:
    """The file as something to select from; Parquet brings its types with it."""
    if file.is_parquet:
        return f"read_parquet({_literal(file.path)})"
    # All of the dialect is said, for DuckDB guesses what is left open: lines that begin with # would be comments.
    dialect = "header = true, delim = ',', quote = '\"', escape = '\"', comment = '', strict_mode = true"
    return f"read_csv({_literal(file.path)}, {dialect}, max_line_size = {MAX_LINE_BYTES}, {csv_types})"


def _literal(path: Path) -> str:
    """The path as an SQL string that names this file only: DuckDB takes *, ? and [ for wildcards."""
    return "'" + glob.escape(str(path)).replace("'", "''") + "'"


def _columns(connection: DuckDBPyConnection, relation: str) -> dict[str, str]:
    rows = connection.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
    return {name: kind for name, kind, *_ in rows}
