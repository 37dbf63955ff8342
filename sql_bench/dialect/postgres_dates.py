"""PostgreSQL's dates: parts, formats and beginnings of periods.

https://www.postgresql.org/docs/current/functions-datetime.html and functions-formatting.html.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from sql_bench.dialect.duckdb_text import duckdb_expression
from sql_bench.dialect.kinds import Kind, Kinds
from sql_bench.guard.rejected import untranslatable

if TYPE_CHECKING:
    from sqlglot import exp

_TIMES = frozenset({Kind.DATE, Kind.DATETIME, Kind.TIMESTAMP})

# Names that sqlglot gives a part, and DuckDB's where they differ.
_PARTS = frozenset(
    {
        *("YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "QUARTER", "WEEK", "DOY", "EPOCH", "DECADE", "CENTURY"),
        *("MILLENNIUM", "ISOYEAR", "DAYOFWEEK", "DAYOFWEEKISO", "DAYOFYEAR", "DOW", "ISODOW"),
    }
)
_OF_INTERVALS = frozenset({"YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "EPOCH"})
_PERIODS = frozenset({"HOUR", "MINUTE", "SECOND", "DAY", "WEEK", "MONTH", "QUARTER", "YEAR"})

_ELEMENTS: Mapping[str, str] = {
    "YYYY": "%Y",
    "yyyy": "%Y",
    "YY": "%y",
    "yy": "%y",
    "MM": "%m",
    "mm": "%m",
    "DD": "%d",
    "dd": "%d",
    "HH24": "%H",
    "hh24": "%H",
    "HH12": "%I",
    "hh12": "%I",
    "HH": "%I",
    "hh": "%I",
    "MI": "%M",
    "mi": "%M",
    "SS": "%S",
    "ss": "%S",
    "AM": "%p",
    "PM": "%p",
    "DDD": "%j",
    "Mon": "%b",
    "Dy": "%a",
    "FMMonth": "%B",
    "FMDay": "%A",
    "IYYY": "%G",
    "IW": "%V",
}
_READ = frozenset({"%Y", "%m", "%d"})
_FORM = re.compile("|".join(sorted(_ELEMENTS, key=len, reverse=True)) + r"|[-/.:, _]|\"[^\"%]*\"")


def extract(node: exp.Extract, kinds: Kinds) -> exp.Expr:
    """A part of a date or time; the seconds have a fraction."""
    part, value = node.this.name.upper(), node.expression
    kind = kinds.of(value)
    if kind is Kind.OTHER and part in _OF_INTERVALS:
        return node
    if kind not in (*_TIMES, None):
        raise untranslatable(f"the {part} of a {kind.value}" if kind else part)
    if part == "SECOND":
        return duckdb_expression("(CAST(EXTRACT(MICROSECONDS FROM CAST(t AS TIMESTAMP)) AS DOUBLE) / 1e6)", t=value)
    if part not in _PARTS:
        raise untranslatable(f"EXTRACT({part[:30]})")
    return node


def beginning(node: exp.DateTrunc | exp.TimestampTrunc, kinds: Kinds) -> exp.Expr:
    """DATE_TRUNC gives a moment, of a DATE too."""
    unit = node.args["unit"].name.upper()
    if unit not in _PERIODS or node.args.get("zone"):
        raise untranslatable(f"DATE_TRUNC to {unit[:30]}")
    kind = kinds.of(node.this)
    if kind not in (*_TIMES, None):
        raise untranslatable("DATE_TRUNC of what is no date")
    if kind is Kind.DATE:
        return duckdb_expression(f"DATE_TRUNC('{unit}', CAST(t AS TIMESTAMP))", t=node.this)
    return node


def to_char(node: exp.Anonymous, kinds: Kinds) -> exp.Expr:
    """TO_CHAR(date, format)"""
    from sqlglot import exp

    if len(node.expressions) != 2 or kinds.of(node.expressions[0]) not in _TIMES:
        raise untranslatable("TO_CHAR of what is no date")
    value, form = node.expressions
    if isinstance(form, exp.Literal) and form.name.strip() in ("Month", "Day"):
        letter = {"Month": "%B", "Day": "%A"}[form.name]
        return duckdb_expression(f"RPAD(STRFTIME(t, '{letter}'), 9, ' ')", t=value)
    return exp.Anonymous(this="STRFTIME", expressions=[value, exp.Literal.string(_form(form, "TO_CHAR"))])


def to_date(node: exp.Anonymous, kinds: Kinds) -> exp.Expr:
    """TO_DATE(text, format), where the format has year, month and day in numbers."""
    from sqlglot import exp

    if len(node.expressions) != 2 or kinds.of(node.expressions[0]) not in (Kind.TEXT, None):
        raise untranslatable("TO_DATE of what is no text")
    form = _form(node.expressions[1], "TO_DATE")
    if sorted(re.findall("%.", form)) != sorted(_READ):
        raise untranslatable(f"TO_DATE with the format {node.expressions[1].name[:50]}")
    return duckdb_expression("CAST(STRPTIME(x, f) AS DATE)", x=node.expressions[0], f=exp.Literal.string(form))


def _form(node: exp.Expr, function: str) -> str:
    """A format in DuckDB's letters."""
    from sqlglot import exp

    text = node.name if isinstance(node, exp.Literal) else ""
    place, written = 0, ""
    while place < len(text):
        found = _FORM.match(text, place)
        if found is None:
            break
        written += _ELEMENTS.get(found[0], found[0].strip('"'))
        place = found.end()
    if not text or place < len(text):
        raise untranslatable(f"{function} with the format {text[:50] or node.sql()[:50]}")
    return written
