"""Evaluate the dictionaries that Python files define from their syntax trees, without executing them.

Understood are literals, names assigned before (in the file or in another one of the folder it imports from), joined and
formatted texts, entries set one by one, `update`, `dict`, `copy`, and comprehensions over a dictionary. Entries that
need more are left out and reported.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from retrieval_bench.upstream.expressions import Expressions, LeftOut, NotConstant

_LARGEST_FILE_BYTES = 4_000_000


@dataclass(frozen=True)
class Definition:
    """A dictionary that a file assigns to a name.

    Attributes:
        place: file and line, for messages.
    """

    name: str
    place: str
    value: dict[Any, Any]


@dataclass
class FolderConstants:
    """What the Python files of a folder define.

    Attributes:
        definitions: dictionaries, file by file.
        left_out: entries that are missing in them.
        unreadable: files that hold no Python, with the reason.
    """

    folder: Path
    definitions: list[Definition] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    _globals: dict[Path, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> FolderConstants:
        """Work out every `.py` file below a folder; hidden folders are passed over."""
        constants = cls(folder)
        for path in sorted(folder.rglob("*.py")):
            hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
            if path.is_file() and not hidden:
                constants.names_of(path)
        return constants

    def names_of(self, path: Path) -> dict[str, Any]:
        """The constants a file has under global names; of a file that is still being read, those so far."""
        if path in self._globals:
            return self._globals[path]
        names: dict[str, Any] = {}
        self._globals[path] = names
        shown = path.relative_to(self.folder).as_posix()
        try:
            if path.stat().st_size > _LARGEST_FILE_BYTES:
                raise ValueError("too large")
            _Reading(self, path, shown).run(ast.parse(path.read_bytes()).body, names)
        except (SyntaxError, ValueError, RecursionError, MemoryError, OSError) as error:
            self.unreadable.append(f"{shown} could not be read as Python ({str(error) or type(error).__name__})")
        return names


@dataclass
class _Reading:
    """One file being read, statement by statement."""

    constants: FolderConstants
    path: Path
    shown: str

    def __post_init__(self) -> None:
        self.missing_imports: dict[str, str] = {}
        self.expressions = Expressions(self.shown, self.missing_imports, self.constants.left_out)

    def run(self, statements: Iterable[ast.stmt], names: dict[str, Any]) -> None:
        """Follow statements in order, as far as they make constants."""
        for statement in statements:
            try:
                self._follow(statement, names)
            except NotConstant:
                continue

    def _follow(self, statement: ast.stmt, names: dict[str, Any]) -> None:
        match statement:
            case ast.Assign(targets=targets, value=value):
                self._assign(targets, value, names)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self._assign([target], value, names)
            case ast.Expr(value=ast.Call(func=ast.Attribute(value=changed, attr="update"), args=[added])):
                self.expressions.dictionary(changed, names).update(self.expressions.dictionary(added, names))
            case ast.ImportFrom(module=str(module), names=imported):
                self._import(module, imported, names)
            case ast.FunctionDef(body=body) | ast.ClassDef(body=body):
                self.run(body, deepcopy(names))  # what a function would change is not changed yet
            case ast.If(body=body) | ast.Try(body=body) | ast.With(body=body):
                self.run(body, names)

    def _assign(self, targets: list[ast.expr], expression: ast.expr, names: dict[str, Any]) -> None:
        try:
            value = self.expressions.value(expression, names)
        except NotConstant:
            for target in targets:  # what the name held before holds no longer
                if isinstance(target, ast.Name):
                    names.pop(target.id, None)
            raise
        for target in targets:
            if isinstance(target, ast.Name):
                names[target.id] = value
                if isinstance(value, dict):
                    place = f"{self.shown}, line {target.lineno}"
                    self.constants.definitions.append(Definition(target.id, place, value))
            elif isinstance(target, ast.Subscript):
                self.expressions.dictionary(target.value, names)[self.expressions.key(target.slice, names)] = value

    def _import(self, module: str, imported: list[ast.alias], names: dict[str, Any]) -> None:
        file = Path(*module.split(".")).with_suffix(".py")
        found = next(
            (folder / file for folder in (self.path.parent, self.constants.folder) if self._holds(folder / file)), None
        )
        if found is None:
            for alias in imported:
                self.missing_imports[alias.asname or alias.name] = file.as_posix()
            return
        there = self.constants.names_of(found)
        for alias in imported:
            if alias.name == "*":
                names.update(there)
            elif alias.name in there:
                names[alias.asname or alias.name] = there[alias.name]

    def _holds(self, path: Path) -> bool:
        return path.is_file() and path.resolve().is_relative_to(self.constants.folder.resolve())
