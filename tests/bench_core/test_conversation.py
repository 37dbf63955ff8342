"""Conversations over real HTTP, with tools and without; keys of the answer store; prompt files."""

import json
import shutil
import sys
from dataclasses import dataclass, make_dataclass
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from chat_server import ChatServer, choice, echo

from bench_core.errors import BadFile, UserError
from bench_core.llm import clients
from bench_core.llm.caching import Remembering
from bench_core.llm.chat import ChatRequest, ChatResponse, Message, NoAnswer, Sampling, Tool, ToolCall, Usage
from bench_core.llm.conversation import Conversation, Cost, Step, TraceBounds
from bench_core.llm.endpoint import OpenAIEndpoint
from bench_core.llm.limits import Limits, Price
from bench_core.llm.local import LocalModel, tool_calls_in
from bench_core.llm.prompts import read_prompt
from bench_core.llm.store import ResponseStore, Stored, made_from
from bench_core.machine.http import JsonEndpoint, Retries

FIXTURES = Path(__file__).parents[1] / "fixtures"
ASKED = Message("user", "Which drugs treat gout?")
RUN_SQL = Tool("run_sql", "Run a statement.", {"type": "object", "properties": {"sql": {"type": "string"}}})
GREEDY = Sampling(temperature=0.0)


def client(server, limits=None):
    return OpenAIEndpoint(JsonEndpoint(server.base_url), "m", None, Retries(n_tries=1), limits)


def call(name="run_sql", arguments='{"sql": "SELECT 1"}', **changed):
    return {"id": "c1", "type": "function", "function": {"name": name, "arguments": arguments}, **changed}


def uses_a_tool(number, body, handler):
    """Asks for a tool, then answers with what it returned."""
    last = body["messages"][-1]
    if last["role"] == "tool":
        return choice(f"It is {last['content']}.")
    return choice(None, "tool_calls", tool_calls=[call()])


def converse(asking):
    conversation = Conversation(asking, [ASKED], [RUN_SQL])
    response = conversation.turn(GREEDY)
    while response.tool_calls:
        for wanted in response.tool_calls:
            assert wanted.values == {"sql": "SELECT 1"}
            conversation.reply(wanted, "allopurinol", seconds=0.5)
        response = conversation.turn(GREEDY)
    return conversation, response.text


def test_tools_are_used_in_openais_form(tmp_path):
    with ChatServer(uses_a_tool) as server:
        conversation, text = converse(client(server))
    assert text == "It is allopurinol."
    first, second = server.requests
    function = {"name": "run_sql", "description": "Run a statement.", "parameters": dict(RUN_SQL.parameters)}
    assert first["tools"] == second["tools"] == [{"type": "function", "function": function}]
    assert first["messages"] == [{"role": "user", "content": "Which drugs treat gout?"}]
    assert second["messages"][1:] == [
        {"role": "assistant", "content": None, "tool_calls": [call()]},
        {"role": "tool", "tool_call_id": "c1", "content": "allopurinol"},
    ]
    written = 'run_sql({"sql": "SELECT 1"})'
    assert conversation.steps == (
        Step("ask", "Which drugs treat gout?", written),
        Step("tool", written, "allopurinol"),
        Step("ask", "allopurinol", "It is allopurinol."),
    )
    assert [cost.requests for cost in conversation.costs] == [1, 0, 1]
    assert (conversation.cost.requests, conversation.cost.usage) == (2, Usage(14, 6))
    assert conversation.costs[1].seconds == 0.5 and conversation.cost.dollars is None


def test_a_second_run_of_a_conversation_with_tools_asks_nothing(tmp_path):
    store = ResponseStore(tmp_path / "store")
    with ChatServer(uses_a_tool) as server:
        first, _ = converse(Remembering(client(server), store))
        again, text = converse(Remembering(client(server), store))
        assert text == "It is allopurinol." and len(server.requests) == 2
    assert again.messages == first.messages and again.steps == first.steps
    store.export(tmp_path / "a.gz", may_be_credentialed=True)
    other = ResponseStore(tmp_path / "other")
    other.import_archive(tmp_path / "a.gz")
    assert [stored.response for stored in other] == [stored.response for stored in store]


def test_money_is_counted_step_by_step(tmp_path, monkeypatch):
    (tmp_path / "prices.yaml").write_text("m: {prompt: 1000000, completion: 2000000}\n")
    monkeypatch.setattr(clients, "user_prices_path", lambda: tmp_path / "prices.yaml")
    with ChatServer(uses_a_tool) as server:
        conversation, _ = converse(client(server))
    assert [cost.dollars for cost in conversation.costs] == [13.0, 0.0, 13.0] and conversation.cost.dollars == 26.0
    assert (Cost() + Cost(1, Usage(None, 3), 1.0, None)) == Cost(1, Usage(0, 3), 1.0, None)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (choice(None, "stop", tool_calls=[call()]), [ToolCall("c1", "run_sql", '{"sql": "SELECT 1"}')]),
        (choice("", "tool_use", tool_calls=[call(id=None)]), [ToolCall("call_0", "run_sql", '{"sql": "SELECT 1"}')]),
        (choice("", "tool_calls", tool_calls=[call(arguments={"a": 1})]), [ToolCall("c1", "run_sql", '{"a": 1}')]),
        (choice("", "tool_calls", tool_calls=[call(arguments=None)]), [ToolCall("c1", "run_sql", "{}")]),
        (choice("", "tool_calls", tool_calls=[call(arguments="{broken")]), [ToolCall("c1", "run_sql", "{broken")]),
        (choice("text", "tool_calls"), "malformed"),
        (choice("", "tool_calls", tool_calls=[call(name="")]), "malformed"),
        (choice("", "tool_calls", tool_calls=[call(name=7)]), "malformed"),
        (choice("", "tool_calls", tool_calls=["run_sql"]), "malformed"),
        (choice("", "tool_calls", tool_calls=[{"id": "c1"}]), "malformed"),
        (choice("", "length", tool_calls=[call(arguments='{"sql": "SEL')]), "cut off"),
        (choice("", "content_filter", tool_calls=[call()]), "refused"),
    ],
)
def test_calls_as_endpoints_write_them(tmp_path, answer, expected):
    store = ResponseStore(tmp_path / "store")
    with ChatServer(lambda *_: answer) as server:
        conversation = Conversation(Remembering(client(server), store), [ASKED], [RUN_SQL])
        if isinstance(expected, list):
            assert list(conversation.turn(GREEDY).tool_calls) == expected and len(list(store)) == 1
            return
        with pytest.raises(NoAnswer) as error:
            conversation.turn(GREEDY)
    assert error.value.status == expected and not list(store)
    assert conversation.messages == (ASKED,)


def test_arguments_that_are_no_object_are_known_to_be_none():
    found = [ToolCall("c", "t", text).values for text in ('{"a": 1}', "", "[1]", "{a", '"a"', "[" * 9_999)]
    assert found == [{"a": 1}, {}, None, None, None, None]


@pytest.mark.parametrize(("finish", "text", "status"), [("length", "half", "cut off"), ("stop", " ", "empty")])
def test_a_turn_that_cannot_be_used_ends_the_conversation(finish, text, status):
    with ChatServer(lambda *_: choice(text, finish)) as server:
        conversation = Conversation(client(server), [ASKED])
        with pytest.raises(NoAnswer) as error:
            conversation.ask(GREEDY)
    assert error.value.status == status
    assert conversation.cost.requests == 1 and len(conversation.steps) == 1  # it was paid for


def test_an_aside_does_not_enter_and_a_note_is_kept():
    with ChatServer(echo) as server:
        conversation = Conversation(client(server), [ASKED])
        assert conversation.aside("Condense this.", GREEDY, "condense") == "echo: Condense this."
        conversation.note("search", "gout", "d1\nd2")
        conversation.tell("Go on.")
        assert conversation.ask(GREEDY) == "echo: Go on."
    assert [message.content for message in conversation.messages] == [ASKED.content, "Go on.", "echo: Go on."]
    assert [step.action for step in conversation.steps] == ["condense", "search", "ask"]
    assert "tools" not in server.requests[1]


def test_the_trace_is_bounded_and_every_step_has_its_place():
    with ChatServer(lambda *_: choice("x" * 1000)) as server:
        conversation = Conversation(client(server), [ASKED], bounds=TraceBounds(100, 250))
        for _ in range(4):
            conversation.ask(GREEDY)
    assert len(conversation.steps) == len(conversation.costs) == 4
    assert conversation.steps[0].returned == "x" * 100 + "… (900 characters left out)"
    assert sum(text.count("x") for step in conversation.steps for text in (step.given, step.returned)) <= 250
    assert conversation.messages[1].content == "x" * 1000  # the model sees all of it


def test_tools_count_for_the_spending_cap():
    large = Tool("t", "d" * 2000, {"type": "object"})
    with ChatServer(echo) as server:
        asking = client(server, Limits(price=Price(1e6, 0.0), most_dollars=500.0))
        asking.complete(ChatRequest((ASKED,), GREEDY))
        with pytest.raises(NoAnswer, match="spending cap"):
            asking.complete(ChatRequest((ASKED,), GREEDY, tools=(large,)))
        with pytest.raises(NoAnswer, match="spending cap"):
            said = Message("assistant", "", (ToolCall("c", "t", "a" * 2000),))
            asking.complete(ChatRequest((ASKED, said, Message("tool", "x", tool_call_id="c")), GREEDY))
    assert len(server.requests) == 1


# --- keys of the answer store ---


def test_answers_of_the_version_before_are_still_found(tmp_path):
    shutil.copytree(FIXTURES / "responses_of_version_1", tmp_path / "store")
    store = ResponseStore(tmp_path / "store")
    brief = (Message("system", "Be brief."), Message("user", "What is gout?"))
    sampling = Sampling(temperature=0.7, seed=42, max_tokens=64, stop=("\n\n",))
    with ChatServer(echo) as server:
        for description, request, text in (
            (
                {"endpoint": "http://127.0.0.1:9/v1", "model": "m", "extra_body": {}},
                ChatRequest(brief, sampling),
                "Urate crystals in joints.",
            ),
            (
                {"model": "n", "sha256": "00"},
                ChatRequest((Message("user", "What is gout?"),), Sampling(), 3),
                "Arthritis.",
            ),
        ):
            asking = client(server)
            asking.describe = lambda description=description: description
            assert Remembering(asking, store).complete(request).text == text
        assert server.requests == []
    other = ResponseStore(tmp_path / "other")
    assert other.import_archive(FIXTURES / "responses_of_version_1.jsonl.gz") == (2, 0)
    assert {stored.key for stored in other} == {stored.key for stored in store}


def key_of(request):
    return Stored(made_from({"model": "m"}, request), ChatResponse("x")).key


def test_a_field_that_comes_later_changes_no_key_until_it_is_set():
    LaterMessage = make_dataclass(
        "LaterMessage", [("name", str, ""), ("images", tuple, ())], bases=(Message,), frozen=True
    )
    LaterSampling = make_dataclass("LaterSampling", [("min_p", float | None, None)], bases=(Sampling,), frozen=True)
    LaterRequest = make_dataclass("LaterRequest", [("format", dict | None, None)], bases=(ChatRequest,), frozen=True)
    before = ChatRequest((Message("user", "gout"),), Sampling(temperature=0.5), 1)
    later = LaterRequest((LaterMessage("user", "gout"),), LaterSampling(temperature=0.5), 1)
    assert key_of(later) == key_of(before)
    changed = [
        LaterRequest((LaterMessage("user", "gout", name="n"),), LaterSampling(temperature=0.5), 1),
        LaterRequest((LaterMessage("user", "gout", images=("a",)),), LaterSampling(temperature=0.5), 1),
        LaterRequest((LaterMessage("user", "gout"),), LaterSampling(temperature=0.5, min_p=0.1), 1),
        LaterRequest((LaterMessage("user", "gout"),), LaterSampling(temperature=0.5), 1, format={"type": "json"}),
        ChatRequest((Message("user", "gout"),), Sampling(temperature=0.5), 1, (RUN_SQL,)),
        ChatRequest((Message("user", "gout", (ToolCall("c", "t", "{}"),)),), Sampling(temperature=0.5), 1),
        ChatRequest((Message("user", "gout", tool_call_id="c"),), Sampling(temperature=0.5), 1),
    ]
    assert len({key_of(before), *map(key_of, changed)}) == 1 + len(changed)


def test_what_a_key_is_made_from_is_json_with_what_is_set():
    request = ChatRequest((Message("assistant", "", (ToolCall("c", "t", "{}"),)),), tools=(RUN_SQL,))
    assert json.loads(json.dumps(made_from({"model": "m"}, request))) == {
        "client": {"model": "m"},
        "messages": [
            {"role": "assistant", "content": "", "tool_calls": [{"call_id": "c", "name": "t", "arguments": "{}"}]}
        ],
        "sampling": {},
        "sample": 0,
        "tools": [{"name": "run_sql", "description": "Run a statement.", "parameters": dict(RUN_SQL.parameters)}],
    }


# --- models in this process ---


def test_calls_in_a_models_text():
    text = 'Let me see.\n<tool_call>\n{"name": "run_sql", "arguments": {"sql": "SELECT 1"}}\n</tool_call>'
    assert tool_calls_in(text) == ("Let me see.", (ToolCall("call_0", "run_sql", '{"sql": "SELECT 1"}'),))
    two = '<tool_call>{"name": "a"}</tool_call><tool_call>{"name": "b", "arguments": "{}"}</tool_call>'
    assert [wanted.name for wanted in tool_calls_in(two)[1]] == ["a", "b"]
    for broken in ("<tool_call>{name}</tool_call>", '<tool_call>{"name": 7}</tool_call>', "no call", "<tool_call>"):
        assert tool_calls_in(broken) == (broken, ())


@dataclass
class Rendering:
    """A tokenizer as far as its chat template: what transformers does with it, without a vocabulary."""

    chat_template: str

    def get_chat_template(self, tools=None):
        return self.chat_template

    def apply_chat_template(self, messages, tools, tokenize, add_generation_prompt, chat_template):
        from transformers.utils.chat_template_utils import render_jinja_template

        template = chat_template or self.chat_template
        (text,), _ = render_jinja_template([messages], tools, chat_template=template, add_generation_prompt=True)
        return text


def test_a_template_gets_the_tools_or_the_request_is_refused(tmp_path):
    pytest.importorskip("transformers")
    file = tmp_path / "m.gguf"
    file.touch()
    model = LocalModel(str(file))
    messages = (ASKED, Message("assistant", "", (ToolCall("c1", "run_sql", '{"sql": "SELECT 1"}'),)))
    request = ChatRequest((*messages, Message("tool", "7", tool_call_id="c1")), GREEDY, tools=(RUN_SQL,))
    with_tools = (
        "{% for tool in tools %}[{{ tool.function.name }}]{% endfor %}{% for message in messages %}"
        "<{{ message.role }}>{{ message.content }}{% for call in message.tool_calls %}"
        "{{ call.function.arguments.sql }}{% endfor %}{% endfor %}"
    )
    shown = model._prompt(Rendering(with_tools), request)
    assert shown == "[run_sql]<user>Which drugs treat gout?<assistant>SELECT 1<tool>7"
    with pytest.raises(UserError, match="no place for tools"):
        model._prompt(Rendering("{% for message in messages %}{{ message.content }}{% endfor %}"), request)


# --- prompt files ---


def test_prompt_files_are_checked_for_their_fields(tmp_path):
    file = tmp_path / "p.txt"
    file.write_text('Answer {question} as {"sql": "…"}.\n')
    prompt = read_prompt(file, {"question", "schema"}, {"question"})
    assert prompt.filled({"question": "What of {schema}?"}) == 'Answer What of {schema}? as {"sql": "…"}.'
    assert prompt.sha256 == read_prompt(file, {"question"}).sha256
    with pytest.raises(BadFile, match=r"expected \{schema\}"):
        read_prompt(file, {"question", "schema"}, {"schema"})
    with pytest.raises(BadFile, match=r"\{question\} is not filled here; fields are schema"):
        read_prompt(file, {"schema"})
    with pytest.raises(UserError, match="no such prompt file"):
        read_prompt(tmp_path / "none.txt", set())
    file.write_bytes(b"\xff")
    with pytest.raises(BadFile, match="UTF-8"):
        read_prompt(file, set())
