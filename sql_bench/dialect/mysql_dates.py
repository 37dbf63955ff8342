"""MySQL's dates: https://dev.mysql.com/doc/refman/8.4/en/date-and-time-functions.html."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from sql_bench.dialect.duckdb_text import duckdb_expression
from sql_bench.dialect.kinds import Kind, Kinds
from sql_bench.dialect.templates import fitted
from sql_bench.guard.rejected import untranslatable

if TYPE_CHECKING:
    from sqlglot import exp

_DAYS_OR_MORE = frozenset({"YEAR", "QUARTER", "MONTH", "WEEK", "DAY"})
_UNITS = _DAYS_OR_MORE | {"HOUR", "MINUTE", "SECOND"}
_PARTS = frozenset({"YEAR", "QUARTER", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND"})
_TIMES = (Kind.DATE, Kind.DATETIME)
_ELEMENTS: Mapping[str, str] = {
    "Y": "%Y",
    "y": "%y",
    "m": "%m",
    "d": "%d",
    "H": "%H",
    "h": "%I",
    "I": "%I",
    "i": "%M",
    "s": "%S",
    "S": "%S",
    "M": "%B",
    "b": "%b",
    "W": "%A",
    "a": "%a",
    "p": "%p",
    "j": "%j",
    "T": "%H:%M:%S",
    "c": "%-m",
    "e": "%-d",
    "%": "%%",
}
_OF_DAYS = {"SECOND": 1, "MINUTE": 60, "HOUR": 3600, "DAY": 86400, "WEEK": 604800}
_MONTHS = "((YEAR(e) - YEAR(s)) * 12 + MONTH(e) - MONTH(s))"
_REST = "({0} - CAST(DATE_TRUNC('month', {0}) AS TIMESTAMP))"
_FULL_MONTHS = (
    f"CASE WHEN e >= s THEN {_MONTHS} - CASE WHEN {_REST.format('e')} < {_REST.format('s')} THEN 1 ELSE 0 END "
    f"ELSE {_MONTHS} + CASE WHEN {_REST.format('e')} > {_REST.format('s')} THEN 1 ELSE 0 END END"
)


def added(node: exp.DateAdd | exp.DateSub | exp.Add | exp.Sub, kinds: Kinds) -> exp.Expr:
    """DATE_ADD, `day + INTERVAL …`: of a DATE and a unit of days or more a DATE."""
    from sqlglot import exp

    step = node.expression
    if isinstance(node, exp.Add | exp.Sub):
        if not isinstance(step, exp.Interval):
            if {kinds.of(node.this), kinds.of(step)} & set(_TIMES):
                raise untranslatable("arithmetic with a date as a number")
            return node
        unit, number = step.args.get("unit"), step.this
    else:
        unit, number = node.args.get("unit"), step
    kind = kinds.of(node.this)
    name = unit.name.upper() if unit is not None else "DAY"
    if kind not in _TIMES or name not in _UNITS or not isinstance(number, exp.Literal) or not number.name.isdecimal():
        raise untranslatable("an interval of this form, or beside what is no date")
    sign = "-" if isinstance(node, exp.DateSub | exp.Sub) else "+"
    moved = f"d {sign} INTERVAL '{number.name}' {name}"
    text = f"CAST({moved} AS DATE)" if kind is Kind.DATE and name in _DAYS_OR_MORE else f"({moved})"
    return duckdb_expression(text, d=node.this)


def part(node: exp.Extract, kinds: Kinds) -> exp.Expr:
    """EXTRACT(unit FROM date)"""
    name = node.this.name.upper()
    if name not in _PARTS or kinds.of(node.expression) not in _TIMES:
        raise untranslatable(f"EXTRACT({name[:30]}) of this value")
    return duckdb_expression(f"EXTRACT({name} FROM CAST(t AS TIMESTAMP))", t=node.expression)


def formatted(node: exp.Anonymous, kinds: Kinds) -> exp.Expr:
    """DATE_FORMAT(date, format)"""
    from sqlglot import exp

    value, form = (*node.expressions, None, None)[:2]
    if value is None or not isinstance(form, exp.Literal) or len(node.expressions) != 2:
        raise untranslatable("DATE_FORMAT with a format that is not written out")
    date = fitted(value, kinds.of(value), "d", frozenset())
    letters = re.findall("%(.?)", form.name, re.DOTALL)
    if date is None or not set(letters) <= set(_ELEMENTS):
        raise untranslatable(f"DATE_FORMAT with the format {form.name[:50]}")
    written = re.sub("%(.)", lambda found: _ELEMENTS[found[1]], form.name, flags=re.DOTALL)
    return exp.Anonymous(this="STRFTIME", expressions=[date.copy(), exp.Literal.string(written)])


def difference(node: exp.Anonymous, kinds: Kinds) -> exp.Expr:
    """TIMESTAMPDIFF(unit, from, to): units that are over."""
    if len(node.expressions) != 3:
        raise untranslatable("TIMESTAMPDIFF with these arguments")
    unit = node.expressions[0].name.upper()
    dates = [fitted(date, kinds.of(date), "d", frozenset()) for date in node.expressions[1:]]
    start, end = dates
    if start is None or end is None:
        raise untranslatable("TIMESTAMPDIFF of what is no date")
    moments = {name: duckdb_expression("CAST(t AS TIMESTAMP)", t=date) for name, date in (("s", start), ("e", end))}
    if unit in _OF_DAYS:
        text = f"CAST(TRUNC((EPOCH(e) - EPOCH(s)) / {_OF_DAYS[unit]}) AS BIGINT)"
        return duckdb_expression(text, **moments)
    months = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}.get(unit)
    if months is None:
        raise untranslatable(f"TIMESTAMPDIFF in {unit[:30]}")
    return duckdb_expression(f"CAST(TRUNC(({_FULL_MONTHS}) / {months}) AS BIGINT)", **moments)
