"""DATEADD and DATEDIFF of a named part, which Snowflake and T-SQL share: boundaries that are crossed are counted.

https://docs.snowflake.com/en/sql-reference/functions/datediff;
https://learn.microsoft.com/en-us/sql/t-sql/functions/datediff-transact-sql.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sql_bench.dialect.duckdb_text import duckdb_expression
from sql_bench.dialect.kinds import Kind, Kinds
from sql_bench.dialect.templates import fitted
from sql_bench.guard.rejected import untranslatable

if TYPE_CHECKING:
    from sqlglot import exp

_UNITS: Mapping[str, str] = {
    **dict.fromkeys(("YEAR", "YY", "YYYY"), "YEAR"),
    **dict.fromkeys(("QUARTER", "QQ", "Q"), "QUARTER"),
    **dict.fromkeys(("MONTH", "MM"), "MONTH"),
    **dict.fromkeys(("DAY", "DD"), "DAY"),
    **dict.fromkeys(("HOUR", "HH"), "HOUR"),
    "MINUTE": "MINUTE",
    "SECOND": "SECOND",
    "SS": "SECOND",
    "WEEK": "WEEK",
}
_DAYS_OR_MORE = frozenset({"YEAR", "QUARTER", "MONTH", "WEEK", "DAY"})
_STEPS = {"QUARTER": "TO_MONTHS(CAST(n AS INT) * 3)", "SECOND": "TO_SECONDS(n)", "HOUR": "TO_HOURS(n)"}


def added(node: exp.Anonymous, kinds: Kinds) -> exp.Expr:
    """DATEADD(part, number, date): of a DATE and a part of days or more a DATE."""
    unit, number, value = _unit(node, kinds)
    kind = kinds.of(value)
    step = _STEPS.get(unit, f"TO_{unit}S(CAST(n AS INT))" if unit != "MINUTE" else "TO_MINUTES(n)")
    if kinds.of(number) not in (Kind.INT, None):
        raise untranslatable("DATEADD of a fraction")
    moved = f"t + {step}"
    if kind is Kind.DATE and unit in _DAYS_OR_MORE:
        return duckdb_expression(f"CAST({moved} AS DATE)", t=value, n=number)
    return duckdb_expression(f"({moved})", t=value, n=number)


def crossed(node: exp.Anonymous, kinds: Kinds) -> exp.Expr:
    """DATEDIFF(part, from, to)"""
    unit, start, end = _unit(node, kinds)
    if unit == "WEEK":
        raise untranslatable("DATEDIFF in weeks, which begin on a day that is a setting,")
    found = fitted(start, kinds.of(start), "d", frozenset())
    if found is None:
        raise untranslatable("DATEDIFF of what is no date")
    text = f"DATE_DIFF('{unit}', CAST(s AS TIMESTAMP), CAST(e AS TIMESTAMP))"
    return duckdb_expression(text, s=found, e=end)


def _unit(node: exp.Anonymous, kinds: Kinds) -> tuple[str, exp.Expr, exp.Expr]:
    """The part, and the other two arguments, the last one as a date."""
    name = node.name.upper()
    if len(node.expressions) != 3:
        raise untranslatable(f"{name} with these arguments")
    part, middle, last = node.expressions
    unit = _UNITS.get(part.name.upper())
    if unit is None:
        raise untranslatable(f"the part {part.name[:30]} of {name}")
    date = fitted(last, kinds.of(last), "d", frozenset())
    if date is None:
        raise untranslatable(f"{name} of what is no date")
    return unit, middle, date
