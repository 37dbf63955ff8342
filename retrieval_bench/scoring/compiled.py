"""Import ranx with what it compiles kept in a folder, and nothing damaged in that believed.

numba keeps machine code and an index of it per function. It loads both unchecked: a damaged file ends in an exception
of any kind, or ends the process. So their hashes stand beside them, and what differs is deleted and compiled again.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench_core.artifacts import file_sha256, locked, read_json, write_json
from bench_core.errors import BadFile, BenchError

_HASHES = "hashes.json"
_VARIABLE = "NUMBA_CACHE_DIR"


def load_ranx() -> tuple[Any, Any, Any, int]:
    """ranx's `evaluate`, numba's typed list, its setter of threads, and how many there are."""
    # ranx compiles for half a minute at its first use; this keeps the result where it can be written.
    os.environ.setdefault(_VARIABLE, str(_numba_cache_dir()))
    if "numba" not in _loaded:
        drop_damaged(Path(os.environ[_VARIABLE]))
        _loaded.add("numba")
    from numba import config, set_num_threads
    from numba.typed import List

    with _nothing_in_home():
        from ranx import evaluate

    return evaluate, List, set_num_threads, config.NUMBA_NUM_THREADS  # type: ignore[attr-defined]


# Whether this process has looked through the folder.
_loaded: set[str] = set()


def keep_hashes() -> None:
    """Write down the hashes of what was compiled, if anything was."""
    seal(Path(os.environ[_VARIABLE]))


def drop_damaged(folder: Path) -> None:
    """Delete the files that are not as `seal` found them; those that it does not know are new."""
    if not (folder / _HASHES).is_file():
        return
    try:
        known = read_json(folder / _HASHES)
        is_readable = isinstance(known, dict)
    except BadFile:
        is_readable = False
    for path in _compiled(folder):
        name = path.relative_to(folder).as_posix()
        if not is_readable or (name in known and known[name] != file_sha256(path)):
            path.unlink(missing_ok=True)
    if not is_readable:
        (folder / _HASHES).unlink(missing_ok=True)


def seal(folder: Path) -> None:
    """Write down the hashes of all compiled files."""
    state = [(path, path.stat().st_mtime_ns) for path in _compiled(folder)]
    if state == _sealed.get(folder):
        return
    try:
        with locked(folder / _HASHES):
            hashes = {path.relative_to(folder).as_posix(): file_sha256(path) for path in _compiled(folder)}
            if hashes and (not (folder / _HASHES).is_file() or read_json(folder / _HASHES) != hashes):
                write_json(folder / _HASHES, hashes)
        _sealed[folder] = state
    except (OSError, BenchError):
        return  # a folder that cannot be written, or a file that another process replaces meanwhile


# What this process has sealed last, by folder.
_sealed: dict[Path, list[tuple[Path, int]]] = {}


def _compiled(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.nb[ci]") if path.is_file())


def _numba_cache_dir() -> Path:
    """The user's cache; where that cannot be written, a folder of this user's under the temporary one."""
    from platformdirs import user_cache_path

    folder = user_cache_path("biomed-bench") / "numba"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return Path(tempfile.mkdtemp(prefix="biomed-bench-numba-"))
    return folder if os.access(folder, os.W_OK) else Path(tempfile.mkdtemp(prefix="biomed-bench-numba-"))


@contextmanager
def _nothing_in_home() -> Iterator[None]:
    """Let what ranx imports leave the user's home alone.

    ir_datasets makes a folder in it and fails where it cannot; matplotlib, which draws nothing here, says so at length.
    """
    variable, log = "IR_DATASETS_HOME", logging.getLogger("matplotlib")
    before, level = os.environ.get(variable), log.level
    os.environ.setdefault(variable, tempfile.gettempdir())
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)
        if before is None:
            del os.environ[variable]
