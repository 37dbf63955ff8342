"""Predictions made elsewhere: JSON lines of `question_id` with `response` (model text) or `sql` (a statement)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from bench_core.artifacts import file_sha256
from bench_core.errors import BadFile, UserError
from bench_core.identity import Json
from bench_core.jsonl import id_field, read_objects, text_field
from sql_bench.generators.base import SqlGeneratorBase, prediction_from_text
from sql_bench.types import AskedQuestion, DatabaseView, Prediction, PredictionStatus, Question


class ReplayGenerator(SqlGeneratorBase):
    """A file of predictions; what the file does not answer counts as no_sql.

    Args:
        path: JSON lines with `question_id` and `response` (raw model text, SQL is taken out of it) or `sql`; or the
            name of a file of predictions that comes with the dataset.
    """

    is_remote = False

    def __init__(self, path: str, *, questions: Sequence[Question], predictions: Mapping[str, Path]) -> None:
        self._path = predictions.get(path, Path(path))
        if not self._path.is_file():
            brought = f"; the dataset brings {', '.join(predictions)}" if predictions else ""
            raise UserError(f"{path}: there is no such file of predictions{brought}.")
        self._lines = _read(self._path, {question.question_id for question in questions})

    def describe(self) -> Mapping[str, Json]:
        """The hash of the file; its name changes nothing."""
        return {"class": "replay", "file_sha256": file_sha256(self._path)}

    def generate(self, question: AskedQuestion, database: DatabaseView) -> Prediction:
        """See `sql_bench.types.SqlGenerator`."""
        line = self._lines.get(question.question_id)
        if line is None:
            detail = "the file holds no prediction for this question"
            return Prediction(question.question_id, "", PredictionStatus.NO_SQL, detail=detail)
        text, is_statement = line
        if not text.strip():
            return Prediction(question.question_id, text, PredictionStatus.NO_SQL, detail="the prediction is empty")
        if is_statement:
            return Prediction(question.question_id, text, PredictionStatus.SQL, text)
        return prediction_from_text(question.question_id, text, database.dialect)


def _read(path: Path, known: set[str]) -> dict[str, tuple[str, bool]]:
    """question_id -> the text, and whether it is a bare statement."""
    lines: dict[str, tuple[str, bool]] = {}
    for number, item in read_objects(path):
        question_id = id_field(path, number, item, ("question_id",))
        if question_id in lines:
            raise BadFile(path, f"question {question_id} is answered in an earlier line already; keep one", number)
        if question_id not in known:
            raise BadFile(path, f"question {question_id} is not among the dataset's {len(known)} questions", number)
        text = text_field(path, number, item, ("response", "sql"))
        lines[question_id] = (text, "response" not in item)
    if not lines:
        raise BadFile(path, "expected at least one prediction, but the file is empty")
    return lines
