"""Embeddings over real HTTP, from a server on loopback that can be asked to misbehave."""

from __future__ import annotations

import base64
import json
import threading
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from click.testing import CliRunner

from bench_core.errors import BenchError, UserError
from bench_core.identity import canonical_json
from bench_core.machine.http import JsonEndpoint
from retrieval_bench.cli.main import main
from retrieval_bench.datasets.r2med import find_set
from retrieval_bench.encoders.embeddings_api import Endpoint
from retrieval_bench.encoders.encoding_rule import TextRule
from retrieval_bench.encoders.endpoint import EndpointEncoder, ServedModel
from retrieval_bench.encoders.models import EncoderOptions, create_encoder

KEY = "sk-secret-0123456789"


def vector(text, dim=4):
    """What the server embeds a text as."""
    return [float(len(text)), float(sum(map(ord, text)) % 97), *[0.5] * (dim - 2)]


class Server(ThreadingHTTPServer):
    """Answers with `vector`, but first with the answers in `next_answers`: (status, headers, body), or a function."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests, self.next_answers, self.refuses_above = [], [], None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/v1"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append((self.path, dict(self.headers), body))
        if self.server.next_answers:
            answer = self.server.next_answers.pop(0)
            self.answer(*(answer(body) if callable(answer) else answer))
            return
        limit = self.server.refuses_above
        if limit and any(len(text) > limit for text in body["input"]):
            self.answer(400, {}, {"error": {"message": "This model's maximum context length is short."}})
            return
        self.answer(200, {}, embedded(body))

    def answer(self, status, headers, body):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


def embedded(body, order=None):
    items = []
    for index, text in enumerate(body["input"]):
        numbers = vector(text, body.get("dimensions") or 4)
        if body["encoding_format"] == "base64":
            numbers = base64.b64encode(np.array(numbers, dtype="<f4").tobytes()).decode()
        items.append({"object": "embedding", "index": index, "embedding": numbers})
    return {"data": [items[number] for number in order] if order else items}


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # nothing listens: loopback is reached without it
    made = Server()
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.shutdown()
    made.server_close()
    thread.join()


@pytest.fixture
def waits():
    return []


def encoder(server, waits, **fields):
    return EndpointEncoder(ServedModel("some-model", **fields), Endpoint(server.url, wait=waits.append))


def test_a_batch_is_one_request_with_the_key_in_its_header(server, waits):
    vectors = encoder(server, waits).encode(["gout", "stroke"], "document")
    assert vectors.tolist() == [vector("gout"), vector("stroke")]
    assert vectors.dtype == np.float32
    [(path, headers, body)] = server.requests
    assert path == "/v1/embeddings"
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert body == {"model": "some-model", "input": ["gout", "stroke"], "encoding_format": "float"}


def test_answers_are_put_in_the_order_of_the_texts(server, waits):
    server.next_answers = [lambda body: (200, {}, embedded(body, [2, 0, 1]))]
    texts = ["a", "bb", "ccc"]
    assert encoder(server, waits).encode(texts, "query").tolist() == [vector(text) for text in texts]


def test_base64_gives_the_same_numbers(server, waits):
    made = encoder(server, waits, encoding_format="base64")
    assert made.encode(["gout"], "query").tolist() == [vector("gout")]
    assert isinstance(embedded(server.requests[0][2])["data"][0]["embedding"], str)


def test_many_texts_are_several_requests(server, waits):
    texts = [f"text {number}" for number in range(300)]
    assert encoder(server, waits).encode(texts, "document").tolist() == [vector(text) for text in texts]
    assert [len(body["input"]) for _, _, body in server.requests] == [128, 128, 44]


def test_dimensions_are_asked_for_and_checked(server, waits):
    assert encoder(server, waits, dimensions=7).encode(["gout"], "query").shape == (1, 7)
    server.next_answers = [(200, {}, {"data": [{"index": 0, "embedding": [1.0, 2.0]}]})]
    with pytest.raises(BenchError, match="2 dimensions where 7"):
        encoder(server, waits, dimensions=7).encode(["gout"], "query")


def test_a_model_that_changes_its_dimension_is_noticed(server, waits):
    made = encoder(server, waits)
    made.encode(["gout"], "query")
    server.next_answers = [(200, {}, {"data": [{"index": 0, "embedding": [1.0, 2.0]}]})]
    with pytest.raises(BenchError, match="2 dimensions where 4"):
        made.encode(["gout"], "query")


def test_roles_have_prefixes_and_input_types(server, waits):
    texts = {"query": TextRule("query: "), "document": TextRule("passage: ")}
    made = encoder(server, waits, texts=texts, sends_input_type=True)
    for role in ("query", "document", "generated"):
        made.encode(["gout"], role)
    sent = [(body["input"][0], body["input_type"]) for _, _, body in server.requests]
    assert sent == [("query: gout", "query"), ("passage: gout", "document"), ("gout", "query")]


def test_an_empty_text_is_sent_as_a_space(server, waits):
    encoder(server, waits).encode(["", "\n"], "document")
    assert server.requests[0][2]["input"] == [" ", " "]


def test_r2meds_way_sends_texts_as_json_strings(server, waits):
    encoder(server, waits, quoted=True).encode(['two "words"\nhere'], "query")
    assert server.requests[0][2]["input"] == ['"two \\"words\\" here"']


def test_texts_are_cut_by_characters_where_the_tokenizer_is_missing(server, waits):
    made = encoder(server, waits, most_tokens=3)
    made.encode(["x" * 50, "short"], "document")
    assert [len(text) for text in server.requests[0][2]["input"]] == [12, 5]
    assert made.lengths(["x" * 50, "short", ""]).tolist() == [3, 2, 1]
    assert made.describe("document")["tokens_of"] == "characters"
    assert "cut at 12 characters" in made.notes()[0]


class Words:
    """A tokenizer with tiktoken's two methods."""

    def encode_ordinary(self, text):
        return text.split()

    def decode(self, tokens):
        return " ".join(tokens)


def test_texts_are_cut_by_tokens_where_the_tokenizer_is_here(server, waits):
    made = encoder(server, waits, most_tokens=3, tokens_of="words")
    made.__dict__["_tokenizer"] = Words()
    made.encode(["one two three four five", "one  two"], "document")
    assert server.requests[0][2]["input"] == ["one two three", "one  two"]
    assert made.describe("document")["tokens_of"] == "words"
    assert made.notes() == []


def test_a_text_that_is_too_long_is_cut_and_no_other(server, waits):
    server.refuses_above = 75
    texts = ["a" * 75, "b" * 80, "c", "d" * 60]
    made = encoder(server, waits)
    vectors = made.encode(texts, "document")
    assert vectors[:, 0].tolist() == [75, 72, 1, 60]
    assert "1 texts were cut further" in made.notes()[0]
    assert made.recorded()["n_cut_after_refusal"] == 1
    assert waits == []


def test_a_text_that_stays_too_long_is_an_error(server, waits):
    server.refuses_above = 1
    with pytest.raises(BenchError, match="cut 4 times: This model's maximum"):
        encoder(server, waits).encode(["a" * 100], "document")
    assert len(server.requests) == 5


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_passing_failure_is_tried_again(server, waits, status):
    server.next_answers = [(status, {}, {"error": {"message": "later"}})] * 3
    assert encoder(server, waits).encode(["gout"], "query").tolist() == [vector("gout")]
    assert len(waits) == 3
    assert all(0.25 * 2**number <= wait <= 0.5 * 2**number for number, wait in enumerate(waits))


def test_retry_after_is_honoured_as_seconds_and_as_a_date(server, waits):
    from datetime import UTC, datetime, timedelta

    then = format_datetime(datetime.now(UTC) + timedelta(seconds=40), usegmt=True)
    answers = [(429, {"Retry-After": value}, {}) for value in ("7", then, "nonsense", "-3")]
    server.next_answers = list(answers)
    encoder(server, waits).encode(["gout"], "query")
    assert 7 <= waits[0] <= 7.5
    assert 30 < waits[1] <= 40.5
    assert waits[2] <= 2
    assert waits[3] <= 0.5


def test_it_gives_up_in_the_end(server, waits):
    server.next_answers = [(503, {}, b"busy")] * 20
    with pytest.raises(BenchError, match=r"answered 503 \(busy\)"):
        encoder(server, waits).encode(["gout"], "query")
    assert (len(server.requests), len(waits)) == (6, 5)


def test_a_refusal_is_not_tried_again_and_never_shows_the_key(server, waits):
    server.next_answers = [(401, {}, {"error": {"message": f"Incorrect API key provided: {KEY}"}})]
    with pytest.raises(BenchError, match="OPENAI_API_KEY") as caught:
        encoder(server, waits).encode(["gout"], "query")
    assert KEY not in str(caught.value)
    assert len(server.requests) == 1


def test_texts_are_not_sent_on_to_where_a_redirect_points(server, waits):
    for status in (302, 307):
        server.next_answers = [(status, {"Location": "/elsewhere"}, b"")]
        with pytest.raises(BenchError, match=f"answered {status}"):
            encoder(server, waits).encode(["gout"], "query")
    assert [path for path, _, _ in server.requests] == ["/v1/embeddings"] * 2


def test_nothing_listening_is_one_sentence(waits):
    closed = Server()
    url = closed.url
    closed.server_close()
    with pytest.raises(BenchError, match="cannot be reached"):
        EndpointEncoder(ServedModel("some-model"), Endpoint(url, wait=waits.append)).encode(["gout"], "query")
    assert len(waits) == 5


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"<html>", "not JSON"),
        ({"error": "none"}, "without a list"),
        ([], "without a list"),
        ({"data": ["x", "y"]}, "without a list"),
        ({"data": []}, "sent 2 texts and answered with 0"),
        ({"data": [{"index": 0, "embedding": [1.0]}]}, "sent 2 texts and answered with 1"),
        ({"data": [{"index": 0, "embedding": [1.0]}, {"index": 0, "embedding": [1.0]}]}, "others twice"),
        ({"data": [{"index": 0, "embedding": [1.0]}, {"index": "1", "embedding": [1.0]}]}, "others twice"),
        ({"data": [{"index": 0, "embedding": [1.0]}, {"index": 1, "embedding": [1.0, 2.0]}]}, "equally many"),
        ({"data": [{"index": 0, "embedding": [1.0]}, {"index": 1, "embedding": ["x"]}]}, "equally many"),
        ({"data": [{"index": 0, "embedding": [1.0]}, {"index": 1}]}, "equally many"),
        ({"data": [{"index": 0, "embedding": [1.0]}, {"index": True, "embedding": [1.0]}]}, "others twice"),
        ({"data": [{"index": 0, "embedding": [1.0]}, {"index": 1.0, "embedding": [1.0]}]}, "others twice"),
        ({"data": [{"index": 0, "embedding": [1.0]}, {"index": 1, "embedding": ["1.0"]}]}, "equally many"),
        ({"data": [{"index": 0, "embedding": [1.0]}, {"index": 1, "embedding": [True]}]}, "equally many"),
        ({"data": [{"index": 0, "embedding": [1.0]}, {"index": 1, "embedding": [10**400]}]}, "equally many"),
        ({"data": [{"index": 0, "embedding": [[1.0]]}, {"index": 1, "embedding": [[1.0]]}]}, "equally many"),
        ({"data": [{"index": 0, "embedding": "A"}, {"index": 1, "embedding": "A"}]}, "equally many"),
        ({"data": [{"index": 0, "embedding": []}, {"index": 1, "embedding": []}]}, "empty"),
        ({"data": [{"index": 0, "embedding": [1.0]}, {"index": 1, "embedding": [float("nan")]}]}, "NaN"),
        ({"data": [{"index": 0, "embedding": [1.0]}, {"index": 1, "embedding": [1e39]}]}, "NaN or infinity"),
    ],
)
def test_an_answer_that_is_wrong_is_an_error(server, waits, answer, message):
    server.next_answers = [(200, {}, answer)] * 6  # one that is not JSON is asked for again
    with pytest.raises(BenchError, match=message):
        encoder(server, waits).encode(["one", "two"], "query")


def test_an_answer_without_indexes_is_taken_in_its_order(server, waits):
    server.next_answers = [(200, {}, {"data": [{"embedding": [1.0]}, {"embedding": [2.0]}]})]
    assert encoder(server, waits).encode(["one", "two"], "query").tolist() == [[1.0], [2.0]]


def test_an_answer_that_is_cut_off_is_asked_for_again(server, waits):
    server.next_answers = [lambda body: (200, {"Content-Length": "9999"}, b'{"data": [')]
    Handler.protocol_version = "HTTP/1.0"  # the connection is closed behind the answer
    assert encoder(server, waits).encode(["gout"], "query").tolist() == [vector("gout")]
    assert len(waits) == 1


def test_what_is_described_holds_no_key_and_no_query(server, waits):
    url = server.url + "/?api-version=2024-02-01"
    made = EndpointEncoder(ServedModel("some-model"), Endpoint(url, wait=waits.append))
    described = canonical_json({**made.describe("query"), **made.recorded()})
    assert KEY not in described
    assert "api-version" not in described
    made.encode(["gout"], "query")
    assert server.requests[0][0] == "/v1/embeddings?api-version=2024-02-01"


def test_without_a_key_none_is_sent(server, waits, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")
    encoder(server, waits).encode(["gout"], "query")
    assert not {"Authorization", "Api-Key"} & set(server.requests[0][1])


def test_azure_gets_its_key_under_its_own_name(monkeypatch):
    monkeypatch.setenv("AZURE_KEY", KEY)
    headers = JsonEndpoint("https://x.openai.azure.com/openai/v1", "AZURE_KEY")._with_key()
    assert headers["api-key"] == KEY
    assert "Authorization" not in headers


@pytest.mark.parametrize(
    ("url", "is_remote"),
    [
        ("http://localhost:8000/v1", False),
        ("http://127.0.0.1/v1", False),
        ("http://127.8.9.1/v1", False),
        ("http://[::1]:11434/v1", False),
        ("https://api.openai.com/v1", True),
        ("http://localhost.example.org/v1", True),
        ("http://10.0.0.5/v1", True),
        ("http://127.0.0.1.example.org/v1", True),
    ],
)
def test_only_loopback_is_this_machine(url, is_remote):
    assert EndpointEncoder(ServedModel("m"), Endpoint(url)).is_remote is is_remote


@pytest.mark.parametrize("url", ["", "api.openai.com/v1", "ftp://host/v1", "file:///etc/passwd", "http:///v1"])
def test_what_is_no_url_is_refused(url):
    with pytest.raises(UserError, match="is no URL"):
        Endpoint(url)


def test_a_url_with_a_password_is_refused_and_not_repeated():
    with pytest.raises(UserError) as caught:
        Endpoint("https://user:hunter2@host/v1")
    assert "hunter2" not in str(caught.value)


def test_a_registered_model_needs_its_endpoint_named(server):
    with pytest.raises(UserError, match="endpoint=https://"):
        create_encoder("openai-large")
    made = create_encoder("openai-large", EncoderOptions(endpoint=server.url, dimensions=5))
    made.encode(["gout"], "query")
    body = server.requests[0][2]
    assert (body["model"], body["dimensions"]) == ("text-embedding-3-large", 5)
    assert made.describe("query")["most_tokens"] == 6000


def test_a_served_model_keeps_its_rules_for_generated_texts_too(server):
    made = create_encoder("gritlm-7b", EncoderOptions(endpoint=server.url), find_set("biology").card(""))
    assert made.describe("query")["prefix"] == made.describe("generated")["prefix"] != ""
    made.encode(["gout"], "generated")
    body = server.requests[0][2]
    assert body["model"] == "GritLM/GritLM-7B"  # as servers name what they load from the hub
    assert body["input"] == [made.describe("query")["prefix"] + "gout"]
    assert create_encoder("bge-large", EncoderOptions(endpoint=server.url)).describe("generated")["prefix"] == ""


def test_an_imported_instruction_is_sent_and_shown_nowhere(server):
    secret = {"query": "imported words: "}
    made = create_encoder("bge-large", EncoderOptions(endpoint=server.url), find_set("biology").card(""), secret)
    made.encode(["gout"], "query")
    assert server.requests[0][2]["input"] == ["imported words: gout"]
    assert "imported" not in str(made.describe("query"))


def test_endpoints_that_differ_in_their_query_are_two(server):
    one, other = (create_encoder("m", EncoderOptions(endpoint=f"{server.url}?tenant={name}")) for name in ("a", "b"))
    assert one.describe("query") != other.describe("query")
    assert "tenant" not in str(one.describe("query"))


def test_any_model_may_be_served_and_keeps_its_instruction(server):
    made = create_encoder("BAAI/bge-large-en-v1.5", EncoderOptions(endpoint=server.url))
    made.encode(["gout"], "query")
    body = server.requests[0][2]
    assert body["model"] == "BAAI/bge-large-en-v1.5"
    assert body["input"] == ["Represent this sentence for searching relevant passages: gout"]
    plain = create_encoder("nomic-embed-text", EncoderOptions(endpoint=server.url, query_prefix="search_query: "))
    plain.encode(["gout"], "query")
    assert server.requests[1][2]["input"] == ["search_query: gout"]


@pytest.mark.parametrize("stage", ["dense", "bm25 > bi-encoder"])
def test_an_unset_key_is_reported_before_the_first_cell(tmp_path, monkeypatch, stage):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.chdir(tmp_path)
    system = f"{stage},model=openai-large,endpoint=https://api.openai.com/v1"
    result = CliRunner().invoke(main, ["run", "-d", "demo/evidence", "-r", "bm25", "-r", system, "--check"])
    assert result.exit_code == 1 and "needs a key: set OPENAI_API_KEY." in result.stderr.splitlines()[0]
    kept = f"{'bi-encoder-over-bm25' if '>' in stage else 'dense'}--01234567"
    (tmp_path / "results" / "retrieval" / "demo-evidence" / kept).mkdir(parents=True)
    result = CliRunner().invoke(main, ["run", "-d", "demo/evidence", "-r", "bm25", "-r", system, "--check"])
    assert result.exit_code == 0, result.stderr  # it may be whole, and then no request is made


def test_an_unset_key_is_reported_before_the_first_request(server, monkeypatch):
    monkeypatch.delenv("MY_KEY", raising=False)
    with pytest.raises(UserError, match="needs a key: set MY_KEY"):
        Endpoint(server.url, "MY_KEY").embed({}, 1)
    assert server.requests == []
