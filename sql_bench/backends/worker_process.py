"""A running worker process, as its parent sees it: started with limits, asked over pipes, killed when it is late."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import weakref
from dataclasses import asdict
from pathlib import Path

from sql_bench.backends.duckdb_engine import EngineSettings, ExpectedContent
from sql_bench.backends.frames import Overdue, TooLong, read_frame, write_frame
from sql_bench.dialect.schema import TableMap
from sql_bench.mirror.failures import DAMAGED
from sql_bench.types import ExecutionResult, Limits, Outcome
from sql_bench.values import result_from_json

KILL_AFTER_S = 1.0
"""How long after the time-out the worker is killed: what runs inside one vector does not notice an interrupt."""

_START_TIMEOUT_S = 120.0

# A result in JSON is at most this many times `max_result_bytes`, plus statement texts, by the worker's own check.
_FRAME_SLACK_BYTES = 16 * 1024**2


class WorkerGone(Exception):
    """The worker died or had to be killed; that is a verdict on the statement."""

    def __init__(self, outcome: Outcome, message: str) -> None:
        super().__init__(message)
        self.outcome, self.message = outcome, message


class WorkerDied(Exception):
    """The worker ended by itself, or was killed by somebody else.

    Args:
        status: as `subprocess` has it, negative for a signal.
        was_running: it had opened the mirror and was given the statement.
    """

    def __init__(self, status: int, was_running: bool) -> None:
        super().__init__(status)
        self.status, self.was_running = status, was_running


class WorkerProcess:
    """A running worker process, the pipes to it and its temporary folder.

    Args:
        mirror_path: what it opens.
        dialect: sqlglot's name of the dialect that statements are written in.
        tables: further names of the mirror's tables.
        bounds: memory and temporary space in bytes, which it cannot change once it runs.
        content: what the mirror must hold.
        as_of: `EngineSettings.as_of`.

    Raises:
        WorkerGone: backend_error, with the reason, if it cannot open the mirror.
        WorkerDied: it was killed before it had.
    """

    def __init__(
        self,
        mirror_path: Path,
        dialect: str,
        tables: TableMap,
        bounds: tuple[int, int],
        content: ExpectedContent | None,
        as_of: str | None,
    ) -> None:
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
            EngineSettings(
                str(mirror_path), dialect, *bounds, str(self._temp_dir / "spill"), dict(tables.aliases), content, as_of
            )
        )

    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def execute(self, request: bytes, limits: Limits) -> ExecutionResult:
        """Send one statement and wait for its result.

        Raises:
            WorkerGone: it did not answer in time, or a limit ended it.
            WorkerDied: it ended otherwise.
        """
        deadline = time.monotonic() + limits.timeout_s + KILL_AFTER_S
        max_bytes = limits.max_result_bytes + _FRAME_SLACK_BYTES
        try:
            write_frame(self._requests_fd, request)
            return result_from_json(json.loads(read_frame(self._responses_fd, max_bytes, deadline)))
        except Overdue:
            raise WorkerGone(Outcome.TIMEOUT, "the statement ran longer than it may and was killed") from None
        except TooLong:
            raise WorkerGone(Outcome.RESOURCE_LIMIT, "the result is larger than it may be") from None
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
            if not said:
                raise WorkerDied(self._process.returncode, was_running=False) from None
            reason = said[-1]
            raise WorkerGone(Outcome.BACKEND_ERROR, f"the database worker did not start: {reason}") from None
        if answer["error"] is not None:
            self.end()
            is_damaged = answer["error"].startswith(DAMAGED)
            message = answer["error"] if is_damaged else f"the mirror cannot be opened: {answer['error']}"
            raise WorkerGone(Outcome.BACKEND_ERROR, message)

    def _death(self) -> Exception:
        """What the end of a worker means that ran a statement."""
        status = self._process.wait()
        if status == -signal.SIGXCPU:
            return WorkerGone(Outcome.TIMEOUT, "the statement used more processor time than it may")
        return WorkerDied(status, was_running=True)


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
