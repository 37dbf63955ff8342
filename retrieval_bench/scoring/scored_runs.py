"""Runs as they stand in the results folder: read in canonical order, scored, and gathered for a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench_core.artifacts import file_sha256
from bench_core.errors import BenchError, UserError
from bench_core.identity import Json
from bench_core.results.scores import ItemScores, content_of
from bench_core.runs.manifest import MANIFEST_NAME, Manifest, RunFolder
from retrieval_bench.datasets.dataset import Dataset
from retrieval_bench.rankings.topk import canonical_order
from retrieval_bench.rankings.trec import read_run
from retrieval_bench.scoring.measures import DEFAULT_MEASURES, Measure
from retrieval_bench.scoring.score import check_same_collection, score
from retrieval_bench.scoring.stored_scores import StoredScores, read_scores, summarised, write_scores
from retrieval_bench.types import Qrels, RankedList, Run

RUN_FILE = "run.trec.gz"
KIND = "retrieval"

# Raised when a figure that is stored would come out differently.
_SCORING_VERSION = "1"

# What a manifest records of a language model's work.
_USED = ("requests", "prompt_tokens", "completion_tokens", "generation_seconds")


def read_canonical_run(path: Path, is_ours: bool = True) -> Run:
    """A run file in canonical order: its ranks and the order of its lines change nothing.

    Args:
        is_ours: the suite wrote it; files of others may hold comments.
    """
    return {
        query_id: canonical_order(RankedList(query_id, scores), len(scores))
        for query_id, scores in read_run(path, has_comments=not is_ours).items()
    }


def scores_of_run(
    run: Run, qrels: Qrels, measures: Sequence[Measure], dataset: str, system: str, level: int = 1
) -> ItemScores:
    """The scores of a run that is not kept.

    Args:
        level: the least relevance that counts as relevant.

    Raises:
        UserError: the run is empty, or none of its queries is judged.
    """
    check_same_collection(run, qrels)
    return _item_scores(summarised(score(run, qrels, measures, level), {}), dataset, system)


def score_folder(
    folder: RunFolder,
    manifest: Manifest,
    dataset: Dataset,
    measures: Sequence[Measure],
    system: str,
    handed_on: Run | None = None,
) -> ItemScores:
    """The default and the given measures of a run folder; scored again only if what they are made from has changed.

    Measures that were asked for earlier stay: the stored scores only ever know more of the same run.

    Args:
        manifest: the folder's, of a run whose file is as the manifest says.
        system: what tables call it.
        handed_on: the run, as its file holds it, where this process made it.
    """
    made_from = _made_from(manifest.files[RUN_FILE], dataset.qrels_sha256)
    stored = read_scores(folder.path)
    known = [Measure.parse(text) for text in stored.values] if stored and stored.made_from == made_from else []
    wanted = dict.fromkeys([*DEFAULT_MEASURES, *known, *measures])
    if stored is None or not set(known) >= wanted.keys():
        run = read_canonical_run(folder.path / RUN_FILE) if handed_on is None else handed_on
        stored = summarised(score(run, dataset.qrels, wanted, dataset.card.relevance_level), made_from, dataset.notes())
        write_scores(folder.path, stored)
    found = _of_folder(folder, manifest, stored)
    return replace(found, dataset=dataset.card.dataset_id, system=system)


def _item_scores(stored: StoredScores, dataset: str, system: str) -> ItemScores:
    return ItemScores(
        dataset=dataset,
        system=system,
        values=stored.values,
        figures=stored.figures,
        item="query",
        counts=stored.counts,
        notes=list(stored.notes),
        older=stored.older,
    )


def _of_folder(folder: RunFolder, manifest: Manifest, stored: StoredScores) -> ItemScores:
    """Stored scores with what the run's manifest adds: names, notes, and what was used to make it."""
    dataset: Any = manifest.identity["dataset"]
    found = _item_scores(stored, dataset["dataset_id"], str(manifest.recorded.get("system", folder.path.name)))
    return replace(
        found,
        content=content_of(dataset),
        notes=[*stored.notes, *manifest.notes],
        usage=_usage(manifest.recorded),
        folder=folder.path,
    )


def _usage(recorded: Mapping[str, Json]) -> dict[str, float]:
    return {kind: value for kind in _USED if isinstance(value := recorded.get(kind), int | float)}


def _made_from(run_sha256: str, qrels_sha256: str) -> dict[str, str]:
    return {
        "run_sha256": run_sha256,
        "qrels_sha256": qrels_sha256,
        "scoring_version": _SCORING_VERSION,
    }


def stored_runs(results_dir: Path) -> list[ItemScores]:
    """All complete and scored runs, by dataset and system; where two share a name, each carries its hash too.

    Raises:
        UserError: runs on one dataset were scored against different judgments and cannot stand in one table.
    """
    found: list[ItemScores] = []
    judgments: dict[tuple[str, str], str] = {}
    for manifest_path in sorted((results_dir / KIND).glob(f"*/*/{MANIFEST_NAME}")):
        folder = RunFolder(manifest_path.parent)
        manifest, stored = folder.read(), read_scores(folder.path)
        if (
            manifest is None
            or manifest.status not in ("complete", "partial")
            or stored is None
            or not (folder.path / RUN_FILE).is_file()
        ):
            continue
        try:
            made_from = stored.made_from["qrels_sha256"]
            if stored.made_from != _made_from(file_sha256(folder.path / RUN_FILE), made_from):
                continue
            run = _of_folder(folder, manifest, stored)
        except (KeyError, TypeError, AttributeError):
            continue  # of another shape: `runs list` says so
        if judgments.setdefault((run.dataset, run.content), made_from) != made_from:
            raise UserError(
                f"The runs on {run.dataset} were scored against different judgments; run them again with "
                "`retrieval-bench run`, which scores again without searching."
            )
        found.append(run)
    names = [(run.dataset, run.content, run.system) for run in found]
    labelled = [
        replace(run, system=f"{run.system} ({run.folder.name[-8:]})") if run.folder and names.count(name) > 1 else run
        for run, name in zip(found, names, strict=True)
    ]
    return sorted(labelled, key=lambda run: (run.dataset, run.content, run.system))


def stored_run(folder: Path) -> ItemScores:
    """The scored run in a folder, as the process that made it has left it.

    Raises:
        BenchError: there is none.
    """
    manifest, stored = RunFolder(folder).read(), read_scores(folder)
    if manifest is None or stored is None:
        raise BenchError(f"{folder}: its scores are not there, or cannot be read.")
    return _of_folder(RunFolder(folder), manifest, stored)
