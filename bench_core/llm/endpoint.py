"""Chat endpoints that speak OpenAI's protocol: OpenAI, Azure, vLLM, Ollama, llama.cpp."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from typing import Any

from bench_core.characters import whole_characters
from bench_core.errors import BenchError, UserError
from bench_core.identity import Json
from bench_core.llm.chat import ChatRequest, ChatResponse, Finish, Message, NoAnswer, Tool, ToolCall, Usage
from bench_core.llm.limits import Limits
from bench_core.machine.http import EndpointFailure, JsonEndpoint, Retries
from bench_core.plugins.requirements import Requirements

# How endpoints say that an answer is whole, cut off or withheld: OpenAI's own three names
# (https://platform.openai.com/docs/api-reference/chat/object), which vLLM, Ollama and llama.cpp share; others pass the
# names of Anthropic, Mistral, Gemini and text-generation-inference through. An endpoint that gives none has come to its
# end. Whatever else they say (`error`, `abort`, …), the answer is not whole; nor is one that ends for tools and names
# none.
_FINISHES: Mapping[str, Finish] = {
    **dict.fromkeys(("", "stop", "eos", "eos_token", "end_turn", "stop_sequence"), "stop"),
    **dict.fromkeys(("length", "model_length", "max_tokens", "max_output_tokens"), "length"),
    **dict.fromkeys(("content_filter", "refusal", "safety"), "refused"),
    **dict.fromkeys(("tool_calls", "tool_use"), "tool_calls"),
}
# Fields of a request that have a place of their own, or that would change what an answer is or may cost.
_TAKEN_FIELDS = frozenset(
    {"model", "messages", "n", "best_of", "stream", "tools", "max_tokens", "max_completion_tokens"}
)
# OpenAI's reasoning models take the most tokens by another name and fix how tokens are drawn
# (https://platform.openai.com/docs/guides/reasoning).
_FIXED_SAMPLING = re.compile(r"(.*/)?(o\d|gpt-5)(-.*|\..*)?", re.IGNORECASE)
# Fields in which endpoints give reasoning by itself: vLLM and DeepSeek, then OpenRouter and newer vLLM.
_REASONING_FIELDS = ("reasoning_content", "reasoning")
# What no further request of a run will change: a dead port, a wrong key. So many in a row, each after its retries, end
# the run.
_LASTING = frozenset({"no connection", "key refused"})
_MOST_LASTING_IN_A_ROW = 3
# The model may have answered, though the answer did not arrive or could not be read.
_PERHAPS_BILLED = frozenset({"timed out", "connection lost", "malformed", "too large"})


class OpenAIEndpoint:
    """One model behind an endpoint.

    Args:
        endpoint: where it is.
        model: its name there.
        extra_body: further fields of every request (`{"enable_thinking": true}`); part of the description. A field that
            is null here is not sent.
        limits: what is shared with other clients of the endpoint.

    Raises:
        UserError: `extra_body` holds a field that is set elsewhere.
    """

    def __init__(
        self,
        endpoint: JsonEndpoint,
        model: str,
        extra_body: Mapping[str, Json] | None = None,
        retries: Retries | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.model, self._endpoint = model, endpoint
        self._extra_body = dict(extra_body or {})
        taken = sorted(self._extra_body.keys() & _TAKEN_FIELDS)
        if taken:
            raise UserError(f"extra_body cannot hold {taken[0]}; the most tokens of an answer are set by max_tokens=….")
        self._retries, self._limits = retries or Retries(), limits or Limits()
        self._n_lasting = 0

    def describe(self) -> Mapping[str, Json]:
        """Endpoint, model and what is sent beside the request."""
        return {"endpoint": self._endpoint.identity, "model": self.model, "extra_body": self._extra_body}

    @property
    def is_remote(self) -> bool:
        """Whether what is asked leaves this machine."""
        return self._endpoint.is_remote

    @property
    def requires(self) -> Requirements:
        """Next to nothing: it waits."""
        return Requirements()

    def complete(self, request: ChatRequest) -> ChatResponse:
        """Ask, again where a failure may pass.

        Raises:
            NoAnswer: the last try failed, or a limit forbids another.
            BenchError: several requests in a row failed in a way that will last.
        """
        fields = {**self._sampling(request), **self._extra_body}
        body = {
            "model": self.model,
            "messages": [chat_message(message) for message in request.messages],
            **({"tools": [chat_tool(tool) for tool in request.tools]} if request.tools else {}),
            **{name: value for name, value in fields.items() if value is not None},
        }
        try:
            response = self._retries.call(lambda: self._once(body, request))
        except EndpointFailure as failure:
            self._n_lasting = self._n_lasting + 1 if failure.kind in _LASTING else 0
            if self._n_lasting >= _MOST_LASTING_IN_A_ROW:
                raise BenchError(f"{failure} No more is asked; what was answered is kept.") from failure
            raise NoAnswer(failure.kind, str(failure)) from failure
        self._n_lasting = 0
        return response

    def _sampling(self, request: ChatRequest) -> dict[str, Json]:
        """How tokens are drawn, in the fields the model knows; further samples begin elsewhere."""
        fields = request.sampling.describe()
        if request.sampling.seed is not None:
            fields["seed"] = request.sampling.seed + request.sample
        if _FIXED_SAMPLING.fullmatch(self.model):
            fields["max_completion_tokens"] = fields.pop("max_tokens", None)
            for name in ("temperature", "top_p"):
                fields.pop(name, None)
        return fields

    def _once(self, body: Mapping[str, Any], request: ChatRequest) -> ChatResponse:
        with self._limits.turn(request) as spent:
            start = time.perf_counter()
            try:
                answer = self._endpoint.post("chat/completions", body)
                response = _parsed(answer, time.perf_counter() - start)
            except EndpointFailure as failure:
                if failure.kind in _PERHAPS_BILLED:
                    spent(Usage())
                raise
            spent(response.usage)
        return response


def _parsed(answer: Any, seconds: float) -> ChatResponse:
    """A response out of an answer's JSON.

    Raises:
        EndpointFailure: it has no choice, or is of another form.
    """
    try:
        if answer.get("error"):
            raise EndpointFailure("malformed", "The endpoint's answer holds an error beside what the model said.")
        choice = answer["choices"][0]
        message = choice["message"]
        calls = _tool_calls(message.get("tool_calls"))
        usage = answer.get("usage") or {}
        reasoning = next((message[name] for name in _REASONING_FIELDS if message.get(name)), "")
        return ChatResponse(
            text=whole_characters(_text(message.get("content"))),
            reasoning=whole_characters(str(reasoning)),
            finish="refused" if message.get("refusal") else _finish(choice.get("finish_reason"), bool(calls)),
            usage=Usage(_count(usage, "prompt_tokens"), _count(usage, "completion_tokens")),
            seconds=seconds,
            tool_calls=calls,
        )
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise EndpointFailure("malformed", "The endpoint's answer holds no choice with a message.") from error


def chat_message(message: Message) -> dict[str, Any]:
    """A message in OpenAI's form; an assistant's that only calls tools has no content."""
    if message.role == "tool":
        return {"role": "tool", "tool_call_id": message.tool_call_id, "content": message.content}
    if not message.tool_calls:
        return {"role": message.role, "content": message.content}
    calls = [
        {"id": call.call_id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
        for call in message.tool_calls
    ]
    return {"role": message.role, "content": message.content or None, "tool_calls": calls}


def chat_tool(tool: Tool) -> dict[str, Any]:
    """A tool in OpenAI's form."""
    function = {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
    return {"type": "function", "function": function}


def _tool_calls(told: Any) -> tuple[ToolCall, ...]:
    """The calls of a message; one that has no id gets its place for one.

    Raises:
        KeyError, TypeError, AttributeError: they are of another form.
    """
    return tuple(
        ToolCall(
            whole_characters(str(call.get("id") or f"call_{place}")),
            whole_characters(_named(call["function"]["name"])),
            whole_characters(_arguments(call["function"].get("arguments"))),
        )
        for place, call in enumerate(told or ())
    )


def _named(name: object) -> str:
    if not isinstance(name, str) or not name:
        raise TypeError("a call of a tool without a name")
    return name


def _arguments(told: object) -> str:
    """The text of a call's arguments; some endpoints give the object itself."""
    if told is None or isinstance(told, str):
        return told or "{}"
    return json.dumps(told, ensure_ascii=False)


def _finish(reason: object, calls_tools: bool) -> Finish:
    """Why an answer ended; some endpoints say `stop` of one that calls tools."""
    known = _FINISHES.get(str(reason or "").lower())
    if calls_tools and known == "stop":
        return "tool_calls"
    if known is None or (known == "tool_calls" and not calls_tools):
        raise EndpointFailure("malformed", f"The endpoint broke its answer off ({str(reason)[:40]}).")
    return known


def _text(content: object) -> str:
    """What a message says, written as one text or in parts; parts of other kinds (reasoning, say) are left out."""
    if isinstance(content, list):
        return "".join(part["text"] for part in content if part.get("type", "text") == "text")
    if content is None or isinstance(content, str):
        return content or ""
    raise TypeError("content is neither text nor parts")


def _count(usage: Mapping[str, Any], name: str) -> int | None:
    value = usage.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
