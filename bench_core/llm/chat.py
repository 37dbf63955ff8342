"""Requests to a language model, its responses, and the contract of chat clients."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal, Protocol

from bench_core.errors import BenchError
from bench_core.identity import Json, canonical_json
from bench_core.plugins.requirements import Requirements

Speaker = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A model's wish that a tool be used.

    Attributes:
        call_id: what the tool's reply refers to.
        arguments: as the model wrote them: the text of a JSON object, if the model kept to the form.
    """

    call_id: str
    name: str
    arguments: str

    @property
    def values(self) -> Mapping[str, Json] | None:
        """The arguments by name; None where they are no JSON object."""
        try:
            found = json.loads(self.arguments or "{}")
        except (ValueError, RecursionError):
            return None
        return found if isinstance(found, dict) else None


@dataclass(frozen=True, slots=True)
class Tool:
    """Something that a model may ask to be done, as it is described to the model.

    Attributes:
        parameters: JSON Schema of the object of arguments.
    """

    name: str
    description: str
    parameters: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation.

    Attributes:
        tool_calls: what an assistant's turn asked for, beside or in place of text.
        tool_call_id: the call that a turn of the role `tool` answers.
    """

    role: Speaker
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are drawn; None leaves it to the model.

    Attributes:
        max_tokens: the most tokens of an answer, reasoning included.
        stop: texts at which generation ends.
    """

    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()

    def describe(self) -> dict[str, Json]:
        """What is set."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
            if value not in (None, ())
        }


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A conversation to be continued.

    Attributes:
        sample: tells several answers to one request apart.
        tools: what the model may ask to be done.
    """

    messages: Sequence[Message]
    sampling: Sampling = Sampling()
    sample: int = 0
    tools: tuple[Tool, ...] = ()

    def sent_texts(self) -> Iterator[str]:
        """Every text that is sent, once for each time that it is."""
        for message in self.messages:
            yield message.content
            for call in message.tool_calls:
                yield from (call.call_id, call.name, call.arguments)
        for tool in self.tools:
            yield from (tool.name, tool.description, canonical_json(tool.parameters))


Finish = Literal["stop", "length", "refused", "tool_calls"]
"""Why an answer ended: by itself (or at a stop text), at the most tokens, by a refusal, or to have tools used."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of a request, as the endpoint counts them; None where it does not say."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class ChatResponse:
    """An answer.

    Attributes:
        text: all the model said, without what its endpoint gave as reasoning.
        reasoning: what the endpoint gave as reasoning, in a field of its own.
        seconds: how long it took, retries left out.
        tool_calls: what the model asks to be done, where it ended for that.
    """

    text: str
    reasoning: str = ""
    finish: Finish = "stop"
    usage: Usage = Usage()
    seconds: float = 0.0
    tool_calls: tuple[ToolCall, ...] = ()

    @property
    def problem(self) -> str:
        """Why the answer cannot be used as it is, or the empty string: it was refused, cut off or is empty."""
        if self.finish == "refused":
            return "refused"
        if self.finish == "length":
            return "cut off"
        return "" if self.text.strip() or self.tool_calls else "empty"


class NoAnswer(BenchError):
    """A request that got no answer.

    Attributes:
        status: a few words for tables (`timed out`, `rate limited`, `spending cap`).
    """

    def __init__(self, status: str, message: str) -> None:
        super().__init__(message)
        self.status = status


class ChatClient(Protocol):
    """A language model. Thread-safe: a runner calls it from several threads."""

    def describe(self) -> Mapping[str, Json]:
        """What answers depend on: endpoint, model, and everything that is sent beside the request."""

    @property
    def is_remote(self) -> bool | None:
        """Whether what is asked leaves this machine; None: not said."""

    @property
    def requires(self) -> Requirements:
        """What it occupies of this machine while it answers."""

    def complete(self, request: ChatRequest) -> ChatResponse:
        """Ask once.

        Raises:
            NoAnswer: there is none, whatever was tried.
        """


class AsksClient:
    """A class that asks a language model and nobody else: where texts go and what it occupies are as the client's."""

    _client: ChatClient

    @property
    def is_remote(self) -> bool | None:
        """See `ChatClient`."""
        return self._client.is_remote

    @property
    def requires(self) -> Requirements:
        """See `ChatClient`."""
        return self._client.requires
