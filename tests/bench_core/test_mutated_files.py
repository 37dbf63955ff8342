"""Mutated files that the core stores or is given: nothing is believed that was not written, and nothing else raised."""

import gzip
import json
import random
import sys
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from mutations import NUMBERS, Reader, changed_value, check, mutated_gzip, mutated_json

from bench_core.artifacts import write_json
from bench_core.errors import BenchError
from bench_core.identity import identity_hash
from bench_core.llm import clients
from bench_core.llm.chat import ChatRequest, ChatResponse, Message, NoAnswer, Sampling, Usage
from bench_core.llm.endpoint import OpenAIEndpoint
from bench_core.llm.ledger import Account, Entry, FileLedger
from bench_core.llm.store import ResponseStore, Stored, made_from
from bench_core.machine.http import EndpointFailure, Retries
from bench_core.runs.manifest import Manifest, RunFolder
from bench_core.runs.score_files import read_score_file, write_score_file
from bench_core.runs.stored import read_stored

IDENTITY = {"dataset": {"dataset_id": "demo/a"}, "k": 10}
MANIFEST = Manifest(
    IDENTITY, "complete", notes=["one"], seconds={"search": 1.5}, recorded={"system": "bm25"}, files={"run": "0" * 64}
)
REQUEST = ChatRequest((Message("user", "gout?"),), Sampling())
STORED = [
    Stored(made_from({"endpoint": "http://localhost/v1", "model": "m"}, replace(REQUEST, sample=sample)), response)
    for sample, response in enumerate(
        [
            ChatResponse("allopurinol", "", "stop", Usage(3, 5), 0.5),
            ChatResponse("colchicine", "thinking", "stop", Usage(None, None), 0.25),
        ]
    )
]
LINES = b"".join(json.dumps(stored.as_json()).encode() + b"\n" for stored in STORED)
ACCOUNT = Account({"a": Entry(1.0, 100)}, {"b": 0.5}, 1.25)
SCORES = {"format": 2, "made_from": {"run_sha256": "0" * 64}, "figures": {"map": 0.5}}
MANIFEST_JSON = {**asdict(MANIFEST), "sha256": identity_hash(asdict(MANIFEST))}


def as_bytes(value):
    return json.dumps(value).encode()


def manifest(path):
    read_stored(path.parent)
    return RunFolder(path.parent).read()


def answer(path):
    return ResponseStore(path.parents[1], warn=lambda sentence: None).get(path.stem)


def archive(path):
    store = ResponseStore(path.parent / "store", warn=lambda sentence: None)
    try:
        store.import_archive(path)
        return [stored for stored in store if stored not in STORED]
    finally:
        store.prune()


def account(path):
    with FileLedger(path).held() as held:
        return held.committed >= 0


def prices(path):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clients, "user_prices_path", lambda: path)
        return clients.prices()


READERS = {
    "manifest": Reader(
        manifest, [as_bytes(MANIFEST_JSON)], "a--01234567/manifest.json", mutated_json, believed=[None, MANIFEST]
    ),
    "answer": Reader(
        answer,
        [as_bytes(STORED[0].as_json())],
        f"{STORED[0].key[:2]}/{STORED[0].key}.json",
        mutated_json,
        believed=[None, STORED[0]],
    ),
    "archive": Reader(archive, [gzip.compress(LINES, mtime=0)], "a.jsonl.gz", mutated_gzip, believed=[[]]),
    "ledger": Reader(account, [as_bytes(asdict(ACCOUNT))], "ledger.json", mutated_json),
    "prices": Reader(prices, [b"my-model: {prompt: 0.5, completion: 1.5}\nother: {prompt: 1, completion: 2}\n"]),
    "scores": Reader(
        read_score_file,
        [as_bytes({**SCORES, "files": {}, "sha256": identity_hash({**SCORES, "files": {}})})],
        "scores.json",
        mutated_json,
    ),
}


@pytest.mark.parametrize("n", NUMBERS)
@pytest.mark.parametrize("name", READERS)
def test_mutated_files_are_not_believed(tmp_path, name, n):
    check(READERS[name], name, tmp_path, n)


def test_what_is_not_mutated_is_read(tmp_path):
    for name, reader in READERS.items():
        path = tmp_path / name / reader.file_name
        path.parent.mkdir(parents=True)
        path.write_bytes(reader.seeds[0])
        assert reader.believed is None or reader.read(path) == reader.believed[-1]
    write_score_file(tmp_path / "scores.json", SCORES, {})
    assert read_score_file(tmp_path / "scores.json") == {**SCORES, "files": {}}
    write_json(tmp_path / "manifest.json", MANIFEST_JSON)
    assert RunFolder(tmp_path).read() == MANIFEST


ANSWER = {
    "choices": [
        {
            "message": {
                "content": [{"type": "text", "text": "gout"}],
                "reasoning": "because",
                "tool_calls": [{"id": "c1", "function": {"name": "search", "arguments": {"text": "gout"}}}],
            },
            "finish_reason": "tool_calls",
        }
    ],
    "usage": {"prompt_tokens": 3, "completion_tokens": 5},
}


@pytest.mark.parametrize("n", NUMBERS)
def test_mutated_answers_of_an_endpoint_are_taken_or_none(n):
    draw, n_taken = random.Random(12), 0
    for _ in range(n):
        told = json.loads(json.dumps(changed_value(ANSWER, draw)))
        served = SimpleNamespace(post=lambda path, body, told=told: told, identity="here", is_remote=False)
        endpoint = OpenAIEndpoint(served, "m", retries=Retries(n_tries=1))
        try:
            response = endpoint.complete(REQUEST)
        except (NoAnswer, EndpointFailure, BenchError):
            continue
        Stored(made_from(endpoint.describe(), REQUEST), response).as_json()
        n_taken += 1
    assert 0 < n_taken < n
