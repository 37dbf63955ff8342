"""A system's answers with their results and verdicts, read from its stored files: no database, no model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bench_core.errors import BenchError, UserError
from bench_core.identity import Json, identity_hash
from bench_core.plugins.arguments import did_you_mean
from bench_core.results.scores import ItemScores, content_of
from bench_core.runs.items import ItemStage, Tell
from bench_core.runs.manifest import RunFolder, slug
from sql_bench.comparators.limits import ignored_limits
from sql_bench.datasets.dataset import SqlDataset
from sql_bench.generators.predictions import PREDICTIONS
from sql_bench.pipeline.executions import Executions, gold_item
from sql_bench.pipeline.stored_verdicts import stored_verdicts, verdicts_of
from sql_bench.scoring.metrics import QuestionVerdict
from sql_bench.types import Evidence, ExecutionResult, Outcome, Prediction, PredictionStatus, Question


@dataclass(frozen=True)
class GoldAnswer:
    """One of a question's golds.

    Attributes:
        number: from 0.
        result: of the statement as written.
        evidence: all its runs, where it ran.
    """

    number: int
    sql: str
    result: ExecutionResult
    evidence: Evidence | None


@dataclass(frozen=True)
class StoredAnswer:
    """All that results hold of one question and one system.

    Attributes:
        judged: the stored verdict.
        prediction: None where no model has answered.
        result: of the predicted statement as written; None where there is none or it was not run.
        evidence: all its runs, where it ran.
        problems: what of the stored files does not fit what the dataset is now, in sentences.
    """

    question: Question
    judged: QuestionVerdict | None
    prediction: Prediction | None
    golds: Sequence[GoldAnswer]
    result: ExecutionResult | None
    evidence: Evidence | None
    problems: Sequence[str]


class StoredSystem:
    """The stored files of one system under one comparator.

    Args:
        scores: its scores, which say where the files lie.
        dataset: the questions.
        tell: told of damaged lines.
    """

    def __init__(self, scores: ItemScores, dataset: SqlDataset, tell: Tell) -> None:
        self.scores, self.dataset, self._tell = scores, dataset, tell
        self._questions = {question.question_id: question for question in dataset.questions}

    @cached_property
    def verdicts(self) -> dict[str, QuestionVerdict]:
        """The stored verdicts by question, in the order of the questions."""
        return {found.question_id: found for found in verdicts_of(self.scores)}

    @cached_property
    def problems(self) -> list[str]:
        """What holds for all questions."""
        found = []
        if self.scores.content and content_of(self.dataset.identity) != self.scores.content:
            found.append(f"{self.scores.dataset} as it is now is not what this run was made from.")
        if self._golds is None:
            found.append("The results of the golds that these verdicts were made from are gone.")
        return found

    @property
    def dialects(self) -> tuple[str, str]:
        """The dialect of the golds, and that of the predictions."""
        own = self.dataset.card.dialect
        backend = self._engine.get("backend")
        written = backend.get("dialect") if isinstance(backend, Mapping) else None
        return own, written if isinstance(written, str) else own

    @property
    def timeout_s(self) -> float | None:
        """The seconds that a statement could take."""
        limits = self._engine.get("limits")
        found = limits.get("timeout_s") if isinstance(limits, Mapping) else None
        return float(found) if isinstance(found, int | float) else None

    @cached_property
    def _engine(self) -> Mapping[str, Json]:
        """What the executions were made by."""
        manifest = RunFolder(self.scores.kept_in).read()
        return {} if manifest is None else manifest.identity

    def question(self, question_id: str) -> Question:
        """A question of the dataset.

        Raises:
            UserError: it has none of this name.
        """
        if question_id not in self._questions:
            meant = did_you_mean(question_id, list(self._questions))
            raise UserError(f"{self.scores.dataset} has no question {question_id!r}{meant}.")
        return self._questions[question_id]

    def results_key(self, question_id: str) -> str:
        """A text that two questions share if their results, and what decides on them, are the same."""
        question = self.question(question_id)
        golds = [gold_item(question_id, number) for number in range(len(question.golds))] if self._golds else []
        found = [self._golds.results_sha256(item) for item in golds if self._golds is not None]
        decided_by = [repr(question.rules), sorted(ignored_limits(question))]
        return identity_hash([found, self._executions.results_sha256(question_id), decided_by])

    def answer(self, question_id: str) -> StoredAnswer:
        """What there is of a question.

        Raises:
            UserError: the dataset has no such question.
        """
        question = self.question(question_id)
        prediction = self._predictions.get(question_id)
        problems = list(self.problems)
        result = evidence = None
        if prediction is not None and prediction.status is PredictionStatus.SQL and prediction.sql is not None:
            result, evidence = _run_of(self._executions, question_id, prediction.sql)
            if result is None:
                problems.append("The prediction's statement is not among the stored executions.")
        golds = []
        for number, sql in enumerate(question.golds if self._golds is not None else ()):
            assert self._golds is not None
            ran, runs = _run_of(self._golds, gold_item(question_id, number), sql)
            if ran is None:
                problems.append(f"Gold {number + 1} as it is now is not among the stored executions.")
            else:
                golds.append(GoldAnswer(number, sql, ran, runs))
        return StoredAnswer(question, self.verdicts.get(question_id), prediction, golds, result, evidence, problems)

    @cached_property
    def _predictions(self) -> dict[str, Prediction]:
        folder = RunFolder(self.scores.kept_in.parent)
        manifest = folder.read()
        if manifest is None:
            raise BenchError(f"{folder.path}: its manifest cannot be read; run the system again.")
        stored = ItemStage(PREDICTIONS, folder, manifest.identity, manifest, self._tell)
        return {key[0]: prediction for key, prediction in stored.values()}

    @cached_property
    def _executions(self) -> Executions:
        return _executions(self.scores.kept_in, self._tell)

    @cached_property
    def _golds(self) -> Executions | None:
        """The gold executions that the verdicts were made from: by their hash, else those of the same engine."""
        stored = stored_verdicts(self.scores.kept_in / f"scores.{slug(self.scores.rule)}.json")
        made_from = stored.made_from.get("golds") if stored is not None else None
        folders = sorted(self.scores.kept_in.parent.parent.glob("golds--*"))
        found = [_executions(folder, self._tell) for folder in folders if RunFolder(folder).read() is not None]
        exact = [executions for executions in found if executions.content_sha256() == made_from]
        if exact or not self._engine:
            return exact[0] if exact else None
        engine = {name: self._engine[name] for name in ("mirror_sha256", "limits") if name in self._engine}
        return next((executions for executions in found if executions.ran_on(engine)), None)


def _executions(folder: Path, tell: Tell) -> Executions:
    manifest = RunFolder(folder).read()
    if manifest is None:
        raise BenchError(f"{folder}: its manifest cannot be read; run the system again.")
    return Executions(RunFolder(folder), manifest.identity, tell)


def _run_of(executions: Executions, item: str, sql: str) -> tuple[ExecutionResult | None, Evidence | None]:
    if not executions.has(item, sql):
        return None, None
    ran = executions.ran(item)
    if ran.outcome is not Outcome.OK:
        return ran, None
    evidence = executions.evidence(item)
    return evidence.as_written, evidence
