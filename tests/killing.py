"""Kill a command of the suite at a known point, on a fast machine and on a slow one.

The point is a file: a module that Python imports at its start watches what the process opens for writing and puts in
place, and sends SIGKILL to it right before that happens for the n-th time. So nothing waits, and a kill always hits.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

_WATCH = """
import os, re, signal, sys

wanted = re.compile(os.environ["KILL_BEFORE"])
left = int(os.environ["KILL_TIME"])

def watch(event, args):
    global left
    if event == "os.rename":
        path = args[1]
    elif event == "open" and args[1] and not args[1].startswith("r"):
        path = args[0]
    else:
        return
    if isinstance(path, str | os.PathLike) and wanted.search(os.fspath(path)):
        left -= 1
        if left == 0 and os.environ["KILL_SIGNAL"] == "SIGINT":
            os.killpg(os.getpgrp(), signal.SIGINT)
        elif left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(watch)
"""


def kill_before(
    file: str, command: Sequence[str | Path], watcher_dir: Path, nth: int = 1, cwd: Path | None = None
) -> None:
    """Run a command and kill its Python process right before it writes a file; fail if it ended by itself.

    Args:
        file: a regular expression that is searched in the paths opened for writing or renamed to.
        command: what to run; a shell script's process is the one killed if Python is what the script runs.
        watcher_dir: a folder of the test's own.
        nth: kill at the n-th such file.
        cwd: where to run.

    Raises:
        AssertionError: the command ended otherwise.
    """
    ended = _signalled_before(file, command, watcher_dir, nth, cwd, "SIGKILL")
    # A shell passes the signal of its child on as 128 + its number.
    assert ended.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL), f"not killed before {file}:\n{ended.stderr}"


def interrupt_before(
    file: str, command: Sequence[str | Path], watcher_dir: Path, nth: int = 1, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """As `kill_before`, with what Ctrl-C sends, to the command and all that it started; returns how it ended."""
    return _signalled_before(file, command, watcher_dir, nth, cwd, "SIGINT")


def _signalled_before(
    file: str, command: Sequence[str | Path], watcher_dir: Path, nth: int, cwd: Path | None, name: str
) -> subprocess.CompletedProcess[str]:
    watcher_dir.mkdir(parents=True, exist_ok=True)
    (watcher_dir / "sitecustomize.py").write_text(_WATCH)
    path = os.pathsep.join(filter(None, [str(watcher_dir), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "PYTHONPATH": path, "KILL_BEFORE": file, "KILL_TIME": str(nth), "KILL_SIGNAL": name}
    return subprocess.run(
        command,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        start_new_session=True,
        # A job in the background of a shell ignores SIGINT, and so would what it starts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
