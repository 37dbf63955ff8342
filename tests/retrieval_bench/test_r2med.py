import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from bench_core.errors import BadFile, BenchError, UserError
from retrieval_bench.datasets.folder import dataset_of_folder
from retrieval_bench.datasets.parts import find_parts, read_part
from retrieval_bench.datasets.r2med import R2medDatasets, fetch, find_set, r2med_sets
from retrieval_bench.datasets.records import read_queries
from retrieval_bench.rankings.trec import read_qrels

sys.path.insert(0, str(Path(__file__).parent))
from hub_server import COMMIT, HubServer, Repository

IIYI = find_set("iiyi-clinical")


def rows(n_documents=IIYI.n_documents, n_queries=IIYI.n_queries):
    """A made-up dataset with as many documents and queries as one of R2MED's: corpus, queries, judgments."""
    corpus = [{"id": f"case {number}", "text": f"text {number}"} for number in range(n_documents)]
    queries = [{"id": f"q{number}", "text": f"question {number}", "doc_id": ["x"]} for number in range(n_queries)]
    qrels = [{"q_id": f"q{number}", "p_id": f"case {number}", "score": 1} for number in range(n_queries)]
    return {"corpus": corpus, "query": queries, "qrels": qrels}


def json_lines(items):
    return "".join(json.dumps(item) + "\n" for item in items).encode()


def parquet(items):
    sink = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(items), sink)
    return sink.getvalue().to_pybytes()


def as_json_lines(parts):
    return {f"{name}.jsonl": json_lines(items) for name, items in parts.items()}


def write(folder, files):
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The user's cache folder, for this test alone."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def hub(cache, monkeypatch):
    from huggingface_hub import constants

    with HubServer({}) as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        template = server.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        yield server


def published(files, entry=IIYI):
    """The files as the hub has them, at the pinned revision."""
    repository = Repository(files, large=tuple(name for name in files if "corpus" in name))
    repository.revisions.add(entry.revision)
    listing = repository.listing
    repository.listing = lambda: {**listing(), "sha": entry.revision}
    return repository


def test_the_table_holds_the_eight_sets():
    assert sum(entry.n_queries for entry in r2med_sets()) == 876
    assert sum(entry.n_documents for entry in r2med_sets()) == 357_080
    assert len({entry.revision for entry in r2med_sets()}) == 8
    assert all(len(entry.revision) == 40 for entry in r2med_sets())
    assert [card.dataset_id for card in R2medDatasets().cards()][3:5] == ["r2med/medxpertqa-exam", "r2med/medqa-diag"]


def test_names_are_taken_in_any_case():
    assert find_set("MedQA-Diag").repo_id == "R2MED/MedQA-Diag"
    with pytest.raises(UserError, match=r"no R2MED set 'biologie' \(did you mean biology\?\)"):
        find_set("biologie")


def test_a_set_that_was_not_fetched_names_the_command(cache):
    with pytest.raises(UserError, match=r"`retrieval-bench fetch r2med/biology`.*r2med/biology,path=FOLDER"):
        R2medDatasets().load("Biology")
    with pytest.raises(UserError, match=r"`retrieval-bench fetch r2med/biology,revision=main`"):
        R2medDatasets(revision="main").load("biology")


def test_fetching_checks_exports_and_says_what_was_there(tmp_path, hub):
    hub.repositories["R2MED/IIYi-Clinical"] = published({"README.md": b"", **as_json_lines(rows())})
    told = []
    paths = fetch("r2med/IIYi-Clinical", tmp_path / "qrels", told.append)
    assert paths == [tmp_path / "qrels" / "r2med-iiyi-clinical.qrels"]
    assert any("10,449 documents, 129 queries, 129 judgments" in line for line in told)
    dataset = R2medDatasets().load("iiyi-clinical")
    assert read_qrels(paths[0]) == dataset.qrels
    assert dataset.qrels["q3"] == {"case 3": 1}
    assert dataset.card.revision == IIYI.revision
    assert (dataset.queries[1].query_id, dataset.queries[1].text) == ("q1", "question 1")

    n_requests = len(hub.requests)
    again = []
    assert fetch("r2med/iiyi-clinical", tmp_path / "qrels", again.append) == paths
    assert "R2MED/IIYi-Clinical is there already" in again[0]
    assert again[-1] == f"{paths[0]} is there already."
    assert len(hub.requests) == n_requests


LAYOUTS = {
    "parquet folders": lambda parts: {f"{name}/0000.parquet": parquet(items) for name, items in parts.items()},
    "nested": lambda parts: {f"{name}/{name}/0000.parquet": parquet(items) for name, items in parts.items()},
    "jsonl folders": lambda parts: {f"{name}/{name}.jsonl": json_lines(items) for name, items in parts.items()},
    "shards": lambda parts: {
        "data/corpus-00000-of-00002.parquet": parquet(parts["corpus"][:6000]),
        "data/corpus-00001-of-00002.parquet": parquet(parts["corpus"][6000:]),
        "data/query-00000-of-00001.parquet": parquet(parts["query"]),
        "data/qrels-00000-of-00001.parquet": parquet(parts["qrels"]),
    },
    "jsonl shards": lambda parts: {
        **as_json_lines({name: parts[name] for name in ("query", "qrels")}),
        "corpus/b.jsonl": json_lines(parts["corpus"][6000:]),
        "corpus/a.jsonl": json_lines(parts["corpus"][:6000]),
    },
    "generated texts beside": lambda parts: {
        **as_json_lines(parts),
        "hyde/qwen-7b/query.jsonl": b"{}",
        "hyde/qwen-7b/query_with_hydoc.jsonl": b"{}",
        "parquet/corpus.parquet": b"",
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_every_layout_gives_the_same_dataset(tmp_path, hub, layout):
    plain = R2medDatasets(path=str(write(tmp_path / "plain", as_json_lines(rows())))).load("iiyi-clinical")
    files = layout(rows())
    hub.repositories["R2MED/IIYi-Clinical"] = published(files)
    fetch("r2med/iiyi-clinical", tmp_path / "qrels", lambda line: None)
    copied = R2medDatasets(path=str(write(tmp_path / "copy", files))).load("iiyi-clinical")
    for dataset in (R2medDatasets().load("iiyi-clinical"), copied):
        assert dataset.corpus.sha256 == plain.corpus.sha256
        assert dataset.queries == plain.queries
        assert dataset.qrels == plain.qrels


@pytest.mark.slow
def test_repeated_documents_are_counted_as_published_and_told(tmp_path):
    entry = find_set("bioinformatics")
    parts = rows(entry.n_documents - 2, entry.n_queries)
    parts["corpus"] += [{**parts["corpus"][5], "text": "again"}, parts["corpus"][9]]
    folder = write(tmp_path / "set", as_json_lines(parts))
    told = []
    fetch(f"r2med/bioinformatics,path={folder}", tmp_path / "qrels", told.append)
    dataset = R2medDatasets(path=str(folder)).load("bioinformatics")
    assert len(dataset.corpus) == 47_471
    assert dataset.corpus.documents[5].text == "text 5"
    assert "r2med/bioinformatics: 2 repeated doc_ids left out." in told


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (rows(n_documents=10_448), r"corpus.jsonl: expected the 10449 documents of R2MED and found 10448; get the"),
        (rows(n_queries=130), r"query.jsonl: expected the 129 queries of R2MED and found 130"),
    ],
    ids=["documents", "queries"],
)
def test_another_count_than_published_is_refused(tmp_path, hub, parts, message):
    hub.repositories["R2MED/IIYi-Clinical"] = published(as_json_lines(parts))
    with pytest.raises(BadFile, match=message):
        fetch("r2med/iiyi-clinical", tmp_path / "qrels", lambda line: None)
    with pytest.raises(BadFile, match=message):
        R2medDatasets().load("iiyi-clinical").check()


def test_a_hub_that_answers_with_another_commit_is_refused(tmp_path, hub):
    repository = Repository(as_json_lines(rows()))
    repository.revisions.add(IIYI.revision)  # and lists COMMIT
    hub.repositories["R2MED/IIYi-Clinical"] = repository
    with pytest.raises(BenchError, match=f"answers with commit {COMMIT[:12]} where {IIYI.revision[:12]} was asked for"):
        fetch("r2med/iiyi-clinical", tmp_path / "qrels", lambda line: None)
    with pytest.raises(UserError, match="is not on this machine"):
        R2medDatasets().load("iiyi-clinical")


def test_all_are_fetched_though_some_fail(tmp_path, hub):
    hub.repositories["R2MED/IIYi-Clinical"] = published(as_json_lines(rows()))
    told = []
    with pytest.raises(BenchError, match="7 of the 8 sets could not be fetched"):
        fetch("r2med", tmp_path / "qrels", told.append)
    assert sum("failed: " in line for line in told) == 7
    assert (tmp_path / "qrels" / "r2med-iiyi-clinical.qrels").is_file()


def test_another_revision_has_its_own_place_commit_and_counts(tmp_path, hub):
    hub.repositories["R2MED/IIYi-Clinical"] = Repository(
        as_json_lines(rows(n_documents=200, n_queries=3)), revisions=("refs/pr/1",)
    )
    fetch("r2med/iiyi-clinical,revision=refs/pr/1", tmp_path / "qrels", lambda line: None)
    dataset = R2medDatasets(revision="refs/pr/1").load("iiyi-clinical")
    assert (dataset.card.revision, len(dataset.corpus)) == (COMMIT, 200)
    with pytest.raises(UserError, match="is not on this machine"):
        R2medDatasets().load("iiyi-clinical")


def test_an_earlier_commit_of_the_pinned_set_is_accepted(tmp_path, hub):
    medical = find_set("medical-sciences")
    (earlier,) = medical.earlier_revisions
    few = {"n_documents": 20, "n_queries": 3}
    hub.repositories["R2MED/Medical-Sciences"] = published(
        as_json_lines(rows(**few)), replace(medical, revision=earlier)
    )
    with pytest.raises(
        BadFile, match="expected the 34810 documents of R2MED and found 20"
    ):  # counted as the pinned one
        fetch(f"r2med/medical-sciences,revision={earlier}", tmp_path / "qrels", lambda line: None)
    dataset = R2medDatasets().load("medical-sciences")
    assert dataset.card.revision == earlier != medical.revision
    assert [len(entry.earlier_revisions) for entry in r2med_sets()] == [0, 0, 1, 0, 0, 0, 0, 0]


def test_a_file_changed_after_the_fetch_is_noticed_when_it_is_read(tmp_path, hub, cache):
    hub.repositories["R2MED/IIYi-Clinical"] = published(as_json_lines(rows()))
    fetch("r2med/iiyi-clinical", tmp_path / "qrels", lambda line: None)
    (corpus,) = cache.rglob("corpus.jsonl")
    corpus.write_bytes(corpus.read_bytes().replace(b"text 7", b"text 8"))
    dataset = R2medDatasets().load("iiyi-clinical")
    assert len(dataset.queries) == 129
    with pytest.raises(
        BadFile, match=r"corpus.jsonl: this is not the file that was fetched; .*fetch the dataset again"
    ):
        _ = dataset.corpus
    fetch("r2med/iiyi-clinical", tmp_path / "qrels", lambda line: None)
    assert R2medDatasets().load("iiyi-clinical").corpus.documents[7].text == "text 7"


def test_a_wrong_row_of_a_parquet_file_is_told_with_its_file(tmp_path):
    parts = rows()
    parts["corpus"][2] = {"id": "case 2", "text": None}
    files = {**as_json_lines(parts), "corpus/0000.parquet": parquet(parts["corpus"])}
    del files["corpus.jsonl"]
    folder = write(tmp_path / "set", files)
    with pytest.raises(BadFile, match=r"set/corpus/0000.parquet, line 3: expected text in text and found null"):
        _ = R2medDatasets(path=str(folder)).load("iiyi-clinical").corpus
    (folder / "corpus/0000.parquet").write_bytes(b"PAR1 not a table")
    with pytest.raises(BadFile, match=r"0000.parquet: this is not a whole Parquet file"):
        _ = R2medDatasets(path=str(folder)).load("iiyi-clinical").corpus


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("demo/evidence", r"demo/evidence cannot be fetched; only r2med"),
        ("r2med/botany", "There is no R2MED set 'botany'"),
        ("r2med,path=.", "the folder of one dataset"),
        ("r2med/biology,path=/absent/folder", "there is no such folder"),
        ("r2med/biology,path=.,revision=main", "leave one of them out"),
        ("r2med/biology,revision=../..", "no commit, tag or branch"),
        ("r2med/biology,revisoin=main", r"did you mean revision\?"),
    ],
)
def test_what_cannot_be_fetched_is_explained(tmp_path, cache, text, message):
    with pytest.raises(UserError, match=message):
        fetch(text, tmp_path / "qrels", lambda line: None)
    assert not (tmp_path / "qrels").exists()


def test_a_part_that_the_hub_does_not_have_is_named(tmp_path, hub):
    files = as_json_lines(rows())
    del files["qrels.jsonl"]
    hub.repositories["R2MED/IIYi-Clinical"] = published(files)
    with pytest.raises(UserError, match=r"R2MED/IIYi-Clinical: qrels.jsonl is missing"):
        fetch("r2med/iiyi-clinical", tmp_path / "qrels", lambda line: None)
    with pytest.raises(UserError, match=r"here: query.jsonl is missing, and there is no query/….parquet"):
        find_parts(["corpus.jsonl", "qrels.jsonl", "query_with_hydoc.jsonl"], "here")


@pytest.mark.slow
def test_all_eight_are_fetched_by_one_name(tmp_path, hub):
    for entry in r2med_sets():
        hub.repositories[entry.repo_id] = published(as_json_lines(rows(entry.n_documents, entry.n_queries)), entry)
    paths = fetch("R2MED", tmp_path / "qrels", lambda line: None)
    assert [path.name for path in paths] == [f"r2med-{entry.name}.qrels" for entry in r2med_sets()]


def test_the_hub_is_named_by_the_environment(tmp_path):
    """In a process of its own, as users run it: HF_ENDPOINT is all that says where the hub is."""
    program = "import sys; from pathlib import Path; from retrieval_bench.datasets.r2med import fetch\n"
    program += "fetch('r2med/iiyi-clinical', Path(sys.argv[1]), print)\n"
    with HubServer({"R2MED/IIYi-Clinical": published(as_json_lines(rows()))}) as hub:
        environment = {**os.environ, "HF_ENDPOINT": hub.url, "NO_PROXY": "127.0.0.1", "HF_HUB_OFFLINE": "0"}
        environment["XDG_CACHE_HOME"] = str(tmp_path / "cache")
        command = [sys.executable, "-c", program, str(tmp_path / "qrels")]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "10,449 documents, 129 queries" in done.stdout
    assert done.stderr == ""


def test_upstreams_own_demo_is_read_and_is_not_taken_for_the_whole(shared_data):
    folder = shared_data / "retrieval" / "r2med-biology-demo"
    names = find_parts([path.relative_to(folder).as_posix() for path in folder.rglob("*")], str(folder))
    assert names.all == ["corpus.jsonl", "query.jsonl", "qrels.jsonl"]
    assert [query.query_id for query in read_part([folder / "query.jsonl"], read_queries)] == ["0", "1"]
    dataset = R2medDatasets(path=str(folder)).load("biology")
    with pytest.raises(BadFile, match=r"expected the 57359 documents of R2MED and found 2; .*dir:FOLDER"):
        _ = dataset.corpus
    with pytest.raises(BadFile, match=r"expected the 103 queries of R2MED and found 2"):
        _ = dataset.queries


@pytest.mark.slow
def test_the_real_queries_and_judgments_of_biology_fit_the_published_counts(tmp_path, shared_data):
    """BRIGHT Biology's, which are R2MED's, in R2MED's layout; the corpus is made up around them."""
    bright = dataset_of_folder(shared_data / "retrieval" / "bright-biology", R2medDatasets().cards()[0])
    judged = {doc_id for relevant in bright.qrels.values() for doc_id in relevant}
    entry = find_set("biology")
    padding = [f"padding {number}" for number in range(entry.n_documents - len(judged))]
    parts = {
        "corpus": [{"id": doc_id, "text": "…"} for doc_id in [*sorted(judged), *padding]],
        "query": [{"id": query.query_id, "text": query.text} for query in bright.queries],
        "qrels": [
            {"q_id": query_id, "p_id": doc_id, "score": relevance}
            for query_id, relevant in bright.qrels.items()
            for doc_id, relevance in relevant.items()
        ],
    }
    folder = write(tmp_path / "Biology", as_json_lines(parts))
    (path,) = fetch(f"r2med/biology,path={folder}", tmp_path / "qrels", lambda line: None)
    assert read_qrels(path) == bright.qrels
    assert R2medDatasets(path=str(folder)).load("biology").notes() == []
