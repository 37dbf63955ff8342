"""Asking only what was not answered before."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from bench_core.identity import Json, identity_hash
from bench_core.llm.chat import ChatClient, ChatRequest, ChatResponse, NoAnswer
from bench_core.llm.store import ResponseStore, Stored, made_from

Outcome = ChatResponse | NoAnswer


class Remembering:
    """A client whose usable answers are kept, and given again without asking.

    Attributes:
        n_asked: how many requests went to the model.
        n_remembered: how many were answered from the store.
    """

    def __init__(self, client: ChatClient, store: ResponseStore) -> None:
        self._client, self._store = client, store
        self.n_asked = self.n_remembered = 0
        self._lock = threading.Lock()

    def describe(self) -> Mapping[str, Json]:
        """As the client: where an answer was kept changes nothing."""
        return self._client.describe()

    @property
    def is_remote(self) -> bool:
        """As the client."""
        return self._client.is_remote

    def complete(self, request: ChatRequest) -> ChatResponse:
        """The stored answer; else the client's, which is stored if it can be used.

        Raises:
            NoAnswer: the client has none.
        """
        parts = made_from(self._client.describe(), request)
        key = identity_hash(parts)
        found = self._store.get(key)
        if found is None:
            with self._store.being_made(key):
                found = self._store.get(key)  # another process may have asked meanwhile
                if found is None:
                    with self._lock:
                        self.n_asked += 1
                    response = self._client.complete(request)
                    if not response.problem:
                        self._store.put(Stored(parts, response))
                    return response
        with self._lock:
            self.n_remembered += 1
        return found.response


def ask_all(client: ChatClient, requests: Sequence[ChatRequest], n_threads: int) -> Iterator[tuple[int, Outcome]]:
    """Ask several requests at once; yield each one's number with its answer, or why it has none, as they come.

    When the spending cap is reached nothing further is begun; what is under way is waited for.
    """
    waiting = iter(enumerate(requests))
    capped: NoAnswer | None = None
    under_way: dict[Future[Outcome], int] = {}
    with ThreadPoolExecutor(n_threads) as pool:
        while True:
            while len(under_way) < n_threads and capped is None and (some := next(waiting, None)) is not None:
                under_way[pool.submit(_outcome, client, some[1])] = some[0]
            if not under_way:
                break
            for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                outcome = future.result()
                if isinstance(outcome, NoAnswer) and outcome.status == "spending cap":
                    capped = outcome
                yield under_way.pop(future), outcome
    if capped is not None:
        yield from ((number, capped) for number, _ in waiting)


def _outcome(client: ChatClient, request: ChatRequest) -> Outcome:
    try:
        return client.complete(request)
    except NoAnswer as error:
        return error
