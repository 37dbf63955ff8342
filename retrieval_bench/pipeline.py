"""From a dataset and a retriever to a run file and its scores; each stage has one file and is redone only if it must.

`results/retrieval/<dataset>/<system>--<hash8>/` holds `run.trec.gz`, `scores.json`, `per_query.csv`, `manifest.json`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench_core.artifacts import file_sha256, locked, write_atomically
from bench_core.errors import BenchError, UserError
from bench_core.identity import Json
from bench_core.manifest import MANIFEST_NAME, Manifest, RunFolder
from bench_core.progress import progress, working
from retrieval_bench.datasets.dataset import Dataset
from retrieval_bench.index_store import PACKAGES, prepare_index, recorded
from retrieval_bench.measures import DEFAULT_MEASURES, Measure
from retrieval_bench.retrievers.base import full_description
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
    dataset: Dataset,
    retriever: Retriever,
    system: str,
    k: int,
    results_dir: Path,
    indexes_dir: Path,
    tell: Tell,
    measures: Sequence[Measure] = (),
) -> ScoredRun:
    """Search all queries, write the run, score it. A run of the same identity that is whole is not made again.

    Args:
        system: what the user called the retriever; tables show it.
        k: how many documents of each query stay in the run.
        tell: takes one line on what is done or skipped.
        measures: scored besides the default ones.

    Raises:
        BenchError: the retriever broke its contract.
    """
    dataset.check()
    description = full_description(retriever)
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
            scores = score_folder(folder.path, dataset, measures)
    notes = dataset.notes()
    if description.approximate:
        notes.append(f"{system} is approximate: its ranking may differ from the exact one.")
    return ScoredRun(dataset.card.dataset_id, system, folder.path, scores, notes)


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
        BenchError: what came back is no ranked list; a query was answered twice, not at all or without being asked; a
            document is not in the corpus.
    """
    name = type(retriever).__name__
    known = set(corpus.doc_ids)
    found: dict[str, list[tuple[str, float]]] = {query.query_id: [] for query in queries}
    answered: set[str] = set()
    for ranked in progress(_lists(retriever, queries, k), f"search {name}", total=len(queries)):
        _check_asked(ranked, name, found, answered)
        ranking = canonical_order(ranked, k)
        unknown = next((doc_id for doc_id, _ in ranking if doc_id not in known), None)
        if unknown is not None:
            hint = "the corpus has no such id" if isinstance(unknown, str) else "ids are text"
            raise BenchError(f"{name} returned document {unknown!r} for query {ranked.query_id}; {hint}.")
        found[ranked.query_id] = ranking
        answered.add(ranked.query_id)
    unanswered = [query_id for query_id in found if query_id not in answered]
    if unanswered:
        raise BenchError(
            f"{name} returned no list for query {unanswered[0]} ({len(unanswered)} in all); return an empty one where "
            "nothing is found."
        )
    return found


def _lists(retriever: Retriever, queries: Sequence[Query], k: int) -> Iterable[RankedList]:
    """What `search` returns, each item checked to be a ranked list."""
    returned: Any = retriever.search(queries, k)
    name = type(retriever).__name__
    if not isinstance(returned, Iterable):
        raise BenchError(f"{name}.search returned {type(returned).__name__}; return or yield one RankedList a query.")
    for item in returned:
        if not isinstance(item, RankedList):
            raise BenchError(f"{name}.search yielded a {type(item).__name__}; yield RankedList(query_id, scores).")
        yield item


def _check_asked(ranked: RankedList, name: str, asked: Mapping[str, object], answered: set[str]) -> None:
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


def score_folder(folder: Path, dataset: Dataset, measures: Sequence[Measure] = ()) -> Scores:
    """The default measures and the given ones of a run folder, made anew only if what they are made from has changed.

    Measures that were asked for earlier stay: the stored scores only ever know more of the same run.
    """
    made_from = _made_from(folder, dataset.qrels_sha256)
    stored = read_scores(folder)
    known = stored.scores.per_query if stored is not None and stored.made_from == made_from else {}
    wanted = dict.fromkeys([*DEFAULT_MEASURES, *known, *measures])
    if stored is not None and known.keys() >= wanted.keys():
        return stored.scores
    scores = score(read_canonical_run(folder / RUN_FILE), dataset.qrels, wanted)
    write_scores(folder, scores, made_from, dataset.notes())
    return scores


def _made_from(folder: Path, qrels_sha256: str) -> dict[str, str]:
    return {
        "run_sha256": file_sha256(folder / RUN_FILE),
        "qrels_sha256": qrels_sha256,
        "scoring_version": _SCORING_VERSION,
    }


def stored_runs(results_dir: Path) -> list[ScoredRun]:
    """All complete and scored runs, by dataset and system; where two share a name, each carries its hash too.

    Raises:
        UserError: runs on one dataset were scored against different judgments and cannot stand in one table.
    """
    found: list[ScoredRun] = []
    judgments: dict[str, str] = {}
    for manifest_path in sorted((results_dir / KIND).glob(f"*/*/{MANIFEST_NAME}")):
        folder = manifest_path.parent
        manifest, stored = RunFolder(folder).read(), read_scores(folder)
        if manifest is None or manifest.status != "complete" or stored is None or not (folder / RUN_FILE).is_file():
            continue
        if stored.made_from != _made_from(folder, stored.made_from["qrels_sha256"]):
            continue
        dataset: Any = manifest.identity["dataset"]
        dataset_id = dataset["dataset_id"]
        if judgments.setdefault(dataset_id, stored.made_from["qrels_sha256"]) != stored.made_from["qrels_sha256"]:
            raise UserError(
                f"The runs on {dataset_id} were scored against different judgments; run them again with "
                "`retrieval-bench run`, which scores anew without searching."
            )
        found.append(ScoredRun(dataset_id, str(manifest.recorded["system"]), folder, stored.scores, stored.notes))
    names = [(run.dataset_id, run.system) for run in found]
    labelled = [
        replace(run, system=f"{run.system} ({run.folder.name[-8:]})") if names.count(name) > 1 else run
        for run, name in zip(found, names, strict=True)
    ]
    return sorted(labelled, key=lambda run: (run.dataset_id, run.system))
