"""The family of SQL generators, and the base for one of your own."""

from __future__ import annotations

from collections.abc import Mapping

from bench_core.identity import Json
from bench_core.plugins.registry import Family
from bench_core.plugins.stage import StageBase
from sql_bench.generators.extraction import extract
from sql_bench.types import AskedQuestion, DatabaseView, Prediction, SqlGenerator


class SqlGeneratorBase(StageBase):
    """Base of generators: write `complete`; the SQL is taken out of the text it returns."""

    def describe(self) -> Mapping[str, Json]:
        """Class and arguments; the suite adds a hash of the source you wrote."""
        return {"class": type(self).__name__, "arguments": self.arguments()}

    def complete(self, question: AskedQuestion, database: DatabaseView) -> str:
        """The model's text on a question: prose and fences around the SQL are fine."""
        raise NotImplementedError

    def generate(self, question: AskedQuestion, database: DatabaseView) -> Prediction:
        """See `sql_bench.types.SqlGenerator`."""
        return prediction_from_text(question.question_id, self.complete(question, database), database.dialect)


GENERATORS = Family(
    kind="generator",
    builtins={
        "gold": "sql_bench.generators.gold:GoldGenerator",
        "replay": "sql_bench.generators.replay:ReplayGenerator",
    },
    group="sql_bench.generators",
    protocol=SqlGenerator,
    base=SqlGeneratorBase,
)


def prediction_from_text(question_id: str, raw: str, dialect: str) -> Prediction:
    """A prediction with what `extract` finds in a model's text."""
    found = extract(raw, dialect)
    return Prediction(question_id, raw, found.status, found.sql, found.detail)
