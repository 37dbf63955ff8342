"""The comparison stage: predictions and executions in, verdicts and scores out. Runs no SQL and calls no model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench_core.identity import Json, canonical_json, content_hash, identity_hash
from bench_core.machine.progress import progress
from bench_core.plugins.described import user_source
from bench_core.results.scores import ItemScores, by_label, content_of
from bench_core.runs.manifest import slug
from bench_core.runs.reporter import Reporter
from sql_bench.comparators.limits import ignored_limits
from sql_bench.comparators.sides import same_statement
from sql_bench.datasets.dataset import SqlDataset
from sql_bench.pipeline.executions import Executions, gold_item
from sql_bench.pipeline.older_verdicts import questions_hash_of_format_2
from sql_bench.pipeline.stored_verdicts import FORMAT, stored_verdicts, write_verdicts
from sql_bench.scoring.metrics import GoldContent, QuestionVerdict, item_scores
from sql_bench.types import (
    Comparator,
    Evidence,
    Outcome,
    Prediction,
    PredictionStatus,
    Question,
    Verdict,
    VerdictKind,
    best_verdict,
)

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
class Comparison:
    """What a system's answers are compared from, and the folder the verdicts go to."""

    dataset: SqlDataset
    system: str
    predictions: Sequence[Prediction]
    golds: Executions
    executions: Executions
    folder: Path


def scored(comparison: Comparison, name: str, comparator: Comparator, tell: Reporter) -> ItemScores:
    """The verdicts and scores of a system under a comparator; compared again only if something has changed.

    Args:
        name: what the user called the comparator; it names the files.
    """
    dataset = comparison.dataset
    dataset_id = dataset.card.dataset_id
    made_from = _made_from(comparison, comparator)
    stored = stored_verdicts(comparison.folder / f"scores.{slug(name)}.json")
    if stored is not None and _made_alike(stored.made_from, made_from, dataset.questions):
        tell(f"{comparison.system} on {dataset_id}: compared already by {name}, skipped.")
        return replace(stored.scores, system=comparison.system)
    by_question = {prediction.question_id: prediction for prediction in comparison.predictions}
    pairs = PairVerdicts(comparison, comparator)
    verdicts = [
        QuestionVerdict(
            question.question_id,
            pairs.verdict(question, by_question[question.question_id]),
            answerable=bool(question.golds),
            gold_content=_gold_content(question, comparison.golds),
            complaints=_complaints(by_question[question.question_id], comparison.executions),
        )
        for question in progress(dataset.questions, f"compare {comparison.system} by {name}")
        if question.question_id in by_question  # else its model gave no answer, and is asked again by the next run
    ]
    n_unanswered = len(dataset.questions) - len(verdicts)
    labels = by_label({question.question_id: question.labels for question in dataset.questions})
    found = replace(
        item_scores(verdicts, dataset_id, comparison.system, name, labels, n_unanswered=n_unanswered),
        content=content_of(dataset.identity),
        folder=comparison.folder,
    )
    write_verdicts(found, verdicts, made_from)
    tell.made(f"{comparison.system} on {dataset_id}: compared by {name}.")
    return found


def _made_from(comparison: Comparison, comparator: Comparator) -> dict[str, Json]:
    """What verdicts hang on; where it stands beside stored ones unchanged, they are taken as they are."""
    return {
        "format": FORMAT,
        "comparator": dict(comparator.describe()),
        "user_source": user_source(comparator),
        "questions": identity_hash([_question_json(question) for question in comparison.dataset.questions]),
        "golds": comparison.golds.content_sha256(),
        "executions": comparison.executions.content_sha256(),
        "predictions": content_hash(
            text for found in comparison.predictions for text in (found.question_id, found.status, found.sql or "")
        ),
    }


def _question_json(question: Question) -> dict[str, Json]:
    identifiers = question.rules.identifiers
    return {
        "question_id": question.question_id,
        "text": question.text,
        "golds": question.golds,
        "answer": question.answer,
        "labels": dict(question.labels),
        "identifiers": None
        if identifiers is None
        else {"columns": sorted(identifiers.columns), "pattern": identifiers.pattern},
        "safety_limits": sorted(question.rules.safety_limits),
    }


def _made_alike(stored: Mapping[str, Json], made_from: Mapping[str, Json], questions: Sequence[Question]) -> bool:
    """Whether stored verdicts were made from the same; format 2 hashed the questions in another form."""
    if stored.get("format") == 2:
        made_from = {**made_from, "format": 2, "questions": questions_hash_of_format_2(questions)}
    return canonical_json(stored) == canonical_json(made_from)


class PairVerdicts:
    """Decides on questions, once for each distinct pair of results and rules.

    Args:
        comparison: what is compared.
        comparator: decides.
    """

    def __init__(self, comparison: Comparison, comparator: Comparator) -> None:
        self._golds, self._executions = comparison.golds, comparison.executions
        self._comparator = comparator
        self._verdicts: dict[tuple[object, ...], Verdict] = {}

    def verdict(self, question: Question, prediction: Prediction) -> Verdict:
        """The verdict on one question: the best over its golds that ran."""
        if not question.golds:
            return _verdict_without_gold(prediction)
        golds = [gold_item(question.question_id, number) for number in range(len(question.golds))]
        ran = [item for item in golds if self._golds.ran(item).outcome is Outcome.OK]
        if not ran:
            failed = self._golds.ran(golds[0])
            return Verdict(_FAILED_GOLD[failed.outcome], detail=failed.message)
        if prediction.status is not PredictionStatus.SQL:
            return Verdict(_WITHOUT_SQL[prediction.status], detail=prediction.detail)
        predicted = self._executions.ran(question.question_id)
        if predicted.outcome is not Outcome.OK:
            return Verdict(VerdictKind(predicted.outcome.value), detail=predicted.message)
        return best_verdict([self._pair(item, question) for item in ran])

    def _pair(self, gold: str, question: Question) -> Verdict:
        predicted = question.question_id
        results = self._golds.results_sha256(gold), self._executions.results_sha256(predicted)
        key = *results, _rules(question, self._comparator.question_fields)
        if key not in self._verdicts:
            one, other = self._golds.evidence(gold), self._executions.evidence(predicted)
            self._verdicts[key] = self._decided(one, other, question)
        return self._verdicts[key]

    def _decided(self, gold: Evidence, predicted: Evidence, question: Question) -> Verdict:
        """The comparator's decision; a gold that draws lots decides on itself alone (docs/rules/comparing.md C7)."""
        if gold.as_written.shape is None or not gold.as_written.shape.volatile:
            return self._comparator.compare(gold, predicted, question)
        is_same = same_statement(gold.as_written, predicted.as_written)
        return self._comparator.compare(gold, gold, question) if is_same else _BY_CHANCE


_BY_CHANCE = Verdict(VerdictKind.UNDETERMINED, detail="gold gives another result each time it runs")


def _rules(question: Question, fields: frozenset[str]) -> tuple[object, ...]:
    """What of a question its verdict hangs on."""
    rules = question.rules
    return (
        rules if "rules" in fields else None,
        ignored_limits(question) if "stated_limits" in fields else None,
        *(canonical_json(_FIELDS[name](question)) for name in sorted(fields & _FIELDS.keys())),
    )


_FIELDS: Mapping[str, Callable[[Question], Json]] = {
    "question_id": lambda question: question.question_id,
    "text": lambda question: question.text,
    "golds": lambda question: question.golds,
    "answer": lambda question: question.answer,
    "labels": lambda question: dict(question.labels),
}


def _gold_content(question: Question, golds: Executions) -> GoldContent:
    """What the first gold that ran holds."""
    items = [gold_item(question.question_id, number) for number in range(len(question.golds))]
    return next((golds.content(item) for item in items if golds.ran(item).outcome is Outcome.OK), "rows")


def _complaints(prediction: Prediction, executions: Executions) -> tuple[str, ...]:
    if prediction.status is not PredictionStatus.SQL:
        return ()
    ran = executions.ran(prediction.question_id)
    return ran.complaints if ran.outcome is Outcome.OK else ()


def _verdict_without_gold(prediction: Prediction) -> Verdict:
    if prediction.status is PredictionStatus.ABSTAINED:
        return Verdict(VerdictKind.CORRECT_ABSTENTION)
    if prediction.status is PredictionStatus.SQL:
        return Verdict(VerdictKind.WRONG, detail="the database cannot answer the question, and the system did")
    return Verdict(_WITHOUT_SQL[prediction.status], detail=prediction.detail)
