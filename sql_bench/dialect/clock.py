"""Statements that ask for the time or draw lots: the clock becomes a literal, and chance is told of.

A statement that reads the clock gives the same result on every day that it is run with the same `as_of`.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sql_bench.guard.rejected import Rejected, untranslatable
from sql_bench.types import Outcome

if TYPE_CHECKING:
    from sqlglot import exp

# Dialects whose CURRENT_TIMESTAMP is an instant; in the others it has no zone.
_ZONED = frozenset(
    {"bigquery", "postgres", "redshift", "snowflake", "duckdb", "trino", "presto", "databricks", "spark"}
)

# Functions that sqlglot does not know by a node of their own.
_CHANCE = frozenset({"RANDOM", "NEWID", "GEN_RANDOM_UUID", "UUIDV4", "UUIDV7", "RANDOMBLOB", "RANDN", "UUID_STRING"})
# Functions of SQLite, which sqlglot is told to read as their names and arguments: where among these the time stands.
_PLACE_OF_TIME = {"DATE": 0, "TIME": 0, "DATETIME": 0, "JULIANDAY": 0, "UNIXEPOCH": 0, "STRFTIME": 1}
_ZONE = re.compile(r"[A-Za-z]\w*(/[\w+-]+)*")


def is_volatile(query: exp.Query) -> bool:
    """Whether a statement may give another result each time: RAND, UUIDs and samples."""
    from sqlglot import exp

    if any(query.find_all(exp.Rand, exp.Randn, exp.Randstr, exp.Uuid, exp.TableSample)):
        return True
    return any(node.name.upper() in _CHANCE for node in query.find_all(exp.Anonymous))


def reads_clock(query: exp.Query) -> bool:
    """Whether a statement asks for the day or the time."""
    found = (query.find_all(*_clock_nodes()), _calls_of_moments(query), _calls_of_now(query))
    return any(True for nodes in found for _ in nodes)


def _calls_of_moments(query: exp.Query) -> Iterator[exp.Anonymous]:
    """NOW(), where sqlglot does not know it, as in MySQL."""
    from sqlglot import exp

    return (call for call in query.find_all(exp.Anonymous) if call.name.upper() == "NOW" and not call.expressions)


def _calls_of_now(query: exp.Query) -> Iterator[tuple[exp.Anonymous, int]]:
    """SQLite's functions of dates that take the time of day for their argument, and its place among theirs."""
    from sqlglot import exp

    for call in query.find_all(exp.Anonymous):
        place = _PLACE_OF_TIME.get(call.name.upper())
        if place is not None and len(call.expressions) >= place:
            value = call.expressions[place] if len(call.expressions) > place else None
            if value is None or (isinstance(value, exp.Literal) and value.is_string and value.name.lower() == "now"):
                yield call, place


def stop_clock(query: exp.Query, dialect: str, as_of: datetime.datetime) -> None:
    """Write the time that a run is made as of for every CURRENT_DATE, CURRENT_TIMESTAMP and their kin, in place.

    Args:
        query: the statement's tree.
        dialect: sqlglot's name of the dialect it is written in.
        as_of: the instant, with a zone.

    Raises:
        Rejected: invalid_sql, for a time zone that does not exist; untranslatable, for one that is not written out.
    """
    from sqlglot import exp

    if dialect == "sqlite":
        _stop_texts(query, as_of.astimezone(datetime.UTC).replace(tzinfo=None))
        return
    for call in list(_calls_of_moments(query)):
        call.replace(exp.CurrentTimestamp())
    for node in list(query.find_all(*_clock_nodes())):
        zoned = isinstance(node, exp.CurrentDate | exp.CurrentDatetime | exp.CurrentTime) and node.this is not None
        moment = as_of.astimezone(_zone(node.this) if zoned else datetime.UTC).replace(tzinfo=None)
        if isinstance(node, exp.CurrentDate | exp.UtcDate):
            literal, type_name = moment.date().isoformat(), "DATE"
        elif isinstance(node, exp.CurrentTime | exp.Localtime | exp.UtcTime):
            literal, type_name = moment.time().isoformat(), "TIME"
        elif _is_instant(node, dialect):
            literal, type_name = moment.isoformat(sep=" "), "TIMESTAMPTZ"  # the session is in UTC
        else:
            literal, type_name = moment.isoformat(sep=" "), "TIMESTAMP"
        node.replace(exp.cast(exp.Literal.string(literal), exp.DataType.build(type_name, dialect="duckdb")))


def _stop_texts(query: exp.Query, moment: datetime.datetime) -> None:
    """SQLite's clock gives texts: https://sqlite.org/lang_datefunc.html."""
    from sqlglot import exp

    texts: Mapping[type, str]
    texts = {exp.CurrentDate: "%Y-%m-%d", exp.CurrentTime: "%H:%M:%S", exp.CurrentTimestamp: "%Y-%m-%d %H:%M:%S"}
    clocks: list[exp.Expr] = list(query.find_all(*texts))
    for node in clocks:
        node.replace(exp.Literal.string(moment.strftime(texts[type(node)])))
    for call, place in list(_calls_of_now(query)):
        rest = call.expressions[place + 1 :]
        now = exp.Literal.string(moment.isoformat(sep=" ", timespec="milliseconds"))
        call.set("expressions", [*call.expressions[:place], now, *rest])


def _is_instant(node: exp.Expr, dialect: str) -> bool:
    """Whether a clock gives an instant; where its parts are asked for the time in UTC, the session's zone, will do."""
    from sqlglot import exp

    instant = isinstance(node, exp.CurrentTimestamp | exp.CurrentTimestampLTZ) and dialect in _ZONED
    return instant and not isinstance(node.parent, exp.Extract)


def time_zone(zone: exp.Expr | None) -> str:
    """The name of a time zone that is written out.

    Raises:
        Rejected: untranslatable, for a distance from UTC and for what is not written out; invalid_sql, for a zone that
            does not exist.
    """
    from sqlglot import exp

    if not isinstance(zone, exp.Literal | exp.RawString) or not _ZONE.fullmatch(zone.name):
        raise untranslatable("a time zone other than by its name")
    try:
        ZoneInfo(zone.name)
    except (ZoneInfoNotFoundError, ValueError):
        raise Rejected(Outcome.INVALID_SQL, f"there is no time zone {zone.name[:50]}") from None
    return str(zone.name)


def _zone(zone: exp.Expr) -> datetime.tzinfo:
    return ZoneInfo(time_zone(zone))


def _clock_nodes() -> tuple[type[exp.Expr], ...]:
    from sqlglot import exp

    return (
        *(exp.CurrentDate, exp.CurrentDatetime, exp.CurrentTime, exp.CurrentTimestamp, exp.CurrentTimestampLTZ),
        *(exp.Localtime, exp.Localtimestamp, exp.UtcDate, exp.UtcTime, exp.UtcTimestamp, exp.Systimestamp),
    )
