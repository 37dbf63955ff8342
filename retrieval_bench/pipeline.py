"""From a dataset and a retriever to a run file and its scores; each stage has one file and is redone only if it must.

`results/retrieval/<dataset>/<system>--<hash8>/` holds `run.trec.gz`, `scores.json`, `per_query.csv`, `manifest.json`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench_core.artifacts import file_sha256, locked, write_atomically
from bench_core.errors import BenchError
from bench_core.identity import Json
from bench_core.manifest import MANIFEST_NAME, Manifest, RunFolder
from bench_core.progress import progress, working
from retrieval_bench.datasets.dataset import Dataset
from retrieval_bench.index_store import PACKAGES, prepare_index, recorded
from retrieval_bench.measures import DEFAULT_MEASURES, Measure
from retrieval_bench.scoring import Scores, read_scores, score, write_scores
from retrieval_bench.topk import canonical_order
from retrieval_bench.trec import read_run, run_bytes
from retrieval_bench.types import Corpus, Query, RankedList, Retriever, Run

RUN_FILE = "run.trec.gz"
KIND = "retrieval"

# Raised when a figure that is stored would come out differently.
_SCORING_VERSION = "1"

Tell = Callable[[str], None]


@dataclass(frozen=True)
class ScoredRun:
    """A system on a dataset: where its files are and what it scores."""

    dataset_id: str
    system: str
    folder: Path
    scores: Scores
    notes: Sequence[str] = ()


def run_retriever(
    dataset: Dataset, retriever: Retriever, system: str, k: int, results_dir: Path, indexes_dir: Path, tell: Tell
) -> ScoredRun:
    """Search all queries, write the run, score it. A run of the same identity that is whole is not made again.

    Args:
        system: what the user called the retriever; tables show it.
        k: how many documents of each query stay in the run.
        tell: takes one line on what is done or skipped.

    Raises:
        BenchError: the retriever broke its contract.
    """
    dataset.check()
    description = retriever.describe()
    identity: dict[str, Json] = {"dataset": dataset.identity, "system": description.as_json(), "k": k}
    folder = RunFolder.of_identity(results_dir / KIND, dataset.card.dataset_id, description.name, identity)
    what = f"{system} on {dataset.card.dataset_id}"
    with locked(folder.path):
        if folder.complete_manifest(identity):
            tell(f"{what}: the run is there already, skipped.")
        else:
            manifest = Manifest(identity)
            with folder.recording(manifest, PACKAGES):
                _make_run(dataset, retriever, system, k, folder, manifest, indexes_dir, tell)
            tell(f"{what}: searched {len(dataset.queries)} queries.")
        with working(f"score {what}"):  # ranx compiles for half a minute when it is used for the first time
            scores = score_folder(folder.path, dataset)
    return ScoredRun(dataset.card.dataset_id, system, folder.path, scores, dataset.notes())


def _make_run(
    dataset: Dataset,
    retriever: Retriever,
    system: str,
    k: int,
    folder: RunFolder,
    manifest: Manifest,
    indexes_dir: Path,
    tell: Tell,
) -> None:
    with manifest.phase("index"), working(f"index {dataset.card.dataset_id} for {system}"):
        index_dir, was_there = prepare_index(retriever, dataset.corpus, dataset.card.dataset_id, indexes_dir)
    done = "opened" if was_there else "indexed"
    tell(f"{system} on {dataset.card.dataset_id}: {done} {len(dataset.corpus)} documents.")
    with manifest.phase("search"):
        run = search_all(retriever, dataset.corpus, dataset.queries, k)
    write_atomically(folder.path / RUN_FILE, run_bytes(run, retriever.describe().name))
    folder.add_files(manifest, [RUN_FILE])
    manifest.recorded = {**recorded(retriever), "system": system, "index": index_dir.name, "index_reused": was_there}


def search_all(retriever: Retriever, corpus: Corpus, queries: Sequence[Query], k: int) -> Run:
    """Search and order: every query once, in the order given, its list canonical and cut to k.

    Raises:
        BenchError: a query was answered twice, not at all or without being asked, or a document is not in the corpus.
    """
    name = retriever.describe().name
    known = set(corpus.doc_ids)
    found: dict[str, list[tuple[str, float]]] = {query.query_id: [] for query in queries}
    answered: set[str] = set()
    for ranked in progress(retriever.search(queries, k), f"search {name}", total=len(queries)):
        _check_asked(ranked, name, found, answered)
        ranking = canonical_order(ranked, k)
        unknown = next((doc_id for doc_id, _ in ranking if doc_id not in known), None)
        if unknown is not None:
            raise BenchError(
                f"{name} returned document {unknown} for query {ranked.query_id}; the corpus has no such id."
            )
        found[ranked.query_id] = ranking
        answered.add(ranked.query_id)
    unanswered = [query_id for query_id in found if query_id not in answered]
    if unanswered:
        raise BenchError(
            f"{name} returned no list for query {unanswered[0]} ({len(unanswered)} in all); return an empty one where "
            "nothing is found."
        )
    return found


def _check_asked(ranked: RankedList, name: str, asked: dict[str, list[tuple[str, float]]], answered: set[str]) -> None:
    if ranked.query_id not in asked:
        raise BenchError(f"{name} returned a list for query {ranked.query_id}, which was not asked.")
    if ranked.query_id in answered:
        raise BenchError(f"{name} returned two lists for query {ranked.query_id}; return one.")


def read_canonical_run(path: Path) -> Run:
    """A run file in canonical order: its ranks and the order of its lines change nothing."""
    return {
        query_id: canonical_order(RankedList(query_id, scores), len(scores))
        for query_id, scores in read_run(path).items()
    }


def score_folder(folder: Path, dataset: Dataset, measures: Sequence[Measure] = DEFAULT_MEASURES) -> Scores:
    """The scores of a run folder; made anew only if the run, the judgments or the measures have changed."""
    made_from = {
        "run_sha256": file_sha256(folder / RUN_FILE),
        "qrels_sha256": dataset.qrels_sha256,
        "measures": " ".join(str(measure) for measure in measures),
        "scoring_version": _SCORING_VERSION,
    }
    stored = read_scores(folder, made_from)
    if stored is None:
        write_scores(folder, score(read_canonical_run(folder / RUN_FILE), dataset.qrels, measures), made_from)
        stored = read_scores(folder, made_from)
    if stored is None:
        raise BenchError(f"{folder}: the scores just written cannot be read back.")
    return stored


def stored_runs(results_dir: Path) -> list[ScoredRun]:
    """All complete and scored runs, by dataset and system; where two share a name, each carries its hash too."""
    found = list(_stored_runs(results_dir))
    names = [(run.dataset_id, run.system) for run in found]
    labelled = [
        replace(run, system=f"{run.system} ({run.folder.name[-8:]})") if names.count(name) > 1 else run
        for run, name in zip(found, names, strict=True)
    ]
    return sorted(labelled, key=lambda run: (run.dataset_id, run.system))


def _stored_runs(results_dir: Path) -> Iterator[ScoredRun]:
    for manifest_path in sorted((results_dir / KIND).glob(f"*/*/{MANIFEST_NAME}")):
        manifest = RunFolder(manifest_path.parent).read()
        scores = read_scores(manifest_path.parent)
        if manifest is None or manifest.status != "complete" or scores is None:
            continue
        dataset: Any = manifest.identity["dataset"]
        yield ScoredRun(dataset["dataset_id"], str(manifest.recorded["system"]), manifest_path.parent, scores)
