"""Predictions made elsewhere, in each form that is read."""

from __future__ import annotations

import gzip
import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parents[1]))
from mutations import NUMBERS, Reader, check, mutated, mutated_json

from bench_core.errors import BadFile, UserError
from sql_bench.cli.main import main
from sql_bench.generators.prediction_files.reading import name_of, prediction_files, read_answers
from sql_bench.generators.replay import ReplayGenerator
from sql_bench.types import AskedQuestion, PredictionStatus, Question

QUESTIONS = [Question("q1", "one?"), Question("q2", "two?"), Question("q3", "three?")]
ONE, TWO = "SELECT 1 AS a, ', ; |' AS b", "SELECT\n  2"


@dataclass
class View:
    dialect: str = "duckdb"


def replayed(path, dialect=""):
    generator = ReplayGenerator(str(path), dialect, questions=QUESTIONS, predictions={})
    return {q.question_id: generator.generate(AskedQuestion(q.question_id, q.text), View()) for q in QUESTIONS}


def statements(path):
    return {name: found.sql for name, found in replayed(path).items()}


FORMS = {
    "lines.jsonl": json.dumps({"question_id": "q1", "sql": ONE}) + "\n" + json.dumps({"id": "q2", "query": TWO}) + "\n",
    "list.json": json.dumps([{"question_id": "q1", "sql": ONE}, {"question_id": "q2", "SQL": TWO}], indent=1),
    "list.jsonl": json.dumps([{"question_id": "q1", "sql": ONE}, {"question_id": "q2", "predicted_sql": TWO}]),
    "lines.json": json.dumps({"question_id": "q1", "sql": ONE}) + "\n" + json.dumps({"question_id": "q2", "sql": TWO}),
    "by_id.json": json.dumps({"q1": ONE, "q2": {"sql": TWO}}),
    "bird.json": json.dumps({"0": f"{ONE}\t----- bird -----\tlab", "1": f"{TWO}\t----- bird -----\tlab"}, indent=4),
    "bird_one_line.json": json.dumps({"0": f"{ONE}\t----- bird -----\tlab", "1": TWO}),
    "commas.csv": f'question_id,sql\nq1,"{ONE}"\nq2,"{TWO}"\n',
    "semicolons.csv": f'question_id;model;sql\nq1;m;"{ONE}"\n\nq2;m;"{TWO}"\n',
    "bars.csv": f'"sql"|"question_id"\n"{ONE}"|q1\n"{TWO}"|q2\n',
    "tabs.tsv": f'question_id\tsql\nq1\t"{ONE}"\nq2\t"{TWO}"\n',
}


@pytest.mark.parametrize("name", FORMS)
def test_each_form_holds_the_same(name, tmp_path):
    path = tmp_path / name
    path.write_text(FORMS[name])
    assert statements(path) == {"q1": ONE, "q2": TWO, "q3": None}
    packed = tmp_path / f"{name}.gz"
    packed.write_bytes(gzip.compress(FORMS[name].encode()))
    assert statements(packed) == {"q1": ONE, "q2": TWO, "q3": None}
    assert name_of(packed) == name.partition(".")[0]


def test_a_statement_a_line_in_the_order_of_the_questions(tmp_path):
    path = tmp_path / "spider.sql"
    path.write_text("SELECT 1\tlab\n\nSELECT 3\n")
    found = replayed(path)
    assert {name: one.sql for name, one in found.items()} == {"q1": "SELECT 1", "q2": None, "q3": "SELECT 3"}
    assert found["q2"].status is PredictionStatus.NO_SQL
    path.write_text("SELECT 1\nSELECT 2\n")
    with pytest.raises(BadFile, match="expected a statement a line for 3 questions and found 2 lines"):
        replayed(path)


def test_a_folder_has_a_file_a_question(tmp_path):
    (tmp_path / "q1.sql").write_text(f"{ONE}\n")
    (tmp_path / "q2.sql").write_text(TWO)
    (tmp_path / "q2.csv").write_text("passed over")
    assert statements(tmp_path) == {"q1": ONE, "q2": TWO, "q3": None}
    before = ReplayGenerator(str(tmp_path), questions=QUESTIONS, predictions={}).describe()
    (tmp_path / "q2.sql").write_text("SELECT 3")
    assert ReplayGenerator(str(tmp_path), questions=QUESTIONS, predictions={}).describe() != before
    (tmp_path / "q9.sql").write_text(TWO)
    with pytest.raises(BadFile, match=r"q9\.sql: question q9 is not among the dataset's 3 questions"):
        replayed(tmp_path)


def test_replies_are_read_and_what_was_cut_is_kept(tmp_path):
    path = tmp_path / "p.json"
    replies = [
        {"question_id": "q1", "response": "SELECT 1 FROM t\n\nThis query counts."},
        {"question_id": "q2", "output": "```sql\nSELECT a, b FROM", "finish_reason": "length"},
        {"question_id": "q3", "response": None, "cut_off": True},
    ]
    path.write_text(json.dumps(replies))
    one, two, three = replayed(path).values()
    assert (one.sql, one.cut, one.cut_off) == ("SELECT 1 FROM t", "This query counts.", False)
    assert (two.sql, two.cut, two.cut_off) == ("SELECT a, b FROM", "", True)
    assert (three.status, three.cut_off) == (PredictionStatus.NO_SQL, True)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("p.json", '[{"question_id": "q1", "sql": "SELECT 1"}, 3]', "entry 2: expected an object"),
        ("p.json", '[{"sql": "SELECT 1"}]', "entry 1: expected a field question_id or id and found sql"),
        ("p.json", '{"q1": "SELECT 1", "q8": "SELECT 1"}', "entry 'q8': question q8 is not among"),
        ("p.json", '{"7": "SELECT 1"}', "places from 0 to 2 as keys and found '7'"),
        ("p.json", '{"q1": 5}', "entry 'q1': expected a statement and found 5"),
        ("p.json", "[1, 2", "line 1: expected whole JSON"),
        ("p.json", "[" * 100_000, "expected JSON of reasonable size"),
        ("p.json", "[]", "expected at least one prediction"),
        ("p.json", "5", "line 1: expected a JSON object"),
        ("p.csv", "question_id,answer\nq1,5\n", "expected a header with question_id or id and one of response"),
        ("p.csv", "", "expected a header"),
        ("p.csv", "question_id,sql\nq1,SELECT 1, 2\n", "line 2: expected 2 fields and found 3"),
        ("p.csv", 'question_id,sql\nq1,"SELECT 1\n', "expected rows of CSV"),
        ("p.csv", "question_id,sql\nq1,SELECT 1\nq1,SELECT 2\n", "line 3: question q1 is answered"),
        ("p.jsonl", '{"question_id": "q1", "sql": 5}', "line 1: expected text in sql and found 5"),
        ("p.jsonl", '{"question_id": "q1", "answer": "5"}', "line 1: expected a field of response, output, sql"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(name, content, message, tmp_path):
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(BadFile) as raised:
        replayed(path)
    assert message in str(raised.value)


def test_an_empty_folder_and_an_unknown_dialect_are_reported(tmp_path):
    with pytest.raises(BadFile, match="expected files named by question"):
        replayed(tmp_path)
    (tmp_path / "q1.sql").write_text(ONE)
    with pytest.raises(UserError, match=r"There is no SQL dialect 'sqlitte'.*sqlite"):
        replayed(tmp_path, "sqlitte")


def test_predictions_that_come_with_a_dataset_are_named_without_ending(tmp_path):
    for name in ("a.jsonl", "b.csv", "c.json", "c.sql", "notes.md"):
        (tmp_path / name).write_text("")
    (tmp_path / "d").mkdir()
    assert set(prediction_files(tmp_path)) == {"a", "b", "c.json", "c.sql", "d"}


def test_a_file_in_another_dialect_is_run_from_that_dialect(tmp_path, monkeypatch):
    """`1/2` is a quotient in DuckDB and a whole number in PostgreSQL; each file is read as its own dialect has it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "set" / "tables").mkdir(parents=True)
    (tmp_path / "set" / "questions.jsonl").write_text(
        json.dumps({"question_id": "q1", "question": "half?", "gold_sql": "SELECT 0.5 AS half FROM t"})
    )
    duckdb.sql("COPY (SELECT 1 AS a) TO 'set/tables/t.parquet'")
    (tmp_path / "p.json").write_text(json.dumps({"q1": "SELECT 1 / 2 AS half FROM t"}))
    arguments = [
        "score",
        "-d",
        "dir:set",
        "--predictions",
        "p.json",
        "-c",
        "exact",
        "--mirrors",
        "m",
        "--format",
        "json",
    ]
    verdicts = {}
    for dialect in ((), ("--dialect", "postgres")):
        result = CliRunner().invoke(main, [*arguments, *dialect])
        assert result.exit_code == 0, result.output + result.stderr
        verdicts[dialect] = json.loads(result.stdout)["rows"][0]["correct"]
    assert list(verdicts.values()) == [1, 0]


def _reader(file_name, *forms, mutate=mutated):
    ids = [question.question_id for question in QUESTIONS]
    return Reader(lambda path: read_answers(path, ids), [FORMS[form].encode() for form in forms], file_name, mutate)


SQL_LINES = b"SELECT 1\nSELECT 2\tdemo\nSELECT 3\n"
READERS = {
    "predictions.jsonl": _reader("p.jsonl", "lines.jsonl", "list.jsonl"),
    "predictions.json": _reader("p.json", "list.json", "by_id.json", "bird.json", "bird_one_line.json", "lines.json"),
    "one value": _reader("p.json", "list.json", "by_id.json", "bird.json", mutate=mutated_json),
    "predictions.csv": _reader("p.csv", "commas.csv", "semicolons.csv", "bars.csv", "tabs.tsv"),
    "predictions.sql": replace(_reader("p.sql"), seeds=[SQL_LINES]),
    "predictions.gz": replace(_reader("p.jsonl.gz"), seeds=[gzip.compress(FORMS["lines.jsonl"].encode(), mtime=0)]),
}


@pytest.mark.parametrize("n", NUMBERS)
@pytest.mark.parametrize("name", READERS)
def test_mutated_predictions_are_read_or_refused(tmp_path, name, n):
    check(READERS[name], name, tmp_path, n)
