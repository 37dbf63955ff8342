"""Whatever `list` and a table name, `show` explains; run folders with executions below them."""

import json

import pytest
from click.testing import CliRunner

from sql_bench.cli.main import main

CLASSES = '''
from sql_bench.generators.base import SqlGeneratorBase


class Asks(SqlGeneratorBase):
    """Asks nothing."""

    def complete(self, question, database):
        return "SELECT 1"


class Agrees:
    """Agrees with everything."""

    def describe(self): ...

    def compare(self, gold, predicted, question): ...
'''


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(CLASSES)
    return tmp_path


def invoke(*arguments, code=0):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output + result.stderr
    return result


def rows(*arguments):
    return json.loads(invoke(*arguments, "--format", "json").stdout)["rows"]


def facts(name):
    return {row["what"]: row["value"] for row in rows("show", name)}


@pytest.mark.slow
def test_every_name_that_is_listed_is_shown(here):
    listed = rows("list")
    assert {row["kind"] for row in listed} >= {"dataset", "generator", "comparator"}
    for row in listed:
        assert facts(row["name"])["what"], row["name"]


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("dialect:postgres", "verified on", "PostgreSQL 15.18"),
        ("dialect:mysql", "verified on", "no engine"),
        (
            "dialect:trino",
            "what",
            "trino has no list of functions: what sqlglot translates runs, and nothing is verified.",
        ),
        ("sqlite", "kind", "dialect"),
        ("answer", "argument relative_tolerance", "1e-06"),
        ("answer,text_case=ignore", "description.text_case", "ignore"),
        ("replay", "argument path", "a text"),
        ("dir:PATH", "argument dialect", ""),
        ("demo/biomed", "dialect", "bigquery"),
        ("EX", "what", "Execution accuracy"),
        ("correct abstention", "kind", "verdict"),
        ("comparator answer", "kind", "comparator"),
        ("mine.py:Asks", "kind", "generator"),
        ("mine.py:Agrees", "kind", "comparator"),
    ],
)
def test_show_explains(here, name, key, value):
    assert value in str(facts(name)[key])


@pytest.mark.slow
def test_every_verdict_and_figure_has_a_meaning(here):
    from sql_bench.reports.glossary import MEASURES, VERDICTS
    from sql_bench.types import VerdictKind

    assert set(VERDICTS) == set(VerdictKind)
    invoke("run", "-d", "demo/biomed", "-g", "replay,path=hasty", "-c", "answer", "-c", "biomedsql", "--mirrors", "m")
    scores = [json.loads(path.read_text()) for path in here.glob("results/sql/*/*/*/scores.*.json")]
    assert {name for found in scores for name in found["figures"]} == set(MEASURES)


@pytest.mark.slow
def test_runs_with_their_executions(here):
    invoke("run", "-d", "demo/biomed", "-g", "gold", "-g", "replay,path=hasty", "--mirrors", "mirrors")
    listed = {row["system"]: row for row in rows("runs", "list")}
    assert {"gold", "replay,path=hasty"} <= set(listed)
    assert {row["dataset"] for row in listed.values()} == {"demo/biomed"}, "gold executions too"
    fields = {row["field"] for row in rows("runs", "diff", "gold", "replay,path=hasty")}
    assert {"system.class", "system.file_sha256"} <= fields
    below = next((here / "results/sql/demo-biomed").glob("gold--*/duckdb--*/manifest.json"))
    below.write_text("{")
    row = next(row for row in rows("runs", "list") if row["system"] == "gold")
    assert row["status"] == "damaged" and "manifest.json cannot be read" in row["problem"]
    assert invoke("runs", "list").stdout.count("cannot be read") == 2, "in the column, and below the table"


@pytest.mark.slow
def test_executions_say_why_they_are_made_again(here):
    run = ("run", "-d", "demo/biomed", "-g", "gold", "--mirrors", "mirrors")
    assert "made again" not in invoke(*run).stderr
    told = [line for line in invoke(*run, "--timeout", "33").stderr.splitlines() if "made again" in line]
    assert len(told) == 2 and all("limits.timeout_s (" in line and "now 33.0)" in line for line in told)
    assert "made again" not in invoke(*run).stderr
