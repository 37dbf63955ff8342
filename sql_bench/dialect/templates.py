"""Functions of a dialect written out as expressions of DuckDB, from a table: `<dialect>_functions.tsv`.

Each line: the name as it is written, a letter for each parameter, the kind of value, and DuckDB's expression, in which
a, b, c … stand for the arguments. sqlglot reads such a call as its name and its arguments only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sql_bench.dialect.duckdb_text import duckdb_expression
from sql_bench.dialect.kinds import Kind, Kinds
from sql_bench.guard.rejected import Rejected, untranslatable
from sql_bench.types import Outcome

if TYPE_CHECKING:
    from sqlglot import exp

_NUMBERS = frozenset({Kind.INT, Kind.NUMERIC, Kind.FLOAT})
_TIMES = frozenset({Kind.DATE, Kind.DATETIME, Kind.TIMESTAMP})

# What a letter takes; x takes anything. s is a text or what the dialect silently makes one of, k a whole number that
# is written out, as DuckDB wants it.
_TAKES: Mapping[str, frozenset[Kind]] = {
    "t": frozenset({Kind.TEXT}),
    "s": frozenset({Kind.TEXT}),
    "n": _NUMBERS,
    "i": frozenset({Kind.INT}),
    "k": frozenset({Kind.INT}),
    "e": frozenset({Kind.INT, Kind.NUMERIC}),
    "f": frozenset({Kind.FLOAT}),
    "d": _TIMES,
    "b": frozenset({Kind.BOOL}),
    "x": frozenset(Kind),
}
_NAMES = "abcdefgh"
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?")


@dataclass(frozen=True)
class Template:
    """One line of a table.

    Attributes:
        parameters: a letter each.
        kind: of the value; None for that of the first argument.
        text: DuckDB's expression; empty for what the dialect has and is not translated.
    """

    parameters: str
    kind: Kind | None
    text: str


@dataclass(frozen=True)
class Templates:
    """A dialect's table.

    Attributes:
        by_name: the templates of a name, tried in their order.
        made_texts: kinds that the dialect silently makes texts of, in the same form as DuckDB.
    """

    by_name: Mapping[str, tuple[Template, ...]]
    made_texts: frozenset[Kind]

    @property
    def names(self) -> frozenset[str]:
        """The names as they are written, in capitals."""
        return frozenset(self.by_name)

    def kinds(self) -> Mapping[str, Kind | None]:
        """The kind of each function's value; of several templates the first one's."""
        return {name: templates[0].kind for name, templates in self.by_name.items()}

    def write(self, call: exp.Anonymous, kinds: Kinds) -> exp.Expr:
        """A call as DuckDB's expression; a call of a function that has no template as it stands.

        Raises:
            Rejected: invalid_sql, for a number of arguments that the function never has; untranslatable, where no
                template takes them.
        """

        templates = self.by_name.get(call.name.upper())
        if templates is None:
            return call
        for template in templates:
            parts = self._fitted(template, call.expressions, kinds)
            if parts is not None:
                return _written(template, parts)
        if len(call.expressions) not in {len(template.parameters) for template in templates}:
            raise Rejected(Outcome.INVALID_SQL, f"{call.name.upper()} takes another number of arguments")
        known = [kinds.of(argument) for argument in call.expressions]
        shown = ", ".join(kind.value if kind else "unknown" for kind in known)
        raise untranslatable(f"the function {call.name.upper()} with these arguments ({shown})")

    def _fitted(self, template: Template, arguments: list[exp.Expr], kinds: Kinds) -> list[exp.Expr] | None:
        if len(arguments) != len(template.parameters):
            return None
        found = [
            fitted(argument, kinds.of(argument), letter, self.made_texts)
            for letter, argument in zip(template.parameters, arguments, strict=True)
        ]
        parts = [part for part in found if part is not None]
        return parts if len(parts) == len(found) else None


def _written(template: Template, parts: list[exp.Expr]) -> exp.Expr:
    from sqlglot import exp

    if not template.text:
        raise untranslatable("a function with this number of arguments")
    found = duckdb_expression(template.text, **dict(zip(_NAMES, parts, strict=False)))
    return exp.paren(found) if isinstance(found, exp.Binary | exp.Unary) else found


def fitted(argument: exp.Expr, kind: Kind | None, letter: str, made_texts: frozenset[Kind]) -> exp.Expr | None:
    """An argument as a parameter takes it; None where it does not."""
    from sqlglot import exp

    if letter == "k" and not is_written_out(argument):
        return None
    if kind is None or kind in _TAKES[letter]:
        return argument
    if letter == "s" and kind in made_texts:
        return as_text(argument)
    if letter == "d" and kind is Kind.TEXT and isinstance(argument, exp.Literal):
        return moment_of(argument)
    return None


def is_written_out(number: exp.Expr) -> bool:
    """Whether a number is a literal, with a sign or without."""
    from sqlglot import exp

    return isinstance(number.this if isinstance(number, exp.Neg) else number, exp.Literal)


def as_text(value: exp.Expr) -> exp.Expr:
    """A value as DuckDB writes it."""
    from sqlglot import exp

    return exp.cast(value.copy(), exp.DataType.build("TEXT", dialect="duckdb"), copy=False)


def moment_of(literal: exp.Literal) -> exp.Expr | None:
    """A text that is a day or a moment in ISO's form as a DATE or TIMESTAMP; None for any other."""
    from sqlglot import exp

    for form, type_name in ((_DAY, "DATE"), (_MOMENT, "TIMESTAMP")):
        if form.fullmatch(literal.name):
            return exp.cast(literal.copy(), exp.DataType.build(type_name, dialect="duckdb"), copy=False)
    return None


@cache
def templates_of(path: Path, made_texts: frozenset[Kind]) -> Templates:
    """Read a table; # starts a comment line, `-` stands for no parameters and no expression, `argument` for the kind of
    the first one."""
    by_name: dict[str, tuple[Template, ...]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, parameters, kind, text = line.split("\t")
            template = Template(parameters.strip("-"), None if kind == "argument" else Kind(kind), text.strip("-"))
            by_name[name] = (*by_name.get(name, ()), template)
    return Templates(by_name, made_texts)
