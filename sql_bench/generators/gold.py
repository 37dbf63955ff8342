"""Gold SQL as prediction: every comparator must find it right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench_core.identity import Json, content_hash
from sql_bench.generators.base import SqlGeneratorBase
from sql_bench.types import AskedQuestion, DatabaseView, Prediction, PredictionStatus, Question


class GoldGenerator(SqlGeneratorBase):
    """The first gold statement of each question; abstains where there is none."""

    is_remote = False

    def __init__(self, *, questions: Sequence[Question]) -> None:
        self._golds = {question.question_id: question.golds for question in questions}

    def describe(self) -> Mapping[str, Json]:
        """A hash of all gold statements."""
        return {
            "class": "gold",
            "golds_sha256": content_hash(text for key, golds in self._golds.items() for text in (key, *golds[:1], "")),
        }

    def generate(self, question: AskedQuestion, database: DatabaseView) -> Prediction:
        """See `sql_bench.types.SqlGenerator`."""
        golds = self._golds[question.question_id]
        if not golds:
            return Prediction(question.question_id, "", PredictionStatus.ABSTAINED, detail="the question has no gold")
        return Prediction(question.question_id, golds[0], PredictionStatus.SQL, golds[0])
