"""Requests to a language model, its responses, and the contract of chat clients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal, Protocol

from bench_core.errors import BenchError
from bench_core.identity import Json
from bench_core.plugins.requirements import Requirements

Speaker = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Speaker
    content: str


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
    """

    messages: Sequence[Message]
    sampling: Sampling = Sampling()
    sample: int = 0


Finish = Literal["stop", "length", "refused"]
"""Why an answer ended: by itself (or at a stop text), at the most tokens, or because the model would not answer."""


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
    """

    text: str
    reasoning: str = ""
    finish: Finish = "stop"
    usage: Usage = Usage()
    seconds: float = 0.0

    @property
    def problem(self) -> str:
        """Why the answer cannot be used as it is, or the empty string: it was refused, cut off or is empty."""
        if self.finish == "refused":
            return "refused"
        if self.finish == "length":
            return "cut off"
        return "" if self.text.strip() else "empty"


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
