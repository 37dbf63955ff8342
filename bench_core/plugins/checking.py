"""Members of a user's class that check what they give."""

from __future__ import annotations

import functools
import inspect
import types
from functools import cached_property
from typing import Any

from bench_core.errors import UserError
from bench_core.plugins.failures import placed
from bench_core.plugins.places import is_of_the_suite, owner_of, place_of
from bench_core.plugins.returns import Check, Returned


def is_plain(cls: type[Any], name: str) -> bool:
    """Whether a member of a class is a value as it stands: no method, no property."""
    found = inspect.getattr_static(cls, name, None)
    return not isinstance(found, property | cached_property) and not callable(getattr(cls, name, None))


def checking_member(cls: type[Any], name: str, check: Check) -> Any:
    """A method or property that checks what a class's own gives; one that the suite wrote is left alone."""
    found = inspect.getattr_static(cls, name)
    if is_of_the_suite(owner_of(cls, name)):
        return found
    where = f"{place_of(cls, name)}{cls.__name__}.{name}"
    if isinstance(found, property):
        return property(_checking_function(found.fget, check, where, is_bound=True), found.fset, found.fdel)
    if isinstance(found, cached_property):
        return property(_checking_cached(found, check, where))
    if isinstance(found, staticmethod | classmethod):
        return type(found)(_checking_function(found.__func__, check, where, isinstance(found, classmethod)))
    if isinstance(found, types.FunctionType):
        return _checking_function(found, check, where, is_bound=True)
    return found


def _checking_function(function: Any, check: Check, where: str, is_bound: bool) -> Any:
    signature = inspect.signature(function)

    @functools.wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        try:
            returned = function(*args, **kwargs)
        except UserError as error:
            raise placed(error) from error
        given = signature.bind(*args, **kwargs).args
        return check(Returned(returned, given[1:] if is_bound else given, where))

    return checked


def _checking_cached(found: cached_property[Any], check: Check, where: str) -> Any:
    @functools.wraps(found.func)
    def checked(self: Any) -> Any:
        return check(Returned(found.__get__(self, type(self)), (), where))

    return checked
