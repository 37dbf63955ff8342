"""One request to an OpenAI-compatible `/embeddings` endpoint: sent, sent again where that may help, and checked."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import json
import os
import random
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from bench_core.errors import BenchError, UserError
from bench_core.identity import Json

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Answers after which the same request may succeed (RFC 9110, RFC 6585; 529 is what overloaded gateways answer).
_PASSING = frozenset({408, 409, 429, 500, 502, 503, 504, 529})
_ATTEMPTS = 7
# Waits double from half a second, each drawn between half and all of it, so that clients do not return together.
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 60.0
_TIMEOUT_S = 120.0
_TOO_LONG = ("maximum context length", "too long", "too many tokens", "exceed", "max_tokens", "input length")


class TooLong(Exception):
    """The endpoint refused a request for the length of its texts."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Texts and keys go to the host the user named and to no other."""

    def redirect_request(self, *_: Any) -> None:
        return None


@dataclass(frozen=True)
class Endpoint:
    """Where requests go, and the key they carry.

    Args:
        url: the API's base, such as `http://localhost:8000/v1`; a query behind it is kept (Azure's `api-version`).
        key_variable: the environment variable that holds the key; where it is not set, none is sent.
        wait: sleeps for a number of seconds.

    Raises:
        UserError: the URL is none, or holds a name and password.
    """

    url: str
    key_variable: str = "OPENAI_API_KEY"
    wait: Callable[[float], None] = field(default=time.sleep, compare=False)

    def __post_init__(self) -> None:
        """Check the URL."""
        parts = urlsplit(self.url)
        if parts.username or parts.password:
            raise UserError("endpoint= holds a name or password; keep those out of it and name the key's variable.")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UserError(f"endpoint={self.url} is no URL; write for example http://localhost:8000/v1.")

    @property
    def is_remote(self) -> bool:
        """Whether texts sent there leave this machine."""
        host = urlsplit(self.url).hostname or ""
        try:
            return not ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host != "localhost"

    @property
    def place(self) -> str:
        """The URL without its query: what may be shown and described."""
        parts = urlsplit(self.url)
        return urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", ""))

    def embed(self, body: Mapping[str, Json], n_texts: int) -> NDArray[np.float32]:
        """(n_texts, dim) float32, in the order of the texts.

        Raises:
            TooLong: the endpoint says so.
            BenchError: it fails in another way, or its answer is not what it should be.
        """
        answer = self._post(json.dumps(body).encode())
        try:
            content = json.loads(answer)
        except ValueError as error:
            raise BenchError(f"{self.place} answered with something that is not JSON.") from error
        return _vectors(content, n_texts, self.place)

    def _post(self, data: bytes) -> bytes:
        parts = urlsplit(self.url)
        url = urlunsplit(parts._replace(path=parts.path.rstrip("/") + "/embeddings"))
        for attempt in range(_ATTEMPTS):
            request = urllib.request.Request(url, data, self._headers(), method="POST")  # noqa: S310 — http(s), checked
            wait_s = random.uniform(0.5, 1.0) * min(_FIRST_WAIT_S * 2**attempt, _LONGEST_WAIT_S)  # noqa: S311
            try:
                with self._opener().open(request, timeout=_TIMEOUT_S) as response:
                    content: bytes = response.read()
                    return content
            except urllib.error.HTTPError as error:
                said = self._said(error)
                if error.code in (400, 413, 422) and any(words in said.lower() for words in _TOO_LONG):
                    raise TooLong(said) from error
                cause = f"answered {error.code}: {said}"
                if error.code not in _PASSING or attempt == _ATTEMPTS - 1:
                    raise BenchError(f"{self.place} {cause}{self._remedy(error.code)}") from error
                wait_s = max(wait_s, _retry_after_s(error.headers.get("Retry-After")))
            except (OSError, HTTPException) as error:  # refused, reset, cut off, timed out
                if attempt == _ATTEMPTS - 1:
                    raise BenchError(f"{self.place} cannot be reached: {error}.") from error
            self.wait(wait_s)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json"}
        key = os.environ.get(self.key_variable)
        if key:
            # Azure takes a key under a name of its own; what it takes as bearer are tokens of another kind.
            azure = (urlsplit(self.url).hostname or "").endswith(".azure.com")
            headers |= {"api-key": key} if azure else {"Authorization": f"Bearer {key}"}
        return headers

    def _opener(self) -> urllib.request.OpenerDirector:
        """No redirects, and no proxy in the way to this machine itself."""
        proxies = [] if self.is_remote else [urllib.request.ProxyHandler({})]
        return urllib.request.build_opener(_NoRedirects, *proxies)

    def _said(self, error: urllib.error.HTTPError) -> str:
        """The endpoint's own words, short, and without the key, which some repeat."""
        text = error.read(4096).decode("utf-8", "replace")
        try:
            told = json.loads(text)
            told = told.get("error", told.get("message", text)) if isinstance(told, dict) else text
            text = str(told.get("message", told) if isinstance(told, dict) else told)
        except ValueError:
            pass
        key = os.environ.get(self.key_variable)
        text = text.replace(key, "…") if key else text
        return " ".join(text.split())[:300] or error.reason

    def _remedy(self, code: int) -> str:
        if code in (401, 403):
            return f" (set its key in {self.key_variable}, or name another variable with key_variable=)"
        return ""


def _retry_after_s(header: str | None) -> float:
    """Seconds an answer asks to wait for, given as a number or a date (RFC 9110, section 10.2.3); at most a minute."""
    if not header:
        return 0.0
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            return 0.0
    return min(max(seconds, 0.0), _LONGEST_WAIT_S)


def _vectors(content: Any, n_texts: int, place: str) -> NDArray[np.float32]:
    """The vectors of an answer, put in order by their `index`."""
    import numpy as np

    items = content.get("data") if isinstance(content, dict) else None
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise BenchError(f"{place} answered without a list of embeddings.")
    order = [item.get("index", position) for position, item in enumerate(items)]
    if sorted(order, key=repr) != sorted(range(n_texts), key=repr):
        raise BenchError(
            f"{place} was sent {n_texts} texts and answered with {len(items)} embeddings, or others twice."
        )
    try:
        rows = [_numbers(item.get("embedding")) for item in items]
        vectors = np.empty((n_texts, len(rows[0])), dtype=np.float32)
        with np.errstate(over="ignore"):  # a number beyond float32 becomes infinity, and that is refused below
            vectors[order] = rows
    except (ValueError, TypeError, binascii.Error) as error:
        raise BenchError(f"{place} answered with embeddings that are not rows of equally many numbers.") from error
    if not np.isfinite(vectors).all() or not vectors.size:
        raise BenchError(f"{place} answered with an embedding that is empty, or holds NaN or infinity.")
    return vectors


def _numbers(embedding: Any) -> NDArray[np.floating[Any]]:
    """An embedding given as a list of numbers, or as little-endian float32 in base64."""
    import numpy as np

    if isinstance(embedding, str):
        return np.frombuffer(base64.b64decode(embedding, validate=True), dtype="<f4")
    numbers = np.asarray(embedding, dtype=np.float64)
    if numbers.ndim != 1:
        raise ValueError("an embedding is one row of numbers")
    return numbers
