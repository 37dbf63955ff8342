"""The backend that runs a model's SQL on a DuckDB mirror, in a worker process that may be killed at any moment."""

from __future__ import annotations

import datetime
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from types import TracebackType

from bench_core.errors import UserError
from bench_core.identity import Json
from bench_core.machine.environment import free_memory_bytes
from bench_core.plugins.stage import StageBase
from sql_bench.backends.duckdb_engine import ExpectedContent
from sql_bench.backends.rules import rules_sha256
from sql_bench.backends.worker import ADDRESS_SPACE_ABOVE_MEMORY_BYTES
from sql_bench.backends.worker_process import WorkerDied, WorkerGone, WorkerProcess
from sql_bench.dialect.schema import TableMap
from sql_bench.mirror.failures import DAMAGED
from sql_bench.types import ExecutionResult, Limits, Outcome, Reach, Variant
from sql_bench.values import encode_row

IMPORT_AGAIN = "import its tables again with `sql-bench mirror import`"
"""What helps against a damaged mirror that a user imported."""


class DuckDbBackend(StageBase):
    """Runs guarded statements on a mirror. Each gets a verdict, whatever it does; the mirror is never written.

    Args:
        mirror_path: a DuckDB database file.
        source_dialect: sqlglot's name of the dialect that statements are written in.
        tables: further names of the mirror's tables.
        content: what the file must hold when a worker opens it; None where nothing is known of it.
        remedy: what helps against a damaged file.
        as_of: the instant, with a zone, that CURRENT_DATE and its kin stand for; None for the clock.

    Attributes:
        found_damage: a statement met a damaged part of the file.

    Raises:
        UserError: there is no such file, or no such dialect, or `as_of` has no zone.
    """

    is_remote = False

    def __init__(
        self,
        mirror_path: Path | str,
        source_dialect: str = "bigquery",
        tables: TableMap | None = None,
        *,
        content: ExpectedContent | None = None,
        remedy: str = IMPORT_AGAIN,
        as_of: datetime.datetime | None = None,
    ) -> None:
        self._mirror_path = Path(mirror_path).resolve()
        self._dialect = source_dialect
        self._tables = tables or TableMap()
        self._content, self._remedy = content, remedy
        self.found_damage = False
        self._as_of = as_of.isoformat() if as_of is not None else None
        self._worker: WorkerProcess | None = None
        self._lock = threading.Lock()
        if not self._mirror_path.is_file():
            raise UserError(f"{mirror_path}: there is no such mirror; make one with `sql-bench mirror import`.")
        if as_of is not None and as_of.tzinfo is None:
            raise UserError("as_of is an instant and needs a time zone, such as 2026-01-31T00:00:00+00:00.")
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
            **({"as_of": self._as_of} if self._as_of is not None else {}),
        }

    def prepare(self, sql: str, limits: Limits) -> ExecutionResult:
        """See `sql_bench.types.SqlBackend`."""
        return self._answered(sql, limits, Variant.AS_WRITTEN, None, runs=False)

    def execute(
        self, sql: str, limits: Limits, variant: Variant = Variant.AS_WRITTEN, reach: Reach | None = None
    ) -> ExecutionResult:
        """Run one statement. Thread-safe: one at a time.

        A worker that dies without a limit's doing says nothing of the statement: it is tried again on a new one, while
        no other statement of this process runs (docs/rules/executing.md E2.5).
        """
        return self._answered(sql, limits, variant, reach, runs=True)

    def _answered(
        self, sql: str, limits: Limits, variant: Variant, reach: Reach | None, *, runs: bool
    ) -> ExecutionResult:
        request = _request(sql, limits, variant, reach, runs)
        with self._lock:
            started = time.perf_counter()
            try:
                try:
                    with _TRAFFIC.among_others():
                        return self._ask(request, limits)
                except WorkerDied as first:
                    self._drop_worker()
                    with _TRAFFIC.alone():
                        return self._ask_again(request, limits, first.status)
            except WorkerGone as gone:
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

    def _ask_again(self, request: bytes, limits: Limits, first: int) -> ExecutionResult:
        """The second and last try of a statement whose worker died; what was free before it decides, if it dies too."""
        free = free_memory_bytes()
        may_take = limits.memory_bytes + ADDRESS_SPACE_ABOVE_MEMORY_BYTES
        try:
            return self._ask(request, limits)
        except WorkerDied as second:
            if second.status == first and second.was_running and (free is None or free > may_take):
                message = f"the statement ended its process twice ({_shown_status(first)})"
                raise WorkerGone(Outcome.RESOURCE_LIMIT, message) from None
            reason = (
                f"its worker process died twice ({_shown_status(first)}, then {_shown_status(second.status)}), which "
                "need not be the statement's doing; see that there is memory enough, and run the command again"
            )
            raise WorkerGone(Outcome.BACKEND_ERROR, reason) from None

    def _ask(self, request: bytes, limits: Limits) -> ExecutionResult:
        worker = self._running_worker(limits)
        result = worker.execute(request, limits)
        return self._with_remedy(result) if result.outcome is Outcome.BACKEND_ERROR else result

    def _with_remedy(self, result: ExecutionResult) -> ExecutionResult:
        if not result.message.startswith(DAMAGED):
            return result
        self.found_damage = True
        return replace(result, message=f"{result.message}; {self._remedy}")

    def _running_worker(self, limits: Limits) -> WorkerProcess:
        """The worker, a new one if there is none or if it was started with other limits."""
        bounds = (limits.memory_bytes, limits.max_temp_bytes)
        if self._worker is not None and (self._worker.bounds != bounds or not self._worker.is_alive()):
            self._drop_worker()
        if self._worker is None:
            self._worker = self._new_worker(bounds)
        return self._worker

    def _new_worker(self, bounds: tuple[int, int]) -> WorkerProcess:
        try:
            return WorkerProcess(self._mirror_path, self._dialect, self._tables, bounds, self._content, self._as_of)
        except WorkerGone as gone:
            failed = self._with_remedy(ExecutionResult(gone.outcome, message=gone.message))
            raise WorkerGone(failed.outcome, failed.message) from None

    def _drop_worker(self) -> None:
        if self._worker is not None:
            self._worker.end()
            self._worker = None


def _request(sql: str, limits: Limits, variant: Variant, reach: Reach | None, runs: bool) -> bytes:
    """What a worker is sent."""
    tie = None if reach is None or reach.tie is None else encode_row(reach.tie)
    content = {
        "sql": sql,
        "limits": asdict(limits),
        "variant": variant.value,
        "reach": None if reach is None else {"n_rows": reach.n_rows, "tie": tie},
        "runs": runs,
    }
    return json.dumps(content).encode()


class _Traffic:
    """Lets statements run beside each other, or one alone."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._n_running = 0

    @contextmanager
    def among_others(self) -> Iterator[None]:
        """Run beside others, not beside one that must be alone."""
        with self._changed:
            self._n_running += 1
        try:
            yield
        finally:
            with self._changed:
                self._n_running -= 1
                self._changed.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Wait until no other runs, and let none begin."""
        with self._changed:
            self._changed.wait_for(lambda: self._n_running == 0)
            yield


_TRAFFIC = _Traffic()


def _shown_status(status: int) -> str:
    """`signal 9`, or `status 1`."""
    return f"signal {-status}" if status < 0 else f"status {status}"


def _check_dialect(name: str) -> None:
    from sqlglot.dialects.dialect import Dialects

    from bench_core.plugins.arguments import did_you_mean

    known = [dialect.value for dialect in Dialects if dialect.value]
    if name not in known:
        raise UserError(f"there is no SQL dialect {name!r}{did_you_mean(name, known)}.")
