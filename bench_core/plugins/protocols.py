"""Check a class against the protocol of its family, and complete it with the defaults of the family's base."""

from __future__ import annotations

import inspect
from typing import Any

from bench_core.errors import UserError
from bench_core.plugins.stage import Stage


def required_methods(protocol: type[Any]) -> list[str]:
    """The methods that a class must have to be a member: those of the protocol that are no optional facts."""
    bases = [base for base in protocol.__mro__ if getattr(base, "_is_protocol", False) and base is not Stage]
    return [
        name for base in bases for name, value in vars(base).items() if inspect.isfunction(value) and name[0] != "_"
    ]


# A class is completed once, so that members made from it are of one class.
_COMPLETED: dict[tuple[type[Any], type[Any]], type[Any]] = {}


def completed(cls: type[Any], base: type[Any], protocol: type[Any]) -> type[Any]:
    """The class itself if it derives from its family's base; else a subclass that has the base's optional members."""
    if issubclass(cls, base):
        return cls
    if (cls, base) not in _COMPLETED:
        required = (*required_methods(protocol), "arguments")
        members: dict[str, Any] = {
            name: inspect.getattr_static(base, name)
            for name in dir(base)
            if not name.startswith("_") and name not in required and not hasattr(cls, name)
        }
        members |= {"__module__": cls.__module__, "__qualname__": cls.__qualname__, "__doc__": cls.__doc__}
        _COMPLETED[cls, base] = type(cls.__name__, (cls,), members)
    return _COMPLETED[cls, base]


def check_methods(cls: type[Any], base: type[Any], protocol: type[Any], kind: str, given: str) -> None:
    """Refuse a class that lacks a method of its protocol.

    Args:
        kind: what a member of the family is called, for the message.
        given: the member as its user names it, for the message.

    Raises:
        UserError: names the method and the base that says how it is written.
    """
    for name in required_methods(protocol):
        method = getattr(cls, name, None)
        if not callable(method) or getattr(method, "__isabstractmethod__", False):
            remedy = f"derive it from {base.__name__} and write it"
            raise UserError(f"{given}: {cls.__name__} is no {kind}, it has no method {name}; {remedy}.")
