"""Predictions made elsewhere, replayed: replies of a model, or statements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from bench_core.errors import UserError
from bench_core.identity import Json
from sql_bench.generators.base import SqlGeneratorBase, prediction_from_text
from sql_bench.generators.dialect_names import check_dialect
from sql_bench.generators.extraction import RULES_VERSION
from sql_bench.generators.prediction_files.reading import predictions_sha256, read_answers
from sql_bench.types import AskedQuestion, DatabaseView, Prediction, PredictionStatus, Question


class ReplayGenerator(SqlGeneratorBase):
    """A file of predictions; what the file does not answer counts as no_sql.

    Args:
        path: JSON lines with `question_id` and `response` (a model's reply, SQL is taken out of it) or `sql`; a JSON
            list of the same; CSV with such columns; BIRD's or Spider's form; a folder of files `<question_id>.sql`;
            or the name of predictions that come with the dataset.
        dialect: the dialect of the predictions by sqlglot's name, if it is not the dataset's.
    """

    is_remote = False

    def __init__(
        self, path: str, dialect: str = "", *, questions: Sequence[Question], predictions: Mapping[str, Path]
    ) -> None:
        self._path = predictions.get(path, Path(path))
        if not self._path.is_file() and not self._path.is_dir():
            brought = f"; the dataset brings {', '.join(predictions)}" if predictions else ""
            raise UserError(f"{path}: there is no such file of predictions{brought}.")
        if dialect:
            check_dialect(dialect)
        self.dialect = dialect
        self._answers = read_answers(self._path, [question.question_id for question in questions])

    def describe(self) -> Mapping[str, Json]:
        """The hash of the file, whose name changes nothing, and the rules of extraction where they are used."""
        described: dict[str, Json] = {"class": "replay", "file_sha256": predictions_sha256(self._path)}
        if not all(answer.is_statement for answer in self._answers.values()):
            described["extraction"] = RULES_VERSION
        if self.dialect:
            described["dialect"] = self.dialect
        return described

    def generate(self, question: AskedQuestion, database: DatabaseView) -> Prediction:
        """See `sql_bench.types.SqlGenerator`."""
        question_id, answer = question.question_id, self._answers.get(question.question_id)
        if answer is None:
            detail = "the file holds no prediction for this question"
            return Prediction(question_id, "", PredictionStatus.NO_SQL, detail=detail)
        text, cut_off = answer.text, answer.cut_off
        if not text.strip():
            detail = "the prediction is empty"
            return Prediction(question_id, text, PredictionStatus.NO_SQL, detail=detail, cut_off=cut_off)
        if answer.is_statement:
            return Prediction(question_id, text, PredictionStatus.SQL, text, cut_off=cut_off)
        return prediction_from_text(question_id, text, self.dialect or database.dialect, cut_off=cut_off)
