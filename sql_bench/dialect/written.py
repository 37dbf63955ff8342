"""The names of functions and types in a statement as they are written, before anything is regenerated.

sqlglot reads LEN and LENGTH into one node, and loses some names altogether, so whether a dialect has a function cannot
be decided by the tree. A subclass of the dialect's own parser notes each name that is called; types are read from the
tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sql_bench.guard.names import read_groups
from sql_bench.guard.rejected import Rejected, untranslatable
from sql_bench.types import Outcome

if TYPE_CHECKING:
    from sqlglot import Dialect, Token, exp

_WEEKDAYS = frozenset({"MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"})

# Words before a parenthesis that are called although they are no functions; what follows them has rules of its own.
_CASTS = frozenset({"CAST", "SAFE_CAST", "TRY_CAST"})

_WRITTEN = "written"  # the key under which a node keeps the name it was called by


@dataclass(frozen=True)
class Written:
    """What a statement calls, in capitals, in the order of its text.

    Attributes:
        functions: names that are called, with a prefix such as NET, but for SAFE.
        types: names of types, those inside ARRAY<…> and STRUCT<…> too.
    """

    functions: tuple[str, ...]
    types: tuple[str, ...]


@dataclass(frozen=True)
class KnownNames:
    """The names that a dialect has, and those it is known not to have.

    Attributes:
        translated: functions with the same result here.
        documented: functions that the dialect has and that are not translated.
        absent: functions documented for another dialect and not for this one.
        types: the dialect's types.
        absent_types: types of other dialects.
    """

    translated: frozenset[str]
    documented: frozenset[str]
    absent: frozenset[str]
    types: frozenset[str]
    absent_types: frozenset[str]

    def check(self, written: Written, dialect: str) -> None:
        """Refuse a statement that calls what the dialect does not have, or what is not known to agree.

        Raises:
            Rejected: invalid_sql for a name that is absent, else untranslatable.
        """
        for name in written.functions:
            if name in self.absent:
                raise Rejected(Outcome.INVALID_SQL, f"{dialect} has no function {name}")
        for name in written.types:
            if name in self.absent_types:
                raise Rejected(Outcome.INVALID_SQL, f"{dialect} has no type {name}")
        for name in written.functions:
            if name not in self.translated:
                raise untranslatable(f"the function {name}")
        for name in written.types:
            if name not in self.types:
                raise untranslatable(f"the type {name}")


@cache
def known_names(path: Path) -> KnownNames:
    """The names of a file of groups: those of `KnownNames`, each on any number of lines."""
    groups: dict[str, set[str]] = {}
    for group, names in read_groups(path):
        groups.setdefault(group, set()).update(names)
    return KnownNames(**{item.name: frozenset(groups.get(item.name, ())) for item in fields(KnownNames)})


def written_name(node: exp.Expr) -> str:
    """The name under which a function was called, in capitals; empty for what was not written as a call."""
    return str(node.meta.get(_WRITTEN, ""))


def parse_noting(
    reader: Dialect, tokens: list[Token], sql: str, plain: frozenset[str] = frozenset()
) -> tuple[list[exp.Expr | None], Written]:
    """The trees of a text, and the names in it.

    Args:
        reader: the dialect.
        tokens: of the text.
        sql: the text.
        plain: functions, in capitals, to be read as their names and arguments, whatever sqlglot would make of them.

    Raises:
        sqlglot.errors.ParseError: the text does not parse.
    """
    parser = _noting(reader.parser_class, plain)(error_message_context=0, dialect=reader)
    statements = list(parser.parse(tokens, sql))
    functions = [name for _, name in sorted(parser.noted.items())]
    return statements, Written(tuple(functions), tuple(_types(tokens)))


@cache
def _noting(parser_class: type[Any], plain: frozenset[str]) -> type[Any]:
    """A parser that keeps the names of all calls by their place in the text."""
    from sqlglot import TokenType, exp

    functions = {name: build for name, build in parser_class.FUNCTIONS.items() if name not in plain}
    function_parsers = {name: read for name, read in parser_class.FUNCTION_PARSERS.items() if name not in plain}

    class NotingParser(parser_class):  # type: ignore[misc]
        FUNCTIONS = functions
        FUNCTION_PARSERS = function_parsers

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.noted: dict[int, str] = {}

        def _parse_function_call(self, *args: Any, **kwargs: Any) -> Any:
            token, following, prefix = self._curr, self._next, self._qualifier()
            call = super()._parse_function_call(*args, **kwargs)
            calls = call is not None and token and following and following.token_type is TokenType.L_PAREN
            if calls and not self._is_week_of(token):
                self.noted[token.start] = prefix + token.text.upper()
                _called(call).meta[_WRITTEN] = token.text.upper()
            return call

        def _qualifier(self) -> str:
            """NET. of NET.HOST; SAFE. only changes what becomes of an error."""
            tokens = self._tokens[max(0, self._index - 2) : self._index]
            if len(tokens) < 2 or tokens[1].token_type is not TokenType.DOT or tokens[0].text.upper() == "SAFE":
                return ""
            return f"{tokens[0].text.upper()}."

        def _is_week_of(self, token: Token) -> bool:
            """WEEK(MONDAY) is a part of a date."""
            inside = self._tokens[self._index - 2].text.upper()
            return token.text.upper() == "WEEK" and inside in _WEEKDAYS

    def _called(call: exp.Expr) -> exp.Expr:
        """A function without the clauses behind it."""
        while isinstance(call, exp.Window | exp.Filter | exp.WithinGroup | exp.IgnoreNulls | exp.RespectNulls):
            call = call.this
        return call

    return NotingParser


def types_of_cast_operators(tokens: Sequence[Token]) -> Iterator[str]:
    """The types behind `::`."""
    from sqlglot import TokenType

    for token, following in pairwise(tokens):
        if token.token_type is TokenType.DCOLON:
            yield following.text.upper()


def _types(tokens: Sequence[Token]) -> Iterator[str]:
    """The types behind AS in a CAST, and in ARRAY<…> and STRUCT<…>."""
    from sqlglot import TokenType

    casts: list[bool] = []  # for each open parenthesis, whether it is a CAST's
    for place, token in enumerate(tokens):
        if token.token_type is TokenType.L_PAREN:
            casts.append(place > 0 and tokens[place - 1].text.upper() in _CASTS)
        elif token.token_type is TokenType.R_PAREN and casts:
            casts.pop()
        elif token.token_type is TokenType.ALIAS and casts and casts[-1] and place + 1 < len(tokens):
            yield tokens[place + 1].text.upper()
        elif token.token_type is TokenType.LT and place > 0 and tokens[place - 1].text.upper() in ("ARRAY", "STRUCT"):
            is_struct = tokens[place - 1].text.upper() == "STRUCT"
            yield from _element_types(tokens[place + 1 :], names_fields=is_struct)


def _element_types(tokens: Sequence[Token], names_fields: bool) -> Iterator[str]:
    """The types directly in one pair of angle brackets; those of inner pairs are found at their own words."""
    from sqlglot import TokenType

    depth = 1
    field: list[str] = []
    for token in tokens:
        if token.token_type in (TokenType.LT, TokenType.L_PAREN):
            depth += 1
        elif token.token_type in (TokenType.GT, TokenType.R_PAREN):
            depth -= 1
        elif token.text == ">>":
            depth -= 2
        if depth <= 0 or (depth == 1 and token.token_type is TokenType.COMMA):
            if field:
                yield field[1 if names_fields and len(field) > 1 else 0]
            field = []
            if depth <= 0:
                return
        elif depth == 1 and token.token_type not in (TokenType.GT, TokenType.R_PAREN):
            field.append(token.text.upper())
