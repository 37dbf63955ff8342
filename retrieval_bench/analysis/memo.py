"""A function's results, remembered up to a bound."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")

_LIMIT = 1_000_000
"""Entries kept: what a corpus of some 100 MB asks for, and about 200 MB of memory for short strings."""


class Memo(dict[_Key, _Value]):
    """A mapping that computes what it does not hold; `memo[key]` is as fast as a dict where the key was seen before.

    Args:
        function: computes the value of a key.
        limit: number of entries at which all are forgotten and gathering starts again.
    """

    def __init__(self, function: Callable[[_Key], _Value], limit: int = _LIMIT) -> None:
        super().__init__()
        self._function = function
        self._limit = limit

    def __missing__(self, key: _Key) -> _Value:
        value = self._function(key)
        if len(self) >= self._limit:
            self.clear()
        self[key] = value
        return value
