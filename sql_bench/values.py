"""Result cells and whole results as JSON, so that what an engine returned can be stored and read back unchanged.

Null, booleans, text, finite floats and 64-bit integers are themselves in JSON; every other value is an object with one
key that names its type: `{"decimal": "1.50"}`, `{"date": "2024-01-31"}`, `{"struct": [["a", 1]]}`.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from bench_core.identity import Json
from sql_bench.types import Column, ExecutionResult, Gathered, Outcome, Row, StatementShape, Value

# The integers that any JSON reader keeps: SQL's 64-bit range. Wider ones go as hexadecimal text, which Python converts
# at any length (decimal conversion stops at 4,300 digits).
_INT64 = range(-(2**63), 2**63)


def encode_value(value: Value) -> Json:
    """A cell as JSON.

    Raises:
        TypeError: the value is of no type a cell can have.
    """
    if value is None or isinstance(value, bool):
        return value
    encoder = _ENCODERS.get(type(value))
    if encoder is None:
        raise TypeError(f"a result cell cannot be a {type(value).__name__}")
    return encoder(value)


def decode_value(content: Json) -> Value:
    """The cell that `encode_value` was given.

    Raises:
        ValueError: the JSON was not written by `encode_value`.
    """
    if isinstance(content, Mapping):
        if len(content) != 1:
            raise ValueError(f"a cell has one type, not {len(content)}")
        [(tag, encoded)] = content.items()
        if tag not in _DECODERS:
            raise ValueError(f"there is no cell type {tag!r}")
        return _DECODERS[tag](encoded)
    if isinstance(content, list | tuple):
        return [decode_value(item) for item in content]
    if content is None or isinstance(content, bool | int | float | str):
        return content
    raise ValueError(f"a cell cannot be a {type(content).__name__}")


def encode_row(row: Row) -> list[Json]:
    """A row as a JSON list."""
    return [encode_value(value) for value in row]


def decode_row(content: Sequence[Json]) -> Row:
    """The row that `encode_row` was given."""
    return tuple(decode_value(item) for item in content)


def result_to_json(result: ExecutionResult) -> dict[str, Json]:
    """An execution as a record of `executions.jsonl`."""
    return {
        "outcome": result.outcome.value,
        "columns": [[column.name, column.type] for column in result.columns],
        "rows": [encode_row(row) for row in result.rows],
        "sort_keys": None if result.sort_keys is None else [encode_row(row) for row in result.sort_keys],
        "message": result.message,
        "executed_sql": result.executed_sql,
        "shape": None if result.shape is None else asdict(result.shape),
        "complaints": list(result.complaints),
        "seconds": result.seconds,
        "key_columns": list(result.key_columns),
        "cut": result.cut,
        "tie_is_whole": result.tie_is_whole,
    }


def result_from_json(content: Any) -> ExecutionResult:
    """The execution that `result_to_json` was given.

    Raises:
        KeyError, TypeError, ValueError: the JSON was not written by `result_to_json`.
    """
    sort_keys = content["sort_keys"]
    return ExecutionResult(
        outcome=Outcome(content["outcome"]),
        columns=tuple(Column(name, type_name) for name, type_name in content["columns"]),
        rows=tuple(decode_row(row) for row in content["rows"]),
        sort_keys=None if sort_keys is None else tuple(decode_row(row) for row in sort_keys),
        message=content["message"],
        executed_sql=content["executed_sql"],
        shape=None if content["shape"] is None else _shape_from_json(content["shape"]),
        complaints=tuple(content["complaints"]),
        seconds=content["seconds"],
        key_columns=tuple(content.get("key_columns", ())),  # an earlier version had neither
        cut=bool(content.get("cut", False)),
        tie_is_whole=bool(content.get("tie_is_whole", False)),
    )


def _shape_from_json(content: Mapping[str, Any]) -> StatementShape:
    """A shape; an earlier version wrote `unordered_aggregate` and no `gathered`."""
    known = {name: value for name, value in content.items() if name != "unordered_aggregate"}
    return StatementShape(**{**known, "gathered": tuple(Gathered(*column) for column in content.get("gathered", ()))})


def _encode_int(value: int) -> Json:
    return value if value in _INT64 else {"int": hex(value)}


def _encode_float(value: float) -> Json:
    return value if math.isfinite(value) else {"float": repr(value)}


def _encode_text(value: str) -> Json:
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError:  # a lone surrogate: no UTF-8 file can hold it
        return {"text": value.encode("utf-8", "surrogatepass").hex()}
    return value


def _encode_datetime(value: datetime.datetime) -> Json:
    return {"timestamp": value.isoformat()}


def _decode_interval(parts: Sequence[int]) -> datetime.timedelta:
    days, seconds, microseconds = parts
    return datetime.timedelta(days, seconds, microseconds)


def _decode_struct(fields: Sequence[tuple[str, Json]]) -> dict[str, Any]:
    return {str(decode_value(name)): decode_value(item) for name, item in fields}


_ENCODERS: Mapping[type, Callable[[Any], Json]] = {
    int: _encode_int,
    float: _encode_float,
    str: _encode_text,
    Decimal: lambda value: {"decimal": str(value)},
    bytes: lambda value: {"bytes": value.hex()},
    datetime.datetime: _encode_datetime,
    datetime.date: lambda value: {"date": value.isoformat()},
    datetime.time: lambda value: {"time": value.isoformat()},
    datetime.timedelta: lambda value: {"interval": [value.days, value.seconds, value.microseconds]},
    list: lambda value: [encode_value(item) for item in value],
    dict: lambda value: {"struct": [[encode_value(name), encode_value(item)] for name, item in value.items()]},
}

_DECODERS: Mapping[str, Callable[[Any], Value]] = {
    "int": lambda text: int(text, 16),
    "float": float,
    "text": lambda text: bytes.fromhex(text).decode("utf-8", "surrogatepass"),
    "decimal": Decimal,
    "bytes": bytes.fromhex,
    "timestamp": datetime.datetime.fromisoformat,
    "date": datetime.date.fromisoformat,
    "time": datetime.time.fromisoformat,
    "interval": _decode_interval,
    "struct": _decode_struct,
}
