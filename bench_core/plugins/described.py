"""Describe a class for its identity: its constructor's arguments, and a hash of the source its user wrote."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Self

from bench_core.artifacts import file_sha256
from bench_core.errors import UserError
from bench_core.identity import Json, content_hash
from bench_core.plugins.places import place_of, user_module


class Described:
    """Remembers what an object was made with: its user's arguments, and what the suite gave it by keyword alone."""

    _arguments: Mapping[str, Any]
    _given: Mapping[str, Any]

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Remember the constructor's arguments, defaults included."""
        self = super().__new__(cls)
        self._arguments, self._given = {}, {}
        if cls.__init__ is object.__init__:
            return self
        signature = inspect.signature(cls.__init__)
        bound = signature.bind(self, *args, **kwargs)
        bound.apply_defaults()
        values = dict(list(bound.arguments.items())[1:])
        by_keyword = {name for name in values if signature.parameters[name].kind is inspect.Parameter.KEYWORD_ONLY}
        self._arguments = {name: value for name, value in values.items() if name not in by_keyword}
        self._given = {name: values[name] for name in values if name in by_keyword}
        return self

    def described_by_class(self) -> dict[str, Json]:
        """The name of the class, its arguments, and what the parts say that the suite gave it (a model, a search)."""
        parts = {name: dict(part.describe()) for name, part in self._given.items() if hasattr(part, "describe")}
        return {"class": type(self).__name__, "arguments": self.arguments(), **parts}

    def arguments(self) -> dict[str, Json]:
        """The arguments as JSON; one that names a file is that file's content, wherever it lies.

        Raises:
            UserError: an argument that JSON cannot hold.
        """
        try:
            content: dict[str, Json] = json.loads(json.dumps(dict(_named_values(self._arguments)), allow_nan=False))
        except (TypeError, ValueError) as error:
            place = place_of(type(self), "__init__")
            raise UserError(
                f"{place}{type(self).__name__}: its arguments cannot be described ({error}); write describe() to say "
                "what changes its results."
            ) from error
        return content


def user_source(instance: object) -> str | None:
    """A hash of all that a user wrote of an object's class; None for the suite's own classes.

    A changed line in any of `user_files` makes another system.
    """
    files = user_files(instance)
    return content_hash(sorted(path.read_bytes() for path in files)) if files else None


def user_files(instance: object) -> list[Path]:
    """The files that a user wrote of an object's class; none for the suite's own classes.

    Those of the class, of its bases, and of every module that these reach and that is neither the suite's nor
    installed.
    """
    reached = {module for cls in type(instance).__mro__ if (module := user_module(cls.__module__))}
    waiting = list(reached)
    while waiting:
        for value in list(vars(waiting.pop()).values()):
            name = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
            found = user_module(name) if isinstance(name, str) else None
            if found is not None and found not in reached:
                reached.add(found)
                waiting.append(found)
    return sorted(Path(str(module.__file__)).resolve() for module in reached)


def _named_values(arguments: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Arguments as a user names them: of options that several classes share each by itself."""
    for name, value in arguments.items():
        if is_dataclass(value) and not isinstance(value, type):
            yield from _named_values({field.name: getattr(value, field.name) for field in fields(value)})
        else:
            yield name, _described(value)


def _described(value: Any) -> Any:
    if isinstance(value, str | Path) and str(value) and Path(value).is_file():
        return {"file_sha256": file_sha256(Path(value))}
    return str(value) if isinstance(value, Path) else value
