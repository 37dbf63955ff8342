"""The prediction stage: N threads, questions without an answer, the spending cap, and what is stored."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from bench_core.errors import BenchError
from bench_core.llm.chat import ChatResponse, NoAnswer, Usage
from bench_core.llm.limits import SPENDING_CAP
from bench_core.runs.reporter import Reporter
from sql_bench.generators.base import SqlGeneratorBase
from sql_bench.generators.predictions import prediction_item, prediction_of
from sql_bench.pipeline.generate import System, generate
from sql_bench.pipeline.run import run_system
from sql_bench.pipeline.workbench import DatabaseChoice, make_comparators, open_bench
from sql_bench.testing.contracts import EmptyDatabase
from sql_bench.types import AskedQuestion, Prediction, PredictionStatus


@pytest.fixture
def bench(tmp_path):
    tables = tmp_path / "set" / "tables"
    tables.mkdir(parents=True)
    (tables / "t.csv").write_text("UUID,g\nT_1,x\nT_2,y\n")
    questions = [{"question_id": f"q{n}", "question": "Which?", "gold_sql": "SELECT g FROM t"} for n in range(6)]
    (tmp_path / "set" / "questions.jsonl").write_text("".join(json.dumps(item) + "\n" for item in questions))
    choice = DatabaseChoice(None, tmp_path / "mirrors", None, None, None)
    told = []
    with open_bench(f"dir:{tmp_path / 'set'},dialect=duckdb", choice, tmp_path / "r", Reporter(told.append)) as bench:
        bench.tell.told = told
        yield bench


class Answering(SqlGeneratorBase):
    is_remote = False

    def __init__(self, failing: dict[str, str] | None = None) -> None:
        self._failing = failing or {}
        self.asked = []

    def describe(self):
        return {"class": "answering"}

    def generate(self, question, database):
        self.asked.append(question.question_id)
        if question.question_id in self._failing:
            raise NoAnswer(self._failing[question.question_id], "no")
        return Prediction(question.question_id, "text", PredictionStatus.SQL, "SELECT g FROM t", usage={"seconds": 2})


def test_questions_are_asked_in_as_many_threads_as_is_said(bench):
    together = threading.Barrier(3, timeout=60)

    class Waiting(Answering):
        def generate(self, question, database):
            together.wait()
            return super().generate(question, database)

    folder, predictions = generate(bench, System("s", Waiting(), n_at_once=3))
    ids = [f"q{n}" for n in range(6)]
    assert [prediction.question_id for prediction in predictions] == ids
    lines = [json.loads(line) for line in (folder.path / "predictions.jsonl").open()]
    assert [line["question_id"] for line in lines] == ids
    assert lines[0]["measured"] == {"seconds": 2} and lines[0]["usage"] == {}
    assert predictions[0].usage == {"seconds": 2}


def test_a_question_without_an_answer_has_no_line_and_no_verdict_and_is_asked_again(bench):
    comparators = make_comparators(["exact"])
    run_system(bench, System("s", Answering({"q2": "timed out"})), comparators)
    (path,) = Path(bench.root).glob("*/answering--*/predictions.jsonl")
    assert [json.loads(line)["question_id"] for line in path.open()] == ["q0", "q1", "q3", "q4", "q5"]
    assert json.loads(path.with_name("manifest.json").read_text())["status"] == "partial"
    assert "1 of 6 questions have no prediction (1 timed out)" in bench.tell.told[-1]
    (verdicts,) = path.parent.glob("*/verdicts.exact.jsonl")
    assert len(verdicts.read_text().splitlines()) == 5
    again = Answering()
    run_system(bench, System("s", again), comparators)
    assert again.asked == ["q2"]
    assert len(verdicts.read_text().splitlines()) == 6
    assert json.loads(path.with_name("manifest.json").read_text())["status"] == "complete"


def test_a_run_without_any_answer_has_failed(bench):
    """As in the retrieval half, where no query has a text."""
    silent = Answering({f"q{n}": "timed out" for n in range(6)})
    with pytest.raises(BenchError, match=r"6 of 6 questions have no prediction \(6 timed out\); the next run asks for"):
        run_system(bench, System("s", silent), make_comparators(["exact"]))
    _, predictions = generate(bench, System("s", Answering()))
    assert len(predictions) == 6


def test_after_the_spending_cap_nothing_is_asked(bench):
    capped = Answering({"q1": SPENDING_CAP})
    _, predictions = generate(bench, System("s", capped))
    assert capped.asked == ["q0", "q1"] and len(predictions) == 1
    assert "5 spending cap" in bench.tell.told[-1]


@pytest.mark.parametrize("raw", ["plain", "lone \ud800 surrogate", "", '{"sha256": 1}'])
def test_a_prediction_comes_back_as_it_was_but_for_what_no_file_can_hold(raw):
    prediction = Prediction("q", raw, PredictionStatus.NO_SQL, detail="d", usage={"tokens": 3, "seconds": 1.5})
    storable = raw.encode("utf-8", "replace").decode()
    assert prediction_of(prediction_item(prediction)) == Prediction(
        "q", storable, PredictionStatus.NO_SQL, detail="d", usage={"tokens": 3, "seconds": 1.5}
    )


@pytest.mark.parametrize(
    ("reply", "status", "cut_off"),
    [
        (ChatResponse("SELECT g FROM t", usage=Usage(7, 3), seconds=0.5), PredictionStatus.SQL, False),
        (
            ChatResponse("```sql\nSELECT g FROM t", finish="length", usage=Usage(7, 3), seconds=0.5),
            PredictionStatus.SQL,
            True,
        ),
        (ChatResponse("Let me think", finish="length", usage=Usage(7, 3), seconds=0.5), PredictionStatus.NO_SQL, True),
    ],
)
def test_a_reply_tells_whether_it_was_cut_off_and_what_it_took(reply, status, cut_off):
    class Asks(SqlGeneratorBase):
        def complete(self, question, database):
            return reply

    found = Asks().generate(AskedQuestion("q", "Which?"), EmptyDatabase())
    assert (found.status, found.cut_off, found.raw) == (status, cut_off, reply.text)
    assert found.usage == {"prompt_tokens": 7, "completion_tokens": 3, "seconds": 0.5}
    item = prediction_item(found)
    assert item.measured == {"seconds": 0.5} and item.content.get("cut_off", False) is cut_off


@pytest.mark.parametrize(
    "reply", [ChatResponse("", finish="length"), ChatResponse("no", finish="refused"), ChatResponse(" ")]
)
def test_a_reply_that_says_nothing_is_no_prediction(reply):
    class Asks(SqlGeneratorBase):
        def complete(self, question, database):
            return reply

    with pytest.raises(NoAnswer):
        Asks().generate(AskedQuestion("q", "Which?"), EmptyDatabase())
