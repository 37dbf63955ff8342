"""Results as BigQuery writes them: https://cloud.google.com/bigquery/docs/arrays#arrays_and_nulls.

A NULL array leaves a query as an empty one, also within a struct, and an array with a NULL in it is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from sql_bench.guard.rejected import Rejected
from sql_bench.types import Column, Outcome, Row, Value

_Write = Callable[[Value], Value]


def as_result(columns: Sequence[Column], rows: Iterable[Row]) -> list[Row]:
    """The rows as BigQuery writes them.

    Raises:
        Rejected: invalid_sql, for an array with a NULL in it.
    """
    cells = [_writer(place, column.type) for place, column in enumerate(columns)]
    if not any(cells):
        return list(rows)
    return [_each(row, cells) for row in rows]


def _each(values: Iterable[Value], cells: Sequence[_Write | None]) -> Row:
    return tuple(value if write is None else write(value) for value, write in zip(values, cells, strict=True))


def _writer(place: int, type_name: str) -> _Write | None:
    """What changes the cells of a column, or the values within them; None where none is changed."""
    if type_name.endswith("[]"):
        item = _writer(place, type_name[:-2])
        return lambda cell: _array(place, cell, item)
    if type_name.startswith(("STRUCT(", "TUPLE(")):
        fields = [_writer(place, field) for field in _field_types(type_name)]
        return (lambda cell: _struct(cell, fields)) if any(fields) else None
    return None


def _array(place: int, cell: Value, item: _Write | None) -> Value:
    if cell is None:
        return []
    if not isinstance(cell, list):
        return cell
    if None in cell:
        raise Rejected(Outcome.INVALID_SQL, f"the array of column {place + 1} cannot have a NULL in it")
    return cell if item is None else [item(value) for value in cell]


def _struct(cell: Value, fields: Sequence[_Write | None]) -> Value:
    """A struct, also one without names of fields, which is a list; a NULL struct stays one."""
    if isinstance(cell, dict):
        return dict(zip(cell, _each(cell.values(), fields), strict=True))
    return list(_each(cell, fields)) if isinstance(cell, list) else cell


def _field_types(type_name: str) -> Iterator[str]:
    """The types of the fields of `STRUCT(a BIGINT, "b, c" VARCHAR[])` or `TUPLE(BIGINT, VARCHAR[])`."""
    kind, _, text = type_name[:-1].partition("(")
    for field in _outside(text, ", "):
        yield field if kind == "TUPLE" else field[len(next(_outside(field, " "))) + 1 :]


def _outside(text: str, delimiter: str) -> Iterator[str]:
    """The parts between delimiters that stand in no brackets and no quotes."""
    begin = depth = 0
    quote = ""
    for place, character in enumerate(text):
        if quote or character in "'\"":
            quote = "" if character == quote else quote or character  # a doubled quote ends one and begins another
        elif character in "()":
            depth += 1 if character == "(" else -1
        elif not depth and place >= begin and text.startswith(delimiter, place):
            yield text[begin:place]
            begin = place + len(delimiter)
    yield text[begin:]
