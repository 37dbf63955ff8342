"""Limits on requests: concurrency, requests and tokens a minute, and a spending cap; shared by all threads of a run."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import uuid4

from bench_core.errors import UserError
from bench_core.llm.chat import ChatRequest, NoAnswer, Usage
from bench_core.llm.ledger import Account, Entry, Ledger, MemoryLedger

SPENDING_CAP = "spending cap"
"""The status of a request that is not made because it could cost too much."""

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
    """Dollars for a million tokens.

    Raises:
        UserError: negative, NaN or infinite: no cap would hold.
    """

    prompt: float
    completion: float

    def __post_init__(self) -> None:
        if not all(math.isfinite(dollars) and dollars >= 0 for dollars in (self.prompt, self.completion)):
            raise UserError(f"A price is a number of dollars from 0, not {self.prompt} and {self.completion}.")

    def of(self, usage: Usage) -> float:
        """Dollars of one request."""
        return ((usage.prompt_tokens or 0) * self.prompt + (usage.completion_tokens or 0) * self.completion) / 1e6


class Limits:
    """The turns of one endpoint's clients.

    Args:
        n_at_once: requests under way at a time, in this process.
        requests_per_minute: None: no bound. So for tokens, which are estimated until the endpoint has counted them.
        price: what tokens cost; needed for a cap.
        most_dollars: no request is begun that could take the sum above this.
        ledger: where requests and money are counted; None: this process counts its own. Where several processes share
            one, the bounds by minute and the cap hold for all of them together.
    """

    def __init__(
        self,
        n_at_once: int = 8,
        requests_per_minute: int | None = None,
        tokens_per_minute: int | None = None,
        price: Price | None = None,
        most_dollars: float | None = None,
        ledger: Ledger | None = None,
        clock: Callable[[], float] | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if n_at_once < 1:
            raise UserError(f"n_at_once={n_at_once} does not fit: at least one request must be allowed at a time.")
        if most_dollars is not None and not (math.isfinite(most_dollars) and most_dollars >= 0):
            raise UserError(f"A spending cap is a number of dollars from 0, not {most_dollars}.")
        if most_dollars is not None and price is None:
            raise UserError("A spending cap needs the model's price; add it to the cost table.")
        self._at_once = threading.BoundedSemaphore(n_at_once)
        self._requests_per_minute, self._tokens_per_minute = requests_per_minute, tokens_per_minute
        self._price, self._most_dollars = price, most_dollars
        self._ledger = ledger or MemoryLedger()
        self._clock, self._sleep = clock or self._ledger.clock, sleep

    @property
    def dollars(self) -> float:
        """Spent so far by all who share the ledger."""
        with self._ledger.held() as account:
            return account.dollars

    @contextmanager
    def turn(self, request: ChatRequest) -> Iterator[Callable[[Usage], None]]:
        """Wait for a turn; the function given takes what the request used.

        What it does not know (None) is counted as the most it can have been. A request it is not called for cost
        nothing.

        Raises:
            NoAnswer: the request could pass the spending cap.
        """
        most, key = _most(request), uuid4().hex
        with self._at_once:
            self._reserve(key, most)
            used: list[Usage] = []
            try:
                self._wait(key, _estimate(request))
                yield used.append
            finally:
                self._settle(key, most, used[0] if used else None)

    def _reserve(self, key: str, most: Usage) -> None:
        if self._price is None:
            return
        dollars = self._price.of(most)
        with self._ledger.held() as account:
            if self._most_dollars is not None and account.committed + dollars > self._most_dollars:
                raise NoAnswer(
                    SPENDING_CAP,
                    f"The spending cap of ${self._most_dollars:.2f} would be passed (${account.dollars:.4f} spent); "
                    "raise it to go on, what is answered already is kept.",
                )
            account.reserved[key] = dollars

    def _settle(self, key: str, most: Usage, used: Usage | None) -> None:
        """What a request has come to takes the place of what was reserved and estimated for it."""
        with self._ledger.held() as account:
            account.reserved.pop(key, None)
            if used is None:
                return
            account.dollars += self._price.of(_known(used, most)) if self._price else 0.0
            entry = account.recent.get(key)
            if entry is not None:
                entry.tokens = sum(filter(None, (used.prompt_tokens, used.completion_tokens))) or entry.tokens

    def _wait(self, key: str, estimate: Usage) -> None:
        """Wait until the last minute has room for a request, and take it."""
        if self._requests_per_minute is None and self._tokens_per_minute is None:
            return
        tokens = (estimate.prompt_tokens or 0) + (estimate.completion_tokens or 0)
        while True:
            with self._ledger.held() as account:
                now = self._clock()
                account.recent = {name: entry for name, entry in account.recent.items() if _is_recent(entry, now)}
                if self._has_room(account, tokens):
                    account.recent[key] = Entry(now, tokens)
                    return
                pause = next(iter(account.recent.values())).time + _MINUTE_S - now
            self._sleep(max(pause, 0.001))

    def _has_room(self, account: Account, tokens: int) -> bool:
        if not account.recent:  # one that is larger than the bound itself must go some time
            return True
        if self._requests_per_minute is not None and len(account.recent) >= self._requests_per_minute:
            return False
        taken = sum(entry.tokens for entry in account.recent.values())
        return self._tokens_per_minute is None or taken + tokens <= self._tokens_per_minute


def _is_recent(entry: Entry, now: float) -> bool:
    return entry.time > now - _MINUTE_S


def _estimate(request: ChatRequest) -> Usage:
    """Tokens before they are counted: rather too many of the answer, which may take all it is allowed."""
    n_characters = sum(map(len, request.sent_texts()))
    return Usage(n_characters // _CHARACTERS_A_TOKEN + 1, request.sampling.max_tokens or _TOKENS_OF_AN_ANSWER)


def _most(request: ChatRequest) -> Usage:
    """The most tokens that a request can use."""
    n_bytes = sum(len(text.encode("utf-8", "replace")) for text in request.sent_texts())
    n_calls = sum(len(message.tool_calls) for message in request.messages)
    frames = _TOKENS_OF_A_FRAME * (len(request.messages) + n_calls + len(request.tools) + 1)
    return Usage(n_bytes + frames, request.sampling.max_tokens or _TOKENS_OF_AN_ANSWER)


def _known(used: Usage, most: Usage) -> Usage:
    """What was used, with the most there can have been where the endpoint did not say."""
    prompt, completion = used.prompt_tokens, used.completion_tokens
    return Usage(
        most.prompt_tokens if prompt is None else prompt, most.completion_tokens if completion is None else completion
    )
