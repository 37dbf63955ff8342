"""Listwise reranking over a real HTTP chat server: windows, repair, failures, and what is asked again."""

import json
import re
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[1]))
from chat_server import ChatServer, choice

from bench_core.errors import UserError
from bench_core.llm.endpoint import OpenAIEndpoint
from bench_core.machine.http import JsonEndpoint
from retrieval_bench.cli.main import main
from retrieval_bench.rerankers.base import create_reranker
from retrieval_bench.rerankers.listwise import Listwise, permutation
from retrieval_bench.testing import RerankerContract
from retrieval_bench.types import Candidates, Document, Query


@pytest.mark.parametrize(
    ("text", "order", "whole"),
    [
        ("[2] > [1] > [3]", [1, 0, 2], True),
        ("2, 2, 1", [1, 0, 2], False),
        ("[9] > [3] > [0] > [3]", [2, 0, 1], False),
        ("I cannot rank these.", [0, 1, 2], False),
        ("[3]", [2, 0, 1], False),
        ("", [0, 1, 2], False),
        ("99999999999999999999 [2]", [1, 0, 2], False),
        ("The 3 most relevant of the passages: [2] > [1] > [3]", [1, 0, 2], True),
        ("[1] to [3], best first: [3] > [2] > [1]", [2, 1, 0], True),
        ("[3] > [2] > [1]\n\nBoth [1] and [2], [3] are about gout.", [2, 1, 0], True),
        ("[3], [1],\n[2]", [2, 0, 1], True),
        ("1. [2]\n2. [3]\n3. [1]", [1, 2, 0], True),
    ],
)
def test_an_answer_is_repaired(text, order, whole):
    assert permutation(text, 3) == (order, whole)


@given(st.text(alphabet="0123456789[]> ,\n"), st.integers(0, 30))
def test_whatever_is_said_every_passage_keeps_a_place(text, n):
    assert sorted(permutation(text, n)[0]) == list(range(n))


def by_number_in_text(number, body, handler):
    """The passage with the greatest number in its text first."""
    passages = re.findall(r"^\[(\d+)\] number (\d+)", body["messages"][0]["content"], re.MULTILINE)
    return choice(" > ".join(f"[{place}]" for place, _ in sorted(passages, key=lambda item: -int(item[1]))))


def candidates(n, query_id="q"):
    return Candidates(Query(query_id, "which?"), [Document(f"d{i}", f"number {i}") for i in range(n)])


def listwise(server, **arguments):
    return Listwise(**arguments, client=OpenAIEndpoint(JsonEndpoint(server.base_url), "m"), n_at_once=2)


def test_the_window_slides_up_and_the_best_reach_the_top():
    with ChatServer(by_number_in_text) as server:
        (scores,) = listwise(server, window=4, step=2).rerank([candidates(9)])
        shown = [re.findall(r"^\[\d+\] number (\d+)", r["messages"][0]["content"], re.M) for r in server.requests]
    assert shown[0] == ["5", "6", "7", "8"]
    assert [len(window) for window in shown] == [4, 4, 4, 3]
    order = sorted(range(9), key=lambda i: -scores[i])
    assert order[:2] == [8, 7]
    assert sorted(scores) == [float(i) for i in range(1, 10)]


def test_one_window_is_one_request():
    with ChatServer(by_number_in_text) as server:
        scores = listwise(server).rerank([candidates(20), candidates(1), candidates(0)])
        assert len(server.requests) == 1
    assert scores == [[float(i + 1) for i in range(20)], [1.0], []]


class TestContract(RerankerContract):
    @pytest.fixture(autouse=True)
    def server(self):
        with ChatServer(lambda *_: choice("[2] > [1]")) as self.running:
            yield

    def create(self):
        return listwise(self.running)


def run(here, server, *arguments):
    system = f"bm25 > listwise,llm={server.base_url}#m,window=10,step=5,depth=15"
    result = CliRunner().invoke(
        main, ["run", "-d", "demo/evidence", "-r", system, "--cache", "cache", "--format", "json", *arguments]
    )
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout), result.stderr


@pytest.mark.slow
def test_a_run_says_what_was_repaired_and_asks_again_for_what_failed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    failing = {"on": True}

    def behave(number, body, handler):
        if failing["on"] and number == 5:
            return choice("", "content_filter")
        return choice("[3] > [1]")

    with ChatServer(behave) as server:
        first, _ = run(tmp_path, server)
        assert any("1 queries got no answer" in note for note in first["notes"])
        assert any("were no full order; repaired" in note for note in first["notes"])
        n_first = len(server.requests)
        failing["on"] = False
        second, _ = run(tmp_path, server)
        assert not any("no answer" in note for note in second["notes"])
        assert n_first < len(server.requests) <= n_first + 2
        n_second = len(server.requests)
        third, told = run(tmp_path, server)
        assert third == second and len(server.requests) == n_second and "0 made, 1 already there" in told


@pytest.mark.parametrize("form", ["rich", "csv"])
def test_where_no_query_gets_an_answer_the_run_fails(tmp_path, monkeypatch, form):
    monkeypatch.chdir(tmp_path)
    with ChatServer(lambda *_: choice("", "content_filter")) as server:
        system = f"bm25 > listwise,llm={server.base_url}#m,depth=5"
        arguments = ["run", "-d", "demo/evidence", "-r", system, "--cache", "cache", "--format", form]
        result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 1 and result.stdout == ""
    assert "nothing was reranked. listwise: 16 queries got no answer for a window (16 refused)" in result.stderr


def test_what_is_noted_stands_beside_csv(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with ChatServer(lambda number, *_: choice("", "content_filter") if number == 3 else choice("[1]")) as server:
        system = f"bm25 > listwise,llm={server.base_url}#m,depth=5"
        arguments = ["run", "-d", "demo/evidence", "-r", system, "--cache", "cache", "--format", "csv"]
        result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0 and "no answer" not in result.stdout
    assert "1 queries got no answer for a window (1 refused)" in result.stderr


def test_it_needs_a_model_and_windows_that_fit(tmp_path):
    from bench_core.plugins.registry import StageSpec

    with pytest.raises(UserError, match="needs a language model"):
        create_reranker(StageSpec.parse("listwise"))
    with pytest.raises(UserError, match="window=3, step=5"):
        create_reranker(StageSpec.parse("listwise,llm=http://127.0.0.1:9/v1#m,window=3,step=5"))
    (tmp_path / "p.txt").write_text("{query}")
    with pytest.raises(UserError, match=r"\{passages\}"):
        create_reranker(StageSpec.parse(f"listwise,llm=http://127.0.0.1:9/v1#m,prompt={tmp_path / 'p.txt'}"))
