"""The files a mirror is made from, read by readers other than the engine's: names, columns, number of rows.

CSV means RFC 4180 in UTF-8 with a header: double quotes, every line as long as the header, a delimiter that is found
(docs/rules/files.md F8). An empty field is NULL, quoted or not; blanks around a name in the header are no part of it.
"""

from __future__ import annotations

import csv
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from bench_core.errors import BadFile, UserError
from bench_core.jsonl import read_lines

MAX_LINE_BYTES = 16 * 1024**2
"""The longest CSV line taken; text columns of drug tables pass both readers' defaults (128 KiB and 2 MB)."""

_CSV = (".csv", ".csv.gz", ".tsv", ".tsv.gz")
_TSV = (".tsv", ".tsv.gz")
_PARQUET = (".parquet",)
_DELIMITERS = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a vertical bar"}
_RECORDS_LOOKED_AT = 1000


@dataclass(frozen=True)
class TableFile:
    """One file, and the table it becomes."""

    table: str
    path: Path

    @property
    def is_parquet(self) -> bool:
        """Parquet, otherwise CSV."""
        return self.path.name.lower().endswith(_PARQUET)


@dataclass(frozen=True)
class Outline:
    """What an independent reader found in a file.

    Attributes:
        columns: their names, without blanks around them.
        n_rows: without the header.
        delimiter: between the fields of a CSV file.
        header: the names as the file has them.
        remarks: choices that the reader made; whole sentences.
    """

    columns: tuple[str, ...]
    n_rows: int
    delimiter: str = ","
    header: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


def find_tables(folder: Path) -> list[TableFile]:
    """The CSV and Parquet files of a folder, by table name; other files are passed over.

    Raises:
        UserError: no such folder, no table in it, or two files for one table.
    """
    if folder.is_file():
        raise UserError(f"{folder}: this is a file; give the folder that holds the tables, one file each.")
    if not folder.is_dir():
        raise UserError(f"{folder}: there is no such folder.")
    files = [
        TableFile(path.name[: -len(ending)], path)
        for path in sorted(folder.iterdir())
        if path.is_file() and not path.name.startswith(".")
        for ending in _CSV + _PARQUET
        if path.name.lower().endswith(ending)
    ]
    if not files:
        raise UserError(
            f"{folder}: there is no table in it; expected files named *.csv, *.tsv (or with .gz) or *.parquet."
        )
    by_name: dict[str, TableFile] = {}
    for file in files:
        other = by_name.setdefault(file.table.lower(), file)
        if other is not file:
            names = f"{other.path.name} and {file.path.name}"
            raise UserError(f"{folder}: {names} would be the same table {file.table}; rename or remove one.")
    return sorted(files, key=lambda file: file.table)


def read_outline(file: TableFile) -> Outline:
    """Read a whole file once, without the engine.

    Raises:
        BadFile: empty, unreadable, a line of another length than the header, or column names that are missing or equal.
    """
    return _parquet_outline(file.path) if file.is_parquet else _csv_outline(file.path)


def line_of_row(path: Path, row: int, delimiter: str) -> int:
    """The line of a CSV file on which its `row`-th row (from 1) begins."""
    return next(line for number, (line, _) in enumerate(_records(path, delimiter)) if number == row)


def _csv_outline(path: Path) -> Outline:
    found = _delimiter(path)
    records = _records(path, found.character)
    header, columns = _header(path, records)
    n_rows = 0
    for line, fields in records:
        if len(fields) != len(columns):
            raise BadFile(path, f"expected {len(columns)} fields as in the header and found {len(fields)}", line)
        n_rows += 1
    return Outline(columns, n_rows, found.character, header, found.remarks)


def _header(path: Path, records: Iterator[tuple[int, list[str]]]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names as they stand in the file, and without blanks around them."""
    first = next(records, None)
    if first is None:
        raise BadFile(path, "expected a header line, but the file is empty")
    line, header = first
    columns = tuple(name.strip() for name in header)
    _check_names(path, columns, line)
    return tuple(header), columns


@dataclass(frozen=True)
class _Delimiter:
    """What separates the fields of a file, and what there is to say about that."""

    character: str
    remarks: tuple[str, ...] = ()


def _delimiter(path: Path) -> _Delimiter:
    """What cuts the header into several columns and the first rows into as many.

    What the file's name says (a tab for .tsv, else a comma) goes before the others; it is taken, too, where none fits.
    """
    by_name = "\t" if path.name.lower().endswith(_TSV) else ","
    fitting = [one for one in sorted(_DELIMITERS, key=lambda one: one != by_name) if _fits(path, one)]
    chosen = fitting[0] if fitting else by_name
    remarks = []
    if chosen != by_name:
        remarks.append(f"{path.name}: the columns are separated by {_DELIMITERS[chosen]}.")
    others = " or ".join(_DELIMITERS[one] for one in fitting if one != chosen)
    if others:
        remarks.append(f"{path.name}: {others} could separate the columns too; {_DELIMITERS[chosen]} was taken.")
    return _Delimiter(chosen, tuple(remarks))


def _fits(path: Path, delimiter: str) -> bool:
    try:
        lengths = {len(fields) for _, fields in islice(_records(path, delimiter), _RECORDS_LOOKED_AT)}
    except BadFile:
        return False
    return len(lengths) == 1 and lengths != {1}


def _records(path: Path, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """The header and the rows, each with the line it begins on.

    A blank line is a NULL where there is one column and nothing where there are several, as the engine has it.
    """
    reader = csv.reader((line + "\n" for line in _lines(path)), strict=True, delimiter=delimiter)
    n_columns, begins = 0, 1
    with _long_fields():
        try:
            for fields in reader:
                n_columns = n_columns or len(fields)
                if fields or n_columns < 2:
                    yield begins, fields or [""]
                begins = reader.line_num + 1
        except csv.Error as error:
            raise BadFile(path, f"this is not CSV ({error})", begins) from error
        except zlib.error as error:
            raise BadFile(path, f"this is not a whole gzip file ({error})", begins) from error


def _lines(path: Path) -> Iterator[str]:
    for number, line in read_lines(path):
        yield line.removeprefix("\ufeff") if number == 1 else line


@contextmanager
def _long_fields() -> Iterator[None]:
    """The csv module's bound on a field is a setting of the whole process: raise it only while reading."""
    before = csv.field_size_limit(MAX_LINE_BYTES)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _parquet_outline(path: Path) -> Outline:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        metadata = pq.read_metadata(path)
        columns = tuple(metadata.schema.to_arrow_schema().names)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise BadFile(path, f"this is not a whole Parquet file ({' '.join(str(error).split()).rstrip('.')})") from error
    _check_names(path, columns, line=None)
    return Outline(columns, metadata.num_rows)


def _check_names(path: Path, columns: Sequence[str], line: int | None) -> None:
    """SQL names are the same in any case, so that two that differ in case only are a clash."""
    if any(not column.strip() for column in columns):
        raise BadFile(path, f"column {[not c.strip() for c in columns].index(True) + 1} has no name", line)
    counts = Counter(column.lower() for column in columns)
    twice = next((column for column in columns if counts[column.lower()] > 1), None)
    if twice is not None:
        raise BadFile(path, f"the column name {twice} comes twice (names are the same in any case); rename one", line)
