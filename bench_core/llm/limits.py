"""Limits on requests: concurrency, requests and tokens a minute, and a spending cap; shared by all threads of a run."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bench_core.errors import UserError
from bench_core.llm.chat import ChatRequest, NoAnswer, Usage

# A token of English is about four characters (OpenAI's rule of thumb); tokens per minute are planned with it, until the
# endpoint has counted them.
_CHARACTERS_A_TOKEN = 4
# No token is less than a byte (byte-level BPE), and a message costs a few more for its frame; a spending cap is planned
# with these, since it must not be passed.
_TOKENS_OF_A_FRAME = 16
# What an answer is taken to cost before it is known, where the request sets no bound.
_TOKENS_OF_AN_ANSWER = 1024
_MINUTE_S = 60.0


@dataclass(frozen=True)
class Price:
    """Dollars for a million tokens."""

    prompt: float
    completion: float

    def of(self, usage: Usage) -> float:
        """Dollars of one request."""
        return ((usage.prompt_tokens or 0) * self.prompt + (usage.completion_tokens or 0) * self.completion) / 1e6


class Limits:
    """The turns of one endpoint's clients.

    Args:
        n_at_once: requests under way at a time.
        requests_per_minute: None: no bound. So for tokens, which are estimated until the endpoint has counted them.
        price: what tokens cost; needed for a cap.
        most_dollars: no request is begun that could take the sum above this.
    """

    def __init__(
        self,
        n_at_once: int = 8,
        requests_per_minute: int | None = None,
        tokens_per_minute: int | None = None,
        price: Price | None = None,
        most_dollars: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if n_at_once < 1:
            raise UserError(f"n_at_once={n_at_once} does not fit: at least one request must be allowed at a time.")
        if most_dollars is not None and price is None:
            raise UserError("A spending cap needs the model's price; add it to the cost table.")
        self._at_once = threading.BoundedSemaphore(n_at_once)
        self._requests_per_minute, self._tokens_per_minute = requests_per_minute, tokens_per_minute
        self._price, self._most_dollars = price, most_dollars
        self._clock, self._sleep = clock, sleep
        self._lock = threading.Lock()
        self._recent: deque[_Entry] = deque()
        self._reserved = 0.0
        self.dollars = 0.0
        """Spent so far."""

    @contextmanager
    def turn(self, request: ChatRequest) -> Iterator[Callable[[Usage], None]]:
        """Wait for a turn; the function given takes what the request used.

        What it does not know (None) is counted as the most it can have been. A request it is not called for cost
        nothing.

        Raises:
            NoAnswer: the request could pass the spending cap.
        """
        most = _most(request)
        with self._at_once:
            dollars = self._reserve(most)
            used: list[Usage] = []
            try:
                entry = self._wait(_estimate(request))
                yield used.append
            finally:
                with self._lock:
                    self._reserved -= dollars
                    if used:
                        self.dollars += self._price.of(_known(used[0], most)) if self._price else 0.0
            if used:
                entry.tokens = sum(filter(None, (used[0].prompt_tokens, used[0].completion_tokens))) or entry.tokens

    def _reserve(self, most: Usage) -> float:
        dollars = self._price.of(most) if self._price else 0.0
        with self._lock:
            if self._most_dollars is not None and self.dollars + self._reserved + dollars > self._most_dollars:
                raise NoAnswer(
                    "spending cap",
                    f"The spending cap of ${self._most_dollars:.2f} would be passed (${self.dollars:.4f} spent); raise "
                    "it to go on, what is answered already is kept.",
                )
            self._reserved += dollars
        return dollars

    def _wait(self, estimate: Usage) -> _Entry:
        """Wait until the last minute has room for a request, and take it."""
        tokens = (estimate.prompt_tokens or 0) + (estimate.completion_tokens or 0)
        while True:
            with self._lock:
                now = self._clock()
                while self._recent and self._recent[0].time <= now - _MINUTE_S:
                    self._recent.popleft()
                if self._has_room(tokens):
                    entry = _Entry(now, tokens)
                    self._recent.append(entry)
                    return entry
                pause = self._recent[0].time + _MINUTE_S - now
            self._sleep(max(pause, 0.001))

    def _has_room(self, tokens: int) -> bool:
        if not self._recent:  # one that is larger than the bound itself must go some time
            return True
        if self._requests_per_minute is not None and len(self._recent) >= self._requests_per_minute:
            return False
        taken = sum(entry.tokens for entry in self._recent)
        return self._tokens_per_minute is None or taken + tokens <= self._tokens_per_minute


@dataclass
class _Entry:
    time: float
    tokens: int


def _estimate(request: ChatRequest) -> Usage:
    """Tokens before they are counted: rather too many of the answer, which may take all it is allowed."""
    n_characters = sum(len(message.content) for message in request.messages)
    return Usage(n_characters // _CHARACTERS_A_TOKEN + 1, request.sampling.max_tokens or _TOKENS_OF_AN_ANSWER)


def _most(request: ChatRequest) -> Usage:
    """The most tokens that a request can use."""
    n_bytes = sum(len(message.content.encode("utf-8", "replace")) for message in request.messages)
    frames = _TOKENS_OF_A_FRAME * (len(request.messages) + 1)
    return Usage(n_bytes + frames, request.sampling.max_tokens or _TOKENS_OF_AN_ANSWER)


def _known(used: Usage, most: Usage) -> Usage:
    """What was used, with the most there can have been where the endpoint did not say."""
    prompt, completion = used.prompt_tokens, used.completion_tokens
    return Usage(
        most.prompt_tokens if prompt is None else prompt, most.completion_tokens if completion is None else completion
    )
