"""Find and build the members of a family: by built-in name, entry point, `module:Class` or `file.py:Class`.

Only the member asked for is imported. Arguments stand behind the name, `dense,model=minilm`, are checked against the
class's constructor and converted to what its annotations (or else its defaults) say.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from bench_core.errors import UserError
from bench_core.identity import content_hash
from bench_core.plugins.arguments import convert_arguments, did_you_mean
from bench_core.plugins.protocols import Contract

_PLUGIN_PREFIX = "biomed_bench_plugin_"
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
    """

    kind: str
    builtins: Mapping[str, str]
    group: str
    contract: Contract

    def names(self) -> list[str]:
        """Built-in names and those of installed plug-ins, sorted."""
        return sorted({*self.builtins, *(point.name for point in entry_points(group=self.group))})

    def load(self, name: str) -> type[Any]:
        """The class a name stands for; a user's has the defaults of all that is optional, and checks what it returns.

        Raises:
            UserError: no such name, file, module or class, or it cannot be imported.
        """
        return self.contract.member(self._named(name))

    def _named(self, name: str) -> type[Any]:
        if name in self.builtins:
            return _class_from_target(self.builtins[name], self.kind)
        for point in entry_points(group=self.group):
            if point.name == name:
                return _class_from_target(point.value, self.kind)
        if ":" in name:
            return _class_from_target(name, self.kind)
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
        cls = self.load(spec.name)
        self.contract.check(cls, self.kind, spec.name, injected)
        arguments = convert_arguments(cls, dict(spec.arguments), f"{self.kind} {spec.name}")
        member = cls(**arguments, **{key: value for key, value in injected.items() if _takes_injected(cls, key)})
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


def plugin_file(cls: type[Any]) -> Path | None:
    """The user's file that a class was read from; None for one of an importable module."""
    if not cls.__module__.startswith(_PLUGIN_PREFIX):
        return None
    return Path(str(sys.modules[cls.__module__].__file__)).resolve()


def _first_line(cls: type[Any]) -> str:
    return (inspect.getdoc(cls) or "").partition("\n")[0]


def _class_from_target(target: str, kind: str) -> type[Any]:
    place, _, class_name = target.rpartition(":")
    module = _module_from_file(Path(place)) if place.endswith(".py") else _module_by_name(place)
    found = getattr(module, class_name, None)
    if not isinstance(found, type):
        classes = [name for name, value in vars(module).items() if isinstance(value, type)]
        raise UserError(f"{place} has no class {class_name!r}{did_you_mean(class_name, classes)}.")
    return found


def _module_by_name(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise UserError(f"{name} cannot be imported: no module named {error.name!r} is installed here.") from error
    except Exception as error:  # a plug-in may fail in any way while it is imported
        raise UserError(f"{name} cannot be imported: {type(error).__name__}: {error}.") from error


def _module_from_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise UserError(f"{path}: there is no such file; a class of your own is named path/to/file.py:Class.")
    name = f"{_PLUGIN_PREFIX}{content_hash([str(path.resolve())])[:12]}_{path.stem}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UserError(f"{path}: this is not a Python file that can be imported.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # before execution: dataclasses and inspect look their module up
    folder = str(path.resolve().parent)
    if folder not in sys.path:  # the file may import its neighbours
        sys.path.append(folder)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # the user's own code may fail in any way
        del sys.modules[name]
        raise UserError(
            f"{path} cannot be imported: {type(error).__name__}: {error}{_line_in(path, error)}."
        ) from error
    return module


def _line_in(path: Path, error: BaseException) -> str:
    """' (line n)': the last line of the user's file that an exception passed through."""
    line = error.lineno if isinstance(error, SyntaxError) else None
    trace = error.__traceback__
    while trace is not None:
        if Path(trace.tb_frame.f_code.co_filename) == path:
            line = trace.tb_lineno
        trace = trace.tb_next
    return f" (line {line})" if line else ""


def _takes_injected(cls: type[Any], name: str) -> bool:
    parameter = inspect.signature(cls).parameters.get(name)
    return parameter is not None and parameter.kind is inspect.Parameter.KEYWORD_ONLY
