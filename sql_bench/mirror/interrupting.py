"""Ctrl-C while the engine works in this process."""

from __future__ import annotations

import os
import select
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

_INTERRUPTED = "Query interrupted"
"""What DuckDB's Python package says, in a RuntimeError, where a signal stopped a query."""

_AGAIN_S = 0.1
"""An interrupt that comes right before a statement begins is lost, so that it is repeated."""


@contextmanager
def interruptible(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Let Ctrl-C stop what a connection does, and be a KeyboardInterrupt; the engine makes errors of its own of it.

    The engine looks for signals between some of its tasks only, which may be minutes apart.
    """
    import duckdb

    try:
        with _interrupted_by_signals(connection):
            yield
    except duckdb.InterruptException:
        raise KeyboardInterrupt from None
    except RuntimeError as error:
        if str(error) != _INTERRUPTED:
            raise
        raise KeyboardInterrupt from None


@contextmanager
def _interrupted_by_signals(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Have a thread interrupt the connection when SIGINT comes; Python's own handler waits for the engine to return."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are not this thread's
        return
    read_fd, write_fd = os.pipe()
    os.set_blocking(write_fd, False)
    before = signal.set_wakeup_fd(write_fd, warn_on_full_buffer=False)
    thread = threading.Thread(target=_interrupt_on_signal, args=(read_fd, connection), daemon=True)
    thread.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        os.close(write_fd)
        thread.join()
        os.close(read_fd)


def _interrupt_on_signal(read_fd: int, connection: duckdb.DuckDBPyConnection) -> None:
    """Read the numbers of signals until the other end is closed."""
    is_wanted = False
    while True:
        if select.select([read_fd], [], [], _AGAIN_S if is_wanted else None)[0]:
            numbers = os.read(read_fd, 64)
            if not numbers:
                return
            is_wanted = is_wanted or signal.SIGINT in numbers
        if is_wanted:
            connection.interrupt()
