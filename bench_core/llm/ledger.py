"""Ledgers of requests: asked in the last minute, reserved, spent; of one process, or of all workers of a run."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, astuple, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from bench_core.artifacts import OWNERS_FILE, read_json, write_json
from bench_core.errors import BadFile, BenchError


@dataclass
class Entry:
    """A request of the last minute: when it began, by the ledger's clock in seconds, and its tokens."""

    time: float
    tokens: int


@dataclass
class Account:
    """What a ledger holds, by request.

    Attributes:
        recent: requests of the last minute, oldest first.
        reserved: dollars that a request may come to. Those of a worker that died stay, and so count as spent.
        dollars: spent by requests that have ended.
    """

    recent: dict[str, Entry] = field(default_factory=dict)
    reserved: dict[str, float] = field(default_factory=dict)
    dollars: float = 0.0

    @property
    def committed(self) -> float:
        """Dollars that are spent or may yet be."""
        return self.dollars + sum(self.reserved.values())


class Ledger(Protocol):
    """An account that one at a time may read and change."""

    clock: Callable[[], float]

    def held(self) -> AbstractContextManager[Account]:
        """The account, for this block alone; what the block changes is kept."""


class MemoryLedger:
    """The ledger of one process and its threads."""

    def __init__(self) -> None:
        self.clock: Callable[[], float] = time.monotonic
        self._account = Account()
        self._lock = threading.Lock()

    @contextmanager
    def held(self) -> Iterator[Account]:
        """See `Ledger`."""
        with self._lock:
            yield self._account


class FileLedger:
    """The ledger of several processes, perhaps on several machines that share a file system.

    It goes by the machines' clocks: where they differ by some seconds, so do the minutes that requests are counted in.
    """

    def __init__(self, path: Path) -> None:
        self.clock: Callable[[], float] = time.time
        self._path = path
        self._threads = threading.Lock()

    @contextmanager
    def held(self) -> Iterator[Account]:
        """See `Ledger`."""
        from filelock import FileLock

        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._threads, FileLock(self._path.with_name(f".{self._path.name}.lock")):
            account = self._read() if self._path.exists() else Account()
            yield account
            write_json(self._path, asdict(account), OWNERS_FILE)

    def _read(self) -> Account:
        try:
            return _account_of(read_json(self._path))
        except (BadFile, KeyError, TypeError, ValueError, AttributeError) as error:
            raise BenchError(
                f"{self._path}: the ledger of what was spent is damaged; delete it, and lower the cap by that much."
            ) from error


def _account_of(content: Any) -> Account:
    recent = {request: Entry(**entry) for request, entry in content["recent"].items()}
    # write_json sorts keys; requests are told apart by theirs, and their order is that of time.
    ordered = dict(sorted(recent.items(), key=lambda item: item[1].time))
    account = Account(ordered, dict(content["reserved"]), content["dollars"])
    numbers = [number for entry in recent.values() for number in astuple(entry)]
    if not all(type(number) in (int, float) for number in (*numbers, *account.reserved.values(), account.dollars)):
        raise TypeError("expected numbers")
    if not math.isfinite(account.committed) or min([account.dollars, *account.reserved.values()]) < 0:
        raise ValueError("no sum of money")
    return account
