"""Choices made where a CSV file can be read in several ways: orders of dates, numbers that a type does not hold.

The file is looked at as text beside the table that was made of it (docs/rules/files.md F9).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from sql_bench.mirror.content import quoted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# Day and month in either order, then a year of four digits; or three numbers of one or two digits in any order.
_DATE = r"\s*([0-9]{1,2})[/.-]([0-9]{1,2})[/.-]([0-9]{4})\b.*"
_SHORT_DATE = r"\s*[0-9]{1,2}[/.-][0-9]{1,2}[/.-][0-9]{1,2}\b.*"
_NUMBER = r"\s*[+-]?[0-9.].*"
_DECIMAL_COMMA = r"[+-]?[0-9]+,[0-9]+"
# Whole numbers from here on may have more digits than a 64-bit float holds.
_EXACT = 2**53
_SHOWN_CHARACTERS = 60


def columns_of(connection: DuckDBPyConnection, relation: str) -> dict[str, str]:
    """Column -> the engine's type, of a table or of something to select from."""
    rows = connection.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
    return {name: kind for name, kind, *_ in rows}


def dates_in_two_orders(connection: DuckDBPyConnection, as_text: str) -> list[str]:
    """Columns that hold nothing but dates, of which some can only be day first and others only month first."""
    names = list(columns_of(connection, as_text))
    asked = ", ".join(
        f"bool_and(regexp_full_match({quoted(name)}, '{_DATE}')) AND {_any_part(name, 1)} AND {_any_part(name, 2)}"
        for name in names
    )
    answers = connection.execute(f"SELECT {asked} FROM {as_text}").fetchall()[0]
    return [name for name, is_mixed in zip(names, answers, strict=True) if is_mixed]


def choices(connection: DuckDBPyConnection, table: str, as_text: str, delimiter: str) -> Iterator[str]:
    """What a reader of the table should know of how its file was read, as `NAME: what was done`.

    Args:
        table: the table, quoted.
        as_text: the same rows as texts, as something to select from.
    """
    for name, kind in columns_of(connection, table).items():
        if kind == "DOUBLE":
            yield from _of_floats(connection, name, as_text)
        elif kind == "HUGEINT":
            yield f"{name}: whole numbers past 64 bits were read as HUGEINT; BigQuery's INT64 does not hold them"
        elif kind in ("DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"):
            yield from _of_dates(connection, name, table, as_text)
        elif kind == "VARCHAR" and delimiter != ",":
            yield from _of_texts(connection, name, as_text)


def _of_floats(connection: DuckDBPyConnection, name: str, as_text: str) -> Iterator[str]:
    text, value = quoted(name), f"TRY_CAST({quoted(name)} AS DOUBLE)"
    conditions = {
        "past the range of DOUBLE were read as infinity": f"isinf({value}) AND regexp_full_match({text}, '{_NUMBER}')",
        "too small for DOUBLE were read as 0": f"{value} = 0 AND regexp_matches({text}, '^[^eE]*[1-9]')",
        "of more digits than DOUBLE holds were rounded": (
            f"abs({value}) >= {_EXACT} AND NOT isinf({value}) AND regexp_full_match({text}, '[+-]?[0-9]+') "
            f"AND TRY_CAST({text} AS HUGEINT) IS DISTINCT FROM TRY_CAST({value} AS HUGEINT)"
        ),
    }
    asked = ", ".join(
        f"count(*) FILTER ({condition}), min({text}) FILTER ({condition})" for condition in conditions.values()
    )
    answers: Sequence[int | str] = connection.execute(f"SELECT {asked} FROM {as_text}").fetchall()[0]
    for place, what in enumerate(conditions):
        n_found, example = answers[2 * place : 2 * place + 2]
        if n_found:
            yield f"{name}: {n_found} numbers {what}, as {str(example)[:_SHOWN_CHARACTERS]}"


def _of_dates(connection: DuckDBPyConnection, name: str, table: str, as_text: str) -> Iterator[str]:
    text = quoted(name)
    asked = (
        f"SELECT count({text}) > 0, bool_and(regexp_full_match({text}, '{_DATE}')), {_any_part(name, 1)}, "
        f"{_any_part(name, 2)}, bool_and(regexp_full_match({text}, '{_SHORT_DATE}')) FROM {as_text}"
    )
    has_any, is_long, is_day_first, is_month_first, is_short = connection.execute(asked).fetchall()[0]
    if has_any and ((is_long and not is_day_first and not is_month_first) or is_short):
        raw, read = (
            connection.execute(f"SELECT {text}::VARCHAR FROM {place} WHERE {text} IS NOT NULL LIMIT 1").fetchall()[0][0]
            for place in (as_text, table)
        )
        yield f"{name}: the order of its dates cannot be told; {raw[:_SHOWN_CHARACTERS]} was read as {read}"


def _of_texts(connection: DuckDBPyConnection, name: str, as_text: str) -> Iterator[str]:
    asked = f"SELECT bool_and(regexp_full_match({quoted(name)}, '{_DECIMAL_COMMA}')) FROM {as_text}"
    if connection.execute(asked).fetchall()[0][0]:
        yield f"{name}: numbers with a decimal comma were kept as text"


def _any_part(name: str, part: int) -> str:
    """An SQL condition: the first or second number of some date is no month."""
    return f"bool_or(TRY_CAST(regexp_extract({quoted(name)}, '{_DATE}', {part}) AS INTEGER) > 12)"
