"""Find and build the members of a family: by built-in name, entry point, `module:Class` or `file.py:Class`.

Only the member asked for is imported. Arguments stand behind the name, `dense,model=minilm`, are checked against the
class's constructor and converted to what its annotations (or else its defaults) say.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any

from bench_core.errors import UserError
from bench_core.plugins.arguments import convert_arguments, did_you_mean
from bench_core.plugins.loading import class_of
from bench_core.plugins.places import SUITE, is_of_the_suite, place_of
from bench_core.plugins.protocols import Contract

HALVES = ("retrieval-bench", "sql-bench")
"""The commands, each of one half."""

_ARGUMENT = re.compile(r",(?=[A-Za-z_]\w*=)")


@dataclass(frozen=True)
class StageSpec:
    """A stage as a user names it: `name,key=value,key=value`."""

    name: str
    arguments: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, text: str, parameters: Iterable[str] = ()) -> StageSpec:
        """Split `name,key=value`; `parameters` are further `key=value` texts, whose values may hold commas."""
        name, *pieces = _ARGUMENT.split(text)
        no_value = re.fullmatch(r"([\w-]+),\s*([A-Za-z_]\w*)", name)
        if no_value:
            raise UserError(f"{text!r}: {no_value[2]} has no value; write {no_value[1]},{no_value[2]}=VALUE.")
        arguments = []
        for piece in [*pieces, *parameters]:
            key, separator, value = piece.partition("=")
            if not separator or not key.isidentifier():
                raise UserError(f"{piece!r} is not key=value; write for example -p depth=3.")
            arguments.append((key, value))
        repeated = {key for key, _ in arguments if sum(key == other for other, _ in arguments) > 1}
        if repeated:
            raise UserError(f"{sorted(repeated)[0]} is given twice for {name}; give it once.")
        return cls(name, tuple(arguments))

    def __str__(self) -> str:
        return ",".join([self.name, *(f"{key}={value}" for key, value in self.arguments)])


@dataclass(frozen=True)
class Member:
    """One line of a family's listing; `problem` says why a member cannot be used here, or is empty."""

    name: str
    summary: str
    problem: str = ""


@dataclass(frozen=True)
class Family:
    """All members of one kind of stage.

    Attributes:
        kind: what a member is called in messages (`retriever`).
        builtins: name -> `module:Class`; strings, so that listing names imports nothing.
        group: the entry point group other distributions add members through.
        contract: what holds for every member.
        used: how a member is named in a command, with {} in its place (`sql-bench run -g {}`).
    """

    kind: str
    builtins: Mapping[str, str]
    group: str
    contract: Contract
    used: str = ""

    @property
    def half(self) -> str:
        """The command of the half that it belongs to."""
        return self.group.partition(".")[0].replace("_", "-")

    def names(self) -> list[str]:
        """Built-in names and those of installed plug-ins, sorted."""
        return sorted({*self.builtins, *(point.name for point in entry_points(group=self.group))})

    def load(self, name: str) -> type[Any]:
        """The class a name stands for; a user's has the defaults of all that is optional, and checks what it returns.

        Raises:
            UserError: no such name, file, module or class, or it cannot be imported.
        """
        return self.contract.member(self._named(name))

    def own(self, name: str) -> type[Any]:
        """As `load`, but refuses a class of a user's that is of another family.

        Raises:
            UserError: as `load`; or says what the class is, and how that is named.
        """
        cls = self.load(name)
        found = self if is_of_the_suite(cls) else family_of_class(cls, [self])
        if found is not None and found is not self:
            raise UserError(f"{place_of(cls, None)}{cls.__name__} is {_belonging(found, self, name)}.")
        return cls

    def _named(self, name: str) -> type[Any]:
        if name in self.builtins:
            return class_of(self.builtins[name])
        for point in entry_points(group=self.group):
            if point.name == name:
                return class_of(point.value)
        if ":" in name:
            return class_of(name)
        others = [family for family in imported_families() if name in family.names()]
        if others:
            raise UserError(f"{name} is {_belonging(others[0], self, name)}.")
        raise UserError(
            f"There is no {self.kind} {name!r}{did_you_mean(name, self.names())}; known are {', '.join(self.names())}, "
            "and your own as path/to/file.py:Class or package.module:Class."
        )

    def create(self, spec: StageSpec, **injected: Any) -> Any:
        """An instance, built from the spec's arguments.

        Args:
            injected: what the suite offers besides; a class takes what it names as a keyword-only parameter.

        Raises:
            UserError: an argument the constructor does not take, a value that does not convert, or a missing one; or
                the class does not fit the contract.
        """
        cls = self.own(spec.name)
        self.contract.check(cls, self.kind, spec.name, injected)
        arguments = convert_arguments(cls, dict(spec.arguments), f"{self.kind} {spec.name}")
        member = cls(**arguments, **{key: value for key, value in injected.items() if takes_injected(cls, key)})
        self.contract.check_instance(member)
        return member

    def members(self) -> list[Member]:
        """Every named member with the first line of its docstring, or why it cannot be loaded."""
        listing = []
        for name in self.names():
            try:
                cls = self.load(name)
            except UserError as error:
                listing.append(Member(name, "", f"unavailable: {error}"))
                continue
            problem = cls.missing_requirement()
            listing.append(Member(name, _first_line(cls), f"unavailable: {problem}" if problem else ""))
        return listing


def imported_families() -> Sequence[Family]:
    """The families of the halves that this process has imported.

    A family stands in the module of its base class, so that a class on a base brings its family with it, of
    whichever half.
    """
    modules = [module for name, module in sorted(sys.modules.items()) if name.partition(".")[0] in SUITE]
    found = [value for module in modules for value in vars(module).values() if isinstance(value, Family)]
    return list({id(family): family for family in found}.values())


def family_of_class(cls: type[Any], preferred: Sequence[Family]) -> Family | None:
    """The family that a class is of: by its base, else by the method that its members are for; None: it is of none.

    Args:
        preferred: the families looked at first; those of the other half are known if the class derives from a base.
    """
    families = [*preferred, *(family for family in imported_families() if family not in preferred)]
    by_base = (family for family in families if issubclass(cls, family.contract.base))
    by_method = (family for family in families if callable(getattr(cls, family.contract.purpose, None)))
    return next(by_base, None) or next(by_method, None)


def _belonging(found: Family, expected: Family, given: str) -> str:
    """'a reranker, no retriever; name it as in …', of what is of one family and was named as another's."""
    half = "" if found.half == expected.half else f" of {found.half}"
    return f"a {found.kind}{half}, no {expected.kind}; name it as in {found.used.format(given)}"


def _first_line(cls: type[Any]) -> str:
    return (inspect.getdoc(cls) or "").partition("\n")[0]


def takes_injected(cls: type[Any], name: str) -> bool:
    """Whether a class names something behind a * in its constructor, which the suite gives it then."""
    parameter = inspect.signature(cls).parameters.get(name)
    return parameter is not None and parameter.kind is inspect.Parameter.KEYWORD_ONLY
