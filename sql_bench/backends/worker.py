"""The process in which a model's SQL is parsed, guarded, translated and run; started by `backends.duckdb`.

`python -m sql_bench.backends.worker READ_FD WRITE_FD`: the first message says what to open, each further one is a
statement; every message is answered by one. It limits itself before it opens anything, and ends, its temporary folder
removed, as soon as its parent closes the pipe or is gone.
"""

from __future__ import annotations

import datetime
import json
import logging
import os
import queue
import shutil
import signal
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

from sql_bench.backends.duckdb_engine import (
    DatabaseFailed,
    Deadline,
    DuckDbEngine,
    EngineBroken,
    EngineSettings,
    ExpectedContent,
)
from sql_bench.backends.frames import read_frame, write_frame
from sql_bench.dialect.bigquery_results import as_result
from sql_bench.dialect.lists import LISTED
from sql_bench.dialect.statement import shape_of
from sql_bench.dialect.static_check import bigquery_complaints
from sql_bench.dialect.translation import Translation, parse, translate
from sql_bench.guard.rejected import Rejected
from sql_bench.types import ExecutionResult, Limits, Outcome, Reach, StatementShape, Variant
from sql_bench.values import decode_row, result_to_json

_MAX_REQUEST_BYTES = 64 * 1024**2

ADDRESS_SPACE_ABOVE_MEMORY_BYTES = 3 * 1024**3
"""What the process may map beyond the engine's memory limit (docs/rules/executing.md E2.3)."""

# Frames of the deepest nesting the guard lets through: sqlglot takes some forty a level.
_RECURSION_LIMIT = 6_000

# A statement may take this much longer on the processor than on the clock before the kernel ends the process: the
# parent kills it earlier unless it is gone itself.
_CPU_GRACE_S = 3


def main() -> None:
    """Serve statements until the parent closes the pipe."""
    requests_fd, responses_fd = int(sys.argv[1]), int(sys.argv[2])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    logging.getLogger("sqlglot").setLevel(logging.CRITICAL)
    sys.setrecursionlimit(_RECURSION_LIMIT)
    requests = _requests(requests_fd)
    settings = _settings(requests.get())
    _limit_process(settings)
    try:
        engine = DuckDbEngine(settings)
    except Exception as error:  # whatever keeps the mirror from opening is reported to the parent
        said = str(error) if isinstance(error, DatabaseFailed) else f"{type(error).__name__}: {error}"
        write_frame(responses_fd, json.dumps({"error": said}).encode())
        return
    write_frame(responses_fd, json.dumps({"error": None}).encode())
    serving = _Serving(engine, settings)
    while True:
        request = requests.get()
        limits = Limits(**request["limits"])
        _limit_cpu(limits.timeout_s)
        result, usable = serving.answer(request, limits)
        try:
            write_frame(responses_fd, _encode(result, limits))
        except OSError:
            _leave()
        if not usable:
            return


def _settings(content: dict[str, Any]) -> EngineSettings:
    expected = content.pop("content")
    return EngineSettings(**content, content=ExpectedContent(**expected) if expected else None)


@dataclass(frozen=True)
class _Form:
    """A statement in the form in which it is asked for."""

    sql: str
    variant: Variant
    reach: Reach | None


@dataclass(frozen=True)
class _Prepared:
    """What is known of a statement before it runs.

    Attributes:
        result: without rows; `ok` where it may run.
        translation: what would run.
    """

    result: ExecutionResult
    translation: Translation | None = None


class _Serving:
    """Answers requests: prepares statements and runs them. The last one prepared is remembered, as it is run next."""

    def __init__(self, engine: DuckDbEngine, settings: EngineSettings) -> None:
        self._engine, self._dialect = engine, settings.dialect
        self._as_of = datetime.datetime.fromisoformat(settings.as_of) if settings.as_of else None
        self._last: tuple[_Form, _Prepared] | None = None

    def answer(self, request: dict[str, Any], limits: Limits) -> tuple[ExecutionResult, bool]:
        """One statement's result, and whether the engine can go on."""
        started = time.perf_counter()
        reach = request["reach"]
        if reach is not None:
            reach = Reach(reach["n_rows"], None if reach["tie"] is None else decode_row(reach["tie"]))
        form = _Form(request["sql"], Variant(request["variant"]), reach)
        deadline = Deadline(limits.timeout_s)
        usable = True
        prepared: _Prepared | None = None
        try:
            prepared = self._prepared(form)
            result = prepared.result
            if request["runs"] and prepared.translation is not None:
                result = self._run(prepared, limits, deadline)
        except Rejected as rejected:
            result = _failed(prepared, rejected.outcome, rejected.message)
        except RecursionError:
            result = _failed(prepared, Outcome.RESOURCE_LIMIT, "the statement is nested too deeply")
        except MemoryError:
            message = "the statement needed more memory than it may have"
            result = _failed(prepared, Outcome.RESOURCE_LIMIT, message)
        except DatabaseFailed as failed:
            result, usable = _failed(prepared, Outcome.BACKEND_ERROR, str(failed)), False
        except EngineBroken as broken:
            result = _failed(prepared, Outcome.UNTRANSLATABLE, f"the engine failed internally: {broken}")
            usable = False
        finally:
            deadline.cancel()
        return replace(result, seconds=time.perf_counter() - started), usable

    def _prepared(self, form: _Form) -> _Prepared:
        if self._last is None or self._last[0] != form:
            self._last = form, self._prepare(form)
        return self._last[1]

    def _prepare(self, form: _Form) -> _Prepared:
        shape: StatementShape | None = None
        complaints: tuple[str, ...] = ()
        translation: Translation | None = None
        outcome, message = Outcome.OK, ""
        try:
            query = parse(form.sql, self._dialect)
            shape = shape_of(query, self._dialect)
            if self._dialect == "bigquery" and form.variant is Variant.AS_WRITTEN:
                complaints = tuple(bigquery_complaints(form.sql, query, self._engine.schema))
            translation = translate(query, self._dialect, self._engine.schema, form.variant, self._as_of, form.reach)
            self._engine.check(translation.sql)
        except Rejected as rejected:
            outcome, message = rejected.outcome, rejected.message
        except (RecursionError, MemoryError, DatabaseFailed, EngineBroken):
            raise
        except Exception as error:  # of sqlglot's, on a form that it reads and cannot write: not the statement's fault
            outcome, message = Outcome.UNTRANSLATABLE, f"the translation failed ({type(error).__name__})"
        executed_sql = translation.sql if translation is not None else None
        result = ExecutionResult(
            outcome, message=message, executed_sql=executed_sql, shape=shape, complaints=complaints
        )
        return _Prepared(result, translation if outcome is Outcome.OK else None)

    def _run(self, prepared: _Prepared, limits: Limits, deadline: Deadline) -> ExecutionResult:
        translation = prepared.translation
        assert translation is not None
        columns, rows = self._engine.run(translation.sql, limits, deadline.interrupts, translation.renamed)
        if self._dialect == "bigquery":
            rows = as_result(columns, rows)
        elif self._dialect in LISTED:
            rows = list(LISTED[self._dialect].result(columns, rows))
        return _with_sort_keys(replace(prepared.result, columns=columns, rows=tuple(rows)), translation)


def _failed(prepared: _Prepared | None, outcome: Outcome, message: str) -> ExecutionResult:
    known = prepared.result if prepared is not None else ExecutionResult(outcome)
    return replace(known, outcome=outcome, message=message)


def _with_sort_keys(result: ExecutionResult, translation: Translation) -> ExecutionResult:
    """The statement's own columns, with the keys beside them."""
    keys = translation.sort_keys
    if result.outcome is not Outcome.OK or keys is None:
        return result
    rows, sort_keys = keys.split(result.rows)
    columns = result.columns[: len(result.columns) - keys.n_added]
    key_columns = tuple(place for place in keys.places if place >= 0)
    return replace(result, columns=columns, rows=rows, sort_keys=sort_keys, key_columns=key_columns)


def _encode(result: ExecutionResult, limits: Limits) -> bytes:
    try:
        content = json.dumps(result_to_json(result), separators=(",", ":")).encode()
        if len(content) <= limits.max_result_bytes or not result.rows:
            return content
        message = f"more than {limits.max_result_bytes} bytes of result"
    except MemoryError:
        message = "the result did not fit into memory"
    too_large = ExecutionResult(
        Outcome.RESOURCE_LIMIT, message=message, executed_sql=result.executed_sql, shape=result.shape
    )
    return json.dumps(result_to_json(replace(too_large, seconds=result.seconds))).encode()


def _leave() -> NoReturn:
    """End without a word, and without a file left behind: the parent is gone."""
    shutil.rmtree(Path.cwd(), ignore_errors=True)
    os._exit(0)


def _requests(fd: int) -> queue.SimpleQueue[dict[str, Any]]:
    """The parent's messages, read in a thread of its own: it notices at once that the parent is gone."""
    requests: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()

    def read() -> None:
        try:
            while True:
                requests.put(json.loads(read_frame(fd, _MAX_REQUEST_BYTES)))
        except (EOFError, OSError):
            _leave()

    threading.Thread(target=read, daemon=True).start()
    return requests


def _limit_process(settings: EngineSettings) -> None:
    """Bound what the process as a whole may take; where a system does not know a limit, the others stand."""
    import resource

    bounds = {
        resource.RLIMIT_AS: settings.memory_bytes + ADDRESS_SPACE_ABOVE_MEMORY_BYTES,
        resource.RLIMIT_FSIZE: settings.max_temp_bytes,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: 256,
    }
    for kind, bound in bounds.items():
        with suppress(ValueError, OSError):
            resource.setrlimit(kind, (bound, bound))


def _limit_cpu(timeout_s: float) -> None:
    """Bound the processor time up to the end of the next statement; the kernel ends a process that passes it."""
    import resource

    usage = resource.getrusage(resource.RUSAGE_SELF)
    bound = int(usage.ru_utime + usage.ru_stime + timeout_s) + _CPU_GRACE_S
    resource.setrlimit(resource.RLIMIT_CPU, (bound, resource.RLIM_INFINITY))


if __name__ == "__main__":
    main()
