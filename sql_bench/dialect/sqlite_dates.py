"""SQLite's functions of dates, which take and give texts: https://sqlite.org/lang_datefunc.html."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sql_bench.dialect.duckdb_text import duckdb_expression
from sql_bench.dialect.kinds import Kind, Kinds
from sql_bench.dialect.templates import as_text
from sql_bench.guard.rejected import untranslatable

if TYPE_CHECKING:
    from sqlglot import exp

_DAY = r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_TIME = r"([01][0-9]|2[0-4]):[0-5][0-9](:[0-5][0-9](\.[0-9]+)?)?"
_MOMENT = f"{_DAY}([ T]+{_TIME})?"
# SQLite takes a day from 1 to 31 in every month, 30 February too, and 24:00.
_NO_DAY = "ERROR('a day that its month does not have is not translated')"
_TIMESTAMP = (
    f"CASE WHEN REGEXP_FULL_MATCH(x, '{_MOMENT}') THEN "
    f"COALESCE(TRY_CAST(REGEXP_REPLACE(x, '[ T]+', ' ') AS TIMESTAMP), CAST({_NO_DAY} AS TIMESTAMP)) END"
)

_AMOUNT = re.compile(r"([+-]?\d{1,6}) (second|minute|hour|day|month|year)s?")
_STARTS = {"start of day": "day", "start of month": "month", "start of year": "year"}
_SHIFTS = {"second": "TO_SECONDS", "minute": "TO_MINUTES", "hour": "TO_HOURS", "day": "TO_DAYS"}

# Letters of STRFTIME that are DuckDB's too. %w counts from Sunday, %W weeks from Monday.
_SAME_LETTERS = frozenset("dHjmMSwWY%")


def date(node: exp.Anonymous, kinds: Kinds) -> exp.Expr:
    """DATE(time, modifier…)"""
    return _written(_moment(node.expressions, node, kinds), "%Y-%m-%d")


def time(node: exp.Anonymous, kinds: Kinds) -> exp.Expr:
    """TIME(time, modifier…)"""
    return _written(_moment(node.expressions, node, kinds), "%H:%M:%S")


def moment(node: exp.Anonymous, kinds: Kinds) -> exp.Expr:
    """DATETIME(time, modifier…)"""
    return _written(_moment(node.expressions, node, kinds), "%Y-%m-%d %H:%M:%S")


def formatted(node: exp.Anonymous, kinds: Kinds) -> exp.Expr:
    """STRFTIME(format, time, modifier…)"""
    from sqlglot import exp

    form = node.expressions[0] if node.expressions else None
    if not isinstance(form, exp.Literal):
        raise untranslatable("STRFTIME with a format that is not written out")
    found = _moment(node.expressions[1:], node, kinds)
    if form.name == "%s":
        return as_text(duckdb_expression("CAST(FLOOR(EPOCH(t)) AS BIGINT)", t=found))
    letters = re.findall("%(.?)", form.name, re.DOTALL)
    if not set(letters) <= _SAME_LETTERS:
        raise untranslatable(f"the format {form.name[:50]}")
    return _written(found, form.name)


def julian_day(node: exp.Anonymous, kinds: Kinds) -> exp.Expr:
    """JULIANDAY(time, modifier…): days since noon in Greenwich on 24 November 4714 BC."""
    return duckdb_expression("(EPOCH(t) / 86400.0e0 + 2440587.5e0)", t=_moment(node.expressions, node, kinds))


def unix_epoch(node: exp.Anonymous, kinds: Kinds) -> exp.Expr:
    """UNIXEPOCH(time, modifier…)"""
    return duckdb_expression("CAST(FLOOR(EPOCH(t)) AS BIGINT)", t=_moment(node.expressions, node, kinds))


def _written(value: exp.Expr, form: str) -> exp.Expr:
    from sqlglot import exp

    return exp.Anonymous(this="STRFTIME", expressions=[value, exp.Literal.string(form)])


def _moment(arguments: Sequence[exp.Expr], node: exp.Anonymous, kinds: Kinds) -> exp.Expr:
    """A time value and its modifiers as a TIMESTAMP; NULL for a text that is none."""
    name = node.name.upper()
    value = arguments[0] if arguments else None
    if value is None or (value.name.lower() == "now" and kinds.of(value) is Kind.TEXT):
        found = duckdb_expression("CAST(CURRENT_TIMESTAMP AS TIMESTAMP)")
    elif kinds.of(value) in (Kind.TEXT, None):
        found = duckdb_expression(_TIMESTAMP, x=value)
    else:
        raise untranslatable(f"{name} of a number")
    for modifier in arguments[1:]:
        found = _modified(found, modifier, name)
    return found


def _modified(value: exp.Expr, modifier: exp.Expr, name: str) -> exp.Expr:
    """A time changed by a modifier; months are added to the first of the month: 31 January + 1 is 2 or 3 March."""
    from sqlglot import exp

    text = modifier.name.strip().lower() if isinstance(modifier, exp.Literal) else ""
    if text in _STARTS:
        return duckdb_expression(f"CAST(DATE_TRUNC('{_STARTS[text]}', t) AS TIMESTAMP)", t=value)
    amount = _AMOUNT.fullmatch(text)
    if amount is None:
        raise untranslatable(f"the modifier {modifier.sql()[:50]} of {name}")
    number, unit = int(amount[1]), amount[2]
    if unit in _SHIFTS:
        return duckdb_expression(f"(t + {_SHIFTS[unit]}({number}))", t=value)
    months = number * 12 if unit == "year" else number
    first = "CAST(DATE_TRUNC('month', t) AS TIMESTAMP)"
    return duckdb_expression(f"({first} + TO_MONTHS({months}) + (t - {first}))", t=value)
