"""What is stored is believed only while it is whole and made from what is asked; what engines say is one short line."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from click.testing import CliRunner

from sql_bench.cli.main import main
from sql_bench.types import Difference, Verdict, VerdictKind, best_verdict

sys.path.insert(0, str(Path(__file__).parent))


MIRRORS = TemporaryDirectory()
"""The embedded mirror is imported once for this module."""


def invoke(*arguments, code=0):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output + result.stderr
    assert "Traceback" not in result.stderr
    return result


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "set"
    (folder / "tables").mkdir(parents=True)
    (folder / "tables/t.csv").write_text("UUID,g\nT_1,x\nT_2,x\nT_3,y\n")
    (folder / "questions.jsonl").write_text(
        '{"question_id": "a", "question": "Which?", "gold_sql": "SELECT UUID, g FROM t"}\n'
        '{"question_id": "b", "question": "First two?", "gold_sql": "SELECT g FROM t"}\n'
    )
    (tmp_path / "p.jsonl").write_text(
        '{"question_id": "a", "sql": "SELECT g FROM t"}\n{"question_id": "b", "sql": "SELECT g FROM t"}\n'
    )
    return tmp_path


def score(*options, code=0):
    arguments = ("-d", "dir:set,dialect=duckdb", "--predictions", "p.jsonl", "--mirrors", "mirrors", "--format", "json")
    return invoke("score", *arguments, *options, code=code)


def correct(result):
    return json.loads(result.stdout)["rows"][0]["ex_percent"]


@pytest.mark.slow
def test_rules_that_change_are_compared_by(here):
    assert correct(score()) == 50
    (here / "set/dataset.yaml").write_text("identifiers: {columns: [UUID]}\n")
    assert correct(score()) == correct(score("--results", "fresh"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text.splitlines(keepends=True)[0],
        lambda text: text.replace('"kind":"wrong"', '"kind":"correct"'),
        lambda text: text[:-20],
        lambda text: "",
    ],
)
def test_verdicts_that_are_not_as_they_were_written_are_made_again(here, damage):
    before = score().stdout
    (verdicts,) = here.glob("results/sql/*/*/*/verdicts.answer.jsonl")
    verdicts.write_text(damage(verdicts.read_text()))
    assert score().stdout == before


@pytest.mark.slow
@pytest.mark.parametrize("damage", [lambda text: text[:50], lambda text: text.replace('"mean": 0.', '"mean": 1.')])
def test_a_damaged_scores_file_is_made_again(here, damage):
    before = score().stdout
    (scores,) = here.glob("results/sql/*/*/*/scores.answer.json")
    whole = scores.read_text()
    scores.write_text(damage(whole))
    assert scores.read_text() != whole
    assert score().stdout == before


def test_a_stored_line_that_is_damaged_is_named_and_made_again(here):
    first = score()
    path = next(here.glob("results/sql/*/*/*/executions.jsonl"))
    whole = path.read_text()
    path.write_text('{"a":1}\n' + whole.replace('"x"', '"z"', 1))
    again = score()
    assert "executions.jsonl, line 1: this line is damaged" in again.stderr
    assert "executions.jsonl, line 2: this line is damaged" in again.stderr
    assert again.stdout == first.stdout
    assert '"z"' not in path.read_text() and "damaged" not in score().stderr


def questions(folder, value):
    """A dataset whose one table holds a value."""
    (folder / "tables").mkdir(parents=True)
    (folder / "tables/t.csv").write_text(f"g\n{value}\n")
    (folder / "questions.jsonl").write_text(
        '{"question_id": "a", "question": "Which?", "gold_sql": "SELECT g FROM t"}\n'
    )
    return f"dir:{folder.relative_to(Path.cwd())}"


@pytest.mark.slow
def test_mirrors_are_named_by_what_they_are_made_from(here):
    first, second = questions(here / "a/q", "x"), questions(here / "b/q", "y")
    for dataset, value in ((first, "x"), (second, "y"), (first, "x")):
        result = invoke("query", "-d", dataset, "SELECT g FROM t", "--mirrors", "m", "--format", "json")
        assert json.loads(result.stdout)["rows"] == [{"g": value}]
    assert len(list((here / "m").glob("dir-q--*.duckdb"))) == 2
    (here / "a/q/tables/t.csv").write_text("g\nz\n")
    result = invoke("query", "-d", first, "SELECT g FROM t", "--mirrors", "m", "--format", "json")
    assert json.loads(result.stdout)["rows"] == [{"g": "z"}]


@pytest.mark.slow
def test_a_damaged_mirror_of_the_datasets_own_is_named_and_imported_again(here):
    before = score().stdout
    (mirror,) = here.glob("mirrors/*.duckdb")
    content = bytearray(mirror.read_bytes())
    content[len(content) // 2 :] = bytes(len(content) - len(content) // 2)
    mirror.write_bytes(content)
    failed = score("--results", "other", code=1)
    assert "the database file is damaged" in failed.stderr
    assert "the next run imports its tables again" in failed.stderr
    assert not list(here.glob("other/sql/*/*/*/scores.*")) and "backend_error" not in failed.stdout
    assert score("--results", "other").stdout == before


@pytest.mark.parametrize("change", [lambda content: content[:-1], lambda content: content + b"0"])
@pytest.mark.slow
def test_a_mirror_of_another_size_is_imported_again_at_once(here, change):
    before = score().stdout
    (mirror,) = here.glob("mirrors/*.duckdb")
    mirror.write_bytes(change(mirror.read_bytes()))
    again = score("--results", "other")
    assert again.stdout == before and "when it was imported; import the tables again. That is done now." in again.stderr


def query(sql, *options, code=0):
    arguments = ("-d", "demo/biomed", "--mirrors", MIRRORS.name, "--format", "json")
    return invoke("query", sql, *arguments, *options, code=code)


@pytest.mark.slow
def test_a_name_in_group_by_is_the_select_lists(here):
    grouped = "SELECT SUBSTR(drugName, 1, 1) AS {0}, COUNT(*) AS n FROM demo.DrugTargets_UsesAndDosages GROUP BY {0}"
    ours, other = (json.loads(query(grouped.format(name)).stdout)["rows"] for name in ("drugName", "initial"))
    assert sorted(tuple(row.values()) for row in ours) == sorted(tuple(row.values()) for row in other)
    assert len({row["drugName"] for row in ours}) == len(ours)


@pytest.mark.slow
def test_a_number_with_an_exponent_is_not_read_with_what_follows(here):
    assert "put spaces" in query("SELECT 1e3+1e3", code=2).stderr
    assert list(json.loads(query("SELECT 1e3 + 1e3 AS x").stdout)["rows"][0].values()) in (["2000.0"], [2000.0])


def test_columns_of_one_name_are_all_shown(here):
    rows = json.loads(query("SELECT 1 AS a, 2 AS a, 3 AS b", "--dialect", "duckdb").stdout)["rows"]
    assert rows == [{"a": 1, "a_2": 2, "b": 3}]


@pytest.mark.parametrize("sql", ["SELECT ERROR(REPEAT('a', 2000000)) AS a", "SELECT CAST('x\\ny' AS FLOAT64)"])
def test_what_the_engine_says_is_one_short_line(here, sql):
    told = query(sql, code=2).stderr.splitlines()[-1]
    assert told.startswith("Error: invalid_sql: ") and len(told) < 800


def test_of_several_golds_the_nearest_counts():
    far = Verdict(VerdictKind.WRONG, Difference.ROWS, "", {"rows": 0, "set": 0})
    near = Verdict(VerdictKind.WRONG, Difference.DUPLICATES_ONLY, "", {"rows": 0, "set": 1})
    assert best_verdict([far, near]) is near
    right = Verdict(VerdictKind.CORRECT)
    assert best_verdict([near, right]) is right


def test_an_empty_statement_is_no_sql(here):
    (here / "p.jsonl").write_text('{"question_id": "a", "sql": "  "}\n{"question_id": "b", "sql": ""}\n')
    (row,) = json.loads(score().stdout)["rows"]
    assert (row["no_sql"], row["invalid_sql"]) == (2, 0)


def test_a_system_is_not_compared_with_itself(here):
    told = invoke("compare", "-d", "demo/biomed", "-b", "gold", "-g", "gold", code=2).stderr
    assert "compared with itself" in told
