"""The registry of encoder models: what it holds, how a name finds its entry, and which words an instruction has."""

from __future__ import annotations

import csv
import re
import subprocess
import sys

import pytest

from bench_core.errors import UserError
from bench_core.identity import content_hash
from bench_core.plugins.registry import StageSpec
from retrieval_bench.datasets.card import DatasetCard
from retrieval_bench.datasets.r2med import find_set
from retrieval_bench.encoders.endpoint import EndpointEncoder
from retrieval_bench.encoders.model_registry import ModelEntry, registry
from retrieval_bench.encoders.models import EncoderOptions, create_encoder, rules_of
from retrieval_bench.encoders.sentence_transformer import TwoEncoders
from retrieval_bench.rerankers.base import create_reranker

TRUSTING = EncoderOptions(trust_remote_code=True, endpoint="")


def served(entry):
    return EncoderOptions(endpoint="http://localhost:1/v1") if entry.loader == "endpoint" else TRUSTING


def test_keys_are_unique_and_every_model_says_where_it_is():
    keys = [entry.key for entry in registry().models]
    assert len(keys) == len(set(keys))
    for entry in registry().models:
        assert entry.licence, entry.key
        assert entry.revision == "" or re.fullmatch("[0-9a-f]{40}", entry.revision), entry.key
        assert bool(entry.hub_id) != (entry.loader == "endpoint"), entry.key
        assert bool(entry.served_as) == (entry.loader == "endpoint"), entry.key


def test_every_entry_becomes_an_encoder_that_describes_itself():
    for entry in registry().models:
        if entry.package or not (entry.revision or entry.loader == "endpoint"):
            continue  # describing these looks into the package or asks the hub
        made = create_encoder(entry.key, served(entry), find_set("biology").card(""))
        texts = {role: made.describe(role)["prefix"] for role in ("query", "document", "generated")}
        assert "{" not in "".join(texts.values()), entry.key


def test_every_retriever_of_r2med_is_registered(shared_data):
    with (shared_data.parent / "published" / "r2med_models.csv").open() as file:
        published = [
            row["hf_or_api_id"] for row in csv.DictReader(file) if row["kind"] == "retriever" and row["key"] != "bm25"
        ]
    known = {name for entry in registry().models for name in (entry.hub_id, entry.document_hub_id, entry.served_as)}
    missing = [name for text in published for name in text.split(" + ") if name not in known]
    assert missing == []


def test_lengths_and_pooling_are_r2meds():
    find = registry().find
    for key, pooling, normalize, lengths in [
        ("contriever", "mean", False, (512, 512)),
        ("medcpt", "cls", False, (512, 512)),
        ("bmretriever-410m", "last", False, (512, 512)),
        ("bmretriever-2b", "last", False, (1024, 1024)),
        ("bmretriever-7b", "last", False, (2048, 2048)),
        ("bge-large", "cls", True, (512, 512)),
        ("e5-mistral", "last", True, (2048, 2048)),
        ("sfr-mistral", "last", True, (2048, 2048)),
        ("gritlm-7b", "mean", True, (512, 2048)),
        ("nv-embed-v2", None, True, (4096, 4096)),
    ]:
        entry = find(key)
        assert (entry.pooling, entry.normalize) == (pooling, normalize), key
        assert (entry.query_max_length, entry.document_max_length) == lengths, key


def test_what_is_pooled_last_is_stated():
    pooled = {entry.key: entry.last_token for entry in registry().models if entry.pooling == "last"}
    assert pooled == {
        "bmretriever-410m": "<|endoftext|>",
        "bmretriever-2b": "<eos>",
        "bmretriever-7b": "</s>",
        "e5-mistral": "</s>",
        "sfr-mistral": "</s>",
        "gte-qwen2-7b": "<|endoftext|>",
        "qwen3-embedding-0.6b": "<|endoftext|>",
        "qwen3-embedding-4b": "<|endoftext|>",
        "qwen3-embedding-8b": "<|endoftext|>",
    }
    with pytest.raises(ValueError, match="mine pools the last token, and its last_token is not stated"):
        ModelEntry(key="mine", pooling="last")
    assert create_encoder("e5-mistral").describe("query")["last_token"] == "</s>"
    assert create_encoder("e5-mistral", EncoderOptions(pooling="mean")).describe("query")["last_token"] == ""


def test_only_some_models_put_the_instruction_before_generated_texts():
    taking = {entry.key for entry in registry().models if entry.generated_takes_query_prefix}
    assert taking == {"instructor-l", "instructor-xl", "gritlm-7b", "nv-embed-v2", "e5-large"}
    grit = create_encoder("gritlm-7b", card=find_set("pmc-clinical").card(""))
    assert grit.describe("generated") == grit.describe("query")
    mistral = create_encoder("e5-mistral", card=find_set("pmc-clinical").card(""))
    assert mistral.describe("generated")["prefix"] == ""
    assert mistral.describe("query")["prefix"].startswith("Instruct: ")


def test_instructions_follow_the_task_and_keep_the_models_frame():
    def prefix(key, task, role="query"):
        return create_encoder(key, TRUSTING, DatasetCard("any", "", task=task)).describe(role)["prefix"]

    biology, cases = prefix("e5-mistral", "qa-reference"), prefix("e5-mistral", "clinical-case")
    assert biology != cases
    assert all(re.fullmatch(r"Instruct: \S.*\nQuery: ", text) for text in (biology, cases))
    assert prefix("e5-mistral", "") == create_encoder("e5-mistral", TRUSTING).describe("query")["prefix"] != biology
    assert re.fullmatch(r"<\|user\|>\n\S.*\n<\|embed\|>\n", prefix("gritlm-7b", "health-records"))
    assert prefix("gritlm-7b", "health-records", "document") == "<|embed|>\n"
    assert prefix("bmretriever-2b", "qa-reference", "document") == "Represent this passage\npassage: "
    assert prefix("bge-large", "qa-reference") == "Represent this sentence for searching relevant passages: "
    assert prefix("bge-large", "qa-reference", "document") == ""
    assert prefix("contriever", "qa-reference") == ""


def test_a_users_prefix_comes_before_an_imported_one_and_that_before_ours():
    imported = {"query": "imported query: ", "document": "imported document: "}
    made = create_encoder("bmretriever-2b", EncoderOptions(query_prefix=""), find_set("biology").card(""), imported)
    assert made.describe("query")["prefix"] == ""
    assert made.describe("document")["prefix"] == {"sha256": content_hash(["imported document: "])}
    assert made.describe("generated")["prefix"] == ""
    grit = create_encoder("gritlm-7b", EncoderOptions(), find_set("biology").card(""), imported)
    assert grit.describe("generated")["prefix"] == {"sha256": content_hash(["imported query: "])}


def test_what_changes_vectors_changes_the_description():
    plain = create_encoder("bge-large").describe("query")
    for options in (
        EncoderOptions(pooling="mean"),
        EncoderOptions(normalize=False),
        EncoderOptions(query_prefix="other"),
        EncoderOptions(max_length=100),
        EncoderOptions(revision="a" * 40),
        EncoderOptions(dtype="bfloat16"),
    ):
        assert create_encoder("bge-large", options).describe("query") != plain, options
    for options in (EncoderOptions(device="cpu"), EncoderOptions(document_prefix="x")):
        assert create_encoder("bge-large", options).describe("query") == plain, options


def test_rules_of_a_hub_id_or_a_local_copy_are_those_of_its_key():
    assert rules_of("intfloat/e5-mistral-7b-instruct") == rules_of("e5-mistral") == "e5-mistral"
    assert rules_of("/a/copy", rules="e5-mistral") == "e5-mistral"
    assert rules_of("nobody/knows-this") == "nobody/knows-this"


def test_a_bi_encoder_asks_as_dense_does():
    reranker, dense = (
        create_reranker(StageSpec.parse("bi-encoder,model=e5-mistral"), card=find_set("biology").card("")),
        create_encoder("e5-mistral", card=find_set("biology").card("")),
    )
    assert reranker.describe().search["query"] == dense.describe("query")
    assert create_encoder("e5-mistral").describe("query") != dense.describe("query")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (EncoderOptions(dimensions=8), "dimensions= is for an endpoint; name one"),
        (EncoderOptions(encoding_format="base64"), "encoding_format= is for an endpoint"),
        (EncoderOptions(endpoint="http://localhost/v1", pooling="cls"), "pooling= is for a model that runs here"),
        (EncoderOptions(endpoint="http://localhost/v1", dtype="float16"), "dtype= is for a model that runs here"),
    ],
)
def test_what_would_be_without_effect_is_refused(options, message):
    with pytest.raises(UserError, match=message):
        create_encoder("bge-large", options)


def test_a_hub_id_finds_the_rules_of_its_entry():
    by_key, by_id = create_encoder("bge-large"), create_encoder("BAAI/bge-large-en-v1.5")
    for role in ("query", "document", "generated"):
        assert by_key.describe(role) == by_id.describe(role)


def test_medcpt_has_two_encoders_and_its_published_variant_one():
    assert isinstance(create_encoder("medcpt"), TwoEncoders)
    assert not isinstance(create_encoder("medcpt-article-twice"), TwoEncoders)


def test_an_endpoint_serves_whatever_it_is_asked_for():
    assert isinstance(create_encoder("my-model", EncoderOptions(endpoint="http://localhost:1/v1")), EndpointEncoder)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("bge-larg", r"no model 'bge-larg' \(did you mean bge-large\?\)"),
        ("quite-another", "any folder or hub id"),
    ],
)
def test_a_wrong_name_says_what_there_is(model, message):
    with pytest.raises(UserError, match=message):
        create_encoder(model)
    with pytest.raises(UserError, match="rules=bge-larg names no model"):
        create_encoder("BAAI/bge-large-en-v1.5", EncoderOptions(rules="bge-larg"))


def test_listing_models_imports_nothing_heavy():
    code = (
        "import sys; from retrieval_bench.encoders.models import create_encoder; "
        "from retrieval_bench.encoders.model_registry import registry; registry(); "
        "create_encoder('bge-large').describe('query'); "
        "print([name for name in ('torch', 'transformers', 'sentence_transformers', 'numpy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
