"""Wait for something that a test can see, instead of for seconds."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

Value = TypeVar("Value")

LONGEST_S = 120
"""Past this a test fails: no machine is so slow, what is waited for does not come."""


def first_seen(found: Callable[[], Value], longest_s: float = LONGEST_S) -> Value:
    """The first value of `found` that says something, as soon as it does."""
    last = time.monotonic() + longest_s
    while not (value := found()):
        if time.monotonic() > last:
            pytest.fail(f"not seen within {longest_s} s")
        time.sleep(0.01)
    return value


def wait_until(seen: Callable[[], bool]) -> None:
    """Return as soon as `seen` says yes."""
    first_seen(seen)


def has_ended(pid: int) -> bool:
    """Is the process gone, or a zombie that nobody has asked for its exit code yet?"""
    return _state(pid)[0] in "ZX"


def cpu_ticks(pid: int) -> int:
    """What the process has computed so far, in ticks of the system's clock."""
    state = _state(pid)
    return int(state[11]) + int(state[12])


def is_blocked(pid: int) -> bool:
    """Is the process asleep, waiting for something?"""
    return _state(pid)[0] == "S"


def _state(pid: int) -> list[str]:
    """The fields of /proc/PID/stat behind the program's name; state X (dead) where there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ["X", *["0"] * 20]
