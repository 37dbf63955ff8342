"""The backend that runs a model's SQL on a DuckDB mirror, in a worker process that may be killed at any moment."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from types import TracebackType

from bench_core.errors import UserError
from bench_core.identity import Json
from bench_core.plugins.stage import StageBase
from sql_bench.backends.duckdb_engine import EngineSettings
from sql_bench.backends.frames import Overdue, TooLong, read_frame, write_frame
from sql_bench.backends.rules import rules_sha256
from sql_bench.dialect.schema import TableMap
from sql_bench.types import ExecutionResult, Limits, Outcome, Variant
from sql_bench.values import result_from_json

KILL_AFTER_S = 1.0
"""How long after the time-out the worker is killed: what runs inside one vector does not notice an interrupt."""

_START_TIMEOUT_S = 120.0

# A result in JSON is at most this many times `max_result_bytes`, plus statement texts, by the worker's own check.
_FRAME_SLACK_BYTES = 16 * 1024**2


class DuckDbBackend(StageBase):
    """Runs guarded statements on a mirror. Each gets a verdict, whatever it does; the mirror is never written.

    Args:
        mirror_path: a DuckDB database file.
        source_dialect: sqlglot's name of the dialect that statements are written in.
        tables: further names of the mirror's tables.

    Raises:
        UserError: there is no such file, or no such dialect.
    """

    is_remote = False

    def __init__(
        self, mirror_path: Path | str, source_dialect: str = "bigquery", tables: TableMap | None = None
    ) -> None:
        self._mirror_path = Path(mirror_path).resolve()
        self._dialect = source_dialect
        self._tables = tables or TableMap()
        self._worker: _Worker | None = None
        self._lock = threading.Lock()
        if not self._mirror_path.is_file():
            raise UserError(f"{mirror_path}: there is no such mirror; make one with `sql-bench mirror import`.")
        _check_dialect(source_dialect)

    def describe(self) -> Mapping[str, Json]:
        """What results depend on besides statement, mirror and limits."""
        return {
            "engine": "duckdb",
            "engine_version": version("duckdb"),
            "sqlglot_version": version("sqlglot"),
            "dialect": self._dialect,
            "table_aliases": dict(self._tables.aliases),
            "rules_sha256": rules_sha256(),
        }

    def execute(self, sql: str, limits: Limits, variant: Variant = Variant.AS_WRITTEN) -> ExecutionResult:
        """Run one statement. Thread-safe: one at a time."""
        with self._lock:
            started = time.perf_counter()
            try:
                return self._ask(sql, limits, variant)
            except _WorkerGone as gone:
                self._drop_worker()
                seconds = time.perf_counter() - started
                return ExecutionResult(gone.outcome, message=gone.message, seconds=seconds)

    def close(self) -> None:
        """End the worker and remove its temporary folder."""
        with self._lock:
            self._drop_worker()

    def __enter__(self) -> DuckDbBackend:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, sql: str, limits: Limits, variant: Variant) -> ExecutionResult:
        worker = self._running_worker(limits)
        request = {"sql": sql, "limits": asdict(limits), "variant": variant.value}
        return worker.execute(json.dumps(request).encode(), limits)

    def _running_worker(self, limits: Limits) -> _Worker:
        """The worker, a new one if there is none or if it was started with other limits."""
        bounds = (limits.memory_bytes, limits.max_temp_bytes)
        if self._worker is not None and (self._worker.bounds != bounds or not self._worker.is_alive()):
            self._drop_worker()
        if self._worker is None:
            self._worker = _Worker(self._mirror_path, self._dialect, self._tables, bounds)
        return self._worker

    def _drop_worker(self) -> None:
        if self._worker is not None:
            self._worker.end()
            self._worker = None


class _WorkerGone(Exception):
    """The worker died or had to be killed; that is a verdict on the statement."""

    def __init__(self, outcome: Outcome, message: str) -> None:
        super().__init__(message)
        self.outcome, self.message = outcome, message


class _Worker:
    """A running worker process, the pipes to it and its temporary folder.

    Args:
        mirror_path: what it opens.
        dialect: sqlglot's name of the dialect that statements are written in.
        tables: further names of the mirror's tables.
        bounds: memory and temporary space in bytes, which it cannot change once it runs.

    Raises:
        _WorkerGone: backend_error, with the reason, if it cannot open the mirror.
    """

    def __init__(self, mirror_path: Path, dialect: str, tables: TableMap, bounds: tuple[int, int]) -> None:
        self.bounds = bounds
        self._temp_dir = Path(tempfile.mkdtemp(prefix="sql-bench-"))
        request_read, self._requests_fd = os.pipe()
        self._responses_fd, response_write = os.pipe()
        with (self._temp_dir / "stderr").open("wb") as stderr:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "sql_bench.backends.worker", str(request_read), str(response_write)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                cwd=self._temp_dir,
                env=_environment(self._temp_dir),
                pass_fds=(request_read, response_write),
                start_new_session=True,
            )
        os.close(request_read)
        os.close(response_write)
        fds = (self._requests_fd, self._responses_fd)
        self.end = weakref.finalize(self, _end, self._process, fds, self._temp_dir)
        self._open(
            EngineSettings(str(mirror_path), dialect, *bounds, str(self._temp_dir / "spill"), dict(tables.aliases))
        )

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def execute(self, request: bytes, limits: Limits) -> ExecutionResult:
        """Send one statement and wait for its result.

        Raises:
            _WorkerGone: it did not answer in time, or died.
        """
        deadline = time.monotonic() + limits.timeout_s + KILL_AFTER_S
        max_bytes = limits.max_result_bytes + _FRAME_SLACK_BYTES
        try:
            write_frame(self._requests_fd, request)
            return result_from_json(json.loads(read_frame(self._responses_fd, max_bytes, deadline)))
        except Overdue:
            raise _WorkerGone(Outcome.TIMEOUT, "the statement ran longer than it may and was killed") from None
        except TooLong:
            raise _WorkerGone(Outcome.RESOURCE_LIMIT, "the result is larger than it may be") from None
        except (EOFError, OSError):
            raise self._death() from None

    def _open(self, settings: EngineSettings) -> None:
        try:
            write_frame(self._requests_fd, json.dumps(asdict(settings)).encode())
            deadline = time.monotonic() + _START_TIMEOUT_S
            answer = json.loads(read_frame(self._responses_fd, _FRAME_SLACK_BYTES, deadline))
        except (EOFError, OSError, Overdue, TooLong):
            said = (self._temp_dir / "stderr").read_text(errors="replace").strip().splitlines()
            self.end()
            reason = said[-1] if said else f"it ended with status {self._process.returncode}"
            raise _WorkerGone(Outcome.BACKEND_ERROR, f"the database worker did not start: {reason}") from None
        if answer["error"] is not None:
            self.end()
            raise _WorkerGone(Outcome.BACKEND_ERROR, f"the mirror cannot be opened: {answer['error']}")

    def _death(self) -> _WorkerGone:
        """The verdict on a worker that ended by itself while it ran a statement."""
        status = self._process.wait()
        if status == -signal.SIGXCPU:
            return _WorkerGone(Outcome.TIMEOUT, "the statement used more processor time than it may")
        return _WorkerGone(Outcome.RESOURCE_LIMIT, f"the statement ended its process (status {status})")


def _end(process: subprocess.Popen[bytes], fds: tuple[int, ...], temp_dir: Path) -> None:
    """Kill a worker, whatever it is doing, and remove what it may have left; runs once, at the latest at exit."""
    process.kill()
    process.wait()
    for fd in fds:
        os.close(fd)
    shutil.rmtree(temp_dir, ignore_errors=True)


def _environment(temp_dir: Path) -> dict[str, str]:
    """Nothing of the user's environment but where shared libraries are: it is private, and it changes results."""
    package_dir = Path(__file__).resolve().parents[2]
    environment = {
        "HOME": str(temp_dir),
        "TMPDIR": str(temp_dir),
        "TZ": "UTC",
        "LC_ALL": "C.UTF-8",
        "PYTHONPATH": str(package_dir),
        "PYTHONHASHSEED": "0",
    }
    library_path = os.environ.get("LD_LIBRARY_PATH")
    return environment | ({"LD_LIBRARY_PATH": library_path} if library_path else {})


def _check_dialect(name: str) -> None:
    from sqlglot.dialects.dialect import Dialects

    from bench_core.plugins.arguments import did_you_mean

    known = [dialect.value for dialect in Dialects if dialect.value]
    if name not in known:
        raise UserError(f"there is no SQL dialect {name!r}{did_you_mean(name, known)}.")
