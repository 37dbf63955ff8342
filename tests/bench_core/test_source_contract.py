"""Cards of both halves hold what they should, and the contract of dataset sources names what does not."""

from dataclasses import replace
from pathlib import Path

import pytest

from bench_core.errors import BenchError, UserError
from bench_core.plugins.contracts import check
from retrieval_bench.datasets.card import DatasetCard
from retrieval_bench.datasets.dataset import Dataset
from retrieval_bench.testing import DatasetSourceContract
from retrieval_bench.types import Document, Query
from sql_bench.datasets.dataset import SqlCard, SqlDataset
from sql_bench.testing import DatasetSourceContract as SqlSourceContract
from sql_bench.types import IdentifierRule, Question


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: DatasetCard("d/x", 3), "d/x: summary is the number 3; it must be a text."),
        (lambda: DatasetCard("d/x", "s", k="10"), "d/x: k is the text '10'; it must be a whole number."),
        (lambda: DatasetCard("d/x", "s", k=True), "d/x: k is True; it must be a whole number."),
        (lambda: DatasetCard("d/x", "s", access="secret"), "d/x: access is 'secret'; it must be exactly"),
        (
            lambda: DatasetCard("d/x", "s", identical_ids="leave"),
            "d/x: identical_ids is the text 'leave'; it must be keep or drop or drop-dense.",
        ),
        (lambda: DatasetCard("d/x", "s", generated_dir="x"), "d/x: generated_dir is the text 'x'; it must be Path."),
        (
            lambda: DatasetCard("d/x", "s", generated_dir=Path("no/such")),
            "d/x: generated_dir is no/such, where there is no folder.",
        ),
        (lambda: DatasetCard(None, "s"), "The card of a dataset: dataset_id is None; it must be a text."),
        (lambda: SqlCard("d/x", "s", "klingon"), "d/x: there is no SQL dialect 'klingon'; known are "),
        (lambda: SqlCard("d/x", "s", "postgre"), "there is no SQL dialect 'postgre' (did you mean postgres?)"),
        (lambda: SqlCard("d/x", "s", None), "d/x: dialect is None; it must be a text."),
        (lambda: SqlCard("d/x", "s", "duckdb", licence=2), "d/x: licence is the number 2; it must be a text."),
        (
            lambda: SqlCard("d/x", "s", "duckdb", rules={}),
            "d/x: rules is a dict; it must be ComparisonRules.",
        ),
        (lambda: IdentifierRule(pattern="["), "The identifier pattern '[' is no regular expression"),
        (lambda: IdentifierRule("uuid"), "The identifier columns 'uuid' are no frozenset of names."),
    ],
)
def test_a_card_says_what_it_should(make, message):
    with pytest.raises(UserError) as error:
        make()
    assert message in str(error.value)


QUESTIONS = [Question("q1", "How many?", ("SELECT 1",))]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"tables_dir": Path("no/such")}, "d/x: tables_dir is {here}/no/such, where there is no folder."),
        ({"schema_path": Path("no.yaml")}, "d/x: schema_path is {here}/no.yaml, where there is no file."),
        ({"predictions": {"p": Path("p.jsonl")}}, "d/x: predictions p is {here}/p.jsonl, where there is no file."),
    ],
)
def test_files_that_a_sql_dataset_names_are_there(given, message):
    dataset = replace(SqlDataset.of(SqlCard("d/x", "s", "duckdb"), QUESTIONS), **given)
    with pytest.raises(UserError) as error:
        dataset.check_files()
    assert str(error.value) == message.format(here=Path.cwd())


class Changing:
    """A source of which some things change with each load."""

    def __init__(self, *changed: str) -> None:
        self.changed = changed
        self.n = 0

    def of(self, part: str) -> int:
        self.n += 1
        return self.n if part in self.changed else 0

    def cards(self):
        return [self.card]


class Notes(Changing):
    card = DatasetCard("d/x", "notes")

    def load(self, name):
        documents = [Document("n1", f"text {self.of('documents')}")]
        return Dataset.of(self.card, documents, [Query("q1", "text")], {"q1": {"n1": self.of("judgments")}})


class Asked(Changing):
    card = SqlCard("d/x", "questions", "duckdb")

    def load(self, name):
        questions = [Question("q1", f"text {self.of('documents')}", (f"SELECT {self.of('judgments')}",))]
        return SqlDataset.of(self.card, questions)


@pytest.mark.parametrize(
    ("contract", "source", "answers"),
    [(DatasetSourceContract, Notes, "judgments"), (SqlSourceContract, Asked, "golds")],
)
def test_a_source_gives_the_same_whenever_it_is_asked(contract, source, answers):
    for changed, failure in (
        ((), ""),
        (("documents",), "mine.py, line 1: Mine: d/x has another identity when it is loaded again"),
        (("judgments",), f"mine.py, line 1: Mine: d/x has other {answers} each time"),
    ):
        made = source(*changed)
        bound = type("Bound", (contract,), {"create": lambda self, made=made: made})()
        found = {point.name: point.failure for point in check(bound, "mine.py, line 1: Mine: ")}
        assert found.pop("a dataset is the same whenever it is loaded").startswith(failure)
        assert not any(found.values()) and len(found) >= 3


def test_what_a_point_raises_is_placed_once():
    class Raising:
        def test_one(self):
            raise BenchError("mine.py, line 3: Mine.rerank returned None.")

        def test_two(self):
            raise UserError("d/x: no such file.")

        def test_three(self):
            raise AssertionError

        def test_four(self):
            raise SystemExit(0)

    failures = [point.failure for point in check(Raising(), "mine.py, line 1: Mine: ")]
    assert failures == [
        "mine.py, line 3: Mine.rerank returned None.",
        "mine.py, line 1: Mine: d/x: no such file.",
        "mine.py, line 1: Mine: this point does not hold",
        failures[3],
    ]
    assert "SystemExit: 0" in failures[3]
