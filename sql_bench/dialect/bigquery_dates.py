"""BigQuery's dates and times in DuckDB's terms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sql_bench.dialect.bigquery_date_formats import check_readable
from sql_bench.dialect.bigquery_strings import as_text
from sql_bench.dialect.bigquery_weeks import other_start, week_number, week_start
from sql_bench.dialect.clock import time_zone
from sql_bench.dialect.duckdb_text import duckdb_expression
from sql_bench.dialect.kinds import Kind, Kinds
from sql_bench.guard.rejected import untranslatable

if TYPE_CHECKING:
    from sqlglot import exp


# The last day that every month has.
_LAST_DAY_OF_EVERY_MONTH = 28


def extract(node: exp.Extract, kinds: Kinds) -> exp.Expr:
    """Weeks and weekdays count from Sunday, from 0 and from 1; fractions of a second leave the seconds out."""
    from sqlglot import exp

    value, unit = node.expression, node.this
    name = unit.this.name.upper() if isinstance(unit, exp.WeekStart) else unit.name.upper()
    if isinstance(value, exp.AtTimeZone):
        value = at_zone(value.this, value.args.get("zone"))
        node.set("expression", value)
    elif kinds.of(value) is Kind.TIMESTAMP:  # of UTC, which is the engine's zone
        value = exp.cast(value.copy(), "TIMESTAMP")
        node.set("expression", value)
    if isinstance(unit, exp.WeekStart):
        days = other_start(unit)
        directive = {"SUNDAY": "%U", "MONDAY": "%W"}.get(name, "")
        return _week_number(value, directive) if days is None else week_number(value, days)
    if name == "WEEK":
        return _week_number(value, "%U")
    if name == "DAYOFWEEK":
        return exp.paren(exp.Add(this=node.copy(), expression=exp.Literal.number(1)))
    if name == "ISOWEEK":
        return exp.Extract(this=exp.var("WEEK"), expression=value.copy())
    if name == "DATE":
        return exp.cast(value.copy(), "DATE")
    if name in ("MILLISECOND", "MICROSECOND"):
        modulus = exp.Literal.number(1_000 if name == "MILLISECOND" else 1_000_000)
        return exp.paren(exp.Mod(this=node.copy(), expression=modulus))
    if name in ("YEAR", "ISOYEAR", "QUARTER", "MONTH", "DAY", "DAYOFYEAR", "HOUR", "MINUTE", "SECOND"):
        return node
    raise untranslatable(f"EXTRACT of {name}")


def _week_number(value: exp.Expr, directive: str) -> exp.Expr:
    from sqlglot import exp

    return exp.cast(exp.Anonymous(this="STRFTIME", expressions=[value.copy(), exp.Literal.string(directive)]), "BIGINT")


def at_zone(instant: exp.Expr, zone: exp.Expr | None) -> exp.Expr:
    """The date and time that clocks of a zone show at an instant."""
    from sqlglot import exp

    name = exp.Literal.string(time_zone(zone))
    return duckdb_expression("TIMEZONE(zone, CAST(instant AS TIMESTAMPTZ))", zone=name, instant=instant)


def instant_at(time: exp.Expr, zone: exp.Expr | None) -> exp.Expr:
    """The instant at which clocks of a zone show a date and time."""
    from sqlglot import exp

    name = exp.Literal.string(time_zone(zone))
    return duckdb_expression("TIMEZONE(zone, CAST(clock AS TIMESTAMP))", zone=name, clock=time)


def date_of(node: exp.Date, kinds: Kinds) -> exp.Expr:
    """DATE(timestamp, zone)."""
    zone = node.args.get("zone")
    if zone is None:
        return node
    return duckdb_expression("CAST(clock AS DATE)", clock=at_zone(node.this, zone))


def datetime_of(node: exp.Datetime, kinds: Kinds) -> exp.Expr:
    """DATETIME(timestamp, zone)."""
    zone = node.args.get("zone") or node.args.get("expression")
    if zone is None or kinds.of(zone) is not Kind.TEXT:
        return node
    return at_zone(node.this, zone)


def timestamp_of(node: exp.Timestamp, kinds: Kinds) -> exp.Expr:
    """TIMESTAMP(text or datetime, zone)."""
    zone = node.args.get("zone")
    return node if zone is None else instant_at(node.this, zone)


def timestamp_text(node: exp.String, kinds: Kinds) -> exp.Expr:
    """STRING(timestamp) in UTC.

    Raises:
        Rejected: untranslatable, for another zone, and for JSON.
    """
    zone = node.args.get("zone")
    kind = kinds.of(node.this)
    if kind not in (Kind.TIMESTAMP, Kind.DATE, Kind.DATETIME) or (zone is not None and time_zone(zone) != "UTC"):
        raise untranslatable("STRING of other values than dates and times in UTC")
    return as_text(node.this, kind)


def truncated(node: exp.DateTrunc | exp.DatetimeTrunc | exp.TimestampTrunc, kinds: Kinds) -> exp.Expr:
    """DATE_TRUNC of a DATE is a DATE; weeks start on any day; TIMESTAMP_TRUNC goes by the days of a zone."""
    zone, days = node.args.get("zone"), other_start(node.args.get("unit"))
    if zone is not None and time_zone(zone) != "UTC":
        if days is not None:
            raise untranslatable("TIMESTAMP_TRUNC to a week of a time zone")
        local = node.copy()
        local.set("this", at_zone(node.this, zone))
        local.set("zone", None)
        return instant_at(local, zone)
    node.set("zone", None)
    kind = kinds.of(node)
    if days is None:
        return as_date(node, kinds)
    start = week_start(node.this, days, kind)
    return duckdb_expression("CAST(start AS TIMESTAMPTZ)", start=start) if kind is Kind.TIMESTAMP else start


def as_date(node: exp.Expr, kinds: Kinds) -> exp.Expr:
    """DATE_ADD, DATE_SUB and DATE_TRUNC of a DATE are a DATE; DuckDB makes them a TIMESTAMP."""
    from sqlglot import exp

    return exp.cast(exp.paren(node.copy()), "DATE") if kinds.of(node) is Kind.DATE else node


def date_array(node: exp.GenerateDateArray, kinds: Kinds) -> exp.Expr:
    """GENERATE_DATE_ARRAY by months counts each from the first date; DuckDB counts it from the one before.

    Raises:
        Rejected: untranslatable, for months from a day that not every month has or that is not written out.
    """
    from sqlglot import exp

    step, start = node.args.get("step"), node.args.get("start")
    unit = step.unit.name.upper() if isinstance(step, exp.Interval) and step.unit is not None else "DAY"
    written = start.this if isinstance(start, exp.Cast) else start
    day = written.name[8:10] if isinstance(written, exp.Literal) else ""
    if unit not in ("DAY", "WEEK") and not (day.isdecimal() and int(day) <= _LAST_DAY_OF_EVERY_MONTH):
        raise untranslatable("GENERATE_DATE_ARRAY by months from a day that is not written out or not in every month")
    return node


def from_unix_date(node: exp.DateFromUnixDate, kinds: Kinds) -> exp.Expr:
    """A DATE; sqlglot's addition of days is a TIMESTAMP."""
    from sqlglot import exp

    return exp.cast(exp.paren(node.copy()), "DATE")


def as_timestamp(node: exp.StrToTime | exp.UnixToTime, kinds: Kinds) -> exp.Expr:
    """PARSE_TIMESTAMP, TIMESTAMP_MILLIS and TIMESTAMP_MICROS are instants, in UTC; DuckDB's have no zone."""
    from sqlglot import exp

    zone = node.args.get("zone")
    if isinstance(node, exp.StrToTime):
        check_readable(node.args.get("format"))
        node.set("zone", None)
    return instant_at(node, zone) if zone is not None else exp.cast(node.copy(), "TIMESTAMPTZ")


def current_datetime(node: exp.CurrentDatetime, kinds: Kinds) -> exp.Expr:
    """The engine's zone is UTC, as BigQuery's default is."""
    from sqlglot import exp

    if node.this is not None:
        return at_zone(exp.CurrentTimestamp(), node.this)
    return exp.cast(exp.CurrentTimestamp(), "TIMESTAMP")


def current_date(node: exp.CurrentDate, kinds: Kinds) -> exp.Expr:
    """CURRENT_DATE(zone)."""
    from sqlglot import exp

    if node.this is None:
        return node
    return duckdb_expression("CAST(clock AS DATE)", clock=at_zone(exp.CurrentTimestamp(), node.this))


def epoch(node: exp.UnixSeconds | exp.UnixMillis, kinds: Kinds) -> exp.Expr:
    """UNIX_SECONDS and UNIX_MILLIS round down; DuckDB's rounds seconds to the nearest and cuts milliseconds off."""
    from sqlglot import exp

    unit = "second" if isinstance(node, exp.UnixSeconds) else "millisecond"
    whole = exp.Anonymous(this="DATE_TRUNC", expressions=[exp.Literal.string(unit), node.this.copy()])
    return type(node)(this=whole)


def elapsed(node: exp.TimestampDiff, kinds: Kinds) -> exp.Expr:
    """TIMESTAMP_DIFF counts whole units elapsed; DuckDB's date_diff counts boundaries crossed, its date_sub units."""
    from sqlglot import exp

    unit = node.args["unit"].name.upper()
    if unit not in ("MICROSECOND", "MILLISECOND", "SECOND", "MINUTE", "HOUR", "DAY"):
        raise untranslatable(f"TIMESTAMP_DIFF in {unit}")
    return exp.Anonymous(
        this="DATE_SUB", expressions=[exp.Literal.string(unit), node.expression.copy(), node.this.copy()]
    )
