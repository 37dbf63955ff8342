"""`mirror verify`: compare a mirror with what was imported."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench_core.errors import BadFile
from sql_bench.mirror.content import column_hashes, quoted
from sql_bench.mirror.failures import storage_failure
from sql_bench.mirror.interrupting import interruptible
from sql_bench.mirror.mirror import Mirror, MirrorTable, read_description
from sql_bench.types import Column

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@dataclass(frozen=True)
class Verification:
    """What a check of a mirror found.

    Attributes:
        mirror: as it was described when it was imported.
        differences: a sentence for each; none where the mirror is as it was.
    """

    mirror: Mirror
    differences: tuple[str, ...]


def verify_mirror(path: Path) -> Verification:
    """Read every row of a mirror and compare its content hash with the one made at its import.

    Raises:
        UserError: no such file.
        BadFile: not a mirror, or not a DuckDB file any more.
    """
    import duckdb

    mirror = read_description(path)
    try:
        with (
            duckdb.connect(str(path), read_only=True, config={"enable_external_access": False}) as connection,
            interruptible(connection),
        ):
            return Verification(mirror, tuple(_differences(connection, mirror)))
    except duckdb.Error as error:
        reason = storage_failure(error) or f"DuckDB cannot read it ({str(error).splitlines()[0]})"
        raise BadFile(path, f"{reason}; import the tables again") from error


def _differences(connection: DuckDBPyConnection, mirror: Mirror) -> Iterator[str]:
    described = {table.name: table for table in mirror.tables}
    found: dict[str, list[Column]] = {}
    listed = "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE NOT internal"
    for table, column, kind in connection.execute(f"{listed} ORDER BY table_name, column_index").fetchall():
        found.setdefault(table, []).append(Column(column, kind))
    for name in sorted(described.keys() - found.keys()):
        yield f"The table {name} is missing."
    for name in sorted(found.keys() - described.keys()):
        yield f"The table {name} was not imported."
    for name in sorted(described.keys() & found.keys()):
        yield from _table_differences(connection, described[name], tuple(found[name]))


def _table_differences(
    connection: DuckDBPyConnection, table: MirrorTable, columns: tuple[Column, ...]
) -> Iterator[str]:
    if columns != table.columns:
        yield f"The table {table.name} has the columns {_listed(columns)} and had {_listed(table.columns)}."
        return
    n_rows = connection.execute(f"SELECT count(*) FROM {quoted(table.name)}").fetchall()[0][0]
    if n_rows != table.n_rows:
        yield f"The table {table.name} has {n_rows} rows and had {table.n_rows}."
        return
    hashes = column_hashes(connection, table.name, columns)
    changed = [
        column.name for column, now, then in zip(columns, hashes, table.column_hashes, strict=True) if now != then
    ]
    if changed:
        yield f"The table {table.name} has other values, or rows in another order, in {', '.join(changed)}."


def _listed(columns: tuple[Column, ...]) -> str:
    return ", ".join(f"{column.name} {column.type}" for column in columns)
