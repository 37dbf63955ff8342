"""Delete run folders, none of which another process works on."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from bench_core.errors import BenchError, UserError
from bench_core.runs.stored import StoredRun


def users_of(run: StoredRun, runs: Sequence[StoredRun]) -> list[StoredRun]:
    """The runs beside it that were made of a run; they stay whole without it."""
    return [other for other in runs if other.folder.parent == run.folder.parent and run.folder.name in other.made_of]


def remove_run(run: StoredRun) -> None:
    """Delete a run's folder with all that is in it.

    It is renamed first: a kill leaves no half of a run where a run is looked for.

    Raises:
        UserError: another process works on it.
        BenchError: the folder cannot be deleted.
    """
    from filelock import FileLock, Timeout

    folder = run.folder
    try:
        with FileLock(folder.with_name(f".{folder.name}.lock"), timeout=0):
            going = folder.with_name(f".{folder.name}.removed")
            _delete(going)
            folder.rename(going)
            _delete(going)
    except Timeout as error:
        raise UserError(f"{run.place} is being made by another process; stop that, or wait until it ends.") from error
    except OSError as error:
        raise BenchError(f"{folder} cannot be deleted: {error.strerror or error}.") from error


def _delete(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
