"""A request to an OpenAI-compatible `/embeddings` endpoint, and its checked response."""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from bench_core.errors import BenchError, UserError
from bench_core.identity import Json
from bench_core.machine.http import KEY_VARIABLE, EndpointFailure, JsonEndpoint, Retries, unset_key

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_TIMEOUT_S = 120.0
# A batch of the widest vectors as decimal text is 128 × 4,096 × 20 bytes.
_MOST_BYTES = 128 * 1024**2
_TOO_LONG = ("maximum context length", "too long", "too many tokens", "exceed", "max_tokens", "input length")


class TooLong(Exception):
    """The endpoint refused a request for the length of its texts."""


class Endpoint:
    """Where embeddings are asked for.

    Args:
        url: the API's base, such as `http://localhost:8000/v1`.
        key_variable: the environment variable that holds the key; where it is not set, none is sent.
        wait: sleeps for a number of seconds.
    """

    def __init__(self, url: str, key_variable: str = KEY_VARIABLE, wait: Callable[[float], None] = time.sleep) -> None:
        self._url, self._key_variable = url, key_variable
        self._http = JsonEndpoint(url, key_variable, _TIMEOUT_S, _MOST_BYTES)
        self._retries = Retries(sleep=wait)

    @property
    def is_remote(self) -> bool:
        """Whether texts sent there leave this machine."""
        return self._http.is_remote

    @property
    def place(self) -> str:
        """The URL without its query: what may be shown and described."""
        return self._http.place

    @property
    def identity(self) -> str:
        """The endpoint's name; see `JsonEndpoint`."""
        return self._http.identity

    def embed(self, body: Mapping[str, Json], n_texts: int) -> NDArray[np.float32]:
        """(n_texts, dim) float32, in the order of the texts.

        Raises:
            TooLong: the endpoint says so.
            UserError: it needs a key, and none is set.
            BenchError: it fails in another way, or its answer is not what it should be.
        """
        variable = unset_key(self._url, self._key_variable)
        if variable:
            raise UserError(f"{self.place} needs a key: set {variable}.")
        try:
            content = self._retries.call(lambda: self._http.post("embeddings", body))
        except EndpointFailure as failure:
            if failure.kind == "rejected" and any(words in failure.said.lower() for words in _TOO_LONG):
                raise TooLong(failure.said) from failure
            raise
        return _vectors(content, n_texts, self.place)


def _vectors(content: Any, n_texts: int, place: str) -> NDArray[np.float32]:
    """The vectors of an answer, put in order by their `index`."""
    import numpy as np

    items = content.get("data") if isinstance(content, dict) else None
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise BenchError(f"{place} answered without a list of embeddings.")
    order = [item.get("index", position) for position, item in enumerate(items)]
    if not all(type(position) is int for position in order) or sorted(order) != list(range(n_texts)):
        raise BenchError(
            f"{place} was sent {n_texts} texts and answered with {len(items)} embeddings, or others twice."
        )
    try:
        rows = [_numbers(item.get("embedding")) for item in items]
        vectors = np.empty((n_texts, len(rows[0])), dtype=np.float32)
        with np.errstate(over="ignore"):  # a number beyond float32 becomes infinity, and that is refused below
            vectors[order] = rows
    except (ValueError, TypeError, OverflowError, binascii.Error) as error:
        raise BenchError(f"{place} answered with embeddings that are not rows of equally many numbers.") from error
    if not np.isfinite(vectors).all() or not vectors.size:
        raise BenchError(f"{place} answered with an embedding that is empty, or holds NaN or infinity.")
    return vectors


def _numbers(embedding: Any) -> NDArray[np.floating[Any]]:
    """An embedding given as a list of numbers, or as little-endian float32 in base64."""
    import numpy as np

    if isinstance(embedding, str):
        return np.frombuffer(base64.b64decode(embedding, validate=True), dtype="<f4")
    if not isinstance(embedding, list) or not all(type(number) in (int, float) for number in embedding):
        raise ValueError("an embedding is one row of numbers")
    return np.array(embedding, dtype=np.float64)
