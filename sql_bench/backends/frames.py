"""Messages between a backend and its worker process: a length in eight bytes, then that many bytes of JSON."""

from __future__ import annotations

import os
import select
import time

_LENGTH_BYTES = 8


class Overdue(Exception):
    """The message did not arrive in time."""


class TooLong(Exception):
    """The message is longer than was agreed on."""


def write_frame(fd: int, content: bytes) -> None:
    """Write one message.

    Raises:
        BrokenPipeError: nobody reads the other end any more.
    """
    remaining = memoryview(len(content).to_bytes(_LENGTH_BYTES, "big") + content)
    while remaining:
        remaining = remaining[os.write(fd, remaining) :]


def read_frame(fd: int, max_bytes: int, deadline: float | None = None) -> bytes:
    """Read one message.

    Args:
        fd: the reading end of a pipe.
        max_bytes: longest message taken.
        deadline: when to give up, on `time.monotonic`'s clock; None waits for ever.

    Raises:
        EOFError: the other end is closed.
        Overdue: the deadline passed.
        TooLong: the message is longer than `max_bytes`.
    """
    n_bytes = int.from_bytes(_read(fd, _LENGTH_BYTES, deadline), "big")
    if n_bytes > max_bytes:
        raise TooLong(n_bytes)
    return _read(fd, n_bytes, deadline)


def _read(fd: int, n_bytes: int, deadline: float | None) -> bytes:
    content = bytearray()
    while len(content) < n_bytes:
        _wait(fd, deadline)
        piece = os.read(fd, min(n_bytes - len(content), 1 << 20))
        if not piece:
            raise EOFError
        content += piece
    return bytes(content)


def _wait(fd: int, deadline: float | None) -> None:
    if deadline is None:
        return
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
        raise Overdue
