"""Where text of credentialed datasets may go, by family: closed by default, in the user's words, recorded."""

import json
import os
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parents[1]))
from chat_server import ChatServer, choice, echo

from retrieval_bench.cli.main import main

SECRET = "Patient Smith was seen on the third of May"

CLASSES = '''
from bench_core.llm.chat import ChatRequest, Message
from retrieval_bench.query_generators.base import GeneratedQuery, QueryGeneratorBase
from retrieval_bench.query_generators.combination import Combination
from retrieval_bench.query_generators.prompted import Hyde
from retrieval_bench.rerankers.base import RerankerBase
from retrieval_bench.retrievers.base import RetrieverBase
from retrieval_bench.retrievers.bm25 import Bm25
from retrieval_bench.types import RankedList


class Words(RetrieverBase):
    """Says nothing about where text goes."""

    def index(self, corpus, index_dir):
        self.doc_ids = list(corpus.doc_ids)

    def search(self, queries, k):
        for query in queries:
            yield RankedList(query.query_id, dict.fromkeys(self.doc_ids, 1.0))


class Derived(Bm25):
    """A built-in's word does not hold for what is derived from it."""


class Prompted(Hyde):
    """Nor a generator's."""


class Lengths(RerankerBase):
    def rerank(self, batch):
        return [[float(len(document.text)) for document in found.documents] for found in batch]


class Repeats(QueryGeneratorBase):
    def generate(self, query):
        return GeneratedQuery(query.query_id, query.text, Combination("generated", "generated"))


class Asks(RerankerBase):
    """Says that it is local, and asks a model that may not be."""

    is_remote = False

    def __init__(self, *, client):
        self.model = client

    def rerank(self, batch):
        return [[self.score(document.text) for document in found.documents] for found in batch]

    def score(self, text):
        return float(len(self.model.complete(ChatRequest((Message("user", text),))).text))


class Fails(Words):
    """Fails with a document in its words."""

    is_remote = False

    def index(self, corpus, index_dir):
        raise ValueError(f"cannot index {next(iter(corpus)).text}")
'''


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(CLASSES)
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "corpus.jsonl").write_text(
        json.dumps({"id": "d1", "text": f"{SECRET}, with gout"}) + '\n{"id": "d2", "text": "gout and more"}\n'
    )
    (folder / "query.jsonl").write_text('{"id": "q1", "text": "gout"}\n')
    (folder / "qrels.jsonl").write_text('{"q_id": "q1", "p_id": "d1", "score": 1}\n')
    before = os.umask(0o022)
    yield tmp_path
    os.umask(before)


NOTES = "dir:notes,access=credentialed"


def run(system, *arguments, code=0, command="run", dataset=NOTES):
    result = CliRunner().invoke(main, [command, "-d", dataset, "-r", system, *arguments])
    assert result.exit_code == code, result.output
    return result


def manifests():
    return [json.loads(path.read_text()) for path in Path("results").rglob("manifest.json")]


@pytest.mark.parametrize(
    ("system", "cls"),
    [
        ("mine.py:Words", "mine.py:Words"),
        ("mine.py:Derived", "mine.py:Derived"),
        ("bm25 > mine.py:Lengths", "mine.py:Lengths"),
        ("mine.py:Repeats > bm25", "mine.py:Repeats"),
        ("rrf(bm25, mine.py:Words)", "mine.py:Words"),
        ("lamer,search=mine.py:Words,llm={url}#m > bm25", "mine.py:Words"),
        ("mine.py:Prompted,llm={url}#m > bm25", "mine.py:Prompted"),
    ],
)
def test_a_class_that_says_nothing_is_refused_until_the_user_speaks_for_it(here, system, cls):
    with ChatServer(echo) as server:
        system = system.format(url=server.base_url)
        for other in ((), ("--is-local", "Other"), ("--allow-remote-for-credentialed", "Azure; none")):
            refused = run(system, "--cache", "cache", *other, code=2)
            assert cls in refused.stderr and "--is-local" in refused.stderr and not Path("results/retrieval").exists()
        assert server.requests == []
        run(system, "--cache", "cache", "--is-local", cls)
        run(system, "--cache", "cache", dataset="dir:notes")  # public data is not held back
    named = [manifest["recorded"]["data_use"].get("is_local") for manifest in manifests()]
    assert [cls] in named


@pytest.mark.parametrize(
    ("host", "code"), [("127.0.0.1", 0), ("localhost", 0), ("192.0.2.1", 2), ("models.example.org", 2)]
)
def test_remote_is_any_host_that_is_not_loopback(here, host, code):
    with ChatServer(echo) as server:
        url = server.base_url.replace("127.0.0.1", host)
        result = run(f"bm25 > mine.py:Asks,llm={url}#m", "--cache", "cache", code=code)
        assert len(server.requests) == (2 if code == 0 else 0)
    if code:
        assert "the language model m" in result.stderr and "--allow-remote-for-credentialed" in result.stderr


def test_what_the_user_said_is_recorded_and_changes_no_identity(here, monkeypatch):
    from bench_core.machine.http import JsonEndpoint

    monkeypatch.setattr(JsonEndpoint, "is_remote", True)
    with ChatServer(echo) as server:
        system = f"bm25 > mine.py:Asks,llm={server.base_url}#m"
        allowed = "--allow-remote-for-credentialed"
        assert "PROVIDER; RETENTION" in run(system, "--cache", "cache", allowed, "", code=2).stderr
        run(system, "--cache", "cache", allowed, "Azure of the institute; none")
        folders = sorted(path.name for path in Path("results/retrieval").glob("*/*"))
        run(system, "--cache", "cache", allowed, "Another; a month")
    assert sorted(path.name for path in Path("results/retrieval").glob("*/*")) == folders
    used = {manifest["recorded"]["data_use"]["sent_to_other_machines"] for manifest in manifests()}
    said = {manifest["recorded"]["data_use"]["allow_remote_for_credentialed"] for manifest in manifests()}
    assert (used, said) == ({True, False}, {"Azure of the institute; none"})


def test_permission_cannot_stand_in_a_grid(here):
    (here / "grid.yaml").write_text(
        f"grids:\n- datasets: ['{NOTES}']\n  systems: [bm25]\nallow_remote_for_credentialed: 'Azure; none'\n"
    )
    result = CliRunner().invoke(main, ["run", "-e", "grid.yaml"])
    assert result.exit_code == 2 and "allow_remote_for_credentialed" in result.stderr


def test_no_sentence_of_credentialed_text_stands_in_a_manifest(here):
    def refuses(number, body, handler):
        """An endpoint whose error quotes what it was asked."""
        if number == 1:
            return choice("an answer")
        handler.send(400, json.dumps({"error": {"message": body["messages"][0]["content"]}}).encode())
        return None

    run("bm25")
    with ChatServer(refuses) as server:
        run(f"bm25 > mine.py:Asks,llm={server.base_url}#m", "--cache", "cache", code=1)
    run("mine.py:Fails", code=1)
    texts = [path.read_text() for top in ("results", "indexes") for path in Path(top).rglob("manifest.json")]
    assert len(texts) > 3 and any('"status": "failed"' in text for text in texts)
    assert [text for text in texts if SECRET in text] == []
    made = [path for top in ("results", "indexes", "cache") for path in Path(top).rglob("*") if path.is_file()]
    open_to_all = [path for path in made if path.suffix != ".lock" and path.stat().st_mode & 0o077]
    assert open_to_all == []


def test_runs_on_credentialed_data_are_exported_with_a_flag(here):
    run("bm25")
    (folder,) = Path("results/retrieval").glob("*/bm25--*")
    refused = CliRunner().invoke(main, ["runs", "export", str(folder), "--to", "a.tar.gz"])
    assert refused.exit_code == 2 and "--credentialed" in refused.stderr
    made = CliRunner().invoke(main, ["runs", "export", str(folder), "--to", "a.tar.gz", "--credentialed"])
    assert made.exit_code == 0 and Path("a.tar.gz").stat().st_mode & 0o777 == 0o600
