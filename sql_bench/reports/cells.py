"""Cells of results as text that a reader can tell apart: '5' is a text, 5 a number."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from decimal import Decimal

from bench_core.results.tables import Cell
from sql_bench.types import Value

_LONGEST = 200
"""Characters of a cell in a sentence or in a head of rows."""
_MOST_CELLS = 12
"""Cells of a row in a sentence."""


def cell_text(value: Value) -> str:
    """A cell in a sentence: texts in quotes, numbers and dates bare, long ones cut."""
    return _cut(repr(value) if isinstance(value, str) else _bare(value))


def row_text(row: Sequence[Value]) -> str:
    """A row in a sentence."""
    more = [f"… {len(row) - _MOST_CELLS} more"] if len(row) > _MOST_CELLS else []
    return f"({', '.join([*map(cell_text, row[:_MOST_CELLS]), *more])})"


def table_cell(value: Value) -> Cell:
    """A cell in a head of rows: whole numbers and texts as they are, NULL as a missing cell, all else as text."""
    if value is None or isinstance(value, bool | int):
        return value
    return _cut(value if isinstance(value, str) else _bare(value))


def _bare(value: Value) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat(" ") if isinstance(value, datetime.datetime) else value.isoformat()
    if isinstance(value, list):
        return f"[{', '.join(map(cell_text, value[:_MOST_CELLS]))}{', …' if len(value) > _MOST_CELLS else ''}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{name}: {cell_text(item)}' for name, item in list(value.items())[:_MOST_CELLS])}}}"
    if isinstance(value, Decimal):
        return str(value)
    return repr(value) if isinstance(value, float | bytes) else str(value)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text):,} characters)"
