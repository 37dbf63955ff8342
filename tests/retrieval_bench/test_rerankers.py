"""Rerankers over tiny checkpoints, against transformers used plainly, one pair at a time and without padding."""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

pytest.importorskip("sentence_transformers", reason="the extra dense is not installed")

import numpy as np
import torch
from safetensors.torch import load_file
from transformers import (
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertForMaskedLM,
)

from bench_core.errors import BadFile, BenchError, UserError
from bench_core.machine.model_files import ModelFiles
from bench_core.plugins.contracts import check
from bench_core.plugins.registry import StageSpec
from retrieval_bench.rerankers.base import RERANKERS, RerankerBase, create_reranker
from retrieval_bench.rerankers.cross_encoder import CrossEncoder, MonoBert
from retrieval_bench.rerankers.lora import LoraAdapter
from retrieval_bench.rerankers.monot5 import MonoT5
from retrieval_bench.rerankers.pairs import PairOptions
from retrieval_bench.rerankers.rankllama import RankLlama
from retrieval_bench.testing import RerankerContract
from retrieval_bench.types import Candidates, Description, Document, Query

sys.path.insert(0, str(Path(__file__).parent))
import tiny_rerankers

QUERIES = ["What lowers urate after an attack of gout?", "metformin", "", "stroke " * 60]
DOCUMENTS = [
    "Allopurinol inhibits xanthine oxidase and lowers serum urate.",
    "",
    "Metformin: first line. " * 40,
    "gout",
    "true false Relevant: <unk> </s>",
    "  padded with blanks  ",
]
BATCH = [
    Candidates(Query("q0", QUERIES[0]), [Document(f"d{n}", text) for n, text in enumerate(DOCUMENTS)]),
    Candidates(Query("q1", QUERIES[1]), []),
    Candidates(Query("q2", QUERIES[2]), [Document("d0", DOCUMENTS[0]), Document("d2", DOCUMENTS[2])]),
    Candidates(Query("q3", QUERIES[3]), [Document(f"d{n}", text) for n, text in reversed([*enumerate(DOCUMENTS)])]),
    Candidates(Query("q4", QUERIES[1]), [Document("d3", DOCUMENTS[3])]),
]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A folder of checkpoints."""
    folder = tmp_path_factory.mktemp("tiny")
    tiny_rerankers.bert_classifier(folder / "one-label", 1)
    tiny_rerankers.bert_classifier(folder / "two-labels", 2)
    tiny_rerankers.t5(folder / "t5")
    tiny_rerankers.llama(folder / "llama")
    tiny_rerankers.lora(folder / "lora", folder / "llama")
    return folder


def assert_scores(reranker, reference):
    """Every score is the reference's of its pair alone, to 1e-5."""
    scores = reranker.rerank(BATCH)
    expected = [[reference(c.query.text, document.text) for document in c.documents] for c in BATCH]
    assert [len(some) for some in scores] == [len(some) for some in expected]
    np.testing.assert_allclose(np.concatenate(scores), np.concatenate(expected), rtol=1e-5, atol=1e-5)
    distinct = {round(score, 4) for score in scores[0]}
    assert len(distinct) > 3, "the checkpoint tells no documents apart, so that this test proves nothing"


def classifier_logits(folder, max_length):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()

    def logits(query, document):
        # In lists: given alone, an empty document makes transformers tokenize the query by itself.
        inputs = tokenizer([query], [document], truncation=True, max_length=max_length, return_tensors="pt")
        with torch.no_grad():
            return model(**inputs).logits[0].tolist()

    return logits


@pytest.mark.slow
@pytest.mark.parametrize("max_length", [24, 128])
@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_cross_encoder_with_one_label_scores_the_logit(tiny, max_length, batch_size):
    logits = classifier_logits(tiny / "one-label", max_length)
    reranker = CrossEncoder(str(tiny / "one-label"), PairOptions(max_length=max_length, batch_size=batch_size))
    assert_scores(reranker, lambda query, document: logits(query, document)[0])


def test_cross_encoder_with_two_labels_scores_the_log_odds(tiny):
    logits = classifier_logits(tiny / "two-labels", 128)
    reranker = CrossEncoder(str(tiny / "two-labels"), PairOptions(max_length=128))
    assert_scores(reranker, lambda query, document: logits(query, document)[1] - logits(query, document)[0])


def test_monobert_scores_the_second_logit(tiny):
    logits = classifier_logits(tiny / "two-labels", 64)
    reranker = MonoBert(str(tiny / "two-labels"), PairOptions(max_length=64))
    assert_scores(reranker, lambda query, document: logits(query, document)[1])


def test_an_activation_saved_with_the_checkpoint_is_not_applied(tiny, tmp_path):
    folder = shutil.copytree(tiny / "one-label", tmp_path / "with-sigmoid")
    config = json.loads((folder / "config.json").read_text())
    config["sentence_transformers"] = {"activation_fn": "torch.nn.modules.activation.Sigmoid", "version": "6.0.0"}
    (folder / "config.json").write_text(json.dumps(config))
    options = PairOptions(max_length=64)
    plain, with_sigmoid = (CrossEncoder(str(place), options) for place in (tiny / "one-label", folder))
    np.testing.assert_allclose(with_sigmoid.rerank(BATCH)[0], plain.rerank(BATCH)[0], rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("batch_size", [1, 4, 100])
def test_monot5_scores_the_log_probability_of_true(tiny, batch_size):
    tokenizer = AutoTokenizer.from_pretrained(tiny / "t5")
    model = AutoModelForSeq2SeqLM.from_pretrained(tiny / "t5").eval()
    words = tokenizer.convert_tokens_to_ids(["▁false", "▁true"])

    def reference(query, document):
        prompt = f"Query: {query.strip()} Document: {document.strip()} Relevant:"
        inputs = tokenizer(prompt, return_tensors="pt")
        with torch.no_grad():
            logits = model(**inputs, decoder_input_ids=torch.tensor([[model.config.decoder_start_token_id]])).logits
        return torch.log_softmax(logits[0, 0, words], dim=0)[1].item()

    assert_scores(MonoT5(str(tiny / "t5"), PairOptions(max_length=2000, batch_size=batch_size)), reference)


@pytest.mark.parametrize("max_length", [16, 40, 64])
def test_a_long_prompt_keeps_its_end_and_some_of_the_document(tiny, max_length):
    reranker = MonoT5(str(tiny / "t5"), PairOptions(max_length=max_length))
    tokenizer = AutoTokenizer.from_pretrained(tiny / "t5")
    (prompt,) = reranker.prompts([("stroke " * 200, "gout " * 200)])
    tokens = tokenizer.convert_ids_to_tokens(prompt)
    assert len(prompt) == max_length
    assert tokens[-3:] == ["▁Relevant", ":", "</s>"]
    assert tokens.count("▁gout") >= max_length // 4 - 5
    # A query that leaves room for some of the document is not cut.
    (prompt,) = reranker.prompts([("stroke stroke", "gout " * 200)])
    assert tokenizer.decode(prompt).startswith("Query: stroke stroke Document: gout gout")
    assert len(prompt) == max_length


def test_monot5_tells_documents_apart_it_is_all_but_sure_of(tiny):
    reranker = MonoT5(str(tiny / "t5"))
    forward = reranker._model.forward

    def surely_true(**inputs):
        found = forward(**inputs)
        found.logits[..., reranker._word_ids[0]] += 40  # 1 - exp(-40) is 1 in 32 bits and in 64
        return found

    unsure = np.array(reranker.rerank(BATCH)[0])
    reranker._model.forward = surely_true
    sure = np.array(reranker.rerank(BATCH)[0], dtype=np.float32)
    assert ((sure > -1e-15) & (sure < 0)).all()
    assert np.argsort(sure).tolist() == np.argsort(unsure).tolist()
    assert len(set(sure.tolist())) == len(set(unsure.tolist()))


@pytest.mark.slow
def test_words_that_are_no_tokens_are_told(tiny, tmp_path):
    folder = tiny_rerankers.t5(tmp_path / "multilingual", words=("yes", "no"))
    with pytest.raises(UserError, match=r"'true' is not one token of .*; give a monoT5, and the words"):
        MonoT5(str(folder)).rerank(BATCH)
    yes = MonoT5(str(folder), relevant="yes", irrelevant="no").rerank(BATCH)
    no = MonoT5(str(folder), relevant="no", irrelevant="yes").rerank(BATCH)
    np.testing.assert_allclose(np.exp(np.concatenate(yes)) + np.exp(np.concatenate(no)), 1, rtol=1e-6)


def rankllama_reference(base, adapter, max_length, scale):
    """The adapter as a branch beside each projection, as it was trained, instead of merged weights."""
    tokenizer = AutoTokenizer.from_pretrained(base)
    model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=1).eval()
    tensors = load_file(adapter / "adapter_model.safetensors")
    model.score.weight.data = tensors["base_model.model.score.weight"]
    for name, module in model.named_modules():
        a = tensors.get(f"base_model.model.{name}.lora_A.weight")
        b = tensors.get(f"base_model.model.{name}.lora_B.weight")
        if a is not None:
            module.register_forward_hook(lambda _, given, out, a=a, b=b: out + scale * (given[0] @ a.T) @ b.T)

    def reference(query, document):
        inputs = tokenizer(
            f"query: {query}", f"document: {document}", truncation=True, max_length=max_length, return_tensors="pt"
        )
        assert inputs["input_ids"][0].tolist().count(tokenizer.bos_token_id) == 2
        with torch.no_grad():
            return model(input_ids=inputs["input_ids"]).logits[0][0].item()

    return reference


@pytest.mark.parametrize(("max_length", "batch_size"), [(200, 1), (200, 5), (32, 100)])
def test_rankllama_scores_the_head_at_the_last_token(tiny, max_length, batch_size):
    reference = rankllama_reference(tiny / "llama", tiny / "lora", max_length, scale=8 / 4)
    options = PairOptions(max_length=max_length, batch_size=batch_size)
    reranker = RankLlama(str(tiny / "lora"), options, base=str(tiny / "llama"))
    assert_scores(reranker, reference)


def test_a_rank_stabilised_adapter_in_the_older_file_format(tiny, tmp_path):
    settings = {"rank": 4, "alpha": 6, "use_rslora": True}
    adapter = tiny_rerankers.lora(tmp_path / "bin", tiny / "llama", in_safetensors=False, **settings)
    same = tiny_rerankers.lora(tmp_path / "safetensors", tiny / "llama", **settings)
    reference = rankllama_reference(tiny / "llama", same, 128, scale=6 / math.sqrt(4))
    assert_scores(RankLlama(str(adapter), PairOptions(max_length=128), base=str(tiny / "llama")), reference)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"use_dora": True}, BadFile, "use_dora=True is not supported"),
        ({"rank_pattern": {"q_proj": 2}}, BadFile, "rank_pattern=.* is not supported"),
        ({"peft_type": "IA3"}, BadFile, "expected a LORA adapter and found IA3"),
        ({"head": False}, UserError, "has no score.weight; give one of a reranker"),
    ],
)
def test_adapters_of_another_kind_are_told(tiny, tmp_path, settings, error, message):
    adapter = tiny_rerankers.lora(tmp_path / "lora", tiny / "llama", **settings)
    with pytest.raises(error, match=message):
        RankLlama(str(adapter), base=str(tiny / "llama")).rerank(BATCH)


def test_a_base_that_is_not_the_adapters_is_told(tiny, tmp_path):
    adapter = tiny_rerankers.lora(tmp_path / "lora", tiny / "llama")
    tensors = {
        name: tensor[:, :16].contiguous() if name.endswith("lora_A.weight") else tensor
        for name, tensor in load_file(adapter / "adapter_model.safetensors").items()
    }
    tiny_rerankers.save_file(tensors, adapter / "adapter_model.safetensors")
    with pytest.raises(UserError, match=r"changes a weight model.layers.0.* the base model has one of shape \(.*\)"):
        RankLlama(str(adapter), base=str(tiny / "llama")).rerank(BATCH)
    with pytest.raises(UserError, match="the base model has none; give the model it was trained on as base="):
        LoraAdapter.read(ModelFiles(str(tiny / "lora"))).merge_into(torch.nn.Linear(2, 2))


def test_an_adapter_without_files_is_told(tiny, tmp_path):
    with pytest.raises(UserError, match=r"has no adapter_config\.json"):
        RankLlama(str(tiny / "t5"), base=str(tiny / "llama")).rerank(BATCH)
    adapter = tiny_rerankers.lora(tmp_path / "lora", tiny / "llama")
    (adapter / "adapter_model.safetensors").unlink()
    with pytest.raises(UserError, match=r"has neither adapter_model\.safetensors nor adapter_model\.bin"):
        RankLlama(str(adapter), base=str(tiny / "llama")).rerank(BATCH)


COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(SimpleHTTPRequestHandler):
    """A folder of models, `owner/name`, spoken to as the Hugging Face hub is."""

    def send_head(self):
        owner, name, _, revision, *path = self.path.lstrip("/").split("/")
        file = Path(self.directory, owner, name, *path)
        if revision not in ("main", COMMIT) or not file.is_file():
            gated = owner == "gated"
            self.send_response(403 if gated else 404)
            self.send_header("X-Error-Code", "GatedRepo" if gated else "EntryNotFound")
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return None
        self.send_response(200)
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("ETag", f'"{hashlib.sha256(file.read_bytes()).hexdigest()}"')
        self.send_header("Content-Length", str(file.stat().st_size))
        self.end_headers()
        return file.open("rb")

    def log_message(self, *args):
        """Nothing."""


@pytest.mark.slow
def test_models_of_a_hub_are_known_by_their_commit_and_stay_usable_without_it(tiny, tmp_path):
    (tmp_path / "served").mkdir()
    shutil.copytree(tiny, tmp_path / "served" / "tiny")
    specs = [
        "monobert,model=tiny/two-labels,max_length=64",
        "monot5,model=tiny/t5,revision=main",
        "rankllama,model=tiny/lora,base=tiny/llama",
    ]
    script = """
import json, sys
from bench_core.plugins.registry import StageSpec
from retrieval_bench.rerankers.base import create_reranker
from retrieval_bench.types import Candidates, Document, Query
batch = [Candidates(Query("q", "gout"), [Document("a", "urate"), Document("b", "metformin")])]
for spec in sys.argv[1:]:
    reranker = create_reranker(StageSpec.parse(spec))
    print(json.dumps([dict(reranker.describe().search), reranker.rerank(batch)]))
"""

    def run(offline, *specs):
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("HF_")},
            "HF_ENDPOINT": f"http://127.0.0.1:{server.server_port}",
            "HF_HOME": str(tmp_path / "cache"),
            "HF_HUB_OFFLINE": offline,
            "HF_HUB_DISABLE_XET": "1",
        }
        command = [sys.executable, "-c", script, *specs]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    def said(offline):
        done = run(offline, *specs)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Hub, directory=str(tmp_path / "served")))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        online = said(offline="0")
        refused = run("0", "rankllama,model=tiny/lora,base=gated/llama").stderr.splitlines()[-1]
    finally:
        server.shutdown()
        server.server_close()
    assert said(offline="1") == online
    assert "reranker rankllama: the model gated/llama cannot be loaded (its owner has to grant you access" in refused
    described = [search for search, _ in online]
    assert [search["model"] for search in described] == ["tiny/two-labels", "tiny/t5", "tiny/lora"]
    assert {search["revision"] for search in described} == {COMMIT}
    assert described[2]["base"] == {"model": "tiny/llama", "revision": COMMIT}
    batch = [Candidates(Query("q", "gout"), [Document("a", "urate"), Document("b", "metformin")])]
    local = [
        MonoBert(str(tiny / "two-labels"), PairOptions(max_length=64)),
        MonoT5(str(tiny / "t5")),
        RankLlama(str(tiny / "lora"), base=str(tiny / "llama")),
    ]
    for reranker, (_, scores) in zip(local, online, strict=True):
        np.testing.assert_allclose(scores, reranker.rerank(batch), rtol=1e-5)


def every_reranker(tiny):
    return [
        CrossEncoder(str(tiny / "one-label"), PairOptions(max_length=64)),
        MonoBert(str(tiny / "two-labels"), PairOptions(max_length=64)),
        MonoT5(str(tiny / "t5"), PairOptions(max_length=64)),
        RankLlama(str(tiny / "lora"), PairOptions(max_length=64), base=str(tiny / "llama")),
    ]


def test_number_types_of_16_bits_agree_roughly(tiny):
    for full in every_reranker(tiny):
        given = {"base": str(tiny / "llama")} if full.name == "rankllama" else {}
        options = replace(full._arguments["options"], dtype="bfloat16")
        half = type(full)(full._given_files.model, options, **given)
        assert half.recorded()["compute_dtype"] == "bfloat16"
        for one, other in zip(full.rerank(BATCH), half.rerank(BATCH), strict=True):
            np.testing.assert_allclose(one, other, rtol=0.2, atol=0.2)


def test_a_batch_that_does_not_fit_is_halved(tiny):
    for reranker in every_reranker(tiny):
        expected = reranker.rerank(BATCH)
        asked, plain = [], reranker.score_pairs

        def limited(pairs, asked=asked, plain=plain):
            asked.append(len(pairs))
            if len(pairs) > 4:
                raise torch.OutOfMemoryError("CUDA out of memory.")
            return plain(pairs)

        reranker.score_pairs = limited
        for one, other in zip(reranker.rerank(BATCH), expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)
        assert max(asked) > 4, "nothing was halved"


def test_a_pair_that_does_not_fit_is_told(tiny):
    reranker = MonoT5(str(tiny / "t5"))

    def full(pairs):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    reranker.score_pairs = full
    with pytest.raises(BenchError, match="characters do not fit into the device's memory; give a smaller model"):
        reranker.rerank(BATCH)


def test_pairs_of_like_length_are_scored_together_the_longest_first(tiny):
    reranker = CrossEncoder(str(tiny / "one-label"), PairOptions(max_length=64, batch_size=4))
    asked, plain = [], reranker.score_pairs

    def noting(pairs):
        asked.append([sum(map(len, pair)) for pair in pairs])
        return plain(pairs)

    reranker.score_pairs = noting
    reranker.rerank(BATCH)
    lengths = [length for batch in asked for length in batch]
    assert lengths == sorted(lengths, reverse=True)
    assert [len(batch) for batch in asked] == [4, 4, 4, 3]


def test_identity_is_content_and_rule_and_nothing_of_the_machine(tiny, tmp_path):
    plain = CrossEncoder(str(tiny / "one-label"), PairOptions(max_length=64)).describe()
    moved = shutil.copytree(tiny / "one-label", tmp_path / "elsewhere")
    (moved / "README.md").write_text("prose")
    (moved / ".cache").mkdir()
    (moved / ".cache" / "seen").write_text("yes")
    assert CrossEncoder(str(moved), PairOptions(max_length=64, batch_size=7, device="cpu")).describe() == plain
    assert CrossEncoder(str(moved), PairOptions(max_length=65)).describe() != plain
    assert CrossEncoder(str(moved), PairOptions(max_length=64, dtype="bfloat16")).describe() != plain
    assert MonoBert(str(moved), PairOptions(max_length=64)).describe() != plain
    (moved / "vocab.txt").write_text((moved / "vocab.txt").read_text().replace("gout", "tuog"))
    assert CrossEncoder(str(moved), PairOptions(max_length=64)).describe() != plain


def test_an_adapters_base_is_part_of_its_identity(tiny, tmp_path):
    other_base = shutil.copytree(tiny / "llama", tmp_path / "base")
    one, same = (RankLlama(str(tiny / "lora"), base=str(base)).describe() for base in (tiny / "llama", other_base))
    assert one == same
    (other_base / "config.json").write_text((other_base / "config.json").read_text() + " ")
    assert RankLlama(str(tiny / "lora"), base=str(other_base)).describe() != one


def test_a_model_without_a_head_is_not_given_a_random_one(tmp_path):
    folder = tiny_rerankers.bert_classifier(tmp_path / "encoder", 1, BertForMaskedLM)
    with pytest.raises(UserError, match="is a BertForMaskedLM, which has no classification head"):
        CrossEncoder(str(folder), PairOptions(max_length=64)).rerank(BATCH)


def test_models_that_cannot_be_used_are_told_in_one_sentence(tiny, tmp_path):
    three = tiny_rerankers.bert_classifier(tmp_path / "three", 3)
    with pytest.raises(UserError, match="has 3 labels; give one of 1 or 2"):
        CrossEncoder(str(three), PairOptions(max_length=64)).rerank(BATCH)
    with pytest.raises(UserError, match=r"reads 128 tokens at most; lower max_length=512"):
        CrossEncoder(str(tiny / "one-label")).rerank(BATCH)
    with pytest.raises(UserError, match="has one label; use it as cross-encoder"):
        MonoBert(str(tiny / "one-label"), PairOptions(max_length=64)).rerank(BATCH)
    plain = tiny_rerankers.t5(tmp_path / "plain")
    config = json.loads((plain / "config.json").read_text())
    (plain / "config.json").write_text(json.dumps({**config, "decoder_start_token_id": None}))
    (plain / "generation_config.json").unlink(missing_ok=True)
    with pytest.raises(UserError, match="does not say where its decoder begins; give a T5"):
        MonoT5(str(plain), PairOptions(max_length=64)).rerank(BATCH)
    (tmp_path / "empty").mkdir()
    for name in ("cross-encoder", "monobert", "monot5", "rankllama"):
        told = rf"reranker {name}: the model .* cannot be loaded|adapter_config.json|no local copy of meta-llama"
        with pytest.raises(BenchError, match=told):
            create_reranker(StageSpec.parse(f"{name},model={tmp_path / 'empty'}")).rerank(BATCH)
        with pytest.raises(BenchError, match=rf"reranker {name}: .* no local copy of nobody/has-this"):
            create_reranker(StageSpec.parse(f"{name},model=nobody/has-this")).describe()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cross-encoder,model=", "model= is empty"),
        ("cross-encoder,max_length=5", "reranker cross-encoder: max_length=5 does not fit: it must be at least 16"),
        ("monot5,batch_size=0", "reranker monot5: batch_size=0 does not fit"),
        ("monot5,dtype=float16", "T5 overflows in float16"),
        ("rankllama,dtype=int8", "dtype=int8 does not fit"),
        ("monobert,modell=x", r"has no argument 'modell' \(did you mean model\?\)"),
        ("mono-t5", r"no reranker 'mono-t5' \(did you mean monot5\?\)"),
    ],
)
def test_arguments_that_do_not_fit_are_told(text, message):
    with pytest.raises(UserError, match=message):
        create_reranker(StageSpec.parse(text))


def test_a_folder_has_no_revision(tiny):
    with pytest.raises(UserError, match="is a folder, which has no revision=main"):
        CrossEncoder(str(tiny / "one-label"), PairOptions(revision="main"))


def test_the_family_lists_its_members_without_loading_a_model():
    listed = {member.name: member for member in RERANKERS.members()}
    assert {"cross-encoder", "monobert", "monot5", "rankllama"} <= listed.keys()
    assert all(listed[name].summary and not listed[name].problem for name in ("monobert", "monot5", "rankllama"))


class TestCrossEncoder(RerankerContract):
    @pytest.fixture(autouse=True)
    def _tiny(self, tiny):
        self.tiny = tiny

    def create(self):
        return CrossEncoder(str(self.tiny / "one-label"), PairOptions(max_length=64))


class TestMonoBert(TestCrossEncoder):
    def create(self):
        return MonoBert(str(self.tiny / "two-labels"), PairOptions(max_length=64, batch_size=2))


class TestMonoT5(TestCrossEncoder):
    def create(self):
        return MonoT5(str(self.tiny / "t5"))


class TestRankLlama(TestCrossEncoder):
    def create(self):
        return RankLlama(str(self.tiny / "lora"), base=str(self.tiny / "llama"))


class WordOverlap(RerankerBase):
    def __init__(self, weight: float = 1.0):
        self.weight = weight

    def rerank(self, batch):
        return [
            [self.score(candidates.query.text, document.text) for document in candidates.documents]
            for candidates in batch
        ]

    def score(self, query, text):
        return self.weight * len({*query.lower().split()} & {*text.lower().split()})


class TestPlugIn(RerankerContract):
    def create(self):
        return WordOverlap(weight=2.0)


class LosesADocument(WordOverlap):
    def rerank(self, batch):
        return [scores[1:] for scores in super().rerank(batch)]


class GivesNan(WordOverlap):
    def score(self, query, text):
        return math.nan


class DropsEmptyQueries(WordOverlap):
    def rerank(self, batch):
        return super().rerank([candidates for candidates in batch if candidates.documents])


class NormalisesOverTheBatch(WordOverlap):
    def rerank(self, batch):
        scores = super().rerank(batch)
        greatest = max((score for some in scores for score in some), default=0) or 1
        return [[score / greatest + len(batch) for score in some] for some in scores]


class Remembers(WordOverlap):
    seen = 0

    def score(self, query, text):
        self.seen += 1
        return float(self.seen)


class DescribesItsMemoryAddress(WordOverlap):
    def describe(self):
        return Description("address", search={"id": id(self)})


@pytest.mark.parametrize(
    ("broken", "point", "failure"),
    [
        (LosesADocument, "every document gets one finite score", "has 5 documents and got 4 scores"),
        (GivesNan, "every document gets one finite score", "no finite number"),
        (DropsEmptyQueries, "queries without text or documents are taken", "2 queries got 1 lists"),
        (NormalisesOverTheBatch, "what else is in the batch changes nothing", "depend on the queries beside it"),
        (Remembers, "a new reranker scores like a used one", "depend on what was reranked before"),
        (
            DescribesItsMemoryAddress,
            "describe is json and the same for equal rerankers",
            "describe themselves differently",
        ),
    ],
)
def test_a_broken_reranker_is_told_which_point_it_fails(broken, point, failure):
    class Contract(RerankerContract):
        def create(self):
            return broken()

    failures = {found.name: found.failure for found in check(Contract()) if found.failure}
    assert failure in failures[point]


def test_a_class_that_is_no_reranker_is_told(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("class Half:\n    def describe(self):\n        return None\n")
    with pytest.raises(UserError, match="Half is no reranker, it has no method rerank; derive it from RerankerBase"):
        create_reranker(StageSpec(f"{file}:Half"))
