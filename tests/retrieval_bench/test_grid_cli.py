"""`retrieval-bench run` over several systems, some of which cannot run."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from retrieval_bench.cli.main import main

BROKEN = """
from retrieval_bench.retrievers.base import RetrieverBase


class Broken(RetrieverBase):
    def index(self, corpus, index_dir):
        self.words = {}

    def search(self, queries, k):
        for query in queries:
            yield self.found(query)

    def found(self, query):
        return self.words[query.query_id]
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(BROKEN)
    return tmp_path


def invoke(*arguments, code=0):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output + result.stderr
    assert "Traceback" not in result.stderr
    return result


FOUR = ["-d", "demo/ehr", "-d", "demo/nowhere", "-r", "bm25", "-r", "mine.py:Broken", "-r", "bm52"]


def test_what_can_run_has_run_and_every_failure_is_one_sentence(here):
    result = invoke("run", *FOUR, "--format", "json", code=1)
    assert [row["system"] for row in json.loads(result.stdout)["rows"]] == ["bm25"]
    lines = result.stderr.splitlines()
    assert len(lines) == 4, lines
    misspelt, missing, broken, closing = lines
    assert misspelt.startswith("Cannot run: bm52 on demo/ehr: There is no retriever 'bm52' (did you mean bm25")
    assert missing.startswith("Cannot run: bm25 on demo/nowhere, mine.py:Broken on demo/nowhere and bm52 on demo/nowhe")
    assert "There is no demo set 'nowhere'" in missing
    place = f"mine.py:Broken on demo/ehr: {here / 'mine.py'}, line 14: KeyError: "
    assert broken.startswith(f"Failed: {place}")
    assert closing == "1 made, 0 already there, 5 failed; they lie in results/retrieval."


def test_the_same_again_makes_nothing_and_fails_alike(here):
    first = invoke("run", *FOUR, "--format", "json", code=1)
    second = invoke("run", *FOUR, "--format", "json", code=1)
    assert second.stdout == first.stdout
    assert second.stderr == first.stderr.replace("1 made, 0 already there", "0 made, 1 already there")


def test_nothing_could_run_by_the_users_mistakes(here):
    result = invoke("run", "-d", "demo/nowhere", "-d", "demo/ehr", "-r", "bm52", code=2)
    assert result.stdout == "" and result.stderr.splitlines()[-1].startswith("0 made, 0 already there, 2 failed;")
    assert not (here / "results").exists()


def test_a_single_cell_fails_as_a_command_does(here):
    assert invoke("run", "-d", "demo/nowhere", "-r", "bm25", code=2).stderr.startswith("Error: There is no demo set")
    broken = invoke("run", "-d", "demo/ehr", "-r", "mine.py:Broken", code=1).stderr
    assert broken.startswith(f"Error: {here / 'mine.py'}, line 14: KeyError: ") and broken.count("\n") == 1


def test_wholes_of_a_broken_part_are_listed_with_it_and_not_begun(here):
    systems = ["-r", "rrf(bm25, mine.py:Broken)", "-r", "rrf(bm25-qs, mine.py:Broken)", "-r", "rrf(bm25, bm25-qs)"]
    result = invoke("run", "-d", "demo/ehr", *systems, "--format", "json", code=1)
    assert [row["system"] for row in json.loads(result.stdout)["rows"]] == ["rrf(bm25, bm25-qs)"]
    failed, closing = result.stderr.splitlines()
    assert "mine.py:Broken on demo/ehr: " in failed and failed.count("KeyError") == 1 and "2 failed" in closing


def test_a_run_says_one_line_and_more_if_asked(here):
    arguments = ["run", "-d", "demo/ehr", "-r", "bm25", "-r", "bm25-qs"]
    assert invoke(*arguments).stderr.splitlines()[-1] == "2 made, 0 already there; they lie in results/retrieval."
    second = invoke(*arguments)
    assert second.stderr.splitlines()[-1] == "0 made, 2 already there; they lie in results/retrieval."
    assert "skipped" not in second.stderr
    assert invoke(*arguments, "-v").stderr.count("skipped") == 2


def test_check_runs_nothing_and_reads_the_corpora(here):
    good = here / "good"
    good.mkdir()
    (good / "corpus.jsonl").write_text('{"id": "d1", "text": "gout"}\n')
    (good / "query.jsonl").write_text('{"id": "q1", "text": "gout"}\n')
    (good / "qrels.jsonl").write_text('{"q_id": "q1", "p_id": "d1", "score": 1}\n')
    checked = invoke("run", "--check", "-d", "dir:good", "-r", "bm25", "-r", "bm25-qs")
    assert checked.stderr == "Checked: 2 can run, 0 cannot; nothing was run.\n" and checked.stdout == ""
    (good / "corpus.jsonl").write_text('{"id": "d1", "text": 3, "x')
    without_corpus = invoke("run", "-d", "dir:good", "-d", "demo/ehr", "-r", "bm25", "--format", "json", code=1)
    assert len(json.loads(without_corpus.stdout)["rows"]) == 1
    checked = invoke("run", "--check", "-d", "dir:good", "-d", "demo/ehr", "-r", "bm25", code=1)
    assert "Cannot run: bm25 on dir:good: good/corpus.jsonl, line 1" in checked.stderr
    assert invoke("run", "--check", "-d", "dir:good", "-r", "bm25", code=2).stderr.count("\n") == 2


def test_unreadable_judgments_are_seen_before_the_first_cell(here):
    bad = here / "bad"
    bad.mkdir()
    (bad / "corpus.jsonl").write_text('{"id": "d1", "text": "gout"}\n')
    (bad / "query.jsonl").write_text('{"id": "q1", "text": "gout"}\n')
    (bad / "qrels.jsonl").write_text('{"q_id": "q9", "p_id": "d1", "score": 1}\n')
    result = invoke("run", "-d", "demo/ehr", "-d", "dir:bad", "-r", "bm25", code=1)
    assert result.stderr.splitlines()[0].startswith("Cannot run: bm25 on dir:bad: bad")


@pytest.mark.parametrize(
    ("value", "message"),
    [("rya", "did you mean ray?"), ("local:x", "There is no executor"), ("ray:", "There is no executor")],
)
def test_a_wrong_executor_is_a_mistake(here, value, message):
    assert message in invoke("run", "-d", "demo/ehr", "-r", "bm25", "--executor", value, code=2).stderr


def test_a_full_disk_is_seen_before_the_first_cell(here, monkeypatch):
    import bench_core.machine.disk as disk

    monkeypatch.setattr(disk, "LEAST_FREE_BYTES", 10**18)
    monkeypatch.setattr(disk.check_room, "__defaults__", (10**18,))
    result = invoke("run", "-d", "demo/ehr", "-r", "bm25", code=2)
    assert "are free on its disk" in result.stderr and result.stderr.count("\n") == 1


@pytest.mark.slow
def test_a_run_says_why_it_makes_what_exists_under_another_identity(here):
    source = BROKEN.replace(
        "return self.words[query.query_id]",
        "from retrieval_bench.types import RankedList\n        return RankedList(query.query_id, {})",
    )
    (here / "mine.py").write_text(source)
    command = ["run", "-d", "demo/ehr", "-r", "mine.py:Broken"]
    invoke(*command)
    (here / "mine.py").write_text(source + "# changed\n")
    result = subprocess.run(  # another process: this one has imported the file
        [sys.executable, "-c", "from retrieval_bench.cli.main import main; main()", *command],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    first = result.stderr.splitlines()[0]
    assert first.startswith("mine.py:Broken on demo/ehr: made again, since ") and "user_source" in first
    assert "made again" not in invoke("run", "-d", "demo/ehr", "-r", "bm25", "-r", "bm25,k1=1.5").stderr


def test_a_key_that_is_not_set_is_seen_before_the_first_cell(here, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    systems = ["-r", "bm25", "-r", "hyde,llm=openai:gpt-4o > bm25", "--cache", here / "answers"]
    result = invoke("run", "-d", "demo/ehr", *systems, "--format", "json", code=1)
    assert [row["system"] for row in json.loads(result.stdout)["rows"]] == ["bm25"]
    assert result.stderr.startswith("Cannot run: hyde,llm=openai:gpt-4o > bm25 on demo/ehr: openai:gpt-4o needs a key")
    monkeypatch.setenv("OPENAI_API_KEY", "x")
    assert "2 can run" in invoke("run", "--check", "-d", "demo/ehr", *systems).stderr
