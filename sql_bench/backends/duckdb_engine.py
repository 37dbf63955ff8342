"""DuckDB as the worker process uses it: locked down, a fresh connection a statement, results as plain Python values."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sql_bench.backends.duckdb_messages import MessageWords
from sql_bench.backends.duckdb_results import fetch_rows, stand_in_for_pytz, too_much
from sql_bench.dialect.lists import LISTED
from sql_bench.dialect.schema import Schema, TableMap
from sql_bench.dialect.translation import ENGINE_SETTINGS
from sql_bench.guard.engine import UnknownFunction, check_engine_tree
from sql_bench.guard.rejected import Rejected
from sql_bench.mirror.content import stamped_sha256
from sql_bench.mirror.failures import storage_failure
from sql_bench.types import Column, Limits, Outcome, Row

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class ExpectedContent:
    """The content that a run is made from.

    Attributes:
        sha256: the mirror's content hash.
        is_stamped: the file says what it holds; those that an earlier version imported do not.
    """

    sha256: str
    is_stamped: bool


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
        content: what the file must hold; None where nothing is known of it.
        as_of: the instant that CURRENT_DATE and its kin stand for, as ISO 8601 with a zone; None for the clock.
    """

    mirror_path: str
    dialect: str
    memory_bytes: int
    max_temp_bytes: int
    temp_dir: str
    table_aliases: Mapping[str, str]
    content: ExpectedContent | None = None
    as_of: str | None = None


class EngineBroken(Exception):
    """The engine failed internally and cannot be used any more."""


class DatabaseFailed(Exception):
    """The file, the disk or the machine failed, or the file holds something else: no verdict on any statement."""


class DuckDbEngine:
    """A mirror, opened read-only, whose settings can no longer be changed.

    Raises:
        DatabaseFailed: the file is damaged, or is not what it was when the run began.
    """

    def __init__(self, settings: EngineSettings) -> None:
        import duckdb

        self._words = MessageWords(Path(settings.mirror_path))
        try:
            self._open(settings)
        except duckdb.Error as error:
            failed = self._failure(error)
            if failed is None:
                raise
            raise failed from error

    def _open(self, settings: EngineSettings) -> None:
        import duckdb

        stand_in_for_pytz()
        self._dialect = settings.dialect
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
        if settings.content is not None:
            self._compare(settings.content)
        self.schema = self._read_schema(TableMap(settings.table_aliases))

    def _compare(self, expected: ExpectedContent) -> None:
        found = stamped_sha256(self._base)
        if found != expected.sha256 and (found is not None or expected.is_stamped):
            raise DatabaseFailed(
                "another database stands under the mirror's name than when this run began; run the command again"
            )

    def check(self, sql: str) -> None:
        """Guard the text that is to be run, as DuckDB itself parses it.

        Raises:
            Rejected: it may not be run, or it calls a function that DuckDB does not have.
        """
        row = self._base.execute("SELECT json_serialize_sql(?::VARCHAR)", [sql]).fetchone()
        content = json.loads(row[0]) if row else {}
        if content.get("error") and content.get("error_type") == "parser":
            message = str(content.get("error_message"))
            raise Rejected(self._unparsable(message), self._words.of(message, {}))
        try:
            check_engine_tree(content, self.schema.tables)
        except UnknownFunction as unknown:
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
            DatabaseFailed: the file or the disk did.
        """
        import duckdb

        connection = self._base.cursor()
        interrupt_at(connection.interrupt)
        try:
            connection.execute(sql)
            description = connection.description or []
            if len(description) > limits.max_columns:
                raise too_much(f"{len(description)} columns; at most {limits.max_columns} are kept")
            columns = tuple(Column(name, str(column_type)) for name, column_type, *_ in description)
            return columns, list(fetch_rows(connection, limits))
        except duckdb.Error as error:
            raise self._verdict(error, sql, renamed) from None
        except MemoryError:
            raise too_much("the result did not fit into memory") from None
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

    def _verdict(self, error: duckdb.Error, sql: str, renamed: Mapping[str, str]) -> Rejected:
        import duckdb

        text = str(error)
        failed = self._failure(error)
        if failed is not None:
            raise failed from None
        if isinstance(error, duckdb.FatalException | duckdb.InternalException):
            raise EngineBroken(self._words.of(text, renamed)) from None
        if isinstance(error, duckdb.InterruptException):
            return Rejected(Outcome.TIMEOUT, "the statement ran longer than it may")
        if isinstance(error, duckdb.OutOfMemoryException | duckdb.IOException):
            return too_much("the statement needed more memory or temporary space than it may have")
        outcome = Outcome.INVALID_SQL
        if _TOO_LARGE_A_VALUE.search(text):
            outcome = Outcome.RESOURCE_LIMIT
        elif isinstance(error, duckdb.ParserException):
            outcome = self._unparsable(text)
        elif isinstance(error, duckdb.NotImplementedException) or _OTHERWISE_ELSEWHERE.search(text):
            outcome = self._not_the_engines()
        elif self._dialect in LISTED and LISTED[self._dialect].excuses(text, sql):
            outcome = Outcome.UNTRANSLATABLE
        return Rejected(outcome, self._words.of(text, renamed))

    def _failure(self, error: duckdb.Error) -> DatabaseFailed | None:
        """What it was, if neither statement nor engine is to blame."""
        failed = storage_failure(error)
        return None if failed is None else DatabaseFailed(self._words.of(failed, {}))


# What DuckDB cannot decide for literals of its own type, though BigQuery and PostgreSQL can; functions of bytes, which
# it has for texts alone; and texts that are no JSON, for which BigQuery's functions give NULL.
_OTHERWISE_ELSEWHERE = re.compile(
    r"Could not choose a best candidate function|argument types '[^']*\bBLOB\b|Malformed JSON|is not translated"
)

_TOO_LARGE_A_VALUE = re.compile(
    r"Cannot create a string of size|Lists larger than|larger than the maximum|too large|Max expression depth"
)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


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
