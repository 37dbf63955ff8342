"""The content hash of a table: its logical rows, whatever file or engine version they are stored in.

It depends on the order of the rows, as results do: a LIMIT without an ORDER BY returns the first rows of the table.
Each column is hashed on its own, in row order, which fixes the rows and tells where two mirrors differ.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bench_core.identity import content_hash, identity_hash
from sql_bench.types import Column

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_BATCH_ROWS = 1 << 16
_WHOLE = {"BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"}
_REAL = {"FLOAT", "DOUBLE"}
_INSTANT = {"TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP_S", "TIMESTAMP_MS"}


def column_hashes(connection: DuckDBPyConnection, table: str, columns: Sequence[Column]) -> tuple[str, ...]:
    """A sha256 for each column's values, in the order the rows were inserted (the engine's default scan order).

    Args:
        connection: open on the mirror, insertion order preserved.
    """
    values = ", ".join(_canonical(column) for column in columns)
    hashes = [_ColumnHash() for _ in columns]
    for batch in connection.sql(f"SELECT {values} FROM {quoted(table)}").to_arrow_reader(_BATCH_ROWS):
        for of_column, array in zip(hashes, batch.columns, strict=True):
            of_column.update(array)
    return tuple(of_column.hexdigest() for of_column in hashes)


def stamp(connection: DuckDBPyConnection, table: str, sha256: str) -> None:
    """Keep a table's content hash in the database itself, for whoever opens it by a name that may mean another now."""
    connection.execute(f"COMMENT ON TABLE {quoted(table)} IS '{sha256}'")


def stamped_sha256(connection: DuckDBPyConnection) -> str | None:
    """The content hash of a database by the stamps of its tables; None where one has none (earlier versions)."""
    listed = "SELECT table_name, comment FROM duckdb_tables() WHERE schema_name = 'main' AND NOT internal"
    stamps: dict[str, str | None] = dict(connection.execute(listed).fetchall())
    return None if None in stamps.values() else identity_hash(stamps)


def quoted(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def _canonical(column: Column) -> str:
    """The column as whole numbers, real numbers or text, each in one way for one value."""
    name = quoted(column.name)
    if column.type in _WHOLE:
        return f"{name}::BIGINT"
    if column.type in _INSTANT:
        return f"epoch_us({name})"  # as text, a zoned instant would depend on the session's time zone
    if column.type in _REAL:
        return f"{name}::DOUBLE"
    if column.type == "BLOB":
        return f"hex({name})"
    if column.type.endswith("]") or column.type.startswith(("STRUCT(", "MAP(", "UNION(")):
        return f"to_json({name})::VARCHAR"
    return f"{name}::VARCHAR"


class _ColumnHash:
    """Three streams that do not know where a batch ends: which rows are NULL, the numbers or lengths, the text."""

    def __init__(self) -> None:
        self._valid, self._numbers, self._text = hashlib.sha256(), hashlib.sha256(), hashlib.sha256()

    def update(self, array: Any) -> None:
        """Take the next rows, a pyarrow array of int64, float64 or text."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        self._valid.update(array.is_valid().to_numpy(zero_copy_only=False).tobytes())
        if pa.types.is_floating(array.type):
            numbers = array.fill_null(0.0).to_numpy(zero_copy_only=False)
            self._numbers.update(np.where(np.isnan(numbers), np.nan, numbers).astype("<f8").tobytes())
        elif pa.types.is_integer(array.type):
            self._numbers.update(array.fill_null(0).to_numpy().astype("<i8").tobytes())
        else:
            text = array.cast(pa.large_binary()).fill_null(b"")
            self._numbers.update(pc.binary_length(text).to_numpy().astype("<i8").tobytes())
            self._text.update(b"".join(text.to_pylist()))

    def hexdigest(self) -> str:
        """The hash of all rows taken."""
        return content_hash(stream.digest() for stream in (self._valid, self._numbers, self._text))
