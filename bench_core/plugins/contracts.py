"""Run contract tests over a member of a family, built-in or a user's.

A contract is a class whose `test_*` methods each check one point and raise AssertionError with what is wrong. Under
pytest, subclass it and supply the member; outside pytest, `check` runs the points and says which hold.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from bench_core.plugins.failures import sentence_of


@dataclass(frozen=True)
class Point:
    """One point of a contract; `failure` is empty where it holds."""

    name: str
    failure: str = ""


def check(contract: Any) -> list[Point]:
    """Run every `test_*` method of a contract object, in the order they are written."""
    names = [name for name, _ in inspect.getmembers(type(contract), inspect.isfunction) if name.startswith("test_")]
    names.sort(key=lambda name: inspect.getsourcelines(getattr(type(contract), name))[1])
    return [_run(contract, name) for name in names]


def _run(contract: Any, name: str) -> Point:
    title = name.removeprefix("test_").replace("_", " ")
    try:
        getattr(contract, name)()
    except AssertionError as error:
        return Point(title, str(error) or "does not hold")
    except Exception as error:  # a user's class may fail in any way
        return Point(title, sentence_of(error))
    return Point(title)


def unique(what: str, ids: Iterable[str]) -> None:
    """Assert that each of some ids comes once.

    Raises:
        AssertionError: names one that comes again, or one that is no text.
    """
    seen: set[str] = set()
    for item in ids:
        assert isinstance(item, str), f"the {what} {item!r} is no text"
        assert item not in seen, f"the {what} {item} comes twice"
        seen.add(item)
