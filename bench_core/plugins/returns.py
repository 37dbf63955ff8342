"""Checks of what the methods of a stage return; what does not fit is a sentence with class and place."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

from bench_core.errors import BenchError
from bench_core.identity import canonical_json
from bench_core.plugins.requirements import Requirements


@dataclass(frozen=True)
class Returned:
    """A value that a method returned.

    Attributes:
        arguments: what the method was called with, in the order of its parameters.
        where: the method for a message, with its place where a user wrote it: `mine.py, line 4: Mine.search`.
    """

    value: Any
    arguments: tuple[Any, ...]
    where: str

    def unfit(self, why: str) -> BenchError:
        """The error of a value that cannot be used; `why` ends a sentence that begins with the method."""
        return BenchError(f"{self.where} {why}.")


Check = Callable[[Returned], Any]
"""Gives the value on, or raises `Returned.unfit`; a lazily made one is checked while it is read."""


def kind_of(value: object) -> str:
    """A value for a message: `None`, `a text`, `a number`, else the name of its class."""
    if value is None:
        return "None"
    if isinstance(value, str):
        return "a text"
    if isinstance(value, bytes):
        return "bytes"
    if isinstance(value, Real) and not isinstance(value, bool):
        return "a number"
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def text(found: Returned) -> str:
    """One text, perhaps empty."""
    if not isinstance(found.value, str):
        raise found.unfit(f"returned {kind_of(found.value)}; return a text")
    return found.value


def json_object(found: Returned) -> Mapping[str, Any]:
    """A mapping that JSON can hold, with texts as keys."""
    if not isinstance(found.value, Mapping) or not all(isinstance(key, str) for key in found.value):
        raise found.unfit(f"returned {kind_of(found.value)}; return a mapping from names to what JSON can hold")
    try:
        canonical_json(dict(found.value))
    except (TypeError, ValueError) as error:
        raise found.unfit(
            f"returned what JSON cannot hold ({error}); return texts, numbers, lists, mappings"
        ) from error
    return found.value


def texts(found: Returned) -> Sequence[str]:
    """Several texts; a single one is not taken for its letters."""
    value = found.value
    if isinstance(value, str) or not isinstance(value, Collection) or not all(isinstance(item, str) for item in value):
        raise found.unfit(f"returned {kind_of(value)}; return a list of texts")
    return list(value)


def several(cls: type[Any]) -> Check:
    """The check of a method that returns a list of objects of a class."""

    def check(found: Returned) -> list[Any]:
        if isinstance(found.value, str | Mapping) or not isinstance(found.value, Collection):
            raise found.unfit(f"returned {kind_of(found.value)}; return a list of {cls.__name__}")
        wrong = next((item for item in found.value if not isinstance(item, cls)), None)
        if wrong is not None or None in found.value:
            raise found.unfit(f"returned a list with {kind_of(wrong)} in it; return a list of {cls.__name__}")
        return list(found.value)

    return check


def true_or_false(found: Returned) -> bool:
    """One of the two."""
    if not isinstance(found.value, bool):
        raise found.unfit(f"is {kind_of(found.value)}; it must be True or False")
    return found.value


def remoteness(found: Returned) -> bool | None:
    """Whether texts leave this machine, or None where the class does not say."""
    if found.value is not None and not isinstance(found.value, bool):
        raise found.unfit(f"is {kind_of(found.value)}; it must be True, False, or None where nothing is said")
    return found.value


def failures(found: Returned) -> Mapping[str, str]:
    """Items and why they failed."""
    value = found.value
    if not isinstance(value, Mapping) or not all(isinstance(part, str) for item in value.items() for part in item):
        raise found.unfit(f"is {kind_of(value)}; it must be a mapping from an item's id to why it failed")
    return value


def needs(found: Returned) -> Requirements:
    """Processors and GPU."""
    if not isinstance(found.value, Requirements):
        raise found.unfit(f"is {kind_of(found.value)}; it must be bench_core.plugins.requirements.Requirements(…)")
    return found.value


STAGE_FACTS: Mapping[str, Check] = {
    "is_remote": remoteness,
    "requires": needs,
    "failed": failures,
    "recorded": json_object,
    "notes": texts,
    "missing_requirement": text,
}
"""Checks of the facts that every stage has."""
