"""Evaluate Python expressions of constants without executing them."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

_FIELD = re.compile(r"\{\{|\}\}|\{(\w*)\}|[{}]")
# No prompt is longer; a file made to fill the memory stops here.
_LONGEST_TEXT = 1_000_000
_TOO_LONG = f"a text of more than {_LONGEST_TEXT} characters"
_TEXT_METHODS: Mapping[str, Callable[..., str]] = {
    "removeprefix": str.removeprefix,
    "removesuffix": str.removesuffix,
    "strip": str.strip,
    "lstrip": str.lstrip,
    "rstrip": str.rstrip,
}


class NotConstant(Exception):
    """A value known only by running the program; the text says what it needs."""


@dataclass(frozen=True)
class LeftOut:
    """Entries of one dictionary that could not be worked out, and why the first one could not."""

    place: str
    keys: tuple[Any, ...]
    reason: str


@dataclass(frozen=True)
class Expressions:
    """The expressions of one file.

    Attributes:
        shown: the file, for messages.
        missing_imports: names that come from files that are not there, with the file.
        left_out: is given the entries of dictionaries that are not constant; the others stay.
    """

    shown: str
    missing_imports: Mapping[str, str]
    left_out: list[LeftOut]

    def value(self, expression: ast.expr, names: dict[str, Any]) -> Any:
        """What an expression stands for, given what names stand for.

        Raises:
            NotConstant: it holds something that is not understood.
        """
        match expression:
            case ast.Constant(value=value):
                return value
            case ast.Name(id=name):
                return self._named(name, names)
            case ast.Dict():
                return self._dict_display(expression, names)
            case ast.List(elts=elements) | ast.Tuple(elts=elements):
                return [self.value(element, names) for element in elements]
            case ast.BinOp(op=ast.Add(), left=left, right=right):
                return _bounded(self._text(left, names) + self._text(right, names))
            case ast.Subscript(value=of, slice=key):
                return _entry(self.dictionary(of, names), self.key(key, names))
            case ast.Call():
                return self._call(expression, names)
            case ast.DictComp(generators=[ast.comprehension(ifs=[]) as over]):
                inner = [{**names, **bound} for bound in self._bindings(over, names)]
                return {self.key(expression.key, bound): self.value(expression.value, bound) for bound in inner}
        raise NotConstant(f"a {type(expression).__name__} in line {expression.lineno}")

    def dictionary(self, expression: ast.expr, names: dict[str, Any]) -> dict[Any, Any]:
        """As `value`, for what must be a dictionary; it is the one that is named, not a copy."""
        value = self.value(expression, names)
        if not isinstance(value, dict):
            raise NotConstant(f"a dictionary in line {expression.lineno}")
        return value

    def key(self, expression: ast.expr, names: dict[str, Any]) -> Any:
        """As `value`, for what must be a key of a dictionary."""
        value = self.value(expression, names)
        if isinstance(value, dict | list):
            raise NotConstant(f"a key in line {expression.lineno}")
        return value

    def _named(self, name: str, names: dict[str, Any]) -> Any:
        if name in names:
            return names[name]
        file = self.missing_imports.get(name)
        raise NotConstant(f"{name} of {file}, which is not there" if file else name)

    def _dict_display(self, display: ast.Dict, names: dict[str, Any]) -> dict[Any, Any]:
        made: dict[Any, Any] = {}
        lost: list[tuple[Any, str]] = []
        for key_expression, expression in zip(display.keys, display.values, strict=True):
            key = None
            try:
                if key_expression is None:  # **other
                    made.update(self.dictionary(expression, names))
                    continue
                key = self.key(key_expression, names)
                made[key] = self.value(expression, names)
            except NotConstant as error:
                lost.append((key, str(error)))
        if lost:
            place = f"{self.shown}, line {display.lineno}"
            self.left_out.append(LeftOut(place, tuple(key for key, _ in lost), lost[0][1]))
        return made

    def _call(self, call: ast.Call, names: dict[str, Any]) -> Any:
        keywords = {word.arg: self.value(word.value, names) for word in call.keywords if word.arg}
        if len(keywords) != len(call.keywords):
            raise NotConstant(f"**arguments in line {call.lineno}")
        match call.func:
            case ast.Name(id="dict"):
                given = self.dictionary(call.args[0], names) if call.args else {}
                return {**given, **keywords}
            case ast.Attribute(value=of, attr="copy") if not call.args:
                return dict(self.dictionary(of, names))
            case ast.Attribute(value=of, attr="format"):
                return _formatted(self._text(of, names), [self.value(arg, names) for arg in call.args], keywords)
            case ast.Attribute(value=of, attr=method) if method in _TEXT_METHODS and not keywords:
                arguments = [self._text(argument, names) for argument in call.args]
                try:
                    return _bounded(_TEXT_METHODS[method](self._text(of, names), *arguments))
                except TypeError as error:
                    raise NotConstant(f"{method} in line {call.lineno}") from error
        raise NotConstant(f"the call in line {call.lineno}")

    def _bindings(self, over: ast.comprehension, names: dict[str, Any]) -> list[dict[str, Any]]:
        """What the names of a comprehension stand for, turn by turn."""
        match over.target, over.iter:
            case ast.Tuple(elts=[ast.Name(id=key), ast.Name(id=value)]), ast.Call(
                func=ast.Attribute(value=of, attr="items"), args=[]
            ):
                return [{key: k, value: v} for k, v in self.dictionary(of, names).items()]
            case ast.Name(id=name), expression:
                items = self.value(expression, names)
                if isinstance(items, dict | list):
                    return [{name: item} for item in items]
        raise NotConstant("a comprehension over something else than a dictionary")

    def _text(self, expression: ast.expr, names: dict[str, Any]) -> str:
        value = self.value(expression, names)
        if not isinstance(value, str):
            raise NotConstant(f"a text in line {expression.lineno}")
        return value


def _entry(mapping: dict[Any, Any], key: Any) -> Any:
    if key not in mapping:
        raise NotConstant(f"the entry {key!r}")
    return mapping[key]


def _formatted(template: str, positional: list[Any], named: Mapping[str, Any]) -> str:
    """`str.format` for plain fields, `{}`, `{0}` and `{name}`; not for attributes, indexes or widths of fields."""
    unnamed = iter(positional)
    n_characters = len(template)

    def replaced(found: re.Match[str]) -> str:
        nonlocal n_characters
        if found[0] in ("{{", "}}"):
            return found[0][0]
        name = found[1]
        if name is None:  # a brace of something else
            raise NotConstant("format fields with more than a name")
        numbered = name.isdecimal() and int(name) < len(positional)
        value = next(unnamed, None) if not name else positional[int(name)] if numbered else named.get(name)
        if not isinstance(value, str):
            raise NotConstant(f"a text for the field {found[0]}")
        n_characters += len(value)
        if n_characters > _LONGEST_TEXT:
            raise NotConstant(_TOO_LONG)
        return value

    return _FIELD.sub(replaced, template)


def _bounded(text: str) -> str:
    if len(text) > _LONGEST_TEXT:
        raise NotConstant(_TOO_LONG)
    return text
