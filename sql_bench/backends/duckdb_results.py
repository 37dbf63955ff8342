"""A DuckDB result as rows of plain Python values, no more of it than the limits allow."""

from __future__ import annotations

import datetime
import re
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from sql_bench.guard.rejected import Rejected
from sql_bench.types import Limits, Outcome, Row, Value

if TYPE_CHECKING:
    import duckdb
    from duckdb.sqltypes import DuckDBPyType

_ROWS_AT_A_TIME = 256


def fetch_rows(connection: duckdb.DuckDBPyConnection, limits: Limits) -> Iterator[Row]:
    """The rows of a result, as long as they fit.

    Raises:
        Rejected: resource_limit, past the caps on rows and bytes.
    """
    converters = [_converter(column_type) for _, column_type, *_ in connection.description or []]
    n_rows = n_bytes = 0
    while batch := connection.fetchmany(_ROWS_AT_A_TIME):
        for fetched in batch:
            row = tuple(
                value if convert is None or value is None else convert(value)
                for convert, value in zip(converters, fetched, strict=True)
            )
            n_rows += 1
            n_bytes += sum(map(_rough_bytes, row))
            if n_rows > limits.max_rows:
                raise too_much(f"more than {limits.max_rows} rows")
            if n_bytes > limits.max_result_bytes:
                raise too_much(f"more than {limits.max_result_bytes} bytes of result")
            yield row


def _converter(column_type: DuckDBPyType) -> Callable[[Any], Value] | None:
    """How a column's values become those of `types.Value`; None where they are already."""
    kind = column_type.id
    if kind in ("list", "array"):
        convert = _converter(_children(column_type)["child"]) or _same
        return lambda values: [None if value is None else convert(value) for value in values]
    if kind == "struct":
        fields = [(name, _converter(child) or _same) for name, child in _children(column_type).items()]
        return lambda values: _struct(values, fields)
    if kind == "map":
        parts = _children(column_type)
        return _map_converter(_converter(parts["key"]) or _same, _converter(parts["value"]) or _same)
    if _PLAIN_TYPES.fullmatch(kind):
        return None
    return _plain


_PLAIN_TYPES = re.compile(
    r"boolean|u?(tiny|small|big|huge)int|u?integer|float|double|decimal|varchar|blob|date|time|interval"
    r"|timestamp|timestamp_(s|ms|ns)"
)


def _children(column_type: DuckDBPyType) -> dict[str, DuckDBPyType]:
    children: Any = column_type.children  # its stub also allows the sizes of arrays and the digits of decimals
    return dict(children)


def _same(value: Any) -> Value:
    plain: Value = value
    return plain


def _struct(values: Any, fields: list[tuple[str, Callable[[Any], Value]]]) -> Value:
    """A struct; one without field names comes as a tuple and is kept as a list."""
    if isinstance(values, tuple | list):
        return [None if v is None else convert(v) for v, (_, convert) in zip(values, fields, strict=True)]
    return {name: None if values[name] is None else convert(values[name]) for name, convert in fields}


def _map_converter(key: Callable[[Any], Value], value: Callable[[Any], Value]) -> Callable[[Any], Value]:
    """A map becomes a list of structs of key and value: its keys need not be text."""

    def convert(entries: Mapping[Any, Any]) -> Value:
        if set(entries) == {"key", "value"} and isinstance(entries["key"], list):  # DuckDB's form for unhashable keys
            pairs = list(zip(entries["key"], entries["value"], strict=True))
        else:
            pairs = list(entries.items())
        return [{"key": key(k), "value": None if v is None else value(v)} for k, v in pairs]

    return convert


def _plain(value: Any) -> Value:
    """UUIDs, enums, bits and JSON as text, instants in UTC."""
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.UTC) if value.tzinfo else value
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if value is None or isinstance(value, bool | int | float | str | bytes | datetime.date | datetime.timedelta):
        return value
    if isinstance(value, datetime.time):
        return value
    return str(value) if type(value).__name__ != "Decimal" else value


def _rough_bytes(value: Value) -> int:
    """About what a cell takes, quickly: the exact size is known once it is encoded."""
    if isinstance(value, str | bytes):
        return len(value) + 2
    if isinstance(value, list):
        return 2 + sum(map(_rough_bytes, value))
    if isinstance(value, dict):
        return 2 + sum(len(name) + _rough_bytes(item) for name, item in value.items())
    return 8


def too_much(what: str) -> Rejected:
    """The verdict on a statement that passed a limit."""
    return Rejected(Outcome.RESOURCE_LIMIT, what)


def stand_in_for_pytz() -> None:
    """DuckDB's Python client asks pytz for the zone of an instant and is content with any zone that can `localize`.

    The engine's time zone is UTC here, which needs no further package.
    """
    if "pytz" not in sys.modules:
        module = types.ModuleType("pytz")
        module.__dict__["timezone"] = lambda name: _Utc()
        module.__dict__["utc"] = _Utc()
        sys.modules["pytz"] = module


class _Utc(datetime.tzinfo):
    """UTC with the one method of pytz's zones that DuckDB calls."""

    def localize(self, moment: datetime.datetime) -> datetime.datetime:
        return moment.replace(tzinfo=datetime.UTC)

    def utcoffset(self, moment: datetime.datetime | None) -> datetime.timedelta:
        return datetime.timedelta(0)

    def dst(self, moment: datetime.datetime | None) -> datetime.timedelta:
        return datetime.timedelta(0)

    def tzname(self, moment: datetime.datetime | None) -> str:
        return "UTC"

    def fromutc(self, moment: datetime.datetime) -> datetime.datetime:
        return moment
