"""Hold a class to the protocol of its family: its methods and their parameters when a member is created, and what each
method returns whenever it is called.

The suite's own classes are held to it by their contract tests. A class of a user's, in a file or installed, is made
into a subclass of the same name, which has the optional members that it lacks and checks what its methods return.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

from bench_core.errors import BenchError, UserError
from bench_core.plugins.checking import checking_member, is_plain
from bench_core.plugins.failures import count_as_users
from bench_core.plugins.places import is_of_the_suite, place_of
from bench_core.plugins.returns import STAGE_FACTS, Check, Returned
from bench_core.plugins.stage import Stage

COMPLETES = "_completes"
"""The member by which a class that the suite made of a user's names it."""


@dataclass(frozen=True)
class Contract:
    """What holds for the members of a family.

    Attributes:
        protocol: what every member has, a `typing.Protocol`.
        base: what a member of a user's derives from; a class that does not is given its optional members.
        returns: method or attribute -> the check of what it gives; those of `Stage` are checked besides.
        tests: the contract as tests, `module:Class`.
        one_of: methods of the base of which a class writes at least one.
    """

    protocol: type[Any]
    base: type[Any]
    returns: Mapping[str, Check]
    tests: str
    one_of: tuple[str, ...] = ()
    _members: dict[type[Any], type[Any]] = field(default_factory=dict, init=False, repr=False, compare=False)

    @cached_property
    def methods(self) -> list[str]:
        """The methods that a class must have: those of the protocol but for the facts that every stage may state."""
        protocols = [cls for cls in self.protocol.__mro__ if getattr(cls, "_is_protocol", False) and cls is not Stage]
        return [
            name
            for cls in protocols
            for name, value in vars(cls).items()
            if inspect.isfunction(value) and not name.startswith("_")
        ]

    @property
    def purpose(self) -> str:
        """The method that members are for: the last one of the protocol; the empty string where it has none."""
        return self.methods[-1] if self.methods else ""

    @cached_property
    def optional(self) -> list[str]:
        """The members that a class need not have: facts of stages, and attributes of the protocol with a default."""
        return [
            name
            for name in dir(self.base)
            if name in STAGE_FACTS or (hasattr(self.protocol, name) and name[0] != "_" and name not in self.methods)
        ]

    @cached_property
    def checks(self) -> Mapping[str, Check]:
        """The checks of all that members give."""
        return {**STAGE_FACTS, **self.returns}

    def member(self, cls: type[Any]) -> type[Any]:
        """The class that members are made of: the suite's own as it is, a user's completed and checking."""
        if is_of_the_suite(cls):
            return cls
        count_as_users(cls.__module__)
        if cls not in self._members:  # once, so that all members made of a class are of one class
            self._members[cls] = self._completed(cls)
        return self._members[cls]

    def _completed(self, cls: type[Any]) -> type[Any]:
        members = {name: getattr(cls, name) for name in ("__module__", "__qualname__", "__doc__")}
        members[COMPLETES] = cls
        members |= {name: inspect.getattr_static(self.base, name) for name in self.optional if not hasattr(cls, name)}
        members |= {
            name: checking_member(cls, name, check)
            for name, check in self.checks.items()
            if hasattr(cls, name) and not is_plain(cls, name)
        }
        return types.new_class(cls.__name__, (cls,), exec_body=lambda namespace: namespace.update(members))

    def check(self, cls: type[Any], kind: str, given: str, offered: Collection[str]) -> None:
        """Refuse a class that cannot be a member.

        Args:
            kind: what a member is called, for the message.
            given: the member as its user names it, for the message.
            offered: keyword-only arguments of the constructor that the suite fills.

        Raises:
            UserError: names the class with its file and line, and what it lacks or has otherwise.
        """
        for name in self.methods:
            if not hasattr(cls, name) or name in getattr(cls, "__abstractmethods__", ()):
                raise UserError(
                    f"{place_of(cls, None) or given + ': '}{cls.__name__} is no {kind}, it has no method {name}; "
                    f"derive it from {self.base.__name__} and write {_signature(name, getattr(self.protocol, name))}."
                )
        if self.one_of and all(getattr(cls, name, None) is getattr(self.base, name) for name in self.one_of):
            written = " or ".join(_signature(name, inspect.getattr_static(self.base, name)) for name in self.one_of)
            raise UserError(f"{place_of(cls, None)}{cls.__name__} has none of its methods yet; write {written}.")
        for name in filter(partial(hasattr, cls), {**dict.fromkeys(self.methods), **self.checks}):
            problem = self._problem_of(cls, name)
            if problem:
                raise UserError(f"{place_of(cls, name)}{cls.__name__}.{name} {problem}.")
        problem = _problem_of_constructor(cls, offered)
        if problem:
            raise UserError(f"{place_of(cls, '__init__')}{cls.__name__}.__init__ {problem}.")

    def check_instance(self, member: Any) -> None:
        """Check what a constructor has set in place of an attribute of its class.

        Raises:
            UserError: names the class and the attribute.
        """
        for name, value in getattr(member, "__dict__", {}).items():
            if name in self.checks and not callable(value):
                _checked_value(type(member), name, value, self.checks[name])

    def _problem_of(self, cls: type[Any], name: str) -> str:
        """What is wrong with how a class defines a member, or the empty string."""
        found = inspect.getattr_static(cls, name, None)
        expected = inspect.getattr_static(self.protocol, name, None) or inspect.getattr_static(self.base, name, None)
        is_method = isinstance(expected, types.FunctionType | staticmethod)
        if not is_method and isinstance(found, types.FunctionType):
            return "is a method; put @property above it"
        if is_method and isinstance(found, property | cached_property):
            return "is a property, and the suite calls it; take the decorator away"
        if not is_method:
            if is_plain(cls, name) and not is_of_the_suite(cls):
                _checked_value(cls, name, found, self.checks[name])
            return ""
        if not callable(getattr(cls, name)):
            return f"is no method; write {_signature(name, expected)}"
        if inspect.iscoroutinefunction(inspect.unwrap(getattr(cls, name))):
            return "is asynchronous; write it with def alone"
        return _problem_of_parameters(cls, name, expected)


def _checked_value(cls: type[Any], name: str, value: Any, check: Check) -> None:
    try:
        check(Returned(value, (), f"{place_of(cls, None)}{cls.__name__}.{name}"))
    except BenchError as error:
        raise UserError(str(error)) from error


def _positional(function: Any) -> list[str]:
    """The parameters that a method of a protocol is called with."""
    names = list(inspect.signature(getattr(function, "__func__", function)).parameters)
    return names if isinstance(function, staticmethod) else names[1:]


def _signature(name: str, function: Any) -> str:
    return f"def {name}({', '.join(['self', *_positional(function)])})"


def _problem_of_parameters(cls: type[Any], name: str, expected: Any) -> str:
    """Why a method cannot be called as its protocol is, or the empty string."""
    found = inspect.getattr_static(cls, name)
    try:
        signature = inspect.signature(getattr(cls, name))
    except (TypeError, ValueError):  # something callable that has none
        return ""
    parameters = list(signature.parameters.values())
    given = _positional(expected)
    if isinstance(expected, staticmethod) and isinstance(found, types.FunctionType):
        return "is called on the class; put @staticmethod above it and leave self out" if parameters else ""
    if isinstance(found, types.FunctionType):
        if not parameters:
            return f"has no parameter self; write {_signature(name, expected)}"
        given = ["self", *given]
    unfilled = [
        parameter.name
        for parameter in parameters
        if parameter.kind is parameter.KEYWORD_ONLY and parameter.default is parameter.empty
    ]
    if unfilled:
        return f"asks for {unfilled[0]} by name, which the suite does not give; give it a default"
    try:
        signature.bind(*given)
    except TypeError:
        takes = ", ".join(parameter.name for parameter in parameters)
        return f"takes ({takes}) and is called with ({', '.join(given)}); write {_signature(name, expected)}"
    return ""


def _problem_of_constructor(cls: type[Any], offered: Collection[str]) -> str:
    """Why the suite cannot fill a constructor, or the empty string."""
    if cls.__init__ is object.__init__:
        return ""
    gives = f"it gives {', '.join(sorted(offered))}" if offered else "it gives nothing here"
    for parameter in inspect.signature(cls).parameters.values():
        has_default = parameter.default is not parameter.empty
        if parameter.kind is parameter.KEYWORD_ONLY and not has_default and parameter.name not in offered:
            return f"asks for {parameter.name} by name, which the suite does not give ({gives}); give it a default"
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD and not has_default and parameter.name in offered:
            return f"has {parameter.name} among what a user gives; write it behind a *, and the suite gives it"
    return ""
