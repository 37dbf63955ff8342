"""Text of credentialed datasets stays on this machine unless the user says otherwise."""

from __future__ import annotations

from bench_core.errors import UserError
from retrieval_bench.datasets.dataset import DatasetCard
from retrieval_bench.systems import System

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
