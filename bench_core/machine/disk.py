"""Room on a disk, before anything is written to it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from bench_core.errors import UserError

LEAST_FREE_BYTES = 200_000_000
"""What a run is not begun without: a floor and no estimate. A run file of 1,000 queries takes about 5 MB, an index of
60,000 short documents about 100 MB."""


def check_room(folders: Iterable[Path], least_bytes: int = LEAST_FREE_BYTES) -> None:
    """Refuse to begin where nothing can be written, and on a disk that is all but full.

    Args:
        folders: where files will be written; they need not exist yet.

    Raises:
        UserError: names the folder, why it cannot be written or what is free and what is needed.
    """
    for folder in folders:
        there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
        if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
            cause = "you may not write there" if there.is_dir() else "it is no folder"
            raise UserError(f"{folder} cannot be written: {there}: {cause}; name another folder.")
        free = shutil.disk_usage(there).free
        if free < least_bytes:
            raise UserError(
                f"{folder}: {free / 1e6:,.0f} MB are free on its disk, and a run is not begun with less than "
                f"{least_bytes / 1e6:,.0f} MB; make room, or name a folder on another disk."
            )
