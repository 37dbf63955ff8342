"""Chat clients over real HTTP: hostile endpoints, retries, limits, the store, and several processes at once."""

import contextlib
import json
import math
import random
import subprocess
import sys
import textwrap
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from chat_server import ChatServer, choice, echo, slowly

from bench_core.errors import BadFile, BenchError, UserError
from bench_core.llm.caching import Remembering
from bench_core.llm.chat import ChatRequest, ChatResponse, Message, NoAnswer, Sampling, Usage
from bench_core.llm.clients import create_client
from bench_core.llm.endpoint import OpenAIEndpoint
from bench_core.llm.limits import Limits, Price
from bench_core.llm.reasoning import answer_part, is_reasoning_model
from bench_core.llm.store import ResponseStore, Stored, made_from
from bench_core.machine.http import JsonEndpoint, Retries, _retry_after_s
from bench_core.machine.threads import in_threads


def ask(text="What is gout?", sample=0, **sampling):
    return ChatRequest((Message("user", text),), Sampling(**sampling), sample)


def client(server, waits=None, timeout_s=5.0, limits=None, model="m", most_bytes=2_000_000, n_tries=3, **endpoint):
    retries = Retries(n_tries=n_tries, sleep=(waits if waits is not None else []).append)
    return OpenAIEndpoint(
        JsonEndpoint(server.base_url, timeout_s=timeout_s, most_bytes=most_bytes, **endpoint),
        model,
        None,
        retries,
        limits,
    )


def outcome_of(asking, request):
    try:
        return asking.complete(request)
    except NoAnswer as error:
        return error


def ask_all(asking, requests, n_threads):
    coming = in_threads(lambda numbered: outcome_of(asking, numbered[1]), enumerate(requests), n_threads)
    return {number: outcome for (number, _), outcome in coming}


def test_what_is_sent_and_what_comes_back():
    with ChatServer(lambda *_: choice("Urate crystals.", reasoning_content="thinking")) as server:
        response = OpenAIEndpoint(JsonEndpoint(server.base_url), "m", {"top_k": 5}).complete(
            ask(temperature=0.7, seed=42)
        )
    assert (response.text, response.reasoning, response.finish) == ("Urate crystals.", "thinking", "stop")
    assert response.usage == Usage(7, 3) and response.seconds > 0
    (sent,) = server.requests
    assert sent == {
        "model": "m",
        "messages": [{"role": "user", "content": "What is gout?"}],
        "temperature": 0.7,
        "seed": 42,
        "top_k": 5,
    }


def respond(status, content=b"{}", **headers):
    return lambda number, body, handler: handler.send(status, content, **headers)


def half_a_body(number, body, handler):
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"choices": [')
    handler.drop()


def silence_until_the_client_leaves(number, body, handler):
    with contextlib.suppress(OSError):
        handler.connection.recv(1)


HOSTILE = {
    "429": (respond(429, b'{"error": {"message": "slow down"}}'), "rate limited", 3),
    "500": (respond(500, b"oops"), "server error", 3),
    "503": (respond(503), "server error", 3),
    "time-out": (silence_until_the_client_leaves, "timed out", 3),
    "dropped connection": (lambda number, body, handler: handler.drop(), "connection lost", 3),
    "half a body": (half_a_body, "connection lost", 3),
    "half a JSON": (respond(200, b'{"choices": ['), "malformed", 3),
    "nested for ever": (respond(200, b"[" * 200_000), "malformed", 3),
    "wrong content": (respond(200, b"<html>hello</html>", content_type="text/html"), "malformed", 3),
    "invalid UTF-8": (respond(200, b'{"choices": [{"message": {"content": "\xff\xfe"}}]}'), "malformed", 3),
    "broken off": (lambda *_: choice("half an ans", "abort"), "malformed", 3),
    "a tool is called": (lambda *_: choice("one moment", "tool_calls"), "malformed", 3),
    "an error beside the answer": (lambda *_: choice("half an ans") | {"error": {"code": 502}}, "malformed", 3),
    "content that is none": (lambda *_: choice({"text": "answer"}), "malformed", 3),
    "empty choices": (respond(200, b'{"choices": []}'), "malformed", 3),
    "null": (respond(200, b"null"), "malformed", 3),
    "10 MB": (lambda *_: choice("x" * 10_000_000), "too large", 1),
    "401": (respond(401, b'{"error": {"message": "bad key sk-secret"}}'), "key refused", 1),
    "400": (respond(400, b'{"error": "too long"}'), "rejected", 1),
    "redirect": (respond(302, Location="http://example.org/"), "rejected", 1),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_endpoint_ends_in_a_status_and_never_in_the_store(tmp_path, name, monkeypatch):
    behave, status, n_requests = HOSTILE[name]
    monkeypatch.setenv("TEST_KEY", "sk-secret")
    store = ResponseStore(tmp_path / "store")
    with ChatServer(behave) as server:
        timeout_s = 0.3 if name == "time-out" else 5.0
        asking = Remembering(client(server, timeout_s=timeout_s, key_variable="TEST_KEY"), store)
        outcome = outcome_of(asking, ask())
    assert isinstance(outcome, NoAnswer) and outcome.status == status
    assert "sk-secret" not in str(outcome) and "\n" not in str(outcome)
    assert len(server.requests) == n_requests
    assert server.headers[0]["Authorization"] == "Bearer sk-secret"
    assert list(store) == []


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (choice("half", "length"), "cut off"),
        (choice("half", "max_tokens"), "cut off"),
        (choice("half", "model_length"), "cut off"),
        (choice("", "content_filter"), "refused"),
        (choice("  \n"), "empty"),
        (choice(None, refusal="I cannot"), "refused"),
    ],
)
def test_answers_that_cannot_be_used_are_given_and_not_stored(tmp_path, answer, problem):
    store = ResponseStore(tmp_path / "store")
    with ChatServer(lambda *_: answer) as server:
        asking = Remembering(client(server), store)
        assert [asking.complete(ask()).problem for _ in range(2)] == [problem] * 2
    assert len(server.requests) == 2 and list(store) == []
    with pytest.raises(ValueError, match="never stored"):
        store.put(Stored({"client": {}}, ChatResponse("", finish="refused")))


def test_a_passing_fault_is_waited_for_as_long_as_the_endpoint_asks():
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    replies = {1: respond(429, Retry_After="17"), 2: respond(503, Retry_After=later), 3: respond(500), 4: echo}
    waits = []
    with ChatServer(lambda number, body, handler: replies[number](number, body, handler)) as server:
        assert client(server, waits, n_tries=4).complete(ask("hello")).text == "echo: hello"
    assert 17 <= waits[0] <= 17.5  # spread a little, so that many clients do not come back at once
    assert 25 < waits[1] <= 30.5
    assert 1.0 <= waits[2] <= 2.0  # the third wait of 0.5, 1, 2: jittered between half and all


@pytest.mark.parametrize(
    "text", ["soon", "", "nan", "inf", "-5", "1e999", "Wed, 99 Foo 2026", "\u00e9", "9" * 400, "0x10"]
)
def test_any_retry_after_is_read_or_passed_over(text):
    seconds = _retry_after_s(text)
    assert seconds is None or 0 <= seconds < math.inf


def trickling_headers(number, body, handler):
    """A byte at a time, until the client has left."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-A: ")
    handler.connection.settimeout(0.05)
    while True:
        try:
            handler.wfile.write(b"a")
            if not handler.connection.recv(1):
                return
        except TimeoutError:
            continue
        except OSError:
            return


def test_headers_that_trickle_end_at_the_time_out():
    with ChatServer(trickling_headers) as server, pytest.raises(NoAnswer) as caught:
        client(server, n_tries=1, timeout_s=0.3).complete(ask())
    assert caught.value.status == "timed out"


def test_a_wrong_key_ends_the_run_after_a_few_requests():
    with ChatServer(respond(401, b'{"error": {"message": "wrong key"}}')) as server:
        asking = client(server, key_variable="TEST_KEY")
        for _ in range(2):
            assert isinstance(outcome_of(asking, ask()), NoAnswer)
        with pytest.raises(BenchError, match=r"401 \(wrong key\); is the key in TEST_KEY right\? No more") as caught:
            asking.complete(ask())
    assert not isinstance(caught.value, NoAnswer) and len(server.requests) == 3


@pytest.mark.parametrize("dollars", [-1.0, math.nan, math.inf])
def test_prices_and_caps_that_bound_nothing_are_refused(dollars):
    capped = lambda: Limits(price=Price(1, 1), most_dollars=dollars)  # noqa: E731
    for make in (lambda: Price(dollars, 1.0), lambda: Price(1.0, dollars), capped):
        with pytest.raises(UserError, match="number of dollars from 0"):
            make()


def stored_answer(tmp_path):
    """A store with one answer, its key and its file."""
    warned = []
    store = ResponseStore(tmp_path / "store", warned.append)
    stored = Stored({"client": {"model": "m"}, "messages": [], "sampling": {}, "sample": 0}, ChatResponse("yes"))
    store.put(stored)
    (path,) = store.root.glob("??/*.json")
    return store, stored.key, path, warned


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace('"yes"', '"no"'),
        lambda text: text[:-3],
        lambda text: "",
        lambda text: "[" * 100_000,
        lambda text: "9" * 6000,
        lambda text: "[]",
        lambda text: text.replace('"text"', '"txet"'),
        lambda text: text.replace('"sample": 0', '"sample": 1'),
        lambda text: text.replace('"schema_version": 2', '"schema_version": 3'),
    ],
)
def test_a_stored_answer_that_is_damaged_is_named_and_not_used(tmp_path, change):
    store, key, path, warned = stored_answer(tmp_path)
    assert store.get(key).response.text == "yes" and warned == []
    path.write_text(change(path.read_text()))
    assert store.get(key) is None
    assert len(warned) == 1 and str(path) in warned[0] and "the model is asked again" in warned[0]


@pytest.mark.parametrize("seed", range(20))
def test_a_damaged_archive_of_answers_is_one_sentence(tmp_path, seed):
    store = stored_answer(tmp_path)[0]
    archive = tmp_path / "answers.jsonl.gz"
    store.export(archive, may_be_credentialed=True)
    content, draw = archive.read_bytes(), random.Random(seed)
    place = draw.randrange(len(content))
    archive.write_bytes(content[:place] + draw.randbytes(8) + content[place + draw.randrange(9) :])
    other = ResponseStore(tmp_path / "other", pytest.fail)
    with contextlib.suppress(UserError):
        other.import_archive(archive)
    assert [stored.response.text for stored in other] in ([], ["yes"])


def test_a_wait_longer_than_allowed_is_a_failure_at_once():
    with ChatServer(respond(429, Retry_After="86400")) as server, pytest.raises(NoAnswer, match="429"):
        client(server).complete(ask())
    assert len(server.requests) == 1


def test_answers_out_of_order_belong_to_their_requests():
    last_has_come = threading.Event()

    def behave(number, body, handler):
        if number == 6:
            last_has_come.set()
        assert last_has_come.wait(60)
        return echo(number, body, handler)

    with ChatServer(behave) as server:
        outcomes = ask_all(client(server), [ask(f"text {n}") for n in range(12)], 6)
    assert {number: outcome.text for number, outcome in outcomes.items()} == {n: f"echo: text {n}" for n in range(12)}


def test_a_second_run_asks_nothing_and_one_killed_only_what_is_missing(tmp_path):
    store = ResponseStore(tmp_path / "store")
    requests = [ask(f"text {n}") for n in range(6)]
    with ChatServer(echo) as server:
        ask_all(Remembering(client(server), store), requests[:4], 2)
        assert len(server.requests) == 4
        again = Remembering(client(server), store)
        outcomes = ask_all(again, requests, 2)
        assert len(server.requests) == 6 and (again.n_asked, again.n_remembered) == (2, 4)
    assert outcomes[0].text == "echo: text 0"
    damaged = next((tmp_path / "store").glob("??/*.json"))
    damaged.write_text(damaged.read_text()[:40])
    assert len(list(store)) == 5  # a damaged file is no answer


def test_a_model_that_only_reasoned_is_asked_again(tmp_path):
    store = ResponseStore(tmp_path / "store")
    useless = Stored(made_from(client_description := {"model": "m"}, ask()), ChatResponse("<think>gout?</think> "))
    store.put(useless)  # as an earlier version may have

    class Silent:
        is_remote = False

        def describe(self):
            return client_description

        def complete(self, request):
            return ChatResponse("<think>gout?</think> ")

    asking = Remembering(Silent(), store)
    assert [asking.complete(ask()).text for _ in range(2)] == ["<think>gout?</think> "] * 2
    assert (asking.n_asked, asking.n_remembered) == (2, 0)


def test_an_answer_in_parts_is_its_text():
    parts = [{"type": "thinking", "thinking": []}, {"type": "text", "text": "Urate "}, {"text": "crystals."}]
    with ChatServer(lambda *_: choice(parts)) as server:
        assert client(server).complete(ask()).text == "Urate crystals."


def test_samples_begin_elsewhere_and_reasoning_models_get_what_they_take():
    with ChatServer(echo) as server:
        client(server).complete(ask(sample=2, seed=42, temperature=0.7, max_tokens=5))
        client(server, model="o3-mini").complete(ask(seed=42, temperature=0.7, top_p=0.8, max_tokens=5))
        without = OpenAIEndpoint(JsonEndpoint(server.base_url), "m", {"seed": None, "top_k": 3})
        without.complete(ask(seed=42, temperature=0.7))
    sent = [
        {name: value for name, value in body.items() if name not in ("model", "messages")} for body in server.requests
    ]
    assert sent == [
        {"seed": 44, "temperature": 0.7, "max_tokens": 5},
        {"seed": 42, "max_completion_tokens": 5},
        {"temperature": 0.7, "top_k": 3},
    ]


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens", "n", "messages", "stream"])
def test_extra_fields_cannot_pass_the_bounds(field):
    with pytest.raises(UserError, match=f"cannot hold {field}"):
        OpenAIEndpoint(JsonEndpoint("http://localhost/v1"), "m", {field: 1_000_000})


@pytest.mark.parametrize("key", ["sk-ü", "sk-a\nb"])
def test_a_key_that_is_none_is_told(monkeypatch, key):
    monkeypatch.setenv("TEST_KEY", key)
    with ChatServer(echo) as server, pytest.raises(UserError, match="The key in TEST_KEY"):
        client(server, key_variable="TEST_KEY").complete(ask())
    assert server.requests == []


def test_a_key_may_come_with_a_line_end(monkeypatch):
    monkeypatch.setenv("TEST_KEY", "sk-secret\n")
    with ChatServer(echo) as server:
        client(server, key_variable="TEST_KEY").complete(ask())
    assert server.headers[0]["Authorization"] == "Bearer sk-secret"


def test_endpoints_that_differ_in_their_query_are_two():
    one, other = (
        OpenAIEndpoint(JsonEndpoint(f"http://localhost/v1?tenant={name}"), "m").describe() for name in ("a", "b")
    )
    assert one != other and "tenant" not in str(one)


def test_samples_models_and_endpoints_never_share_an_answer(tmp_path):
    store = ResponseStore(tmp_path / "store")
    with ChatServer(echo) as one, ChatServer(echo) as other:
        Remembering(client(one), store).complete(ask())
        for asking, request in [
            (client(one), ask(sample=1)),
            (client(one), ask(temperature=0.5)),
            (client(one, model="n"), ask()),
            (client(other), ask()),
        ]:
            remembering = Remembering(asking, store)
            remembering.complete(request)
            assert remembering.n_asked == 1
    assert len(list(store)) == 5


def test_two_processes_share_the_store_and_repeat_no_request(tmp_path):
    script = textwrap.dedent(f"""
        import sys
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from pathlib import Path
        from bench_core.machine.http import JsonEndpoint
        from bench_core.llm.chat import ChatRequest, Message
        from bench_core.llm.endpoint import OpenAIEndpoint
        from bench_core.llm.caching import Remembering
        from bench_core.llm.store import ResponseStore
        from bench_core.machine.threads import in_threads
        asking = Remembering(OpenAIEndpoint(JsonEndpoint(sys.argv[1]), "m"), ResponseStore(Path(sys.argv[2])))
        requests = [ChatRequest((Message("user", f"text {{n}}"),)) for n in range(20)]
        outcomes = in_threads(asking.complete, requests, 4)
        assert sorted(outcome.text for _, outcome in outcomes) == sorted(f"echo: text {{n}}" for n in range(20))
    """)
    with ChatServer(slowly(0.05)) as server:
        command = [sys.executable, "-c", script, server.base_url, str(tmp_path / "store")]
        running = [subprocess.Popen(command) for _ in range(2)]
        assert [process.wait(60) for process in running] == [0, 0]
        assert len(server.requests) == 20


def test_the_store_is_its_owners_alone(tmp_path):
    store = ResponseStore(tmp_path / "store")
    store.put(Stored(made_from({"model": "m"}, ask()), ChatResponse("answer")))
    assert (tmp_path / "store").stat().st_mode & 0o077 == 0
    (tmp_path / "shared").mkdir(mode=0o755)
    there_already = ResponseStore(tmp_path / "shared")
    there_already.put(Stored(made_from({"model": "m"}, ask()), ChatResponse("answer")))
    assert next((tmp_path / "shared").glob("??/*.json")).stat().st_mode & 0o077 == 0
    store.export(tmp_path / "answers.jsonl.gz", may_be_credentialed=True)
    assert (tmp_path / "answers.jsonl.gz").stat().st_mode & 0o077 == 0


def test_an_archive_goes_to_somebody_who_has_no_model(tmp_path):
    store, other = ResponseStore(tmp_path / "one"), ResponseStore(tmp_path / "other")
    for n in range(3):
        store.put(
            Stored(
                made_from({"model": f"m{n % 2}"}, ask(f"text {n}")),
                ChatResponse(f"answer {n}", usage=Usage(2, n)),
                "public",
            )
        )
    assert store.statistics() == [("m0", 2, 4, 2, 0), ("m1", 1, 2, 1, 0)]
    assert store.export(tmp_path / "a.gz", "m0") == 2
    assert store.export(tmp_path / "b.gz") == 3
    first = (tmp_path / "b.gz").read_bytes()
    store.export(tmp_path / "b.gz")
    assert (tmp_path / "b.gz").read_bytes() == first
    assert other.import_archive(tmp_path / "a.gz") == (2, 0)
    assert other.import_archive(tmp_path / "b.gz") == (1, 2)
    assert [stored.response for stored in other] == [stored.response for stored in store]
    assert other.prune("m0") == 2 and len(list(other)) == 1
    (tmp_path / "a.gz").write_bytes(first[: len(first) // 2])
    with pytest.raises(BadFile, match="archive"):
        other.import_archive(tmp_path / "a.gz")


def test_why_an_answer_is_not_there_can_be_told(tmp_path):
    store = ResponseStore(tmp_path / "store")
    store.put(Stored(made_from({"model": "m"}, ask(temperature=0.7)), ChatResponse("answer")))
    store.put(Stored(made_from({"model": "n"}, ask("another", temperature=0.1)), ChatResponse("answer")))
    _, differing = store.nearest(made_from({"model": "m"}, ask(temperature=0.8)))
    assert differing == ["sampling.temperature"]


def test_a_spending_cap_stops_before_it_is_passed():
    price = Price(prompt=10.0, completion=100_000.0)  # 3 completion tokens are 0.3 dollars
    limits = Limits(n_at_once=1, price=price, most_dollars=1.0)
    with ChatServer(echo) as server:
        outcomes = ask_all(client(server, limits=limits), [ask(f"{n}", max_tokens=3) for n in range(8)], 2)
    statuses = ["ok" if isinstance(outcome, ChatResponse) else outcome.status for outcome in outcomes.values()]
    assert len(outcomes) == 8
    assert statuses.count("ok") == len(server.requests) == 3
    assert statuses.count("spending cap") == 5
    assert limits.dollars <= 1.0
    with pytest.raises(UserError, match="price"):
        Limits(most_dollars=1)


def test_what_an_endpoint_does_not_count_is_the_most_it_can_have_been():
    limits = Limits(n_at_once=1, price=Price(prompt=0.0, completion=100_000.0), most_dollars=1.0)
    silent = choice("an answer")
    del silent["usage"]
    with ChatServer(lambda *_: silent) as server:
        outcomes = ask_all(client(server, limits=limits), [ask(f"{n}", max_tokens=3) for n in range(8)], 2)
    assert sum(isinstance(outcome, ChatResponse) for outcome in outcomes.values()) == len(server.requests) == 3
    assert limits.dollars == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("behave", "dollars"),
    [
        (lambda number, body, handler: handler.drop(), 0.6),
        (respond(200, b"half an answ"), 0.6),
        (respond(429), 0.0),
        (respond(500), 0.0),
    ],
)
def test_what_may_have_been_billed_counts(behave, dollars):
    limits = Limits(price=Price(prompt=0.0, completion=100_000.0), most_dollars=100.0)
    with ChatServer(behave) as server, pytest.raises(NoAnswer):
        client(server, limits=limits, n_tries=2).complete(ask(max_tokens=3))
    assert len(server.requests) == 2 and limits.dollars == pytest.approx(dollars)


def test_a_cap_holds_for_texts_of_many_tokens_a_character():
    limits = Limits(price=Price(prompt=1_000_000.0, completion=0.0), most_dollars=40.0)
    with ChatServer(echo) as server, pytest.raises(NoAnswer, match="spending cap"):
        client(server, limits=limits).complete(ask("痛" * 20, max_tokens=3))  # 20 characters may be 60 tokens
    assert server.requests == []


def test_half_a_surrogate_pair_is_no_character():
    cut = b'{"choices": [{"message": {"content": "gout \\ud83d"}, "finish_reason": "stop"}]}'
    with ChatServer(respond(200, cut)) as server:
        assert client(server).complete(ask()).text == "gout \ufffd"


def test_no_more_requests_a_minute_than_allowed():
    now = [0.0]
    waited = []

    def sleep(seconds):
        waited.append(seconds)
        now[0] += seconds

    limits = Limits(requests_per_minute=2, clock=lambda: now[0], sleep=sleep)
    for _ in range(5):
        with limits.turn(ask()) as spent:
            spent(Usage(1, 1))
        now[0] += 1
    assert waited == pytest.approx([58, 58])
    tokens = Limits(tokens_per_minute=100, clock=lambda: now[0], sleep=sleep)
    waited.clear()
    for _ in range(3):
        with tokens.turn(ask(max_tokens=10)) as spent:
            spent(Usage(40, 20))
    assert len(waited) == 1  # the second fits as it is estimated; counted, the two have used 120 of 100


def test_no_more_at_once_than_allowed():
    under_way, most, lock = [0], [0], threading.Lock()
    three_together = threading.Barrier(3, timeout=60)

    def behave(number, body, handler):
        with lock:
            under_way[0] += 1
            most[0] = max(most[0], under_way[0])
        three_together.wait()
        with lock:
            under_way[0] -= 1
        return echo(number, body, handler)

    with ChatServer(behave) as server:
        ask_all(client(server, limits=Limits(n_at_once=3)), [ask(f"{n}") for n in range(12)], 8)
    assert most[0] == 3


@pytest.mark.parametrize("address", ["ftp://x/v1", "localhost:8000", "", "http://user:pass@host/v1"])
def test_an_address_that_is_none_is_told(address):
    with pytest.raises(UserError):
        JsonEndpoint(address)


@pytest.mark.parametrize(
    ("address", "remote"),
    [
        ("http://localhost:1/v1", False),
        ("http://127.0.0.9/v1", False),
        ("http://[::1]:8/v1", False),
        ("https://api.openai.com/v1", True),
        ("http://10.0.0.7/v1", True),
        ("http://localhost.example.org/v1", True),
    ],
)
def test_what_leaves_this_machine(address, remote):
    assert JsonEndpoint(address).is_remote is remote


@pytest.mark.parametrize(
    ("model", "text", "answer", "reasoning"),
    [
        ("deepseek-ai/DeepSeek-R1-Distill-Qwen-32B", "<think>a</think> b </think>\n\nc", "c", "a</think> b"),
        ("Qwen/QwQ-32B", "reason</think>answer", "answer", "reason"),
        ("Qwen/Qwen3-32B", "no marks at all", "no marks at all", ""),
        (
            "FreedomIntelligence/HuatuoGPT-o1-70B",
            "## Thinking\nhm\n\n## Final Response\n\nGout.",
            "Gout.",
            "## Thinking\nhm",
        ),
        ("Search-R1-Qwen2.5-3B", "<search>x</search> <answer> Gout </answer>", "Gout", "<search>x</search>"),
        ("Qwen/Qwen2.5-7B-Instruct", "plain", "plain", ""),
        ("Qwen/Qwen3-30B-A3B-Instruct-2507", "plain", "plain", ""),
        ("o3-mini", "plain", "plain", ""),
        ("new-model", "hm</think>Gout", "Gout", "hm"),
    ],
)
def test_reasoning_is_separated_by_the_models_rule(model, text, answer, reasoning):
    found = answer_part(text, model)
    assert (found.text, found.reasoning) == (answer, reasoning)
    ordinary = ("new-model", "Qwen/Qwen2.5-7B-Instruct", "Qwen/Qwen3-30B-A3B-Instruct-2507")
    assert ("not known" in found.rule) == (model in ordinary)


@pytest.mark.parametrize(
    ("model", "reasons"),
    [
        ("o3-mini", True),
        ("openai/o1", True),
        ("gpt-o3-mini", True),
        ("gpt-5.2", True),
        ("openai/gpt-oss-20b", True),
        ("deepseek-reasoner", True),
        ("Qwen3-32B", True),
        ("Qwen3-Coder-30B-A3B-Instruct", False),
        ("gpt-4o", False),
        ("meta-llama/Llama-3.1-70B-Instruct", False),
    ],
)
def test_models_that_reason_are_known_by_name(model, reasons):
    assert is_reasoning_model(model) is reasons


def test_a_stored_file_is_json_that_people_can_read(tmp_path):
    store = ResponseStore(tmp_path / "store")
    stored = Stored(made_from({"model": "m"}, ask("Gicht – ü")), ChatResponse("Harnsäure"))
    store.put(stored)
    content = json.loads(next((tmp_path / "store").glob("??/*.json")).read_text(encoding="utf-8"))
    assert content["made_from"]["messages"][0]["content"] == "Gicht – ü"
    assert store.get(stored.key) == stored


def test_a_model_in_this_process_is_what_its_files_hold(tmp_path):
    for place in ("one/model", "other/model"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "config.json").write_text("{}")
    one, other = (create_client(f"hf:{tmp_path / place / 'model'}").describe() for place in ("one", "other"))
    assert one == other and one["model"] == "model"
    (tmp_path / "other" / "model" / "config.json").write_text('{"hidden_size": 8}')
    assert create_client(f"hf:{tmp_path / 'other' / 'model'}").describe() != one


@pytest.mark.parametrize("name", ["models/of/mine", "./mine", "mine.gguf"])
def test_a_model_that_is_not_there_is_told_before_anything_is_asked(name):
    with pytest.raises(UserError, match="there is no such"):
        create_client(f"hf:{name}")


def test_a_hub_model_without_a_hub_is_a_failed_run():
    with pytest.raises(
        BenchError, match="the hub is not reached, and there is no local copy of nobody/nothing"
    ) as told:
        create_client("hf:nobody/nothing").describe()
    assert told.value.exit_code == 1
