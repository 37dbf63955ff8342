"""A chat client that caches answers on disk."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from bench_core.data_use import Access, Reach, hosts_of
from bench_core.identity import Json, identity_hash
from bench_core.llm.chat import AsksClient, ChatClient, ChatRequest, ChatResponse
from bench_core.llm.reasoning import problem_of
from bench_core.llm.store import ResponseStore, Stored, made_from


class Remembering(AsksClient):
    """A client whose usable answers are kept, and given again without asking.

    Args:
        access: of the data that is asked about; None: not said.

    Attributes:
        n_asked: how many requests went to the model.
        n_remembered: how many were answered from the store.
    """

    def __init__(self, client: ChatClient, store: ResponseStore, access: Access | None = None) -> None:
        self._client, self._store, self._access = client, store, access
        self._model = str(client.describe().get("model", ""))
        self.n_asked = self.n_remembered = 0
        self._lock = threading.Lock()

    def describe(self) -> Mapping[str, Json]:
        """As the client: where an answer was kept changes nothing."""
        return self._client.describe()

    @property
    def reach(self) -> Reach:
        """Where what is asked goes, by the name of its model and its endpoint's host."""
        hosts = hosts_of(self._client.describe())
        return Reach(f"the language model {self._model}".rstrip(), self._client.is_remote, hosts=hosts)

    def complete(self, request: ChatRequest) -> ChatResponse:
        """The stored answer; else the client's, which is stored if it can be used.

        Raises:
            NoAnswer: the client has none.
        """
        parts = made_from(self._client.describe(), request)
        key = identity_hash(parts)
        found = self._usable(key)
        if found is None:
            with self._store.being_made(key):
                found = self._usable(key)  # another process may have asked meanwhile
                if found is None:
                    with self._lock:
                        self.n_asked += 1
                    response = self._client.complete(request)
                    if not problem_of(response, self._model):
                        self._store.put(Stored(parts, response, self._access))
                    return response
        with self._lock:
            self.n_remembered += 1
        return self._store.mark(found, self._access).response

    def _usable(self, key: str) -> Stored | None:
        stored = self._store.get(key)
        return None if stored is None or problem_of(stored.response, self._model) else stored
