"""Whatever `list` and a table name, `show` explains; run folders are listed, compared, deleted and exported."""

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from retrieval_bench.cli.main import main

CLASSES = '''
from retrieval_bench.retrievers.base import RetrieverBase
from retrieval_bench.rerankers.base import RerankerBase


class First(RetrieverBase):
    """Ranks by nothing.

    Args:
        depth: how deep it looks.
    """

    def __init__(self, depth: int = 3):
        self.depth = depth

    def index(self, corpus, index_dir): ...

    def search(self, queries, k):
        return []


class Second(RerankerBase):
    """Orders by nothing."""

    def rerank(self, batch):
        return []


class Writer:
    """Writes nothing."""

    def describe(self): ...

    def generate(self, query): ...


class Nothing:
    """Can do nothing."""
'''


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(CLASSES)
    return tmp_path


def invoke(*arguments, code=0, **options):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments], **options)
    assert result.exit_code == code, result.output + result.stderr
    return result


def rows(*arguments):
    return json.loads(invoke(*arguments, "--format", "json").stdout)["rows"]


def facts(*arguments):
    return {row["what"]: row["value"] for row in rows("show", *arguments)}


@pytest.mark.slow
def test_every_name_that_is_listed_is_shown(here):
    listed = rows("list")
    assert {row["kind"] for row in listed} >= {"dataset", "retriever", "reranker", "query generator", "fusion", "model",
                                               "measure"}  # fmt: skip
    for row in listed:
        shown = facts(row["name"])
        assert shown.get("what") or shown.get("hub_id") or shown.get("served_as") or shown.get("summary"), row["name"]


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("rrf", "argument k", "60"),
        ("minilm", "written", "dense,model=minilm"),
        ("ndcg@7", "column head", "nDCG@7"),
        ("hyde", "argument llm", "language model"),
        ("bi-encoder", "argument depth", "100"),
        ("dir:PATH", "argument unknown_ids", "keep"),
        ("r2med/biology", "access", "public"),
        ("bm25,k1=2", "description.search.k1", "2.0"),
        ("rrf(bm25, bm25-qs) > bi-encoder", "over.fuse.method", "rrf"),
        ("mine.py:First", "argument depth", "how deep it looks"),
        ("mine.py:First", "kind", "retriever"),
        ("mine.py:Second", "kind", "reranker"),
        ("mine.py:Writer", "kind", "query generator"),
    ],
)
def test_show_explains(here, name, key, value):
    assert value in str(facts(name)[key])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bm52", "did you mean bm25?"),
        ("ndcg@0", "the cut-off must be"),
        ("demo/qua", "There is no demo set 'qua'"),
        ("mine.py:Nothing", "a retriever has search, a reranker has rerank"),
        ("mine.py:Frist", "did you mean First?"),
        ("bm25,k9=1", "no argument 'k9'"),
        ("bm25 > nothing", "There is no reranker 'nothing'"),
    ],
)
def test_what_cannot_be_shown_is_one_sentence(here, name, message):
    error = invoke("show", name, code=2).stderr
    assert message in error and error.startswith("Error: ") and error.count("\n") == 1


def test_a_class_without_a_contract_or_method_is_named(here):
    assert "has no method by which" in invoke("doctor", "mine.py:Nothing", code=2).stderr


@pytest.fixture
def two_runs(here):
    invoke("run", "-d", "demo/ehr", "-r", "bm25", "-r", "bm25-qs", "-r", "rrf(bm25, bm25-qs)")
    return here


def test_runs_from_list_to_rm(two_runs):
    listed = rows("runs", "list")
    assert [row["system"] for row in listed] == ["bm25", "bm25-qs", "rrf(bm25, bm25-qs)"]
    assert {row["status"] for row in listed} == {"complete"} and all(row["size_bytes"] > 0 for row in listed)
    for row in listed:
        for name in (row["system"], row["hash8"], row["folder"]):
            shown = {pair["what"]: pair["value"] for pair in rows("runs", "show", name)}
            assert shown["hash"] == row["hash8"] and shown["identity.dataset.dataset_id"] == "demo/ehr"
    assert facts(listed[0]["hash8"])["system"] == "bm25", "`show` knows runs too"
    (field,) = [row for row in rows("runs", "diff", "bm25", "bm25-qs") if row["field"] != "system.name"]
    assert (field["field"], field["second"]) == ("system.search.query_weights", '"bm25"')
    asked = invoke("runs", "rm", "bm25", input="n\n", code=1)
    assert "rrf-bm25-bm25-qs" in asked.stderr and "stays whole" in asked.stderr
    assert len(rows("runs", "list")) == 3
    invoke("runs", "rm", "bm25", listed[1]["hash8"], "--yes")
    assert [row["system"] for row in rows("runs", "list")] == ["rrf(bm25, bm25-qs)"]
    assert "There is no run 'bm25'" in invoke("runs", "rm", "bm25", "--yes", code=2).stderr
    invoke("run", "-d", "demo/ehr", "-r", "bm25")
    assert len(rows("runs", "list")) == 2


def test_a_table_names_what_is_damaged(two_runs):
    first = next(two_runs.glob("results/retrieval/demo-ehr/bm25--*"))
    (first / "run.trec.gz").write_bytes(b"?")
    result = invoke("table", "--format", "json")
    assert [row["system"] for row in json.loads(result.stdout)["rows"]] == ["bm25-qs", "rrf(bm25, bm25-qs)"]
    assert f"{first.name} is damaged: run.trec.gz is not as it was written." in result.stderr
    assert "damaged" not in invoke("table", "-d", "demo/qa", code=2).stderr, "of another dataset"


def test_an_exported_run_is_a_run_elsewhere(two_runs):
    invoke("runs", "export", "bm25", "bm25-qs", "--to", "given")
    assert [row["system"] for row in rows("runs", "list", "--results", "given")] == ["bm25", "bm25-qs"]
    assert [row["system"] for row in rows("table", "--results", "given")] == ["bm25", "bm25-qs"]


def test_a_missing_results_folder_has_no_runs(here):
    assert rows("runs", "list") == []


def test_columns_are_named_as_in_csv(here):
    assert invoke("list", "measures", "--columns", "name,kind", "--format", "csv").stdout.startswith("name,kind\n")
    assert "did you mean name?" in invoke("list", "--columns", "nmae", code=2).stderr


@pytest.mark.slow
def test_a_run_says_why_it_makes_what_exists_under_another_identity(two_runs):
    """A changed rule is another system of the same name; a run that is there already, or of another name, is not."""
    plugin = CLASSES.replace("return []", "return [RankedList(query.query_id, {}) for query in queries]")
    source = "from retrieval_bench.types import RankedList\n" + plugin
    arguments = ("run", "-d", "demo/ehr", "-r", "own.py:First", "-r", "bm25", "-r", "bm25,k1=2")
    (two_runs / "own.py").write_text(source)
    assert "made again" not in invoke(*arguments).stderr
    (two_runs / "own.py").write_text(source + "# another line\n")
    code = f"from retrieval_bench.cli.main import main; main({list(arguments)!r})"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stderr
    (line,) = [line for line in told.splitlines() if "made again" in line]
    assert line.startswith("own.py:First on demo/ehr: made again, since First--")
    assert "system.index.user_source (" in line and line.count(", now ") == 1
