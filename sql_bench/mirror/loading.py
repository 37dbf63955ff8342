"""Load one file into one table by the engine, with inferred or declared types."""

from __future__ import annotations

import glob
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from bench_core.errors import BadFile
from sql_bench.mirror.choices import choices, columns_of, dates_in_two_orders
from sql_bench.mirror.content import quoted
from sql_bench.mirror.failures import storage_failure
from sql_bench.mirror.sources import MAX_LINE_BYTES, Outline, TableFile, line_of_row

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# DuckDB's own list without BOOLEAN, for which it takes columns of T or F too: alleles, the sex of patients.
_FOUND_TYPES = ["NULL", "BIGINT", "HUGEINT", "DOUBLE", "TIME", "DATE", "TIMESTAMP", "TIMESTAMPTZ", "VARCHAR"]
# DuckDB rounds '1.5' and takes '0x1F' and '1_000' for a BIGINT; pandas writes an integer beside a NULL as '12.0'.
_WHOLE_NUMBER = r"[+-]?[0-9]+(\.0*)?"
_SHOWN_CHARACTERS = 60


def load_table(
    connection: DuckDBPyConnection, file: TableFile, outline: Outline, types: Mapping[str, str] | None
) -> list[str]:
    """Create the table of a file, its rows in file order.

    Args:
        outline: what an independent reader found in the file.
        types: column -> DuckDB type, for all columns; None where the engine is to find them from all rows.

    Returns:
        Choices that were made on the way: dates that can be read otherwise, numbers that the type does not hold.

    Raises:
        BadFile: the engine cannot read the file, or a value does not fit its declared type.
    """
    import duckdb

    as_text = _relation(file, outline, "all_varchar = true")
    try:
        if types is not None:
            _load_with_declared_types(connection, file, outline, types)
        else:
            mixed = _load_with_found_types(connection, file, outline, as_text)
        if file.is_parquet:
            return []
        kept = [] if types is not None else [f"{name}: dates in two orders were kept as text" for name in mixed]
        found = choices(connection, quoted(file.table), as_text, outline.delimiter)
        return [f"{file.path.name}, column {choice}." for choice in (*kept, *found)]
    except duckdb.Error as error:
        # A failure of storage that names the table file is that file's, which is shorter than it says.
        is_its_own = str(file.path) in str(error)
        if isinstance(error, duckdb.InterruptException) or (storage_failure(error) and not is_its_own):
            raise  # no fault of the file
        raise BadFile(file.path, f"DuckDB cannot read it ({str(error).splitlines()[0]})") from error


def _load_with_found_types(
    connection: DuckDBPyConnection, file: TableFile, outline: Outline, as_text: str
) -> Sequence[str]:
    """Load, and return the columns that hold dates in two orders, which no type fits."""
    import duckdb

    found = f"sample_size = -1, auto_type_candidates = {_FOUND_TYPES}"
    table, mixed = quoted(file.table), list[str]()
    create = f"CREATE TABLE {table} AS FROM "
    try:
        connection.execute(create + _relation(file, outline, found))
    except duckdb.ConversionException:
        # The engine guesses one order of day and month, and stops at the first date that has the other.
        mixed = [] if file.is_parquet else dates_in_two_orders(connection, as_text)
        if not mixed:
            raise
        kept = ", ".join(f"{_text(name)}: 'VARCHAR'" for name in mixed)
        connection.execute(create + _relation(file, outline, f"{found}, types = {{{kept}}}"))
    texts = [quoted(name) for name, kind in columns_of(connection, table).items() if kind == "VARCHAR"]
    if file.is_parquet or not texts:
        return mixed
    are_booleans = ", ".join(f"bool_and(lower({name}) IN ('true', 'false'))" for name in texts)
    answers = connection.execute(f"SELECT {are_booleans} FROM {table}").fetchall()[0]
    for name, is_boolean in zip(texts, answers, strict=True):
        if is_boolean:
            connection.execute(f"ALTER TABLE {table} ALTER {name} TYPE BOOLEAN")
    return mixed


def _load_with_declared_types(
    connection: DuckDBPyConnection, file: TableFile, outline: Outline, types: Mapping[str, str]
) -> None:
    relation = _relation(file, outline, "all_varchar = true")
    _check_values(connection, file, outline, relation, types)
    values = ", ".join(f"CAST({quoted(name)} AS {kind}) AS {quoted(name)}" for name, kind in types.items())
    connection.execute(f"CREATE TABLE {quoted(file.table)} AS SELECT {values} FROM {relation}")


def _check_values(
    connection: DuckDBPyConnection, file: TableFile, outline: Outline, relation: str, types: Mapping[str, str]
) -> None:
    """Find the first value that is not of its column's declared type."""
    found = columns_of(connection, relation)
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
    raise BadFile(file.path, expected, line_of_row(file.path, row, outline.delimiter))


def _misfit(name: str, kind: str) -> str:
    """An SQL condition that holds for values that are there and not of a type."""
    text = f"{quoted(name)}::VARCHAR"
    refused = f"TRY_CAST({text} AS {kind}) IS NULL"
    if kind == "BIGINT":
        refused = f"({refused} OR NOT regexp_full_match({text}, '{_WHOLE_NUMBER}'))"
    return f"{quoted(name)} IS NOT NULL AND {refused}"


def _relation(file: TableFile, outline: Outline, csv_types: str) -> str:
    """The file as something to select from; Parquet brings its types with it."""
    path = _text(glob.escape(str(file.path)))  # DuckDB takes *, ? and [ for wildcards
    if file.is_parquet:
        return f"read_parquet({path})"
    # All of the dialect is said, for DuckDB guesses what is left open: lines that begin with # would be comments.
    dialect = "header = true, quote = '\"', escape = '\"', comment = '', strict_mode = true"
    names = f"names = [{', '.join(map(_text, outline.columns))}], " if outline.columns != outline.header else ""
    return (
        f"read_csv({path}, {dialect}, delim = {_text(outline.delimiter)}, max_line_size = {MAX_LINE_BYTES}, {names}"
        f"{csv_types})"
    )


def _text(value: str) -> str:
    """A text as an SQL string."""
    return "'" + value.replace("'", "''") + "'"
