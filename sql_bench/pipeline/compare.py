"""The comparison stage: predictions and executions in, verdicts and scores out. Runs no SQL and calls no model."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench_core.artifacts import read_json, write_atomically, write_json
from bench_core.errors import BadFile, BenchError
from bench_core.identity import Json, canonical_json, content_hash
from bench_core.machine.progress import progress
from bench_core.plugins.described import user_source
from bench_core.runs.manifest import slug
from bench_core.runs.reporter import Reporter
from sql_bench.datasets.dataset import SqlDataset
from sql_bench.pipeline.execute import Executions, gold_item
from sql_bench.scoring.metrics import GoldContent, QuestionVerdict, Scores, count, gold_content
from sql_bench.types import (
    Comparator,
    Difference,
    Outcome,
    Prediction,
    PredictionStatus,
    Question,
    Verdict,
    VerdictKind,
    best_verdict,
)

_FORMAT = 2
_FAILED_GOLD = {
    Outcome.INVALID_SQL: VerdictKind.GOLD_INVALID,
    Outcome.REFUSED: VerdictKind.GOLD_INVALID,
    Outcome.UNTRANSLATABLE: VerdictKind.GOLD_UNTRANSLATABLE,
    Outcome.TIMEOUT: VerdictKind.GOLD_LIMIT,
    Outcome.RESOURCE_LIMIT: VerdictKind.GOLD_LIMIT,
    Outcome.BACKEND_ERROR: VerdictKind.BACKEND_ERROR,
}
_WITHOUT_SQL = {
    PredictionStatus.NO_SQL: VerdictKind.NO_SQL,
    PredictionStatus.ABSTAINED: VerdictKind.ABSTAINED,
    PredictionStatus.REFUSED: VerdictKind.REFUSED,
}


@dataclass(frozen=True)
class ScoredSystem:
    """A system on a dataset under one comparator: its verdicts and what they come to."""

    dataset_id: str
    system: str
    comparator: str
    verdicts: Sequence[QuestionVerdict]
    scores: Scores
    folder: Path


@dataclass(frozen=True)
class Comparison:
    """What a system's answers are compared from, and the folder the verdicts go to."""

    dataset: SqlDataset
    system: str
    predictions: Sequence[Prediction]
    golds: Executions
    executions: Executions
    folder: Path


def scored(comparison: Comparison, name: str, comparator: Comparator, tell: Reporter) -> ScoredSystem:
    """The verdicts and scores of a system under a comparator; compared again only if something has changed.

    Args:
        name: what the user called the comparator; it names the files.
    """
    dataset_id = comparison.dataset.card.dataset_id
    made_from: dict[str, Json] = {
        "format": _FORMAT,
        "comparator": dict(comparator.describe()),
        "user_source": user_source(comparator),
        "questions": content_hash(repr(question) for question in comparison.dataset.questions),
        "golds": comparison.golds.content_sha256(),
        "executions": comparison.executions.content_sha256(),
        "predictions": content_hash(
            text for found in comparison.predictions for text in (found.question_id, found.status, found.sql or "")
        ),
    }
    stored = _stored(comparison.folder / f"scores.{slug(name)}.json", made_from)
    if stored is not None:
        tell(f"{comparison.system} on {dataset_id}: compared already by {name}, skipped.")
        return replace(stored, system=comparison.system)
    by_question = {prediction.question_id: prediction for prediction in comparison.predictions}
    verdicts = [
        QuestionVerdict(
            question.question_id,
            question_verdict(question, by_question[question.question_id], comparison, comparator),
            answerable=bool(question.golds),
            gold_content=_gold_content(question, comparison.golds),
            complaints=_complaints(by_question[question.question_id], comparison.executions),
        )
        for question in progress(comparison.dataset.questions, f"compare {comparison.system} by {name}")
        if question.question_id in by_question  # else its model gave no answer, and is asked again by the next run
    ]
    found = ScoredSystem(dataset_id, comparison.system, name, verdicts, count(verdicts), comparison.folder)
    _write(found, made_from)
    tell.made(f"{comparison.system} on {dataset_id}: compared by {name}.")
    return found


def question_verdict(
    question: Question, prediction: Prediction, comparison: Comparison, comparator: Comparator
) -> Verdict:
    """The verdict on one question: the best over its golds that ran."""
    if not question.golds:
        return _verdict_without_gold(prediction)
    evidence = [
        comparison.golds.evidence(gold_item(question.question_id, number)) for number in range(len(question.golds))
    ]
    ran = [gold for gold in evidence if gold.as_written.outcome is Outcome.OK]
    if not ran:
        failed = evidence[0].as_written
        return Verdict(_FAILED_GOLD[failed.outcome], detail=failed.message)
    if prediction.status is not PredictionStatus.SQL:
        return Verdict(_WITHOUT_SQL[prediction.status], detail=prediction.detail)
    predicted = comparison.executions.evidence(question.question_id)
    if predicted.as_written.outcome is not Outcome.OK:
        return Verdict(VerdictKind(predicted.as_written.outcome.value), detail=predicted.as_written.message)
    return best_verdict([comparator.compare(gold, predicted, question) for gold in ran])


def _gold_content(question: Question, golds: Executions) -> GoldContent:
    """What the first gold that ran holds."""
    for number in range(len(question.golds)):
        ran = golds.evidence(gold_item(question.question_id, number)).as_written
        if ran.outcome is Outcome.OK:
            return gold_content(ran.rows)
    return "rows"


def _complaints(prediction: Prediction, executions: Executions) -> tuple[str, ...]:
    if prediction.status is not PredictionStatus.SQL:
        return ()
    ran = executions.evidence(prediction.question_id).as_written
    return ran.complaints if ran.outcome is Outcome.OK else ()


def _verdict_without_gold(prediction: Prediction) -> Verdict:
    if prediction.status is PredictionStatus.ABSTAINED:
        return Verdict(VerdictKind.CORRECT_ABSTENTION)
    if prediction.status is PredictionStatus.SQL:
        return Verdict(VerdictKind.WRONG, detail="the database cannot answer the question, and the system did")
    return Verdict(_WITHOUT_SQL[prediction.status], detail=prediction.detail)


def _write(found: ScoredSystem, made_from: Mapping[str, Json]) -> None:
    """Verdicts, the table of questions, then the scores, which say what they were made from."""
    label = slug(found.comparator)
    lines = "".join(canonical_json(_verdict_json(verdict)) + "\n" for verdict in found.verdicts)
    write_atomically(found.folder / f"verdicts.{label}.jsonl", lines)
    write_atomically(found.folder / f"per_question.{label}.csv", _per_question_csv(found.verdicts))
    write_json(
        found.folder / f"scores.{label}.json",
        {
            "dataset_id": found.dataset_id,
            "system": found.system,
            "comparator": found.comparator,
            "made_from": dict(made_from),
            "verdicts_sha256": content_hash([lines]),
            "scores": found.scores.as_json(),
        },
    )


def _stored(scores_path: Path, made_from: Mapping[str, Json] | None = None) -> ScoredSystem | None:
    """What stands in a folder, or None where nothing whole does, or it was not made from what is given."""
    verdicts_path = scores_path.with_name(f"verdicts{scores_path.name.removeprefix('scores')}l")
    try:
        content = read_json(scores_path)
        text = verdicts_path.read_text(encoding="utf-8")
        if content["verdicts_sha256"] != content_hash([text]):
            return None
    except (FileNotFoundError, BadFile, KeyError, TypeError, UnicodeDecodeError):
        return None
    if made_from is not None and canonical_json(content["made_from"]) != canonical_json(made_from):
        return None
    verdicts = [_verdict_from_json(json.loads(line)) for line in text.splitlines()]
    return ScoredSystem(
        content["dataset_id"], content["system"], content["comparator"], verdicts, count(verdicts), scores_path.parent
    )


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
        item["question_id"], verdict, item["answerable"], item["gold_content"], tuple(item["complaints"])
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


def stored_system(folder: Path, comparator: str) -> ScoredSystem:
    """A system's scores by a comparator, as the process that made them has left them.

    Raises:
        BenchError: there are none.
    """
    found = _stored(folder / f"scores.{slug(comparator)}.json")
    if found is None:
        raise BenchError(f"{folder}: its scores by {comparator} are not there, or cannot be read.")
    return found


def stored_systems(results_dir: Path) -> list[ScoredSystem]:
    """All scored systems in a results folder, by dataset, comparator and name."""
    stored = (_stored(path) for path in sorted((results_dir / "sql").glob("*/*/*/scores.*.json")))
    found = [system for system in stored if system is not None]
    return sorted(found, key=lambda system: (system.dataset_id, system.comparator, system.system))
