"""Conversations of several turns with a language model: what was said, what each step cost, and a bounded trace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from bench_core.llm.chat import (
    ChatClient,
    ChatRequest,
    ChatResponse,
    Message,
    NoAnswer,
    Sampling,
    Tool,
    ToolCall,
    Usage,
)
from bench_core.llm.clients import price_of
from bench_core.llm.reasoning import answer_part, problem_of


@dataclass(frozen=True)
class Step:
    """One thing that was done on the way to an answer: asking the model, a search, a statement that was run.

    Attributes:
        action: what it was, in a word (`ask`, `search`, `tool`, or an agent's own).
        given: what was asked for.
        returned: what came back.
    """

    action: str
    given: str
    returned: str


@dataclass(frozen=True)
class Cost:
    """What one step, or several together, took.

    Attributes:
        requests: to the model, those answered from the store included.
        usage: tokens, as far as they were counted.
        seconds: of the model or the tool; of a stored answer those it took when it was made.
        dollars: by the price table; None where the model's price is not known.
    """

    requests: int = 0
    usage: Usage = field(default_factory=lambda: Usage(0, 0))
    seconds: float = 0.0
    dollars: float | None = 0.0

    def __add__(self, other: Cost) -> Cost:
        tokens = Usage(
            (self.usage.prompt_tokens or 0) + (other.usage.prompt_tokens or 0),
            (self.usage.completion_tokens or 0) + (other.usage.completion_tokens or 0),
        )
        known = self.dollars is not None and other.dollars is not None
        dollars = (self.dollars or 0.0) + (other.dollars or 0.0) if known else None
        return Cost(self.requests + other.requests, tokens, self.seconds + other.seconds, dollars)


@dataclass(frozen=True)
class TraceBounds:
    """How much of the texts of a trace is kept; every step has its place, whatever was cut.

    Attributes:
        n_characters_of_a_text: of what was given, and of what was returned, in one step.
        n_characters: of all texts together.
    """

    n_characters_of_a_text: int = 65_536
    n_characters: int = 1_048_576


class Conversation:
    """Turns with a model.

    A turn that was cut off, refused or left empty ends it: what would come of the part that is there differs from what
    comes of the whole, and such turns are not stored, so that the next run would ask otherwise.

    Args:
        messages: what it begins with.
        tools: what the model may ask to be done, in `turn`.
        sample: tells several conversations that begin alike apart.
        bounds: of the trace.
    """

    def __init__(
        self,
        client: ChatClient,
        messages: Sequence[Message] = (),
        tools: Sequence[Tool] = (),
        sample: int = 0,
        bounds: TraceBounds = TraceBounds(),
    ) -> None:
        self._client, self._messages, self._tools, self._sample = client, list(messages), tuple(tools), sample
        self._model = str(client.describe().get("model", ""))
        self._price = price_of(self._model)
        self._bounds, self._n_characters = bounds, 0
        self._steps: list[Step] = []
        self._costs: list[Cost] = []

    @property
    def messages(self) -> tuple[Message, ...]:
        """All that was said so far."""
        return tuple(self._messages)

    @property
    def steps(self) -> tuple[Step, ...]:
        """The trace."""
        return tuple(self._steps)

    @property
    def costs(self) -> tuple[Cost, ...]:
        """What each step of the trace took, in the same order."""
        return tuple(self._costs)

    @property
    def cost(self) -> Cost:
        """What all steps together took."""
        return sum(self._costs, Cost())

    def ask(self, sampling: Sampling) -> str:
        """What the model says next, without tools.

        Raises:
            NoAnswer: there is none, or none that can be used.
        """
        return self._turn(ChatRequest(self.messages, sampling, self._sample)).text

    def turn(self, sampling: Sampling) -> ChatResponse:
        """What the model does next: it says something, asks for tools, or both.

        Each call is to be answered with `reply` before the next turn.

        Raises:
            NoAnswer: as `ask`.
        """
        return self._turn(ChatRequest(self.messages, sampling, self._sample, self._tools))

    def tell(self, text: str) -> None:
        """Put something before the model."""
        self._messages.append(Message("user", text))

    def reply(self, call: ToolCall, text: str, seconds: float = 0.0) -> None:
        """Answer a call with what its tool returned, or with why it could not be used."""
        self._messages.append(Message("tool", text, tool_call_id=call.call_id))
        self.note("tool", _written(call), text, seconds)

    def aside(self, prompt: str, sampling: Sampling, action: str = "ask") -> str:
        """The answer to something that does not enter the conversation, without the model's reasoning.

        Args:
            action: what the trace calls it.

        Raises:
            NoAnswer: as `ask`.
        """
        request = ChatRequest((Message("user", prompt),), sampling, self._sample)
        return answer_part(self._complete(request, action).text, self._model).text

    def note(self, action: str, given: str, returned: str, seconds: float = 0.0) -> None:
        """Add a step that was not the model's to the trace."""
        self._add(Step(action, given, returned), Cost(seconds=seconds))

    def _turn(self, request: ChatRequest) -> ChatResponse:
        response = self._complete(request, "ask")
        self._messages.append(Message("assistant", response.text, response.tool_calls))
        return response

    def _complete(self, request: ChatRequest, action: str) -> ChatResponse:
        response = self._client.complete(request)
        dollars = self._price.of(response.usage) if self._price else None
        cost = Cost(1, response.usage, response.seconds, dollars)
        self._add(Step(action, request.messages[-1].content, _said(response)), cost)
        problem = problem_of(response, self._model)
        if problem:
            raise NoAnswer(problem, f"An answer on the way was {problem}.")
        return response

    def _add(self, step: Step, cost: Cost) -> None:
        self._costs.append(cost)
        self._steps.append(replace(step, given=self._kept(step.given), returned=self._kept(step.returned)))

    def _kept(self, text: str) -> str:
        room = min(self._bounds.n_characters_of_a_text, max(self._bounds.n_characters - self._n_characters, 0))
        self._n_characters += min(len(text), room)
        return text if len(text) <= room else f"{text[:room]}… ({len(text) - room} characters left out)"


def _said(response: ChatResponse) -> str:
    return "\n".join(filter(None, (response.text, *map(_written, response.tool_calls))))


def _written(call: ToolCall) -> str:
    return f"{call.name}({call.arguments})"
