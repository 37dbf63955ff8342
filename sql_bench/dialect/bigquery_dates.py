"""BigQuery's dates and times in DuckDB's terms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sql_bench.dialect.bigquery_format import check_date_format
from sql_bench.dialect.kinds import Kind, Kinds
from sql_bench.guard.rejected import untranslatable

if TYPE_CHECKING:
    from sqlglot import exp


def extract(node: exp.Extract, kinds: Kinds) -> exp.Expr:
    """Weeks and weekdays count from Sunday, from 0 and from 1; fractions of a second leave the seconds out."""
    from sqlglot import exp

    value, unit = node.expression, node.this
    name = unit.this.name.upper() if isinstance(unit, exp.WeekStart) else unit.name.upper()
    if isinstance(value, exp.AtTimeZone):
        raise untranslatable("EXTRACT AT TIME ZONE")
    if kinds.of(value) is Kind.TIMESTAMP:  # of UTC, which is the engine's zone
        value = exp.cast(value.copy(), "TIMESTAMP")
        node.set("expression", value)
    if isinstance(unit, exp.WeekStart):
        directive = {"SUNDAY": "%U", "MONDAY": "%W"}.get(name)
        if directive is None:
            raise untranslatable(f"EXTRACT of WEEK({name})")
        return _week_number(value, directive)
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


def as_date(node: exp.Expr, kinds: Kinds) -> exp.Expr:
    """DATE_ADD, DATE_SUB and DATE_TRUNC of a DATE are a DATE; DuckDB makes them a TIMESTAMP."""
    from sqlglot import exp

    return exp.cast(exp.paren(node.copy()), "DATE") if kinds.of(node) is Kind.DATE else node


def from_unix_date(node: exp.DateFromUnixDate, kinds: Kinds) -> exp.Expr:
    """A DATE; sqlglot's addition of days is a TIMESTAMP."""
    from sqlglot import exp

    return exp.cast(exp.paren(node.copy()), "DATE")


def as_timestamp(node: exp.StrToTime | exp.UnixToTime, kinds: Kinds) -> exp.Expr:
    """PARSE_TIMESTAMP, TIMESTAMP_MILLIS and TIMESTAMP_MICROS are instants, in UTC; DuckDB's have no zone.

    Raises:
        Rejected: untranslatable, for PARSE_TIMESTAMP with a zone.
    """
    from sqlglot import exp

    if node.args.get("zone"):
        raise untranslatable("PARSE_TIMESTAMP with a time zone")
    if isinstance(node, exp.StrToTime):
        check_date_format(node.args.get("format"))
    return exp.cast(node.copy(), "TIMESTAMPTZ")


def current_datetime(node: exp.CurrentDatetime, kinds: Kinds) -> exp.Expr:
    """The engine's zone is UTC, as BigQuery's default is.

    Raises:
        Rejected: untranslatable, for another zone.
    """
    from sqlglot import exp

    if node.this is not None and node.name.upper() != "UTC":
        raise untranslatable("CURRENT_DATETIME of a time zone")
    return exp.cast(exp.CurrentTimestamp(), "TIMESTAMP")


def epoch(node: exp.UnixSeconds | exp.UnixMillis, kinds: Kinds) -> exp.Expr:
    """UNIX_SECONDS and UNIX_MILLIS round down; DuckDB's rounds seconds to the nearest and cuts milliseconds off."""
    from sqlglot import exp

    unit = "second" if isinstance(node, exp.UnixSeconds) else "millisecond"
    whole = exp.Anonymous(this="DATE_TRUNC", expressions=[exp.Literal.string(unit), node.this.copy()])
    return type(node)(this=whole)


def check_week(unit: exp.Expr | None) -> None:
    """Refuse weeks that start on a day DuckDB has no function for."""
    from sqlglot import exp

    if isinstance(unit, exp.WeekStart) and unit.name.upper() not in ("SUNDAY", "MONDAY"):
        raise untranslatable("a week that starts on another day than Sunday or Monday")


def elapsed(node: exp.TimestampDiff, kinds: Kinds) -> exp.Expr:
    """TIMESTAMP_DIFF counts whole units elapsed; DuckDB's date_diff counts boundaries crossed, its date_sub units."""
    from sqlglot import exp

    unit = node.args["unit"].name.upper()
    if unit not in ("MICROSECOND", "MILLISECOND", "SECOND", "MINUTE", "HOUR", "DAY"):
        raise untranslatable(f"TIMESTAMP_DIFF in {unit}")
    return exp.Anonymous(
        this="DATE_SUB", expressions=[exp.Literal.string(unit), node.expression.copy(), node.this.copy()]
    )


def date_text(node: exp.Expr, kinds: Kinds) -> exp.Expr:
    """FORMAT_DATE, PARSE_DATE and their kin, with the elements both engines have."""
    check_date_format(node.args.get("format"))
    return node
