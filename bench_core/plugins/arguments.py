"""Arguments of a class as its user writes them, `key=value`: listed, explained, checked and converted.

They are the parameters of the constructor. One whose annotation is a frozen dataclass stands for the fields of that:
options that several classes share are written once, and each of them is an argument of its own.
"""

from __future__ import annotations

import dataclasses
import difflib
import inspect
import re
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bench_core.errors import UserError

_MISSING = inspect.Parameter.empty


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """' (did you mean x?)' where a known name is close, else the empty string."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f" (did you mean {close[0]}?)" if close else ""


@dataclass(frozen=True)
class Argument:
    """An argument that a user may give a class by name.

    Attributes:
        values: what may stand behind its name, for people.
        default: as it would be written; the empty string where there is none that could be.
        meaning: what the class's docstring says of it, or that of the options it is one of.
    """

    name: str
    values: str
    default: str
    meaning: str


@dataclass(frozen=True)
class _Parameter:
    """Where a value goes: a parameter of the constructor, or a field of the options that a parameter takes."""

    annotation: Any
    default: Any
    group: str = ""
    options: type[Any] | None = None


def arguments_of(cls: type[Any]) -> list[Argument]:
    """The arguments of a class, in the order of its constructor."""
    parameters = _parameters(cls)
    meanings: dict[str, str] = {}
    options = {parameter.options for parameter in parameters.values() if parameter.options}
    shared = [base for each in options for base in reversed(each.__mro__)]
    for documented in (*shared, *reversed(cls.__mro__)):  # a class's own words come before those of what it takes over
        meanings.update(_documented(inspect.cleandoc(documented.__doc__ or "")))
    return [
        Argument(name, values_of(parameter.annotation), _written(parameter.default), meanings.get(name, ""))
        for name, parameter in parameters.items()
    ]


def argument_names(cls: type[Any]) -> list[str]:
    """The names of the arguments that a user may give a class."""
    return list(_parameters(cls))


def convert_arguments(cls: type[Any], arguments: Mapping[str, str], what: str) -> dict[str, Any]:
    """Turn `key=value` texts into what a constructor takes.

    A value is converted by the parameter's annotation; without one by the type of its default; else it stays text.

    Raises:
        UserError: an argument that there is not, a value that does not convert or is outside its range, or one that is
            missing.
    """
    parameters = _parameters(cls)
    unknown = [key for key in arguments if key not in parameters]
    if unknown:
        takes = f"it takes {', '.join(parameters)}" if parameters else "it takes no arguments"
        raise UserError(f"{what} has no argument {unknown[0]!r}{did_you_mean(unknown[0], parameters)}; {takes}.")
    missing = [key for key, parameter in parameters.items() if parameter.default is _MISSING and key not in arguments]
    if missing:
        raise UserError(f"{what} needs {missing[0]}; add ,{missing[0]}=… behind its name.")
    converted: dict[str, Any] = {}
    of_groups: dict[str, dict[str, Any]] = {}
    for key, text in arguments.items():
        parameter = parameters[key]
        place = of_groups.setdefault(parameter.group, {}) if parameter.group else converted
        place[key] = _convert(text, key, parameter, what)
    defaults = {} if not of_groups else inspect.signature(cls).parameters
    for group, values in of_groups.items():
        default = defaults[group].default
        options = next(parameter.options for parameter in parameters.values() if parameter.group == group)
        assert options is not None
        try:
            converted[group] = options(**values) if default is _MISSING else dataclasses.replace(default, **values)
        except UserError as error:  # a value outside its range
            raise UserError(f"{what}: {error}") from error
    return converted


def _parameters(cls: type[Any]) -> dict[str, _Parameter]:
    """The parameters a user may name; keyword-only ones are filled by the suite and not listed."""
    if cls.__init__ is object.__init__:
        return {}
    hints = _hints(cls)
    found: dict[str, _Parameter] = {}
    for name, parameter in inspect.signature(cls).parameters.items():
        if parameter.kind is not inspect.Parameter.POSITIONAL_OR_KEYWORD:
            continue
        annotation = hints.get(name, str if parameter.default in (None, _MISSING) else type(parameter.default))
        if not _is_options(annotation):
            found[name] = _Parameter(annotation, parameter.default)
            continue
        of_fields = _hints(annotation)
        for field in dataclasses.fields(annotation):
            default = _default_of(field) if parameter.default is _MISSING else getattr(parameter.default, field.name)
            found[field.name] = _Parameter(of_fields.get(field.name, str), default, name, annotation)
    return found


def _is_options(annotation: Any) -> bool:
    """Whether a parameter stands for the fields of what it takes."""
    return (
        isinstance(annotation, type)
        and dataclasses.is_dataclass(annotation)
        and bool(annotation.__dataclass_params__.frozen)  # type: ignore[attr-defined]
    )


def _default_of(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return _MISSING if field.default is dataclasses.MISSING else field.default


def _hints(cls: type[Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(cls.__init__)
    except NameError:  # an annotation that only a type checker can see
        return {}


def _documented(docstring: str) -> dict[str, str]:
    """What a docstring in Google's form says under `Args:` or `Attributes:`, by name."""
    section = re.search(r"^(?:Args|Attributes):\n(.*?)(?=^\S|\Z)", docstring, re.MULTILINE | re.DOTALL)
    found = {}
    for names, text in re.findall(r"^    ([\w, ]+): (.*?)(?=^    \S|\Z)", section[1] if section else "", re.M | re.S):
        found.update(dict.fromkeys(names.split(", "), " ".join(text.split())))
    return found


def values_of(annotation: Any) -> str:
    """What an annotation takes, for people: `a whole number`, `keep or drop`."""
    if typing.get_origin(annotation) is typing.Literal:
        return " or ".join(map(str, typing.get_args(annotation)))
    if typing.get_origin(annotation) in (types.UnionType, typing.Union):
        return " or ".join(values_of(part) for part in typing.get_args(annotation) if part is not types.NoneType)
    names = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}
    return names.get(annotation, getattr(annotation, "__name__", str(annotation)))


def _written(default: object) -> str:
    if isinstance(default, bool):
        return "true" if default else "false"
    return "" if default in (None, _MISSING) else str(default)


def _convert(value: str, key: str, parameter: _Parameter, what: str) -> Any:
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(parameter.annotation).validate_python(value)
    except ValidationError as error:
        reason = error.errors()[0]["msg"]
        raise UserError(f"{what}: {key}={value} does not fit: {reason}.") from error
