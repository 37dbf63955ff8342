"""DuckDB as the worker process uses it: locked down, a fresh connection a statement, results as plain Python values."""

from __future__ import annotations

import datetime
import json
import re
import sys
import threading
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sql_bench import guard
from sql_bench.dialect.schema import Schema, TableMap
from sql_bench.dialect.translation import ENGINE_SETTINGS
from sql_bench.rejected import Rejected
from sql_bench.types import Column, Limits, Outcome, Row, Value

if TYPE_CHECKING:
    import duckdb
    from duckdb.sqltypes import DuckDBPyType

_ROWS_AT_A_TIME = 256


@dataclass(frozen=True)
class EngineSettings:
    """What an engine is opened with.

    Attributes:
        mirror_path: the database file.
        dialect: sqlglot's name of the dialect that statements are written in.
        memory_bytes: DuckDB's memory limit.
        max_temp_bytes: what it may spill.
        temp_dir: where it may spill to.
        table_aliases: `TableMap.aliases`.
    """

    mirror_path: str
    dialect: str
    memory_bytes: int
    max_temp_bytes: int
    temp_dir: str
    table_aliases: Mapping[str, str]


class EngineBroken(Exception):
    """The engine failed internally and cannot be used any more."""


class DuckDbEngine:
    """A mirror, opened read-only, whose settings can no longer be changed."""

    def __init__(self, settings: EngineSettings) -> None:
        import duckdb

        _stand_in_for_pytz()
        self._dialect = settings.dialect
        self._hidden = _hidden_names(Path(settings.mirror_path))
        self._base = duckdb.connect(
            settings.mirror_path,
            read_only=True,
            config={
                "threads": 1,
                "preserve_insertion_order": "true",
                "enable_external_access": "false",
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
                "allow_community_extensions": "false",
                "python_enable_replacements": "false",
                "memory_limit": f"{settings.memory_bytes}B",
                "temp_directory": settings.temp_dir,
                "max_temp_directory_size": f"{settings.max_temp_bytes}B",
            },
        )
        self._base.execute("SET GLOBAL TimeZone = 'UTC'")
        for name, value in ENGINE_SETTINGS.get(settings.dialect, {}).items():
            self._base.execute(f"SET GLOBAL {name} = {value}")
        self._base.execute("SET GLOBAL lock_configuration = true")
        self.schema = self._read_schema(TableMap(settings.table_aliases))

    def check(self, sql: str) -> None:
        """Guard the text that is to be run, as DuckDB itself parses it.

        Raises:
            Rejected: it may not be run, or it calls a function that DuckDB does not have.
        """
        row = self._base.execute("SELECT json_serialize_sql(?::VARCHAR)", [sql]).fetchone()
        content = json.loads(row[0]) if row else {}
        if content.get("error") and content.get("error_type") == "parser":
            message = str(content.get("error_message"))
            raise Rejected(self._unparsable(message), self._in_the_models_words(message, {}))
        try:
            guard.check_engine_tree(content, self.schema.tables)
        except guard.UnknownFunction as unknown:
            if self._has_function(unknown.name):
                raise
            raise Rejected(self._not_the_engines(), f"there is no function {unknown.name}") from None

    def run(
        self, sql: str, limits: Limits, interrupt_at: Callable[[Callable[[], None]], None], renamed: Mapping[str, str]
    ) -> tuple[tuple[Column, ...], list[Row]]:
        """Run a checked text on a connection of its own.

        Args:
            sql: one statement that `check` let through.
            limits: the caps on rows, columns and bytes.
            interrupt_at: takes the function that stops the statement.
            renamed: mirror table -> the name the statement knows it by.

        Raises:
            Rejected: the statement failed, or a limit was reached.
            EngineBroken: DuckDB failed internally.
        """
        import duckdb

        connection = self._base.cursor()
        interrupt_at(connection.interrupt)
        try:
            connection.execute(sql)
            description = connection.description or []
            if len(description) > limits.max_columns:
                raise _too_much(f"{len(description)} columns; at most {limits.max_columns} are kept")
            columns = tuple(Column(name, str(column_type)) for name, column_type, *_ in description)
            return columns, list(_rows(connection, limits))
        except duckdb.Error as error:
            raise self._verdict(error, renamed) from None
        except MemoryError:
            raise _too_much("the result did not fit into memory") from None
        except (OverflowError, ValueError) as error:
            raise Rejected(Outcome.INVALID_SQL, f"a value of the result cannot be represented: {error}") from None
        finally:
            connection.close()

    def _read_schema(self, table_map: TableMap) -> Schema:
        tables: dict[str, dict[str, str]] = {}
        for table, column, type_name in self._base.execute(
            "SELECT table_name, column_name, data_type FROM information_schema.columns"
            " WHERE table_schema = 'main' ORDER BY table_name, ordinal_position"
        ).fetchall():
            tables.setdefault(table, {})[column] = type_name
        nan_columns = self._find_nan(tables) if self._dialect == "bigquery" else frozenset()
        return Schema(tables, table_map, nan_columns)

    def _find_nan(self, tables: Mapping[str, Mapping[str, str]]) -> frozenset[str]:
        found = set()
        for table, columns in tables.items():
            floats = [name for name, type_name in columns.items() if type_name in ("DOUBLE", "FLOAT")]
            if floats:
                tests = ", ".join(f"bool_or(isnan({_quoted(name)}))" for name in floats)
                row = self._base.execute(f"SELECT {tests} FROM {_quoted(table)}").fetchone()
                found |= {name.lower() for name, has_nan in zip(floats, row or (), strict=True) if has_nan}
        return frozenset(found)

    def _has_function(self, name: str) -> bool:
        found = self._base.execute("SELECT 1 FROM duckdb_functions() WHERE lower(function_name) = lower(?)", [name])
        return found.fetchone() is not None

    def _not_the_engines(self) -> Outcome:
        """The verdict on what DuckDB lacks or cannot parse: the model's fault only if it wrote for DuckDB."""
        return Outcome.INVALID_SQL if self._dialect == "duckdb" else Outcome.UNTRANSLATABLE

    def _unparsable(self, message: str) -> Outcome:
        return Outcome.RESOURCE_LIMIT if "depth" in message.lower() else self._not_the_engines()

    def _verdict(self, error: duckdb.Error, renamed: Mapping[str, str]) -> Rejected:
        import duckdb

        text = str(error)
        if isinstance(error, duckdb.FatalException | duckdb.InternalException):
            raise EngineBroken(self._in_the_models_words(text, renamed)) from None
        if isinstance(error, duckdb.InterruptException):
            return Rejected(Outcome.TIMEOUT, "the statement ran longer than it may")
        if isinstance(error, duckdb.OutOfMemoryException | duckdb.IOException):
            return _too_much("the statement needed more memory or temporary space than it may have")
        outcome = Outcome.INVALID_SQL
        if _TOO_LARGE_A_VALUE.search(text):
            outcome = Outcome.RESOURCE_LIMIT
        elif isinstance(error, duckdb.ParserException):
            outcome = self._unparsable(text)
        elif isinstance(error, duckdb.NotImplementedException) or _AMBIGUOUS.search(text):
            outcome = self._not_the_engines()
        return Rejected(outcome, self._in_the_models_words(text, renamed))

    def _in_the_models_words(self, message: str, renamed: Mapping[str, str]) -> str:
        """An error of DuckDB's without paths, excerpts of translated text and the mirror's own table names."""
        text = re.split(r"\n+LINE \d+:", message)[0].strip()
        for hidden, shown in self._hidden:
            text = text.replace(hidden, shown)
        for table, written in renamed.items():
            text = re.sub(rf"\b{re.escape(table)}\b", lambda _, written=written: written, text)
        return _SETTING_ADVICE.sub("", text)


# What DuckDB cannot decide for literals of its own type, though BigQuery and PostgreSQL can.
_AMBIGUOUS = re.compile(r"Could not choose a best candidate function")

_TOO_LARGE_A_VALUE = re.compile(r"Cannot create a string of size|Lists larger than|larger than the maximum|too large")

# Advice that nobody who writes a query can follow.
_SETTING_ADVICE = re.compile(r"\.? Use TRY\(\.\.\.\).*|, or SET \w+.*", re.DOTALL)


def _rows(connection: duckdb.DuckDBPyConnection, limits: Limits) -> Iterator[Row]:
    """The rows of a result, as long as they fit.

    Raises:
        Rejected: resource_limit, past the caps on rows and bytes.
    """
    converters = [_converter(column_type) for _, column_type, *_ in connection.description or []]
    n_rows = n_bytes = 0
    while batch := connection.fetchmany(_ROWS_AT_A_TIME):
        for fetched in batch:
            row = tuple(
                value if convert is None or value is None else convert(value)
                for convert, value in zip(converters, fetched, strict=True)
            )
            n_rows += 1
            n_bytes += sum(map(_rough_bytes, row))
            if n_rows > limits.max_rows:
                raise _too_much(f"more than {limits.max_rows} rows")
            if n_bytes > limits.max_result_bytes:
                raise _too_much(f"more than {limits.max_result_bytes} bytes of result")
            yield row


def _converter(column_type: DuckDBPyType) -> Callable[[Any], Value] | None:
    """How a column's values become those of `types.Value`; None where they are already."""
    kind = column_type.id
    if kind in ("list", "array"):
        convert = _converter(_children(column_type)["child"]) or _same
        return lambda values: [None if value is None else convert(value) for value in values]
    if kind == "struct":
        fields = [(name, _converter(child) or _same) for name, child in _children(column_type).items()]
        return lambda values: _struct(values, fields)
    if kind == "map":
        parts = _children(column_type)
        return _map_converter(_converter(parts["key"]) or _same, _converter(parts["value"]) or _same)
    if _PLAIN_TYPES.fullmatch(kind):
        return None
    return _plain


_PLAIN_TYPES = re.compile(
    r"boolean|u?(tiny|small|big|huge)int|u?integer|float|double|decimal|varchar|blob|date|time|interval"
    r"|timestamp|timestamp_(s|ms|ns)"
)


def _children(column_type: DuckDBPyType) -> dict[str, DuckDBPyType]:
    children: Any = column_type.children  # its stub also allows the sizes of arrays and the digits of decimals
    return dict(children)


def _same(value: Any) -> Value:
    plain: Value = value
    return plain


def _struct(values: Any, fields: list[tuple[str, Callable[[Any], Value]]]) -> Value:
    """A struct; one without field names comes as a tuple and is kept as a list."""
    if isinstance(values, tuple | list):
        return [None if v is None else convert(v) for v, (_, convert) in zip(values, fields, strict=True)]
    return {name: None if values[name] is None else convert(values[name]) for name, convert in fields}


def _map_converter(key: Callable[[Any], Value], value: Callable[[Any], Value]) -> Callable[[Any], Value]:
    """A map becomes a list of structs of key and value: its keys need not be text."""

    def convert(entries: Mapping[Any, Any]) -> Value:
        if set(entries) == {"key", "value"} and isinstance(entries["key"], list):  # DuckDB's form for unhashable keys
            pairs = list(zip(entries["key"], entries["value"], strict=True))
        else:
            pairs = list(entries.items())
        return [{"key": key(k), "value": None if v is None else value(v)} for k, v in pairs]

    return convert


def _plain(value: Any) -> Value:
    """UUIDs, enums, bits and JSON as text, instants in UTC."""
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.UTC) if value.tzinfo else value
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if value is None or isinstance(value, bool | int | float | str | bytes | datetime.date | datetime.timedelta):
        return value
    if isinstance(value, datetime.time):
        return value
    return str(value) if type(value).__name__ != "Decimal" else value


def _rough_bytes(value: Value) -> int:
    """About what a cell takes, quickly: the exact size is known once it is encoded."""
    if isinstance(value, str | bytes):
        return len(value) + 2
    if isinstance(value, list):
        return 2 + sum(map(_rough_bytes, value))
    if isinstance(value, dict):
        return 2 + sum(len(name) + _rough_bytes(item) for name, item in value.items())
    return 8


def _too_much(what: str) -> Rejected:
    return Rejected(Outcome.RESOURCE_LIMIT, what)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _hidden_names(mirror_path: Path) -> list[tuple[str, str]]:
    """What error messages must not tell: where the mirror lies, and the catalogue named after its file."""
    return [(str(mirror_path), "the database"), (str(mirror_path.parent), ""), (f"{mirror_path.stem}.main.", "")]


def _stand_in_for_pytz() -> None:
    """DuckDB's Python client asks pytz for the zone of an instant and is content with any zone that can `localize`.

    The engine's time zone is UTC here, which needs no further package.
    """
    if "pytz" not in sys.modules:
        module = types.ModuleType("pytz")
        module.__dict__["timezone"] = lambda name: _Utc()
        module.__dict__["utc"] = _Utc()
        sys.modules["pytz"] = module


class _Utc(datetime.tzinfo):
    """UTC with the one method of pytz's zones that DuckDB calls."""

    def localize(self, moment: datetime.datetime) -> datetime.datetime:
        return moment.replace(tzinfo=datetime.UTC)

    def utcoffset(self, moment: datetime.datetime | None) -> datetime.timedelta:
        return datetime.timedelta(0)

    def dst(self, moment: datetime.datetime | None) -> datetime.timedelta:
        return datetime.timedelta(0)

    def tzname(self, moment: datetime.datetime | None) -> str:
        return "UTC"

    def fromutc(self, moment: datetime.datetime) -> datetime.datetime:
        return moment


class Deadline:
    """Calls a statement's interrupt once its time is over, even if it is over before there is anything to interrupt."""

    def __init__(self, seconds: float) -> None:
        self._lock = threading.Lock()
        self._over = False
        self._interrupt: Callable[[], None] | None = None
        self._timer = threading.Timer(seconds, self._ring)
        self._timer.daemon = True
        self._timer.start()

    def interrupts(self, interrupt: Callable[[], None]) -> None:
        """Name what is to be called.

        Raises:
            Rejected: the time is over already.
        """
        with self._lock:
            if self._over:
                raise Rejected(Outcome.TIMEOUT, "the statement took longer than it may")
            self._interrupt = interrupt

    def cancel(self) -> None:
        """The statement is done."""
        self._timer.cancel()
        with self._lock:
            self._interrupt = None

    def _ring(self) -> None:
        with self._lock:
            self._over = True
            if self._interrupt is not None:
                self._interrupt()
