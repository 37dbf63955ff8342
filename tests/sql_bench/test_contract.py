"""The contracts over every built-in, and over broken members, which they must tell apart."""

from __future__ import annotations

import duckdb
import pytest

from bench_core.plugins.contracts import check
from sql_bench.backends.duckdb import DuckDbBackend
from sql_bench.comparators.base import COMPARATORS
from sql_bench.generators.base import SqlGeneratorBase
from sql_bench.generators.gold import GoldGenerator
from sql_bench.generators.replay import ReplayGenerator
from sql_bench.testing import BackendContract, ComparatorContract, GeneratorContract
from sql_bench.types import Prediction, PredictionStatus, Question, Verdict, VerdictKind

QUESTIONS = [Question("q1", "How many?", ("SELECT 1",)), Question("q2", "Why?")]


class TestAnswer(ComparatorContract):
    def create(self):
        return COMPARATORS.load("answer")()


class TestExact(ComparatorContract):
    def create(self):
        return COMPARATORS.load("exact")()


class TestBiomedSql(ComparatorContract):
    def create(self):
        return COMPARATORS.load("biomedsql")()


class TestGold(GeneratorContract):
    def create(self):
        return GoldGenerator(questions=QUESTIONS)


class TestReplay(GeneratorContract):
    @pytest.fixture(autouse=True)
    def file(self, tmp_path):
        self.path = tmp_path / "predictions.jsonl"
        self.path.write_text('{"question_id": "q1", "response": "It is\\n```sql\\nSELECT 1\\n```"}\n')

    def create(self):
        return ReplayGenerator(str(self.path), questions=QUESTIONS, predictions={})


class Writes(SqlGeneratorBase):
    def complete(self, question, database):
        return f"```sql\nSELECT COUNT(*) FROM {database.schema_text().partition('(')[0]}\n```"


class TestPlugIn(GeneratorContract):
    def create(self):
        return Writes()


class TestDuckDb(BackendContract):
    @pytest.fixture(autouse=True)
    def mirror(self, tmp_path):
        self.path = tmp_path / "t.duckdb"
        with duckdb.connect(str(self.path)) as connection:
            connection.execute("CREATE TABLE t AS SELECT * FROM (VALUES (1, 'a'), (2, 'b')) AS v(id, name)")

    def create(self):
        return DuckDbBackend(self.path, "duckdb")


class AlwaysRight(COMPARATORS.load("exact")):
    def compare(self, gold, predicted, question):
        return Verdict(VerdictKind.CORRECT)


class RightUnlessEmpty(COMPARATORS.load("exact")):
    """What a comparator that only checks for rows would do: gold 100 %, empty 0 %, and worth nothing."""

    def compare(self, gold, predicted, question):
        return Verdict(VerdictKind.CORRECT if predicted.as_written.rows else VerdictKind.WRONG)


class NamesNobody(Writes):
    def generate(self, question, database):
        return Prediction("somebody", "", PredictionStatus.NO_SQL)


class SaysSqlWithoutAny(Writes):
    def generate(self, question, database):
        return Prediction(question.question_id, "", PredictionStatus.SQL)


@pytest.mark.parametrize(
    ("contract", "broken", "point"),
    [
        (ComparatorContract, AlwaysRight, "nothing is wrong where gold has rows"),
        (ComparatorContract, RightUnlessEmpty, "other rows are wrong"),
        (GeneratorContract, NamesNobody, "a prediction names its question"),
        (GeneratorContract, SaysSqlWithoutAny, "sql is there exactly when the status says so"),
    ],
)
def test_a_broken_member_is_told_which_point_it_fails(contract, broken, point):
    class Contract(contract):
        def create(self):
            return broken()

    assert point in {found.name for found in check(Contract()) if found.failure}
