"""Chat endpoints that speak OpenAI's protocol: OpenAI, Azure, vLLM, Ollama, llama.cpp."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from bench_core.characters import whole_characters
from bench_core.http_json import EndpointFailure, JsonEndpoint, Retries
from bench_core.identity import Json
from bench_core.llm.chat import ChatRequest, ChatResponse, Finish, NoAnswer, Usage
from bench_core.llm.limits import Limits

# https://platform.openai.com/docs/api-reference/chat/object: `stop`, `length`, `content_filter`; vLLM and llama.cpp
# give the same names, and an endpoint that gives none has come to its end.
_FINISHES: Mapping[str | None, Finish] = {"length": "length", "content_filter": "refused"}
# Fields in which endpoints give reasoning by itself: vLLM and DeepSeek, then OpenRouter and newer vLLM.
_REASONING_FIELDS = ("reasoning_content", "reasoning")
# The model may have answered, though the answer did not arrive or could not be read.
_PERHAPS_BILLED = frozenset({"timed out", "connection lost", "malformed", "too large"})


class OpenAIEndpoint:
    """One model behind an endpoint.

    Args:
        endpoint: where it is.
        model: its name there.
        extra_body: further fields of every request (`{"enable_thinking": true}`); part of the description.
        limits: what is shared with other clients of the endpoint.
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
        self._retries, self._limits = retries or Retries(), limits or Limits()

    def describe(self) -> Mapping[str, Json]:
        """Endpoint, model and what is sent beside the request."""
        return {"endpoint": self._endpoint.place, "model": self.model, "extra_body": self._extra_body}

    @property
    def is_remote(self) -> bool:
        """Whether what is asked leaves this machine."""
        return self._endpoint.is_remote

    def complete(self, request: ChatRequest) -> ChatResponse:
        """Ask, again where a failure may pass.

        Raises:
            NoAnswer: the last try failed, or a limit forbids another.
        """
        sampling = request.sampling.describe()
        body = {
            "model": self.model,
            "messages": [{"role": message.role, "content": message.content} for message in request.messages],
            **sampling,
            **self._extra_body,
        }
        try:
            return self._retries.call(lambda: self._once(body, request))
        except EndpointFailure as failure:
            raise NoAnswer(failure.kind, str(failure)) from failure

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
        choice = answer["choices"][0]
        message = choice["message"]
        finish = "refused" if message.get("refusal") else _FINISHES.get(choice.get("finish_reason"), "stop")
        usage = answer.get("usage") or {}
        reasoning = next((message[name] for name in _REASONING_FIELDS if message.get(name)), "")
        return ChatResponse(
            text=whole_characters(str(message.get("content") or "")),
            reasoning=whole_characters(str(reasoning)),
            finish=finish,
            usage=Usage(_count(usage, "prompt_tokens"), _count(usage, "completion_tokens")),
            seconds=seconds,
        )
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise EndpointFailure("malformed", "The endpoint's answer holds no choice with a message.") from error


def _count(usage: Mapping[str, Any], name: str) -> int | None:
    value = usage.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
