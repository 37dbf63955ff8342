"""Store verdicts and scores by comparator: `verdicts.*.jsonl`, `per_question.*.csv`, `scores.*.json`."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench_core.artifacts import file_sha256, write_atomically
from bench_core.errors import BadFile, BenchError
from bench_core.identity import Json, canonical_json, content_hash
from bench_core.results.scores import ItemScores, content_of, figures_from_json, figures_to_json
from bench_core.runs.manifest import RunFolder, slug
from bench_core.runs.score_files import read_score_file, write_score_file
from sql_bench.scoring.metrics import VERDICT_LABELS, QuestionVerdict, item_scores, tally
from sql_bench.types import Difference, Verdict, VerdictKind

FORMAT = 3
"""3: `figures` with intervals, and the questions' labels; 2: figures under names of their own (`scores`)."""


@dataclass(frozen=True)
class StoredVerdicts:
    """What stands in a folder: the scores, and what they were made from."""

    scores: ItemScores
    made_from: Mapping[str, Json]


def write_verdicts(scores: ItemScores, verdicts: Sequence[QuestionVerdict], made_from: Mapping[str, Json]) -> None:
    """Verdicts, the table of questions, then the scores, which say what they were made from."""
    folder, label = scores.kept_in, slug(scores.rule)
    counted = tally(scores)
    lines = "".join(canonical_json(_verdict_json(verdict)) + "\n" for verdict in verdicts)
    items = {f"verdicts.{label}.jsonl": lines, f"per_question.{label}.csv": _per_question_csv(verdicts)}
    for name, text in items.items():
        write_atomically(folder / name, text)
    write_score_file(
        folder / f"scores.{label}.json",
        {
            "format": FORMAT,
            "dataset_id": scores.dataset,
            "system": scores.system,
            "comparator": scores.rule,
            "made_from": dict(made_from),
            "verdicts_sha256": content_hash([lines]),
            "n": scores.counts["n"],
            "n_unanswered": scores.counts["unanswered"],
            "figures": figures_to_json(scores.figures),
            "labels": {label: dict(texts) for label, texts in scores.labels.items() if label not in VERDICT_LABELS},
            "verdicts": dict(counted.by_verdict),
            "verdicts_outside_n": dict(counted.outside),
            "gold_contents": dict(counted.gold_contents),
        },
        {name: file_sha256(folder / name) for name in items},
    )


def stored_verdicts(scores_path: Path) -> StoredVerdicts | None:
    """What stands in a folder, or None where nothing whole does."""
    try:
        content = read_score_file(scores_path)
        text = _verdicts_path(scores_path).read_text(encoding="utf-8")
        if content["verdicts_sha256"] != content_hash([text]):
            return None
        older = "format" not in content
        scores = item_scores(
            [_verdict_from_json(json.loads(line)) for line in text.splitlines()],
            content["dataset_id"],
            content["system"],
            content["comparator"],
            {} if older else content["labels"],
            None if older else figures_from_json(content["figures"]),
            0 if older else content["n_unanswered"],
        )
        made_from = content["made_from"]
    except (FileNotFoundError, BadFile, KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return None
    system = RunFolder(scores_path.parent.parent).read()
    dataset: Any = system.identity.get("dataset") if system else None
    return StoredVerdicts(
        replace(
            scores,
            content=content_of(dataset) if isinstance(dataset, Mapping) else "",
            folder=scores_path.parent,
            older=older,
        ),
        made_from,
    )


def stored_system(folder: Path, comparator: str) -> ItemScores:
    """A system's scores by a comparator, as the process that made them has left them.

    Raises:
        BenchError: there are none.
    """
    found = stored_verdicts(folder / f"scores.{slug(comparator)}.json")
    if found is None:
        raise BenchError(f"{folder}: its scores by {comparator} are not there, or cannot be read.")
    return found.scores


def stored_systems(results_dir: Path) -> list[ItemScores]:
    """All scored systems in a results folder, by dataset, comparator and name."""
    paths = sorted((results_dir / "sql").glob("*/*/*/scores.*.json"))
    stored = (stored_verdicts(path) for path in paths if RunFolder(path.parent.parent).read() is not None)
    found = [system.scores for system in stored if system is not None]
    return sorted(found, key=lambda system: (system.dataset, system.content, system.rule, system.system))


def verdicts_of(scores: ItemScores) -> list[QuestionVerdict]:
    """The verdicts that scores were made from, read from the file beside them.

    Raises:
        BenchError: the file is gone.
    """
    path = scores.kept_in / f"verdicts.{slug(scores.rule)}.jsonl"
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise BenchError(f"{path} is gone; run the system again, which compares again and runs no SQL.") from error
    return [_verdict_from_json(json.loads(line)) for line in text.splitlines()]


def _verdicts_path(scores_path: Path) -> Path:
    return scores_path.with_name(f"verdicts{scores_path.name.removeprefix('scores')}l")


def _verdict_json(found: QuestionVerdict) -> dict[str, Any]:
    verdict = found.verdict
    return {
        "question_id": found.question_id,
        "answerable": found.answerable,
        "kind": verdict.kind.value,
        "difference": verdict.difference.value if verdict.difference else None,
        "detail": verdict.detail,
        "figures": dict(verdict.figures),
        "gold_content": found.gold_content,
        "complaints": list(found.complaints),
    }


def _verdict_from_json(item: Mapping[str, Any]) -> QuestionVerdict:
    difference = Difference(item["difference"]) if item["difference"] else None
    verdict = Verdict(VerdictKind(item["kind"]), difference, item["detail"], item["figures"])
    return QuestionVerdict(
        item["question_id"],
        verdict,
        item["answerable"],
        item["gold_content"],
        tuple(item["complaints"]),
    )


def _per_question_csv(verdicts: Iterable[QuestionVerdict]) -> str:
    verdicts = list(verdicts)
    figures = sorted({name for found in verdicts for name in found.verdict.figures})
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["question_id", "in_n", "verdict", "difference", *figures, "detail"])
    for found in verdicts:
        item = _verdict_json(found)
        values = [found.verdict.figures.get(name, "") for name in figures]
        writer.writerow(
            [found.question_id, int(found.counts), item["kind"], item["difference"] or "", *values, item["detail"]]
        )
    return buffer.getvalue()
