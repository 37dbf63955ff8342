"""Systems by name: what a line of text stands for, how identities nest, and that parts are shared."""

import json

import pytest
from click.testing import CliRunner

from bench_core.errors import UserError
from retrieval_bench.cli.main import main
from retrieval_bench.pipeline.system import FirstStage, Fused, Reranked, create_system, system_texts

RERANKER = """
from retrieval_bench.rerankers.base import RerankerBase

class Shortest(RerankerBase):
    def __init__(self, sign: int = 1):
        self.sign = sign
    def rerank(self, batch):
        with open("asked.txt", "a") as file:
            file.writelines(f"{c.query.query_id} {len(c.documents)}\\n" for c in batch)
        return [[-self.sign * float(len(document.text)) for document in c.documents] for c in batch]
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shortest.py").write_text(RERANKER)
    return tmp_path


def invoke(*arguments, code=0):
    result = CliRunner().invoke(main, [*arguments])
    assert result.exit_code == code, result.output
    return result


def test_a_line_is_a_chain(here):
    system = create_system(
        "rrf(bm25-qs, bm25,k1=1.2 > shortest.py:Shortest,depth=5),k=30 > shortest.py:Shortest,keep=all"
    )
    assert isinstance(system, Reranked) and (system.depth, system.keep) == (100, "all")
    fused = system.over
    assert isinstance(fused, Fused) and fused.fusion.describe()["parameters"]["k"] == 30
    first, second = fused.of
    assert isinstance(first, FirstStage) and first.label == "bm25-qs"
    assert isinstance(second, Reranked) and second.depth == 5 and second.over.retriever.k1 == 1.2
    described = system.describe()
    assert set(described) == {"rerank", "over"} and set(described["over"]) == {"fuse", "of"}
    assert described["over"]["of"][1]["over"]["search"]["k1"] == 1.2
    json.dumps(described)
    assert create_system(system.label).describe() == described


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("bm25 > ", "reranker"),
        ("", "missing"),
        ("rrf(bm25)", "fewer than two"),
        ("rrf(bm25, dense", "parenthesis"),
        ("rff(bm25, bm25-qs)", "did you mean rrf"),
        ("bm25 > cross-encodr", "did you mean cross-encoder"),
        ("bm25 > monot5,depth=0", "depth=0"),
        ("bm25 > monot5,keep=some", "keep=some"),
        ("bm52", "did you mean bm25"),
        ("rrf(bm25, bm25-qs),kk=3", "kk"),
    ],
)
def test_a_line_that_is_none_is_told(text, message):
    with pytest.raises(UserError, match=message):
        create_system(text)


def test_options_of_the_command_line_are_lines():
    assert system_texts(["bm25"], ["a", "b,c=1"], "rrf,k=3", ["m"], 10, "all") == [
        "bm25",
        "rrf(a, b,c=1),k=3",
        "bm25 > m,depth=10,keep=all",
        "rrf(a, b,c=1),k=3 > m,depth=10,keep=all",
    ]
    with pytest.raises(UserError, match="twice"):
        system_texts([], ["a"])
    with pytest.raises(UserError, match="--rerank"):
        system_texts(["bm25"], depth=3)


def test_parts_are_searched_once_and_a_second_run_redoes_nothing(here):
    arguments = [
        "run",
        "-v",
        "-d",
        "demo/evidence",
        "-r",
        "bm25",
        "--fuse",
        "bm25",
        "--fuse",
        "bm25-qs",
        "--rerank",
        "shortest.py:Shortest",
        "--depth",
        "5",
        "--format",
        "json",
    ]
    first = invoke(*arguments)
    rows = json.loads(first.stdout)["rows"]
    assert [row["system"] for row in rows] == [
        "bm25",
        "rrf(bm25, bm25-qs)",
        "bm25 > shortest.py:Shortest,depth=5",
        "rrf(bm25, bm25-qs) > shortest.py:Shortest,depth=5",
    ]
    assert first.stderr.count("indexed 91 documents") == 1
    asked = (here / "asked.txt").read_text().splitlines()
    assert len(asked) == 2 * 16 and {line.split()[1] for line in asked} == {"5"}
    second = invoke(*arguments)
    assert second.stdout == first.stdout
    assert (here / "asked.txt").read_text().splitlines() == asked
    assert second.stderr.count("skipped") == 5  # the four, and bm25-qs, which is a part of two of them


def test_the_rest_stays_below_when_asked_for(here):
    arguments = (
        "run",
        "-d",
        "demo/evidence",
        "-r",
        "bm25",
        "--rerank",
        "shortest.py:Shortest",
        "--depth",
        "5",
        "-m",
        "recall@100",
    )
    kept, cut = (
        json.loads(invoke(*arguments, "--keep", keep, "--format", "json").stdout)["rows"]
        for keep in ("all", "reranked")
    )
    assert kept[1]["recall@100"] == kept[0]["recall@100"] > cut[1]["recall@100"]


def test_another_argument_or_line_of_a_reranker_is_another_run(here):
    one, other = (create_system(f"bm25 > shortest.py:Shortest,sign={sign}").describe() for sign in (1, -1))
    assert one != other
    assert one["rerank"]["search"]["user_source"]


def test_a_mistake_is_told_before_anything_is_read(here):
    folder = here / "no-corpus"
    folder.mkdir()
    (folder / "query.jsonl").write_text('{"id": "q1", "text": "gout"}\n')
    (folder / "qrels.jsonl").write_text('{"q_id": "q1", "p_id": "d1", "score": 1}\n')
    result = invoke("run", "-d", "dir:no-corpus", "-r", "bm25 > monot5,depht=3", code=2)
    assert "depht" in result.stderr and "corpus.jsonl" not in result.stderr
