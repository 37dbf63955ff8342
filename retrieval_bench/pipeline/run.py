"""Run a system on a dataset: a run file and its scores, each stage made only if it must be.

`results/retrieval/<dataset>/<system>--<hash8>/` holds `run.trec.gz`, `scores.json`, `per_query.csv`, `manifest.json`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench_core.artifacts import locked, write_atomically
from bench_core.errors import BenchError
from bench_core.identity import Json
from bench_core.machine.progress import working
from bench_core.runs.manifest import Manifest, RunFolder
from bench_core.runs.reporter import Reporter
from retrieval_bench.data_use import check_data_use, readable_by_its_owner_only
from retrieval_bench.datasets.dataset import Dataset
from retrieval_bench.pipeline.rerank import rerank
from retrieval_bench.pipeline.system import FirstStage, Fused, Generated, Reranked, System
from retrieval_bench.query_generators.generation import generate_all, generated_lines, missing_note, total_usage
from retrieval_bench.rankings.searching import search_all
from retrieval_bench.rankings.topk import canonical_order
from retrieval_bench.rankings.trec import run_bytes
from retrieval_bench.retrievers.index_store import PACKAGES, prepare_index
from retrieval_bench.scoring.measures import Measure
from retrieval_bench.scoring.scored_runs import KIND, RUN_FILE, ScoredRun, content_of, read_canonical_run, score_folder
from retrieval_bench.types import Run

RERANKED_FILE = "reranked.jsonl"
GENERATED_FILE = "generated.jsonl"


@dataclass(frozen=True)
class Workspace:
    """Where runs and indexes are kept, and who is told what is done or skipped.

    Attributes:
        allow_remote: text of a credentialed dataset may leave this machine.
    """

    results_dir: Path
    indexes_dir: Path
    tell: Reporter
    allow_remote: bool = False


def run_system(
    dataset: Dataset, system: System, k: int, workspace: Workspace, measures: Sequence[Measure] = ()
) -> ScoredRun:
    """Make a system's run, and those of its parts, and score it. What is there already and whole is not made again.

    Args:
        k: how many documents of each query stay in the run.
        measures: scored besides the default ones.

    Raises:
        BenchError: a stage broke its contract.
    """
    folder = make_run(dataset, system, k, workspace)
    # ranx compiles for half a minute when it is used for the first time.
    doing = working(f"score {system.label} on {dataset.card.dataset_id}")
    with readable_by_its_owner_only(dataset.card), locked(folder.path), doing:
        scores = score_folder(folder.path, dataset, measures)
    manifest = folder.read()
    notes = [*dataset.notes(), *(manifest.notes if manifest else [])]
    content = content_of(dataset.identity)
    return ScoredRun(dataset.card.dataset_id, _shown(system, k, dataset), folder.path, scores, notes, content)


def make_run(dataset: Dataset, system: System, k: int, workspace: Workspace) -> RunFolder:
    """Make a system's run, and those of its parts; nothing is scored.

    Raises:
        BenchError: a stage broke its contract.
    """
    check_data_use(dataset.card, system, workspace.allow_remote)
    dataset.check()
    with readable_by_its_owner_only(dataset.card):
        return _complete_run(dataset, system, k, workspace)


def _shown(system: System, k: int, dataset: Dataset) -> str:
    """What the run is called in tables: runs of another depth than the dataset's own say so."""
    return system.label if k == dataset.card.k else f"{system.label} (k={k})"


def _complete_run(dataset: Dataset, system: System, k: int, workspace: Workspace) -> RunFolder:
    """The folder of a system's run, which is whole when this returns."""
    identity: dict[str, Json] = {"dataset": dataset.identity, "system": system.describe(), "k": k}
    folder = RunFolder.of_identity(workspace.results_dir / KIND, dataset.card.dataset_id, system.name, identity)
    what = f"{system.label} on {dataset.card.dataset_id}"
    with locked(folder.path):
        if folder.complete_manifest(identity):
            workspace.tell(f"{what}: the run is there already, skipped.")
            return folder
        manifest = Manifest(identity)
        with folder.recording(manifest, PACKAGES):
            run = _make_run(dataset, system, k, folder, manifest, workspace)
            write_atomically(folder.path / RUN_FILE, run_bytes(run, system.name))
            folder.add_files(manifest, [RUN_FILE])
            manifest.recorded["system"] = _shown(system, k, dataset)
            manifest.recorded["data_use"] = {"access": dataset.card.access, "sent_to_other_machines": system.is_remote}
        workspace.tell.made(f"{what}: {len(dataset.queries)} queries done.")
    return folder


def _make_run(
    dataset: Dataset, system: System, k: int, folder: RunFolder, manifest: Manifest, workspace: Workspace
) -> Run:
    if isinstance(system, FirstStage):
        return _search(dataset, system, k, manifest, workspace)
    if isinstance(system, Reranked):
        return _rerank(dataset, system, k, folder, manifest, workspace)
    if isinstance(system, Generated):
        return _generate(dataset, system, k, folder, manifest, workspace)
    return _fuse(dataset, system, k, manifest, workspace)


def _search(dataset: Dataset, system: FirstStage, k: int, manifest: Manifest, workspace: Workspace) -> Run:
    dataset_id, retriever = dataset.card.dataset_id, system.retriever
    with manifest.phase("index"), working(f"index {dataset_id} for {system.label}"):
        index_dir, was_there = prepare_index(retriever, dataset.corpus, dataset.card.indexed_as, workspace.indexes_dir)
    done = "opened" if was_there else "indexed"
    workspace.tell(f"{system.label} on {dataset_id}: {done} {len(dataset.corpus)} documents.")
    with manifest.phase("search"):
        run = search_all(retriever, dataset.corpus, dataset.queries, k)
    if system.is_approximate:
        manifest.notes.append(f"{system.label} is approximate: its ranking may differ from the exact one.")
    manifest.notes.extend(f"{system.label} on {dataset_id}: {note}" for note in retriever.notes())
    manifest.recorded = {**retriever.recorded(), "index": index_dir.name, "index_reused": was_there}
    return run


def _generate(
    dataset: Dataset, system: Generated, k: int, folder: RunFolder, manifest: Manifest, workspace: Workspace
) -> Run:
    generation, what = system.generation, f"{system.label} on {dataset.card.dataset_id}"
    if generation.search is not None:
        with manifest.phase("index"):
            generation.search.open(dataset.corpus, dataset.card.indexed_as, workspace.indexes_dir)
    with manifest.phase("generate"):
        generated = generate_all(generation, dataset.queries)
    write_atomically(folder.path / GENERATED_FILE, generated_lines(generated))
    folder.add_files(manifest, [GENERATED_FILE])
    written = {item.query_id: item for item in generated if item.status == "ok"}
    queries = [
        written[query.query_id].combination.of(query, written[query.query_id].text)
        for query in dataset.queries
        if query.query_id in written
    ]
    n_asked = generation.client.n_asked if generation.client else 0
    workspace.tell(f"{what}: texts for {len(written)} of {len(generated)} queries, {n_asked} requests made.")
    if not queries:
        raise BenchError(missing_note(generated, what))
    run = _make_run(dataset.with_queries(queries), system.over, k, folder, manifest, workspace)
    usage = total_usage(generated)
    manifest.recorded = {
        **manifest.recorded,
        "requests": n_asked,
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "generation_seconds": sum(item.seconds for item in generated),
    }
    if len(written) < len(generated):
        manifest.status = "partial"
        manifest.notes.append(missing_note(generated, what))
    return run


def _rerank(
    dataset: Dataset, system: Reranked, k: int, folder: RunFolder, manifest: Manifest, workspace: Workspace
) -> Run:
    # The first stage's own run is the one searched at the depth that is asked for anyway, so that they share it.
    below = _complete_run(dataset, system.over, max(k, system.depth), workspace)
    first = read_canonical_run(below.path / RUN_FILE)
    log = folder.path / RERANKED_FILE
    with manifest.phase("rerank"):
        lists = rerank(system.reranker, first, dataset.corpus, dataset.queries, system.depth, system.keep, log)
        run = {ranked.query_id: canonical_order(ranked, k) for ranked in lists}
    failed = system.reranker.failed
    if failed and len(failed) == sum(map(bool, first.values())):
        raise BenchError(f"{system.label}: nothing was reranked. {' '.join(system.reranker.notes())}")
    folder.add_files(manifest, [RERANKED_FILE])
    manifest.recorded = {**system.reranker.recorded(), "first_stage": below.path.name}
    manifest.notes = [*_notes_below(below), *system.reranker.notes()]
    if failed or _is_partial(below):
        manifest.status = "partial"
    return run


def _fuse(dataset: Dataset, system: Fused, k: int, manifest: Manifest, workspace: Workspace) -> Run:
    below = [_complete_run(dataset, part, k, workspace) for part in system.of]
    runs = [read_canonical_run(folder.path / RUN_FILE) for folder in below]
    query_ids = [query.query_id for query in dataset.queries]
    with manifest.phase("fuse"):
        run = {ranked.query_id: canonical_order(ranked, k) for ranked in system.fusion.fuse(runs, query_ids)}
    manifest.recorded = {"fused": [folder.path.name for folder in below]}
    manifest.notes = [note for folder in below for note in _notes_below(folder)]
    if any(map(_is_partial, below)):
        manifest.status = "partial"
    return run


def _notes_below(folder: RunFolder) -> list[str]:
    manifest = folder.read()
    return list(manifest.notes) if manifest else []


def _is_partial(folder: RunFolder) -> bool:
    manifest = folder.read()
    return manifest is not None and manifest.status == "partial"
