"""Run a system on a dataset: a run file and its scores, each stage made only if it must be.

`results/retrieval/<dataset>/<system>--<hash8>/` holds `run.trec.gz`, `scores.json`, `per_query.csv`, `manifest.json`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench_core.artifacts import locked, write_atomically
from bench_core.data_use import NO_PERMISSION, RECORD, Permission, check, readable_by_its_owner_only, recorded_use
from bench_core.identity import Json
from bench_core.machine.progress import working
from bench_core.results.scores import ItemScores
from bench_core.runs.differences import report_other_identity
from bench_core.runs.manifest import Manifest, RunFolder
from bench_core.runs.reporter import Reporter
from retrieval_bench.datasets.dataset import Dataset
from retrieval_bench.pipeline.fuse import fuse
from retrieval_bench.pipeline.generate import generate
from retrieval_bench.pipeline.making import FinishedRun, RunInMaking
from retrieval_bench.pipeline.rerank import rerank
from retrieval_bench.pipeline.search import search
from retrieval_bench.pipeline.system import FirstStage, Generated, Reranked, System
from retrieval_bench.rankings.trec import run_bytes
from retrieval_bench.retrievers.index_store import PACKAGES
from retrieval_bench.scoring.measures import Measure
from retrieval_bench.scoring.scored_runs import KIND, RUN_FILE, score_folder
from retrieval_bench.types import Run


@dataclass(frozen=True)
class Workspace:
    """Where runs and indexes are kept, and who is told what is done or skipped.

    Attributes:
        permission: what the user says about text of credentialed datasets.
    """

    results_dir: Path
    indexes_dir: Path
    tell: Reporter
    permission: Permission = NO_PERMISSION


def run_system(
    dataset: Dataset, system: System, k: int, workspace: Workspace, measures: Sequence[Measure] = ()
) -> ItemScores:
    """Make a system's run, and those of its parts, and score it. What is there already and whole is not made again.

    Args:
        k: how many documents of each query stay in the run.
        measures: scored besides the default ones.

    Raises:
        BenchError: a stage broke its contract.
    """
    finished = make_run(dataset, system, k, workspace)
    folder, shown = finished.folder, _shown(system, k, dataset)
    # ranx compiles for half a minute when it is used for the first time.
    doing = working(f"score {system.label} on {dataset.card.dataset_id}")
    with readable_by_its_owner_only(dataset.card.access), locked(folder.path), doing:
        return score_folder(folder, finished.manifest, dataset, measures, shown, finished.handed_on)


def make_run(dataset: Dataset, system: System, k: int, workspace: Workspace) -> FinishedRun:
    """Make a system's run, and those of its parts; nothing is scored.

    Raises:
        BenchError: a stage broke its contract.
    """
    card = dataset.card
    check(system.label, card.dataset_id, card.access, system.reaches, workspace.permission)
    dataset.check()
    with readable_by_its_owner_only(card.access):
        return _complete_run(dataset, system, k, workspace)


def _shown(system: System, k: int, dataset: Dataset) -> str:
    """What the run is called in tables: runs of another depth than the dataset's own say so."""
    return system.label if k == dataset.card.k else f"{system.label} (k={k})"


def _complete_run(dataset: Dataset, system: System, k: int, workspace: Workspace) -> FinishedRun:
    """A system's run, taken from its folder where it is whole, else made by its stages."""
    identity: dict[str, Json] = {"dataset": dataset.identity, "system": system.describe(), "k": k}
    folder = RunFolder.of_identity(workspace.results_dir / KIND, dataset.card.dataset_id, system.name, identity)
    what = f"{system.label} on {dataset.card.dataset_id}"
    with locked(folder.path):
        there = folder.complete_manifest(identity)
        if there is not None:
            workspace.tell(f"{what}: the run is there already, skipped.")
            return FinishedRun(folder, there)
        report_other_identity(workspace.tell, what, folder, identity, _shown(system, k, dataset))
        manifest = Manifest(identity)
        making = RunInMaking(dataset, k, folder, manifest, folder.read(), workspace.indexes_dir, workspace.tell)
        with folder.recording(manifest, PACKAGES):
            run = _by_stages(making, system, workspace)
            write_atomically(folder.path / RUN_FILE, run_bytes(run, system.name))
            folder.add_files(manifest, [RUN_FILE])
            manifest.recorded["system"] = _shown(system, k, dataset)
            manifest.recorded[RECORD] = recorded_use(dataset.card.access, system.reaches, workspace.permission)
        workspace.tell.made(f"{what}: {len(dataset.queries)} queries done.")
    # A run file says nothing of queries for which nothing was found.
    return FinishedRun(folder, manifest, {query_id: ranking for query_id, ranking in run.items() if ranking})


def _by_stages(making: RunInMaking, system: System, workspace: Workspace) -> Run:
    dataset, k = making.dataset, making.k
    if isinstance(system, FirstStage):
        return search(making, system)
    if isinstance(system, Generated):
        queries = generate(making, system)
        return _by_stages(replace(making, dataset=dataset.with_queries(queries)), system.over, workspace)
    if isinstance(system, Reranked):
        # The first stage's own run is the one searched at the depth that is asked for anyway: both share it.
        return rerank(making, system, _complete_run(dataset, system.over, max(k, system.depth), workspace))
    return fuse(making, system, [_complete_run(dataset, part, k, workspace) for part in system.of])
