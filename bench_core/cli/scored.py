"""The scored systems of a results folder, with which `table` and `explain` begin; damaged folders are named."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench_core.cli.output import say

if TYPE_CHECKING:
    from bench_core.results.scores import ItemScores, NamedDataset


def scored_on(
    scored: Sequence[ItemScores],
    results_dir: Path,
    kind: str,
    dataset: str | None,
    load: Callable[[str], NamedDataset],
    what: str,
    command: str,
) -> list[ItemScores]:
    """The scored systems that are asked for; damaged run folders, which are none or believed in part only, are named.

    Args:
        scored: those of the results folder.
        kind: the half's folder in it.
        dataset: as a user names it; None: all.
        load: see `bench_core.results.scores.on_dataset`.
        what: what each is, for the message where there is none.
        command: what makes one.

    Raises:
        UserError: there is none, or no such dataset.
    """
    from bench_core.errors import UserError
    from bench_core.results.scores import on_dataset
    from bench_core.runs import stored

    for run in stored.on_dataset(stored.stored_runs(results_dir / kind), dataset):
        if run.status == "damaged":
            say(f"{run.folder} is damaged: {run.problem} The next run of it makes it again.")
    found = list(scored) if dataset is None else on_dataset(scored, dataset, load)
    if not found:
        where = f"{results_dir} on {dataset}" if dataset else f"{results_dir}"
        raise UserError(f"There is no {what} in {where}; make one with `{command}`.")
    return found
