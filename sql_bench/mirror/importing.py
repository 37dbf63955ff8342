"""`mirror import`: a folder of CSV and Parquet files becomes one DuckDB file, whole and checked or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench_core.artifacts import file_sha256, locked
from bench_core.errors import BadFile, BenchError, UserError
from bench_core.identity import Json
from sql_bench.mirror.content import column_hashes, quoted, stamp
from sql_bench.mirror.failures import storage_failure
from sql_bench.mirror.interrupting import interruptible
from sql_bench.mirror.loading import load_table
from sql_bench.mirror.mirror import (
    Mirror,
    MirrorTable,
    SourceFile,
    description_path,
    made_from,
    write_description,
)
from sql_bench.mirror.schema import Schema
from sql_bench.mirror.sources import Outline, TableFile, find_tables, read_outline
from sql_bench.types import Column

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@dataclass(frozen=True)
class ImportStep:
    """The table an import begins with now: the `number`-th (from 1) of `n_tables`."""

    table: str
    number: int
    n_tables: int
    source_bytes: int


Progress = Callable[[ImportStep], None]


def import_folder(
    source_dir: Path, mirror_path: Path, schema: Schema | None = None, progress: Progress | None = None
) -> Mirror:
    """Make a mirror of a folder: a table per file, named as the file, rows in file order. An older mirror is replaced.

    Args:
        schema: the types of all columns of all tables; without it the engine finds them from every line of each file.
        progress: told of each table before it is read.

    Raises:
        UserError: no such folder, no table in it, two files for one table, or a schema for other tables.
        BadFile: a file that cannot be read, or a value that does not fit its declared type.
        BenchError: the mirror does not hold what an independent reader counted in the files, or cannot be written.
    """
    import duckdb

    describes_at = description_path(mirror_path)
    files = find_tables(source_dir)
    if schema is not None:
        _check_tables(schema, files, source_dir)
    with locked(mirror_path):
        for stale in mirror_path.parent.glob(f".{mirror_path.name}.*.partial*"):
            stale.unlink()
        temporary = mirror_path.with_name(f".{mirror_path.name}.{os.getpid()}.partial")
        try:
            tables, version = _write(temporary, files, schema, progress or (lambda step: None))
            _sync(temporary)
            # From here to the last line the folder holds no mirror: a kill leaves a file without a description.
            describes_at.unlink(missing_ok=True)
            temporary.replace(mirror_path)
        except (duckdb.Error, OSError) as error:
            failed = storage_failure(error) if isinstance(error, duckdb.Error) else error.strerror
            raise BenchError(f"{mirror_path} cannot be written: {failed or error}.") from error
        finally:
            for leftover in mirror_path.parent.glob(f"{temporary.name}*"):
                leftover.unlink()
        n_bytes = mirror_path.stat().st_size
        mirror = Mirror(mirror_path, tables, version, n_bytes, schema.sha256 if schema is not None else None)
        write_description(mirror)
    return mirror


def would_be_made_from(source_dir: Path, schema: Schema | None = None) -> dict[str, Json]:
    """`Mirror.made_from` of what an import of a folder, with the engine installed now, makes; no table is read."""
    import duckdb

    sources = {file.table: SourceFile(file.path.name, file_sha256(file.path)) for file in find_tables(source_dir)}
    return made_from(sources, schema.sha256 if schema is not None else None, duckdb.__version__)


def _write(
    path: Path, files: list[TableFile], schema: Schema | None, progress: Progress
) -> tuple[tuple[MirrorTable, ...], str]:
    import duckdb

    # No extension is fetched from the network for a file that would need one.
    offline: dict[str, bool] = {"autoinstall_known_extensions": False, "autoload_known_extensions": False}
    config: dict[str, str | bool | int | float | list[str]] = {**offline, "preserve_insertion_order": True}
    with duckdb.connect(str(path), config=config) as connection, interruptible(connection):
        tables = []
        for number, file in enumerate(files, start=1):
            progress(ImportStep(file.table, number, len(files), file.path.stat().st_size))
            tables.append(_import_table(connection, file, schema))
        connection.execute("CHECKPOINT")
    return tuple(tables), duckdb.__version__


def _import_table(connection: DuckDBPyConnection, file: TableFile, schema: Schema | None) -> MirrorTable:
    outline = read_outline(file)
    types = schema.engine_types(file.table) if schema is not None else None
    if types is not None and tuple(types) != outline.columns:
        raise BadFile(file.path, _other_columns(tuple(types), outline.columns), None if file.is_parquet else 1)
    choices = load_table(connection, file, outline, types)
    columns = tuple(
        Column(name, kind)
        for name, kind, *_ in connection.execute(f"DESCRIBE SELECT * FROM {quoted(file.table)}").fetchall()
    )
    _check(connection, file, outline, columns)
    hashes = column_hashes(connection, file.table, columns)
    source = SourceFile(file.path.name, file_sha256(file.path))
    table = MirrorTable(file.table, columns, outline.n_rows, hashes, source, (*outline.remarks, *choices))
    stamp(connection, file.table, table.sha256)
    return table


def _check(connection: DuckDBPyConnection, file: TableFile, outline: Outline, columns: tuple[Column, ...]) -> None:
    """Compare the table with what the independent reader saw of the file."""
    counted = connection.execute(f"SELECT count(*) FROM {quoted(file.table)}").fetchall()[0][0]
    if counted != outline.n_rows:
        raise BenchError(f"{file.path}: DuckDB read {counted} rows and the independent reader {outline.n_rows}.")
    names = tuple(column.name for column in columns)
    if names != outline.columns:
        raise BenchError(f"{file.path}: DuckDB read the columns {names} and the independent reader {outline.columns}.")


def _check_tables(schema: Schema, files: list[TableFile], source_dir: Path) -> None:
    found = {file.table for file in files}
    missing, undeclared = sorted(set(schema.tables) - found), sorted(found - set(schema.tables))
    if missing:
        raise UserError(f"{source_dir}: the schema declares {', '.join(missing)}, for which there is no file.")
    if undeclared:
        raise UserError(f"{source_dir}: the schema does not declare {', '.join(undeclared)}; add the types of it.")


def _other_columns(declared: tuple[str, ...], found: tuple[str, ...]) -> str:
    missing = [name for name in declared if name not in found]
    extra = [name for name in found if name not in declared]
    if missing:
        return f"the schema declares the column {missing[0]}, which the file does not have"
    if extra:
        return f"the file has the column {extra[0]}, which the schema does not declare"
    return f"expected the columns in the schema's order {', '.join(declared)}"


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
