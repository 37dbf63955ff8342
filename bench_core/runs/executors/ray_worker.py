"""The worker of a Ray cluster: text in, text out, and nothing on standard output or error.

Ray writes what a worker prints to files that everybody on the machine can read; a cell's text may be patients'.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench_core.artifacts import file_sha256
from bench_core.identity import canonical_json
from bench_core.runs.grid import Failure, Work, attempt
from bench_core.runs.reporter import Reporter, silent

PACKAGES = ("bench_core", "retrieval_bench", "sql_bench")
LOCK, TOKEN = "lock", "token"


def run_cell(working_dir: str, n_threads: str, target: str, settings: str, label: str, text: str) -> str:
    """Make a cell; say as JSON where it lies, or in one sentence why it could not be made, and what must be known.

    Args:
        n_threads: what OMP_NUM_THREADS is in the sending process, "" where it is not set. Ray sets it to 1 in its
            workers; scores of a model differ in their last digits with it, and are to be those of a local run.
    """
    _silence()
    os.chdir(working_dir)
    if n_threads:  # before the libraries that read it are imported
        os.environ["OMP_NUM_THREADS"] = n_threads
    else:
        os.environ.pop("OMP_NUM_THREADS", None)
    _said.clear()
    outcome = attempt(label, lambda: _work(target, settings).run(text), silent())
    if isinstance(outcome, Failure):
        return canonical_json({"sentence": outcome.sentence, "is_mistake": outcome.is_mistake, "said": _said})
    failures = [asdict(failure) for failure in outcome.failures]
    return canonical_json(
        {"folder": str(outcome.folder), "was_there": outcome.was_there, "failures": failures, "said": _said}
    )


# What its user must know of the cell that this worker makes, which is one at a time.
_said: list[str] = []


@cache
def _work(target: str, settings: str) -> Work[Any]:
    """What this worker makes cells with; it is kept, so that a corpus is read once."""
    module, _, function = target.partition(":")
    made: Work[Any] = getattr(import_module(module), function)(settings, Reporter(_said.append))
    return made


@dataclass(frozen=True)
class NodeFacts:
    """What a node must have as the process has that sends cells to it.

    Attributes:
        suite_sha256: of the suite's own source files.
        tokens: folder -> what its file `token` holds; None where the node does not see it or cannot write there.
        files: a user's file -> the hash of its content, None where it is not there.
        is_lock_seen: whether a lock that the sending process holds is held for the node too.
    """

    python: str
    ray: str
    suite_sha256: str
    tokens: Mapping[str, str | None]
    files: Mapping[str, str | None]
    is_lock_seen: bool


def prove(node_id: str, folders: Sequence[str], files: Sequence[str], lock: str) -> str:
    """The facts of the node that this runs on, as JSON.

    Args:
        folders: each holds a file `token`, and is given one named `node_id`.
        lock: a folder whose lock the sending process holds.
    """
    _silence()
    facts = NodeFacts(
        platform.python_version(),
        version("ray"),
        suite_sha256(),
        {folder: _token(Path(folder), node_id) for folder in folders},
        {path: file_sha256(Path(path)) if Path(path).is_file() else None for path in files},
        _is_held(Path(lock) / LOCK),
    )
    return canonical_json(asdict(facts))


def facts_of(text: str) -> NodeFacts:
    """What `prove` wrote."""
    return NodeFacts(**json.loads(text))


def suite_sha256() -> str:
    """A hash of the suite's own source: two commits of one version differ in it."""
    digest = hashlib.sha256()
    root = Path(__file__).resolve().parents[3]
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            digest.update(f"{path.relative_to(root).as_posix()} {file_sha256(path)}\n".encode())
    return digest.hexdigest()


def _token(folder: Path, node_id: str) -> str | None:
    try:
        (folder / node_id).touch()
        return (folder / TOKEN).read_text(encoding="utf-8")
    except OSError:
        return None


def _is_held(path: Path) -> bool:
    from filelock import FileLock, Timeout

    try:
        with FileLock(path, timeout=0):
            return False
    except Timeout:
        return True
    except OSError:
        return False


def _silence() -> None:
    """Send what this process and its children print to nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
    os.close(nowhere)
