"""Results that the version before has written: listed, tabled, compared and skipped, and marked as older.

`fixtures/results-0.1` holds one run folder of each kind as schema version 1 wrote it: a retriever's, a fusion's, a
reranker's, one with generated text, predictions with their executions and the verdicts of three comparators, and golds.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

import retrieval_bench.cli.main
import sql_bench.cli.main
from sql_bench.generators.replay import ReplayGenerator

OLDER = Path(__file__).parent / "fixtures" / "results-0.1"
MAINS = {"retrieval": retrieval_bench.cli.main.main, "sql": sql_bench.cli.main.main}
RETRIEVED = ["bm25", "rrf(bm25-qs, dense)", "bm25 > bi-encoder,depth=20", "lamer > bm25-qs"]
WITHOUT_ENCODER = ["bm25", "lamer > bm25-qs"]
PREDICTED = ("-d", "demo/biomed", "-g", "replay,path=careful", "-c", "answer", "-c", "exact", "-c", "biomedsql")
MARK = "written by an earlier version"


@pytest.fixture
def results(tmp_path):
    return Path(shutil.copytree(OLDER, tmp_path / "results"))


@pytest.fixture(scope="module")
def mirrors(tmp_path_factory):
    return tmp_path_factory.mktemp("mirrors")


def invoke(half, *arguments):
    result = CliRunner().invoke(MAINS[half], [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output + result.stderr
    return result


def content(results):
    return {
        path.relative_to(results): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in results.rglob("*")
        if path.is_file() and path.suffix != ".lock"
    }


def retrieved(*verb, texts=RETRIEVED):
    return [*verb, "-d", "demo/evidence", *(part for text in texts for part in ("-r", text)), "--format", "json"]


def test_they_are_listed_as_older(results):
    for half, n in (("retrieval", 4), ("sql", 2)):
        rows = json.loads(invoke(half, "runs", "list", "--results", results, "--format", "json").stdout)["rows"]
        assert [row["age"] for row in rows] == ["older version"] * n, rows


@pytest.mark.parametrize(("half", "n"), [("retrieval", 4), ("sql", 3)])
def test_they_are_tabled_as_older(results, half, n):
    table = json.loads(invoke(half, "table", "--results", results, "--format", "json").stdout)
    assert len(table["rows"]) == n
    assert any(f"{n} rows were {MARK}" in note for note in table["notes"])
    assert content(results) == content(OLDER)


def test_retrieval_runs_are_skipped(results, tmp_path):
    order = retrieved("run", texts=WITHOUT_ENCODER)
    ran = invoke("retrieval", *order, "--results", results, "--indexes", tmp_path / "i", "-v")
    assert ran.stderr.count("the run is there already, skipped") == len(WITHOUT_ENCODER)
    assert "0 made, 2 already there" in ran.stderr
    assert any(MARK in note for note in json.loads(ran.stdout)["notes"])
    assert content(results) == content(OLDER) and not (tmp_path / "i").exists()
    order = retrieved("compare", texts=WITHOUT_ENCODER[1:])
    compared = invoke("retrieval", *order, "-b", "bm25", "--results", results, "--indexes", tmp_path)
    assert {row["system"] for row in json.loads(compared.stdout)["rows"]} >= set(WITHOUT_ENCODER[1:])
    assert content(results) == content(OLDER)


@pytest.mark.slow
def test_runs_of_encoders_are_made_again_beside_theirs(results, tmp_path):
    """An encoder's identity holds the versions of what makes its tokens, which that version did not record there."""
    order = retrieved("run", texts=["bm25 > bi-encoder,depth=20"])
    ran = invoke("retrieval", *order, "--results", results, "--indexes", tmp_path / "i", "-v")
    assert "made again, since" in ran.stderr and "1 made, 0 already there" in ran.stderr
    now = content(results)
    assert {path: sha256 for path, sha256 in now.items() if path in content(OLDER)} == content(OLDER)


@pytest.fixture
def first_extraction(monkeypatch):
    """The identity of replies as the first rules of extraction had it: without a version of the rules."""
    described = ReplayGenerator.describe
    monkeypatch.setattr(
        ReplayGenerator, "describe", lambda self: {k: v for k, v in described(self).items() if k != "extraction"}
    )


@pytest.mark.slow
@pytest.mark.usefixtures("first_extraction")
def test_predictions_are_skipped_and_executions_by_other_rules_made_again(results, mirrors):
    """Other rules of translation make another engine, whose executions and verdicts have folders of their own."""
    where = ("--results", results, "--mirrors", mirrors, "--format", "json")
    ran = invoke("sql", "run", *PREDICTED, *where, "-v")
    assert "predictions are there already" in ran.stderr
    for what in ("gold SQL of demo/biomed", "SQL of replay--559dbeba"):
        assert f"{what}: executed already" not in ran.stderr
        assert "rules_sha256" in next(line for line in ran.stderr.splitlines() if line.startswith(what)), ran.stderr
    now = content(results)
    assert {path: sha256 for path, sha256 in now.items() if path in content(OLDER)} == content(OLDER)
    again = invoke("sql", "run", *PREDICTED, *where, "-v")
    assert again.stderr.count("compared already by") == 3 and "0 made, 1 already there" in again.stderr
    both = ("-d", "demo/biomed", "-g", "replay,path=careful", "-b", "gold")
    rows = json.loads(invoke("sql", "compare", *both, *where).stdout)["rows"]
    assert len(rows) >= 1


def test_texts_of_the_version_before_are_read(results):
    from retrieval_bench.pipeline.generate import read_generated

    (folder,) = results.glob("retrieval/*/replay-before-*")
    texts = read_generated(folder)
    assert len(texts) == 16 and all(text.text and text.combination.lexical for text in texts.values())


@pytest.mark.slow
@pytest.mark.usefixtures("first_extraction")
def test_a_damaged_line_of_the_version_before_is_made_again(results, mirrors):
    """The manifest has the file's hash, so that no line without one is believed any more."""
    (path,) = results.glob("sql/*/replay--*/predictions.jsonl")
    path.write_text(path.read_text().replace("biobench", "biobanch", 1))
    where = ("--results", results, "--mirrors", mirrors, "--format", "json")
    ran = invoke("sql", "run", *PREDICTED, *where)
    assert "21 lines carry no hash, and no finished manifest vouches for them" in ran.stderr
    assert "biobanch" not in path.read_text()


@pytest.mark.slow
def test_replies_are_read_again_by_the_rules_of_now(results, mirrors):
    where = ("--results", results, "--mirrors", mirrors, "--format", "json")
    invoke("sql", "run", *PREDICTED, *where)
    assert len(list(results.glob("sql/*/replay--*/predictions.jsonl"))) == 2
    assert {path: sha256 for path, sha256 in content(results).items() if path in content(OLDER)} == content(OLDER)
