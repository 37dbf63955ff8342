"""Run contract tests over a member of a family, built-in or a user's.

A contract is a class whose `test_*` methods each check one point and raise AssertionError with what is wrong. Under
pytest, subclass it and supply the member; outside pytest, `check` runs the points and says which hold.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from bench_core.plugins.failures import sentence_of


@dataclass(frozen=True)
class Point:
    """One point of a contract; `failure` is empty where it holds."""

    name: str
    failure: str = ""


def check(contract: Any, where: str = "") -> list[Point]:
    """Run every `test_*` method of a contract object, in the order they are written, those of a base first.

    Args:
        where: the class that is held to it, with its place, put before what a point finds wrong.
    """
    written = dict.fromkeys(name for cls in reversed(type(contract).__mro__) for name in vars(cls))
    names = [name for name in written if name.startswith("test_") and callable(getattr(contract, name))]
    return [_run(contract, name, where) for name in names]


def _run(contract: Any, name: str, where: str) -> Point:
    title = name.removeprefix("test_").replace("_", " ")
    try:
        getattr(contract, name)()
    except AssertionError as error:
        return Point(title, f"{where}{str(error) or 'this point does not hold'}")
    except (Exception, SystemExit) as error:  # a user's class may fail in any way
        sentence, (place, _, _) = sentence_of(error), where.partition(",")
        return Point(title, sentence if place in sentence else f"{where}{sentence}")
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
