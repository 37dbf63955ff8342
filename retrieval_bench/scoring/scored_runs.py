"""Runs as they stand in the results folder: read in canonical order, scored, and gathered for a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench_core.artifacts import file_sha256
from bench_core.errors import BenchError, UserError
from bench_core.identity import Json, identity_hash
from bench_core.runs.manifest import MANIFEST_NAME, RunFolder
from retrieval_bench.datasets.dataset import Dataset
from retrieval_bench.rankings.topk import canonical_order
from retrieval_bench.rankings.trec import read_run
from retrieval_bench.scoring.measures import DEFAULT_MEASURES, Measure
from retrieval_bench.scoring.score import Scores, read_scores, score, write_scores
from retrieval_bench.types import RankedList, Run

RUN_FILE = "run.trec.gz"
KIND = "retrieval"

# Raised when a figure that is stored would come out differently.
_SCORING_VERSION = "1"


@dataclass(frozen=True)
class ScoredRun:
    """A system on a dataset: where its files are and what it scores.

    Attributes:
        content: a hash of the dataset's identity: two folders may have one name.
    """

    dataset_id: str
    system: str
    folder: Path
    scores: Scores
    notes: Sequence[str] = ()
    content: str = ""


def read_canonical_run(path: Path) -> Run:
    """A run file in canonical order: its ranks and the order of its lines change nothing."""
    return {
        query_id: canonical_order(RankedList(query_id, scores), len(scores))
        for query_id, scores in read_run(path).items()
    }


def score_folder(
    folder: Path, dataset: Dataset, measures: Sequence[Measure] = (), handed_on: Run | None = None
) -> Scores:
    """The default measures and the given ones of a run folder, made again only if what they are made from has changed.

    Measures that were asked for earlier stay: the stored scores only ever know more of the same run.

    Args:
        handed_on: the run, as its file holds it, where this process made it.
    """
    made_from = _made_from(folder, dataset.qrels_sha256)
    stored = read_scores(folder)
    known = stored.scores.per_query if stored is not None and stored.made_from == made_from else {}
    wanted = dict.fromkeys([*DEFAULT_MEASURES, *known, *measures])
    if stored is not None and known.keys() >= wanted.keys():
        return stored.scores
    run = read_canonical_run(folder / RUN_FILE) if handed_on is None else handed_on
    scores = score(run, dataset.qrels, wanted)
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
    judgments: dict[tuple[str, str], str] = {}
    for manifest_path in sorted((results_dir / KIND).glob(f"*/*/{MANIFEST_NAME}")):
        folder = manifest_path.parent
        manifest, stored = RunFolder(folder).read(), read_scores(folder)
        if (
            manifest is None
            or manifest.status not in ("complete", "partial")
            or stored is None
            or not (folder / RUN_FILE).is_file()
        ):
            continue
        if stored.made_from != _made_from(folder, stored.made_from["qrels_sha256"]):
            continue
        dataset: Any = manifest.identity["dataset"]
        dataset_id, content = dataset["dataset_id"], content_of(dataset)
        made_from = stored.made_from["qrels_sha256"]
        if judgments.setdefault((dataset_id, content), made_from) != made_from:
            raise UserError(
                f"The runs on {dataset_id} were scored against different judgments; run them again with "
                "`retrieval-bench run`, which scores again without searching."
            )
        notes = [*stored.notes, *manifest.notes]
        found.append(ScoredRun(dataset_id, str(manifest.recorded["system"]), folder, stored.scores, notes, content))
    names = [(run.dataset_id, run.content, run.system) for run in found]
    labelled = [
        replace(run, system=f"{run.system} ({run.folder.name[-8:]})") if names.count(name) > 1 else run
        for run, name in zip(found, names, strict=True)
    ]
    return sorted(labelled, key=lambda run: (run.dataset_id, run.content, run.system))


def stored_run(folder: Path) -> ScoredRun:
    """The scored run in a folder, as the process that made it has left it.

    Raises:
        BenchError: there is none.
    """
    manifest, stored = RunFolder(folder).read(), read_scores(folder)
    if manifest is None or stored is None:
        raise BenchError(f"{folder}: its scores are not there, or cannot be read.")
    dataset: Any = manifest.identity["dataset"]
    system, notes = str(manifest.recorded["system"]), [*stored.notes, *manifest.notes]
    return ScoredRun(dataset["dataset_id"], system, folder, stored.scores, notes, content_of(dataset))


def content_of(dataset_identity: Mapping[str, Json]) -> str:
    """A label that distinguishes datasets of one name: the beginning of their identity's hash."""
    return identity_hash(dataset_identity)[:8]


def with_datasets_told_apart(runs: Sequence[ScoredRun]) -> list[ScoredRun]:
    """The same runs; where datasets that differ have one name, each carries its hash too."""
    contents: dict[str, set[str]] = {}
    for run in runs:
        contents.setdefault(run.dataset_id, set()).add(run.content)
    return [
        replace(run, dataset_id=f"{run.dataset_id} ({run.content})") if len(contents[run.dataset_id]) > 1 else run
        for run in runs
    ]
