"""BigQuery's FORMAT_DATE, PARSE_DATE and their kin in DuckDB's terms, element by element.

https://cloud.google.com/bigquery/docs/reference/standard-sql/format-elements
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sql_bench.dialect.clock import time_zone
from sql_bench.dialect.duckdb_text import duckdb_expression
from sql_bench.dialect.kinds import Kinds
from sql_bench.guard.rejected import untranslatable

if TYPE_CHECKING:
    from sqlglot import exp

# The elements that strptime of both engines reads alike, after sqlglot wrote out %F, %T and %D.
_READ_ALIKE = re.compile(r"(?:[^%]|%[YmdHMSybBaAjpIf%])*")

# Those that strftime of both writes alike.
_WRITTEN_ALIKE = "YmdHMSybBaAjpIfGVuwUWh"

_ELEMENT = re.compile(r"%(E\d+S|E\*S|E4Y|Ez|-d|.)", re.DOTALL)

# Elements that stand for several others, or for a character.
_SPELLED_OUT = {
    "D": "%m/%d/%y", "x": "%m/%d/%y", "F": "%Y-%m-%d", "T": "%H:%M:%S", "X": "%H:%M:%S", "R": "%H:%M",
    "c": "%a %b %-d %H:%M:%S %Y", "E4Y": "%Y", "E6S": "%S.%f", "E0S": "%S", "n": "\n", "t": "\t",
}  # fmt: skip

# Elements that DuckDB lacks or writes otherwise. sqlglot writes %e as %-d.
_IN_DUCKDB = {
    "-d": "LPAD(CAST(EXTRACT(DAY FROM value) AS VARCHAR), 2, ' ')",
    "e": "LPAD(CAST(EXTRACT(DAY FROM value) AS VARCHAR), 2, ' ')",
    "k": "LPAD(CAST(EXTRACT(HOUR FROM value) AS VARCHAR), 2, ' ')",
    "l": "LPAD(LTRIM(STRFTIME(value, '%I'), '0'), 2, ' ')",
    "P": "LOWER(STRFTIME(value, '%p'))",
    "Q": "CAST(EXTRACT(QUARTER FROM value) AS VARCHAR)",
    "C": "LPAD(CAST(EXTRACT(YEAR FROM value) // 100 AS VARCHAR), 2, '0')",
    "g": "RIGHT(STRFTIME(value, '%G'), 2)",
    "E*S": "RTRIM(RTRIM(STRFTIME(value, '%S.%f'), '0'), '.')",
}

# Of the zone, where none is given: it is UTC.
_OF_ZONE = {"Z": "UTC", "z": "+0000", "Ez": "+00:00"}


def written_time(node: exp.TimeToStr, kinds: Kinds) -> exp.Expr:
    """FORMAT_DATE, FORMAT_DATETIME and FORMAT_TIMESTAMP, the last in another time zone too.

    Raises:
        Rejected: untranslatable, for a format that is not written out and for elements without a counterpart.
    """
    from sqlglot import exp

    template = node.args.get("format")
    if not isinstance(template, exp.Literal):
        raise untranslatable("a date format that is not written out")
    value, zone = _typed(node.this), node.args.get("zone")
    instant = value
    if zone is not None and time_zone(zone) != "UTC":
        value = duckdb_expression("TIMEZONE(zone, CAST(value AS TIMESTAMPTZ))", zone=zone, value=value)
    else:
        zone = None
    pieces = _pieces(str(template.this), value, None if zone is not None else instant)
    whole = pieces[0]
    for piece in pieces[1:]:
        whole = exp.DPipe(this=whole, expression=piece)
    return exp.paren(whole, copy=False) if len(pieces) > 1 else whole


def read_time(node: exp.Expr, kinds: Kinds) -> exp.Expr:
    """PARSE_DATE and PARSE_DATETIME, with the elements that both engines read alike."""
    check_readable(node.args.get("format"))
    return node


def check_readable(template: exp.Expr | None) -> None:
    """Refuse a format that the engines would read differently.

    Raises:
        Rejected: untranslatable.
    """
    from sqlglot import exp

    if not isinstance(template, exp.Literal):
        raise untranslatable("a date format that is not a literal")
    if not _READ_ALIKE.fullmatch(str(template.this)):
        raise untranslatable(f"the date format {template.this!r}")


def _pieces(template: str, value: exp.Expr, utc: exp.Expr | None) -> list[exp.Expr]:
    """The texts that a format's runs of elements give; utc: the value, if its zone is UTC."""
    from sqlglot import exp

    pieces: list[exp.Expr] = []
    alike = ""
    position = 0
    for match in _ELEMENT.finditer(_spelled_out(template)):
        text, element = match.string[position : match.start()], match[1]
        alike += text.replace("%", "%%")
        position = match.end()
        if element == "%" or (len(element) == 1 and element in _WRITTEN_ALIKE):
            alike += match[0]
            continue
        if utc is not None and element in _OF_ZONE:
            alike += _OF_ZONE[element]
            continue
        pieces += _written_alike(alike, value)
        alike = ""
        pieces.append(_special(element, match[0], value, utc))
    rest = _spelled_out(template)[position:]
    if "%" in rest:
        raise untranslatable(f"the date format {template!r}")
    pieces += _written_alike(alike + rest, value)
    return pieces or [exp.Literal.string("")]


def _special(element: str, written: str, value: exp.Expr, utc: exp.Expr | None) -> exp.Expr:
    if element in _IN_DUCKDB:
        return duckdb_expression(_IN_DUCKDB[element], value=value)
    digits = re.fullmatch(r"E([1-5])S", element)
    if digits:
        return duckdb_expression(f"STRFTIME(value, '%S.') || LEFT(STRFTIME(value, '%f'), {digits[1]})", value=value)
    if element == "s" and utc is not None:
        return duckdb_expression("CAST(CAST(FLOOR(EPOCH(value)) AS BIGINT) AS VARCHAR)", value=utc)
    raise untranslatable(f"the date format element {written}")


def _spelled_out(template: str) -> str:
    return _ELEMENT.sub(lambda match: _SPELLED_OUT.get(match[1], match[0]), template)


def _written_alike(template: str, value: exp.Expr) -> list[exp.Expr]:
    from sqlglot import exp

    if not template:
        return []
    if "%" not in template.replace("%%", ""):
        # A NULL value makes NULL of the whole, and a text alone would not.
        text = exp.Literal.string(template.replace("%%", "%"))
        return [duckdb_expression("CASE WHEN value IS NOT NULL THEN text END", value=value, text=text)]
    return [exp.Anonymous(this="STRFTIME", expressions=[value.copy(), exp.Literal.string(template)])]


def _typed(value: exp.Expr) -> exp.Expr:
    """The value as sqlglot casts it: of texts and times both are possible, which have one call in BigQuery."""
    from sqlglot import exp

    types = {exp.TsOrDsToDate: "DATE", exp.TsOrDsToDatetime: "TIMESTAMP", exp.TsOrDsToTimestamp: "TIMESTAMP"}
    for node_type, type_name in types.items():
        if isinstance(value, node_type):
            return exp.cast(value.this.copy(), exp.DataType.build(type_name, dialect="duckdb"))
    return value.copy()
