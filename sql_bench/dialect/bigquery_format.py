"""BigQuery's FORMAT in DuckDB's terms."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sql_bench.dialect.bigquery_strings import as_text
from sql_bench.dialect.kinds import Kind, Kinds
from sql_bench.guard.rejected import Rejected, untranslatable
from sql_bench.types import Outcome

if TYPE_CHECKING:
    from sqlglot import exp

# https://cloud.google.com/bigquery/docs/reference/standard-sql/format_function: %[flags][width][.precision]specifier.
_SPECIFIER = re.compile(r"%(?P<flags>[-+ 0#']*)(?P<width>\d*)(?P<precision>\.\d+)?(?P<letter>[A-Za-z%*])")

_INTEGER_LETTERS, _FLOAT_LETTERS = frozenset("dioxX"), frozenset("fFeEgG")


def format_call(node: exp.Format, kinds: Kinds) -> exp.Expr:
    """FORMAT(text, …) as a concatenation of DuckDB's printf calls; NULL arguments make it NULL in both.

    Raises:
        Rejected: untranslatable, where the format is not a literal or holds something that has no counterpart.
    """
    from sqlglot import exp

    template = node.this
    if not isinstance(template, exp.Literal | exp.RawString):
        raise untranslatable("FORMAT with a format that is not a literal")
    pieces: list[exp.Expr] = []
    values = iter(node.expressions)
    position = 0
    text = str(template.this)
    for match in _SPECIFIER.finditer(text):
        pieces += _literal(text[position : match.start()])
        position = match.end()
        if match["letter"] == "%":
            pieces += _literal("%")
            continue
        value = next(values, None)
        if value is None:
            raise Rejected(Outcome.INVALID_SQL, f"FORMAT('{text}') has fewer arguments than it names")
        pieces.append(_formatted(match, value, kinds.of(value)))
    rest = text[position:]
    if "%" in rest or next(values, None) is not None:
        raise Rejected(Outcome.INVALID_SQL, f"FORMAT('{text}') does not fit its arguments")
    pieces += _literal(rest)
    return _concatenated(pieces)


def _formatted(match: re.Match[str], value: exp.Expr, kind: Kind | None) -> exp.Expr:
    from sqlglot import exp

    flags, letter = match["flags"], match["letter"]
    if letter in _INTEGER_LETTERS and kind in (Kind.INT, None):
        if "'" in flags and letter == "d" and flags == "'" and not match["width"]:
            return _call("FORMAT", "{:,}", exp.cast(value.copy(), "BIGINT"))
        if "'" not in flags:
            letter = "d" if letter == "i" else letter
            return _call("PRINTF", _specifier(match, letter), exp.cast(value.copy(), "BIGINT"))
    if letter in _FLOAT_LETTERS and kind in (Kind.INT, Kind.FLOAT, Kind.NUMERIC, None):
        if flags == "'" and letter in "fF" and not match["width"]:
            return _call("FORMAT", f"{{:,{match['precision'] or '.6'}f}}", exp.cast(value.copy(), "DOUBLE"))
        if "'" not in flags:
            return _call("PRINTF", _specifier(match, letter), exp.cast(value.copy(), "DOUBLE"))
    if letter == "s" and kind in (Kind.TEXT, None) and not set(flags) - {"-"}:
        return _call("PRINTF", _specifier(match, "s"), exp.cast(value.copy(), "TEXT"))
    if letter == "t" and not flags and not match["width"] and not match["precision"]:
        return _as_plain_text(value, kind)
    raise untranslatable(f"FORMAT's {match.group()} for a {kind.value if kind else 'value of unknown type'}")


def _as_plain_text(value: exp.Expr, kind: Kind | None) -> exp.Expr:
    """%t: the value as CAST writes it, and the word NULL for NULL."""
    from sqlglot import exp

    if kind in (None, Kind.OTHER, Kind.BYTES, Kind.NUMERIC):
        raise untranslatable(f"FORMAT's %t for a {kind.value if kind else 'value of unknown type'}")
    text = as_text(value, kind)
    if kind is Kind.FLOAT:  # always with a point: 1.0
        whole, with_point = exp.Literal.string("^(-?[0-9]+)$"), exp.Literal.string(r"\1.0")
        text = exp.Anonymous(this="REGEXP_REPLACE", expressions=[text, whole, with_point])
    return exp.Coalesce(this=text, expressions=[exp.Literal.string("NULL")])


def _specifier(match: re.Match[str], letter: str) -> str:
    return f"%{match['flags']}{match['width']}{match['precision'] or ''}{letter}"


def _call(name: str, template: str, value: exp.Expr) -> exp.Expr:
    from sqlglot import exp

    return exp.Anonymous(this=name, expressions=[exp.Literal.string(template), value])


def _literal(text: str) -> list[exp.Expr]:
    from sqlglot import exp

    return [exp.Literal.string(text)] if text else []


def _concatenated(pieces: Sequence[exp.Expr]) -> exp.Expr:
    from sqlglot import exp

    if not pieces:
        return exp.Literal.string("")
    whole = pieces[0]
    for piece in pieces[1:]:
        whole = exp.DPipe(this=whole, expression=piece)
    return exp.paren(whole, copy=False)
