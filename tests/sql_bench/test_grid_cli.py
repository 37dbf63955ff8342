"""`sql-bench run` over several systems and datasets, some of which cannot run."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from sql_bench.cli.main import main

BROKEN = """
from sql_bench.generators.base import SqlGeneratorBase


class Broken(SqlGeneratorBase):
    def complete(self, question, database):
        return self.of({}, question)

    def of(self, texts, question):
        return texts[question.question_id]
"""


@pytest.fixture(scope="module")
def mirrors(tmp_path_factory):
    return tmp_path_factory.mktemp("mirrors")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(BROKEN)
    tables = tmp_path / "set" / "tables"
    tables.mkdir(parents=True)
    (tables / "drugs.csv").write_text("name,year\nmetformin,1995\nallopurinol,1966\n")
    (tmp_path / "set" / "questions.jsonl").write_text(
        '{"question_id": "a", "question": "How many?", "gold_sql": "SELECT COUNT(*) FROM drugs"}\n'
    )
    return tmp_path


def invoke(*arguments, code=0):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output + result.stderr
    assert "Traceback" not in result.stderr
    return result


FOUR = ["-d", "dir:set", "-d", "demo/nowhere", "-g", "gold", "-g", "mine.py:Broken", "-g", "golf", "--mirrors", "m"]


def test_what_can_run_has_run_and_every_failure_is_one_sentence(here):
    result = invoke("run", *FOUR, "--format", "json", code=1)
    assert [(row["system"], row["correct"]) for row in json.loads(result.stdout)["rows"]] == [("gold", 1)]
    lines = result.stderr.splitlines()
    assert len(lines) == 4, lines
    misspelt, missing, broken, closing = lines
    assert misspelt.startswith("Cannot run: golf on dir:set: There is no generator 'golf' (did you mean gold?)")
    assert missing.startswith("Cannot run: gold on demo/nowhere, mine.py:Broken on demo/nowhere and golf on demo/nowhe")
    assert broken.startswith(f"Failed: mine.py:Broken on dir:set: {here / 'mine.py'}, line 10: KeyError: 'a'")
    assert closing == "1 made, 0 already there, 5 failed; they lie in results/sql."
    second = invoke("run", *FOUR, "--format", "json", code=1)
    assert second.stdout == result.stdout
    assert second.stderr == result.stderr.replace("1 made, 0 already there", "0 made, 1 already there")


def test_nothing_could_run_by_the_users_mistakes(here):
    result = invoke("run", "-d", "demo/nowhere", "-g", "gold", "-g", "golf", code=2)
    assert result.stdout == "" and result.stderr.count("\n") == 2


@pytest.mark.slow
def test_tables_that_cannot_be_read_fail_their_dataset_alone(here, mirrors):
    (here / "set" / "tables" / "drugs.csv").write_text("name,year\nmetformin\n")
    result = invoke("run", "-d", "dir:set", "-d", "demo/biomed", "-g", "gold", "-g", "replay,path=careful",
                    "-c", "exact", "--mirrors", mirrors, "--format", "json", code=1)  # fmt: skip
    assert {row["dataset"] for row in json.loads(result.stdout)["rows"]} == {"demo/biomed"}
    assert "Cannot run: replay,path=careful on dir:set: careful: there is no such file" in result.stderr
    assert "Failed: gold on dir:set: set/tables/drugs.csv, line 2: " in result.stderr


@pytest.mark.slow
def test_a_grid_of_several_datasets_in_a_file(here, mirrors):
    (here / "grid.yaml").write_text(
        "grids:\n"
        "- datasets: [dir:set, demo/biomed]\n  systems: {right: gold}\n"
        "- datasets: [demo/biomed]\n  systems: ['replay,path=hasty']\n"
        "comparators: [exact, answer]\n"
    )
    result = invoke("run", "-e", "grid.yaml", "--mirrors", mirrors, "--format", "json")
    rows = [(row["dataset"], row["comparator"], row["system"]) for row in json.loads(result.stdout)["rows"]]
    assert rows == [
        ("dir/set", "exact", "right"), ("dir/set", "answer", "right"),
        ("demo/biomed", "exact", "right"), ("demo/biomed", "exact", "replay,path=hasty"),
        ("demo/biomed", "answer", "right"), ("demo/biomed", "answer", "replay,path=hasty"),
    ]  # fmt: skip
    assert result.stderr.splitlines()[-1] == "3 made, 0 already there; they lie in results/sql."
    other = invoke("run", "-e", "grid.yaml", "-d", "dir:set", "-c", "exact", "--mirrors", mirrors, code=1)
    assert "replay,path=hasty on dir:set" in other.stderr, "--dataset replaces the file's own"


@pytest.mark.parametrize(
    "content",
    ["dataset: demo/biomed\n", "comparators: [exact]\n",
     "dataset: demo/biomed\nsystems: {a: gold}\ngrids: [{datasets: [demo/biomed], systems: [gold]}]\n"],
)  # fmt: skip
def test_an_experiment_file_is_written_in_one_form(here, content):
    (here / "grid.yaml").write_text(content)
    assert "either dataset and systems, or grids" in invoke("run", "-e", "grid.yaml", code=2).stderr


def test_check_runs_nothing_and_reads_the_tables(here):
    arguments = ["run", "--check", "-d", "dir:set", "-g", "gold", "--mirrors", "m"]
    assert invoke(*arguments).stderr == "Checked: 1 can run, 0 cannot; nothing was run.\n"
    assert not (here / "results").exists() and not (here / "m").exists()
    (here / "set" / "tables" / "drugs.csv").write_text("name,year\nmetformin\n")
    assert "Cannot run: gold on dir:set: set/tables/drugs.csv, line 2" in invoke(*arguments, code=2).stderr


def test_check_reads_every_row_of_a_mirror_that_is_there(here):
    invoke("run", "-d", "dir:set", "-g", "gold", "--mirrors", "m")
    import duckdb

    (mirror,) = (here / "m").glob("dir-set--*.duckdb")
    with duckdb.connect(str(mirror)) as connection:
        connection.execute("UPDATE drugs SET year = 2020 WHERE name = 'metformin'")
    named = f"m/{mirror.name}"
    arguments = ["run", "--check", "-d", "dir:set", "-g", "gold", "--mirror", named]
    assert "bytes and had" in invoke(*arguments, code=2).stderr
    description = mirror.with_suffix(".mirror.json")
    content = json.loads(description.read_text())
    content["n_bytes"] = mirror.stat().st_size
    del content["description_sha256"]  # an earlier version wrote none
    description.write_text(json.dumps(content))
    checked = invoke(*arguments, code=1).stderr
    assert checked.startswith(f"Cannot run: gold on dir:set: {named}: ") and "drugs" in checked


FAILING = """
from sql_bench.comparators.base import ComparatorBase
from sql_bench.comparators.exact import ExactComparator


class KeyErr(ComparatorBase):
    def compare(self, gold, predicted, question):
        return {}[question.question_id]


class NoCompare:
    def describe(self):
        return {"name": "NoCompare"}
"""
FOUR_COMPARATORS = ["-c", "exact", "-c", "bad.py:KeyErr", "-c", "bad.py:NoCompare", "-c", "anser", "--mirrors", "m"]


def test_a_comparator_that_fails_fails_alone(here):
    (here / "bad.py").write_text(FAILING)
    arguments = ["run", "-d", "dir:set", "-g", "gold", *FOUR_COMPARATORS, "--format", "json"]
    result = invoke(*arguments, code=1)
    assert [(row["comparator"], row["correct"]) for row in json.loads(result.stdout)["rows"]] == [("exact", 1)]
    without, misspelt, failed, closing = result.stderr.splitlines()
    assert without.startswith("Cannot run: bad.py:NoCompare: ") and "compare" in without
    assert misspelt.startswith("Cannot run: anser: There is no comparator 'anser' (did you mean answer?)")
    assert failed.startswith(f"Failed: gold on dir/set by bad.py:KeyErr: {here / 'bad.py'}, line 8: KeyError: 'a'")
    assert closing == "1 made, 0 already there, 3 failed; they lie in results/sql."
    checked = invoke("run", "--check", *arguments[1:], code=1).stderr
    assert checked.splitlines()[-1] == "Checked: 1 can run, 2 cannot; nothing was run."


def test_an_answer_file_is_scored_by_the_comparators_that_do_not_fail(here):
    (here / "bad.py").write_text(FAILING)
    (here / "mine.jsonl").write_text('{"question_id": "a", "sql": "SELECT 2"}\n')
    result = invoke("score", "-d", "dir:set", "--predictions", "mine.jsonl", *FOUR_COMPARATORS, "--format", "json",
                    code=1)  # fmt: skip
    assert [(row["comparator"], row["correct"]) for row in json.loads(result.stdout)["rows"]] == [("exact", 1)]
    assert [line.split(": ")[0] for line in result.stderr.splitlines()] == ["Cannot run", "Cannot run", "Failed"]


def test_the_only_comparator_fails_as_the_command_does(here):
    (here / "bad.py").write_text(FAILING)
    places = ["-d", "dir:set", "--mirrors", "m"]
    assert "did you mean answer?" in invoke("run", *places, "-g", "gold", "-c", "anser", code=2).stderr
    failed = invoke("run", *places, "-g", "gold", "-c", "bad.py:KeyErr", code=1)
    assert failed.stdout == "" and failed.stderr.startswith("Failed: gold on dir/set by bad.py:KeyErr: ")
    compared = invoke("compare", *places, "-g", "gold", "-g", "mine.py:Broken", "-c", "anser", code=2)
    assert compared.stdout == "" and "did you mean answer?" in compared.stderr
