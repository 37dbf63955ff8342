"""Mutated files of the retrieval half: nothing stored is believed that was not written, and nothing else raised."""

import json
import random
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

sys.path.insert(0, str(Path(__file__).parents[1]))
from mutations import NUMBERS, Reader, changed_value, check, mutated_json, stored_items

from bench_core.errors import BenchError
from bench_core.llm.chat import Usage
from bench_core.llm.conversation import Step
from bench_core.machine.http import Retries
from bench_core.machine.model_files import ModelFiles
from bench_core.runs.item_lines import Item
from retrieval_bench.datasets.hub import FetchedFolder
from retrieval_bench.encoders.embeddings_api import Endpoint, TooLong
from retrieval_bench.encoders.token_checkpoint import TokenRule
from retrieval_bench.pipeline.generate import GENERATED, item_of
from retrieval_bench.pipeline.rerank import RERANKED
from retrieval_bench.query_generators.base import GeneratedQuery
from retrieval_bench.query_generators.combination import Combination
from retrieval_bench.rerankers.lora import LoraAdapter
from retrieval_bench.scoring.measures import Measure
from retrieval_bench.scoring.score import Scores
from retrieval_bench.scoring.stored_scores import PER_QUERY_FILE, SCORES_FILE, read_scores, summarised, write_scores
from retrieval_bench.upstream.r2med import import_r2med, load_upstream

TEXTS = [
    GeneratedQuery(
        query_id,
        "gout is treated",
        Combination("query-generated", "mean"),
        reasoning="as it is",
        trace=(Step("search", "gout", "d1"),),
        usage=Usage(3, None),
        seconds=0.5,
    )
    for query_id in ("q1", "q2", "q3")
]
RERANKINGS = [Item({"query_id": name, "doc_ids": ["d1", "d2"], "scores": [0.5, 0.25]}) for name in ("q1", "q2", "q3")]
TABLES = 'q = {"Stack-Biology": "ask: ", "Bioinformatics": "find " + "{n}"}\nquery_instruction = {"e5": q, "bge": q}\n'
UPSTREAM = (
    b"sources: {tables.py: '0'}\ninstructions:\n  bge-large:\n    r2med/biology: {query: 'ask: '}\n"
    b"prompts:\n  hyde:\n    r2med/biology: 'Write {TEXT}'\n"
)
RECORD = {"repo_id": "a/b", "revision": "main", "commit": "0" * 40, "sha256": {"corpus.jsonl": "0" * 64}}

ADAPTER = {"peft_type": "LORA", "r": 2, "lora_alpha": 4, "use_rslora": True, "bias": "none", "rank_pattern": {}}
COLBERT = {"query_maxlen": 12, "doc_maxlen": 40, "query_token_id": "[unused0]", "mask_punctuation": True}


def as_bytes(value):
    return json.dumps(value).encode()


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scored")
    measure = Measure.parse("map")
    write_scores(folder, summarised(Scores({measure: {"q1": 0.5, "q2": 1.0}}, 0, 0, 0), {"run_sha256": "0" * 64}))
    return folder


@pytest.mark.parametrize("n", NUMBERS)
@pytest.mark.parametrize("name", [SCORES_FILE, PER_QUERY_FILE])
def test_mutated_scores_are_not_believed(scored, tmp_path, name, n):
    for path in scored.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    seed, stored = (scored / name).read_bytes(), read_scores(scored)
    reader = Reader(lambda path: read_scores(path.parent), [seed], name, believed=[None, stored])
    check(reader, name, tmp_path, n)
    if name == SCORES_FILE:
        check(Reader(reader.read, [seed], name, mutated_json, [None, stored]), name, tmp_path, n)


def record(path):
    fetched = FetchedFolder.open(path.parent)
    return None if fetched is None else fetched.damaged()


def imported(path):
    return import_r2med(path.parent, path.parent / "config")


def adapter(path):
    weights = path.with_name("adapter_model.safetensors")
    if not weights.exists():
        ones = [torch.ones(2, 2), torch.ones(2, 2)]
        name = "base_model.model.layer.{}.weight"
        save_file({name.format("lora_A"): ones[0], name.format("lora_B"): ones[1]}, weights)
    return LoraAdapter.read(ModelFiles(str(path.parent))).scale


def token_rule(path):
    return TokenRule.of(ModelFiles(str(path.parent)))


READERS = {
    **stored_items(GENERATED, [item_of(text) for text in TEXTS]),
    **stored_items(RERANKED, RERANKINGS),
    "adapter_config.json": Reader(adapter, [as_bytes(ADAPTER)], "adapter_config.json", mutated_json),
    "artifact.metadata": Reader(token_rule, [as_bytes(COLBERT)], "artifact.metadata", mutated_json),
    "fetched.json": Reader(record, [as_bytes(RECORD)], "fetched.json", mutated_json),
    "tables.py": Reader(imported, [TABLES.encode()], "clone/tables.py"),
    "r2med.yaml": Reader(lambda path: load_upstream(path.parents[1]), [UPSTREAM], "upstream/r2med.yaml"),
}


@pytest.mark.parametrize("n", NUMBERS)
@pytest.mark.parametrize("name", READERS)
def test_mutated_files_are_read_or_refused(tmp_path, name, n):
    check(READERS[name], name, tmp_path, n)


@pytest.mark.parametrize("n", NUMBERS)
def test_mutated_embeddings_are_taken_or_refused(n):
    answer = {"data": [{"index": 1, "embedding": [0.5, 1]}, {"index": 0, "embedding": "AACAPwAAAEA="}], "model": "m"}
    draw, n_taken, endpoint = random.Random(12), 0, Endpoint("http://localhost/v1")
    endpoint._retries = Retries(n_tries=1)
    for _ in range(n):
        told = json.loads(json.dumps(changed_value(answer, draw)))
        endpoint._http = SimpleNamespace(post=lambda path, body, told=told: told, place="here")
        try:
            vectors = endpoint.embed({}, 2)
        except (BenchError, TooLong):
            continue
        assert vectors.shape[0] == 2 and np.isfinite(vectors).all()
        n_taken += 1
    assert 0 < n_taken < n
