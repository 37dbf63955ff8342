"""Text of credentialed datasets stays on this machine unless the user says otherwise, and with its owner."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from bench_core.artifacts import OWNERS_FOLDER
from bench_core.errors import UserError
from retrieval_bench.datasets.card import DatasetCard
from retrieval_bench.pipeline.system import System

FLAG = "--allow-remote-for-credentialed"


def check_data_use(card: DatasetCard, system: System, allow_remote: bool) -> None:
    """Refuse to begin what would send text of a credentialed dataset away.

    Raises:
        UserError: the dataset is credentialed, a stage speaks to another machine, and the user has not allowed it.
    """
    if card.access == "credentialed" and system.is_remote and not allow_remote:
        raise UserError(
            f"{card.dataset_id} is credentialed, and {system.label} would send its text to another machine; run a "
            f"model on this one, or pass {FLAG} if your agreement allows it."
        )


@contextmanager
def readable_by_its_owner_only(card: DatasetCard) -> Iterator[None]:
    """Let files and folders written within be their owner's alone where the dataset is credentialed.

    The mask holds for the whole process and what it starts, so for files of libraries too.
    """
    if card.access != "credentialed":
        yield
        return
    before = os.umask(0o777 & ~OWNERS_FOLDER)
    try:
        yield
    finally:
        os.umask(before)
