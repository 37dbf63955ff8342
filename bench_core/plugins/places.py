"""Places of classes: whose a class or module is, and the file and line that it is written in."""

from __future__ import annotations

import inspect
import sys
import sysconfig
import types
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

SUITE = ("bench_core", "retrieval_bench", "sql_bench")
"""The packages of the suite: the core and the two halves."""


def is_of_the_suite(cls: type[Any]) -> bool:
    """Whether a class is the suite's own, or Python's."""
    return cls.__module__.partition(".")[0] in (*SUITE, "builtins")


def user_module(name: str) -> ModuleType | None:
    """The module of a name, if it has a file that is neither the suite's, nor Python's, nor installed."""
    module = sys.modules.get(name)
    return module if is_users_module(name, getattr(module, "__file__", None)) else None


def is_users_module(name: str, file: str | None) -> bool:
    """Whether a module of this name and file is neither the suite's, nor Python's, nor installed."""
    if file is None or name.partition(".")[0] in SUITE:
        return False
    return not any(Path(file).resolve().is_relative_to(place) for place in _installed_places())


@cache
def _installed_places() -> tuple[Path, ...]:
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    return tuple({Path(path).resolve() for name in names if (path := sysconfig.get_path(name))})


def place_of(cls: type[Any], name: str | None) -> str:
    """'file.py, line n: ' of a member of a user's class, or of the class; the empty string for the suite's own."""
    owner = cls if name is None else owner_of(cls, name)
    found = inspect.getattr_static(cls, name, None) if name is not None else None
    function = getattr(found, "fget", None) or getattr(found, "func", None) or getattr(found, "__func__", found)
    if is_of_the_suite(owner):
        return ""
    if isinstance(function, types.FunctionType):
        code = inspect.unwrap(function).__code__
        return f"{code.co_filename}, line {code.co_firstlineno}: "
    try:
        return f"{inspect.getsourcefile(owner)}, line {inspect.getsourcelines(owner)[1]}: "
    except (OSError, TypeError):  # its source is nowhere
        return ""


def owner_of(cls: type[Any], name: str) -> type[Any]:
    """The class that a member is written in."""
    return next((base for base in cls.__mro__ if name in vars(base)), cls)
