"""A run while its stages make it, and the run that they hand on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bench_core.runs.items import ItemKind, ItemStage, Value
from bench_core.runs.manifest import Manifest, RunFolder
from bench_core.runs.reporter import Reporter
from retrieval_bench.datasets.dataset import Dataset
from retrieval_bench.scoring.scored_runs import RUN_FILE, read_canonical_run
from retrieval_bench.types import Run


@dataclass(frozen=True)
class RunInMaking:
    """What every stage of a run gets.

    Attributes:
        dataset: with the queries that are searched with.
        k: how many documents of each query stay in the run.
        folder: where the stages' files go; its lock is held.
        manifest: what stages record in.
        earlier: the manifest that stood there before.
    """

    dataset: Dataset
    k: int
    folder: RunFolder
    manifest: Manifest
    earlier: Manifest | None
    indexes_dir: Path
    tell: Reporter

    def items(self, kind: ItemKind[Value]) -> ItemStage[Value]:
        """The run's items of a kind, those that are there already among them."""
        return ItemStage(kind, self.folder, self.manifest.identity, self.earlier, self.tell.always)


@dataclass(frozen=True)
class FinishedRun:
    """A run that is whole.

    Attributes:
        handed_on: its lists where this process made them, as its file holds them; None where only the file is there.
    """

    folder: RunFolder
    manifest: Manifest
    handed_on: Run | None = None

    @cached_property
    def run(self) -> Run:
        """Its lists in canonical order; a query for which nothing was found has none."""
        return read_canonical_run(self.folder.path / RUN_FILE) if self.handed_on is None else self.handed_on

    @property
    def is_partial(self) -> bool:
        """Whether something in it is asked for again by the next run."""
        return self.manifest.status == "partial"
