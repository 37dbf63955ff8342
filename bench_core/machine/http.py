"""Post JSON to an endpoint: bounded in time and size, with a name for every way it can fail."""

from __future__ import annotations

import email.utils
import ipaddress
import json
import math
import os
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from urllib.parse import urlsplit, urlunsplit

from bench_core.errors import BenchError, UserError
from bench_core.identity import content_hash

if TYPE_CHECKING:
    import httpx2

Answer = TypeVar("Answer")

FailureKind = Literal[
    "rate limited",
    "server error",
    "timed out",
    "no connection",
    "connection lost",
    "malformed",
    "too large",
    "key refused",
    "rejected",
]

_RETRIED: frozenset[FailureKind] = frozenset(
    {"rate limited", "server error", "timed out", "no connection", "connection lost", "malformed"}
)
# Answers after which the same request may succeed, besides those of 500 and more (RFC 9110, RFC 6585).
_PASSING = frozenset({408, 409, 425, 429})
_SHOWN_CHARACTERS = 200


KEY_VARIABLE = "OPENAI_API_KEY"
"""The environment variable of a key where no other is named."""

_TAKES_NONE_WITHOUT = "api.openai.com"


def unset_key(url: str, key_variable: str) -> str:
    """The environment variable of the key that an endpoint needs and that is not set; else the empty string.

    OpenAI takes no request without a key. Of another endpoint it is not known, unless its variable was named.
    """
    needs_key = urlsplit(url).hostname == _TAKES_NONE_WITHOUT or key_variable != KEY_VARIABLE
    return key_variable if needs_key and key_variable and not os.environ.get(key_variable, "").strip() else ""


class EndpointFailure(BenchError):
    """A request that got no usable answer.

    Attributes:
        kind: what went wrong.
        retry_after_s: how long the endpoint asked to wait, if it did.
        said: its own words, short and without the key.
    """

    def __init__(self, kind: FailureKind, message: str, retry_after_s: float | None = None, said: str = "") -> None:
        super().__init__(message)
        self.kind: FailureKind = kind
        self.retry_after_s = retry_after_s
        self.said = said

    @property
    def is_passing(self) -> bool:
        """Whether another try may succeed."""
        return self.kind in _RETRIED


@dataclass(frozen=True)
class Retries:
    """How often a request is tried, and how long is waited between.

    Waits grow twofold from `first_wait_s`, each drawn between half of that and all of it, so that many clients do not
    come back at once; where the endpoint says how long to wait, that is waited and up to `first_wait_s` more, unless it
    is longer than `longest_wait_s`.
    """

    n_tries: int = 6
    first_wait_s: float = 0.5
    longest_wait_s: float = 120.0
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)

    def call(self, ask: Callable[[], Answer]) -> Answer:
        """Call until there is an answer.

        Raises:
            EndpointFailure: the last try failed, or one in a way that will not pass.
        """
        from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt

        def wait(state: RetryCallState) -> float:
            failure = state.outcome.exception() if state.outcome else None
            asked = failure.retry_after_s if isinstance(failure, EndpointFailure) else None
            if asked is not None:
                return asked + random.uniform(0, self.first_wait_s)  # noqa: S311 (spread, not secrecy)
            longest = min(self.first_wait_s * 2.0 ** (state.attempt_number - 1), self.longest_wait_s)
            return random.uniform(longest / 2, longest)  # noqa: S311 (spread, not secrecy)

        def passes(error: BaseException) -> bool:
            if not isinstance(error, EndpointFailure) or not error.is_passing:
                return False
            return error.retry_after_s is None or error.retry_after_s <= self.longest_wait_s

        return Retrying(
            stop=stop_after_attempt(self.n_tries),
            wait=wait,
            retry=retry_if_exception(passes),
            sleep=self.sleep,
            reraise=True,
        )(ask)


class JsonEndpoint:
    """An HTTP service that takes and gives JSON. Thread-safe.

    Args:
        base_url: with its version part, `https://host/v1`; a query behind it is kept (Azure's `api-version`).
        key_variable: the environment variable that holds the key; empty, or not set: no key is sent.
        timeout_s: for connecting, and for the whole of an answer.
        most_bytes: the longest answer that is read.
        headers: sent with every request.
    """

    def __init__(
        self,
        base_url: str,
        key_variable: str = "",
        timeout_s: float = 120.0,
        most_bytes: int = 64 * 1024**2,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        parts = urlsplit(base_url)
        if parts.username or parts.password:
            raise UserError("The endpoint's address holds a name or password; name the variable of its key instead.")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UserError(f"{base_url!r} is no URL of an endpoint; write for example http://localhost:8000/v1.")
        self._parts, self.host = parts, parts.hostname
        self._most_bytes, self._timeout_s = most_bytes, timeout_s
        self._key_variable, self._headers = key_variable, dict(headers or {})
        self._client: httpx2.Client | None = None

    @property
    def place(self) -> str:
        """The address without its query: what may be shown and described."""
        return urlunsplit((self._parts.scheme, self._parts.netloc, self._parts.path.rstrip("/"), "", ""))

    @property
    def identity(self) -> str:
        """The endpoint's name, which shows no secret: a query behind the address is hashed."""
        return f"{self.place}?sha256={content_hash([self._parts.query])[:16]}" if self._parts.query else self.place

    @property
    def is_remote(self) -> bool:
        """Whether what is sent leaves this machine: everything but `localhost` and loopback addresses."""
        if self.host == "localhost":
            return False
        try:
            return not ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return True

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Send one request and read its answer.

        Raises:
            EndpointFailure: whatever went wrong; its message holds neither the key nor the body.
        """
        import httpx2

        url = urlunsplit(self._parts._replace(path=f"{self._parts.path.rstrip('/')}/{path}"))
        headers = self._with_key()
        try:
            content = self._in_time(lambda: self._exchange(url, body, headers))
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            cause = self._clean(str(error) or type(error).__name__)
            raise EndpointFailure("no connection", f"{self.place} cannot be reached: {cause}.") from error
        except httpx2.TimeoutException as error:
            raise EndpointFailure("timed out", f"{self.place} did not answer within {self._timeout_s:g} s.") from error
        except httpx2.HTTPError as error:
            cause = self._clean(str(error) or type(error).__name__)
            raise EndpointFailure("connection lost", f"{self.place} broke off: {cause}.") from error
        try:
            return json.loads(content)
        except (ValueError, RecursionError) as error:
            raise EndpointFailure("malformed", f"{self.place} answered with what is not JSON.") from error

    def _exchange(self, url: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> bytes:
        with self._connected().stream("POST", url, json=body, headers=headers) as response:
            content = self._read(response)
            self._check_status(response, content)
        return content

    def _in_time(self, ask: Callable[[], bytes]) -> bytes:
        """Ask in a thread that is left behind when its time is over.

        The HTTP client bounds each read by itself: headers that come a byte at a time would never end.

        Raises:
            EndpointFailure: the time is over; or whatever `ask` raises.
        """
        outcome: list[bytes | BaseException] = []

        def run() -> None:
            try:
                outcome.append(ask())
            except BaseException as error:  # it is raised where the answer is waited for
                outcome.append(error)

        asking = threading.Thread(target=run, daemon=True)
        asking.start()
        asking.join(2 * self._timeout_s)  # connecting and sending, then the answer
        if not outcome:
            raise EndpointFailure("timed out", f"{self.place} did not finish within {2 * self._timeout_s:g} s.")
        if isinstance(outcome[0], BaseException):
            raise outcome[0]
        return outcome[0]

    def _connected(self) -> httpx2.Client:
        if self._client is None:
            import httpx2

            # No redirects: a key goes to the host the user named and to no other. No proxy in the way to this machine.
            limits = httpx2.Limits(max_connections=None, max_keepalive_connections=None)
            self._client = httpx2.Client(
                timeout=self._timeout_s, limits=limits, follow_redirects=False, trust_env=self.is_remote
            )
        return self._client

    def _key(self) -> str:
        key = os.environ.get(self._key_variable, "").strip() if self._key_variable else ""
        if not (key.isascii() and key.isprintable()):
            raise UserError(f"The key in {self._key_variable} holds characters that no key has; set it again.")
        return key

    def _with_key(self) -> dict[str, str]:
        """The headers; Azure takes a key under a name of its own."""
        headers = {"Accept": "application/json", **self._headers}
        if self._key():
            azure = self.host.endswith(".azure.com")
            headers |= {"api-key": self._key()} if azure else {"Authorization": f"Bearer {self._key()}"}
        return headers

    def _read(self, response: httpx2.Response) -> bytes:
        pieces, n_bytes, start = [], 0, time.monotonic()
        for piece in response.iter_bytes():
            if time.monotonic() - start > self._timeout_s:  # the client's own bound is on each piece alone
                raise EndpointFailure("timed out", f"{self.place} did not finish within {self._timeout_s:g} s.")
            n_bytes += len(piece)
            if n_bytes > self._most_bytes:
                raise EndpointFailure("too large", f"{self.place} answered with more than {self._most_bytes} bytes.")
            pieces.append(piece)
        return b"".join(pieces)

    def _check_status(self, response: httpx2.Response, content: bytes) -> None:
        status = response.status_code
        if 200 <= status < 300:
            return
        said = self._clean(_said(content))
        remedy = f"; is the key in {self._key_variable} right?" if status in (401, 403) and self._key_variable else "."
        message = f"{self.place} answered {status}{f' ({said})' if said else ''}{remedy}"
        retry_after_s = _retry_after_s(response.headers.get("retry-after"))
        if status in _PASSING:
            raise EndpointFailure("rate limited", message, retry_after_s, said)
        if status >= 500:
            raise EndpointFailure("server error", message, retry_after_s, said)
        raise EndpointFailure("key refused" if status in (401, 403) else "rejected", message, said=said)

    def _clean(self, text: str) -> str:
        """Text of the other side as it may be shown: one line, short, and without the key."""
        hidden = text.replace(self._key(), "…") if self._key() else text
        return " ".join(hidden.split())[:_SHOWN_CHARACTERS].rstrip(".")


def _said(content: bytes) -> str:
    """The message of an error in OpenAI's form or a like one, else the text itself."""
    text = content[:4096].decode("utf-8", "replace")
    try:
        told = json.loads(content)
        told = told.get("error", told.get("message", text))
        return str(told.get("message", told) if isinstance(told, dict) else told)
    except (ValueError, AttributeError, RecursionError):
        return text


def _retry_after_s(value: str | None) -> float | None:
    """Seconds of a Retry-After header, which holds a number of them or a date (RFC 9110, section 10.2.3).

    None where it holds anything else.
    """
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(value).timestamp() - time.time()
        except (ValueError, TypeError, IndexError, OverflowError, OSError):
            return None
    return max(seconds, 0.0) if math.isfinite(seconds) else None
