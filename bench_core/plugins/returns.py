"""Checks of what the methods of a stage return; what does not fit is a sentence with class and place."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
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
    """A value for a message: `None`, `VerdictKind.WRONG`, `a text`, `the number 3`, else the name of its class."""
    if value is None or isinstance(value, bool):
        return str(value)
    if isinstance(value, Enum):
        return f"{type(value).__name__}.{value.name}"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if isinstance(value, str):
        return "a text"
    if isinstance(value, bytes):
        return "bytes"
    if isinstance(value, Real):
        return f"the number {value}"
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def with_unfit(values: Iterable[object], fits: Callable[[object], bool]) -> str:
    """' with a text in it', of the first of several values that does not fit; the empty string where all do."""
    return next((f" with {kind_of(value)} in it" for value in values if not fits(value)), "")


def is_text(value: object) -> bool:
    """Whether a value is a text."""
    return isinstance(value, str)


def text(found: Returned) -> str:
    """One text, perhaps empty."""
    if not isinstance(found.value, str):
        raise found.unfit(f"returned {kind_of(found.value)}; return a text")
    return found.value


def some_text(found: Returned, of: str, otherwise: str) -> str:
    """One text that holds more than blanks.

    Args:
        of: what it is about, for the message (`query q1`).
        otherwise: what to return where there is nothing to say.
    """
    value = text(found)
    if not value.strip():
        raise found.unfit(f"returned an empty text for {of}; {otherwise}")
    return value


def json_object(found: Returned) -> Mapping[str, Any]:
    """A mapping that JSON can hold, with texts as keys."""
    value = found.value
    wrong_key = with_unfit(value, is_text).replace(" in it", " as a key") if isinstance(value, Mapping) else ""
    if not isinstance(value, Mapping) or wrong_key:
        raise found.unfit(f"returned {kind_of(value)}{wrong_key}; return a mapping from names to what JSON can hold")
    try:
        canonical_json(dict(value))
    except (TypeError, ValueError) as error:
        raise found.unfit(
            f"returned what JSON cannot hold ({error}); return texts, numbers, lists, mappings"
        ) from error
    return value


def texts(found: Returned) -> Sequence[str]:
    """Several texts; a single one is not taken for its letters."""
    value = found.value
    if isinstance(value, str) or not isinstance(value, Collection):
        raise found.unfit(f"returned {kind_of(value)}; return a list of texts")
    wrong = with_unfit(value, is_text)
    if wrong:
        raise found.unfit(f"returned {kind_of(value)}{wrong}; return a list of texts")
    return list(value)


def several(cls: type[Any]) -> Check:
    """The check of a method that returns a list of objects of a class."""

    def check(found: Returned) -> list[Any]:
        value = found.value
        if isinstance(value, str | Mapping) or not isinstance(value, Collection):
            raise found.unfit(f"returned {kind_of(value)}; return a list of {cls.__name__}")
        wrong = with_unfit(value, lambda item: isinstance(item, cls))
        if wrong:
            raise found.unfit(f"returned {kind_of(value)}{wrong}; return a list of {cls.__name__}")
        return list(value)

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
    must = "it must be a mapping from an item's id to why it failed, in words"
    if not isinstance(value, Mapping):
        raise found.unfit(f"is {kind_of(value)}; {must}")
    wrong = with_unfit((part for item in value.items() for part in item), is_text)
    if wrong:
        raise found.unfit(f"is {kind_of(value)}{wrong}; {must}")
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
    "unset_key": text,
}
"""Checks of the facts that every stage has."""
