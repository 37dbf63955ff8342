"""Weeks that start on any day, as BigQuery's WEEK(<WEEKDAY>) has them, in terms of DuckDB's, which start on Monday."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sql_bench.dialect.duckdb_text import duckdb_expression
from sql_bench.dialect.kinds import Kind, Kinds
from sql_bench.guard.rejected import untranslatable

if TYPE_CHECKING:
    from sqlglot import exp

_DAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")


def other_start(unit: object) -> int | None:
    """How many days after Monday a week starts; None for weeks that sqlglot translates, from Sunday and Monday."""
    from sqlglot import exp

    if not isinstance(unit, exp.WeekStart):
        return None
    day = unit.name.upper()
    return _DAYS.index(day) if day in _DAYS and day not in ("SUNDAY", "MONDAY") else None


def week_difference(node: exp.DateDiff | exp.DatetimeDiff, kinds: Kinds) -> exp.Expr:
    """DATE_DIFF(a, b, WEEK(<day>)): how many of those days lie behind b, up to a.

    Raises:
        Rejected: untranslatable, for DATE_DIFF of timestamps, of which the documentation does not say what it counts.
    """
    if Kind.TIMESTAMP in (kinds.of(node.this), kinds.of(node.expression)):
        raise untranslatable("DATE_DIFF of timestamps")
    days = other_start(node.args.get("unit"))
    if days is None:
        return node
    return duckdb_expression(
        "DATE_DIFF('day', DATE_TRUNC('week', CAST(before AS DATE) - days),"
        " DATE_TRUNC('week', CAST(after AS DATE) - days)) // 7",
        before=node.expression,
        after=node.this,
        days=_number(days),
    )


def week_start(value: exp.Expr, days: int, kind: Kind | None) -> exp.Expr:
    """DATE_TRUNC(value, WEEK(<day>)) of a value of a kind."""
    start = duckdb_expression(
        "CAST(DATE_TRUNC('week', CAST(value AS DATE) - days) AS DATE) + days", value=value, days=_number(days)
    )
    return start if kind is Kind.DATE else duckdb_expression("CAST(start AS TIMESTAMP)", start=start)


def week_end(node: exp.LastDay, kinds: Kinds) -> exp.Expr:
    """LAST_DAY(value, WEEK(<day>))."""
    days = other_start(node.args.get("unit"))
    if days is None:
        return node
    return duckdb_expression("start + 6", start=week_start(node.this, days, Kind.DATE))


def week_number(value: exp.Expr, days: int) -> exp.Expr:
    """EXTRACT(WEEK(<day>) FROM value): the days before the year's first such day are in week 0."""
    return duckdb_expression(
        "(EXTRACT(DOY FROM value) + 6 - (EXTRACT(ISODOW FROM value) + 6 - days) % 7) // 7",
        value=value,
        days=_number(days),
    )


def _number(days: int) -> exp.Expr:
    from sqlglot import exp

    return exp.Literal.number(days)
