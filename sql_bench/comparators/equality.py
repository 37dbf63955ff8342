"""Equality of two cells (docs/rules/comparing.md C5), and the hashable form of a cell that it is decided on.

Equality within a tolerance is not transitive, so it has no hashable key; `canonical` makes what is exactly equal hash
alike, and numbers that are only close are told apart there and compared by `close`.
"""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, TypeGuard

from sql_bench.types import Value

Number = int | float | Decimal

NOT_A_NUMBER: Hashable = ("nan",)

_NUMBER_TEXT = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?\s*", re.ASCII)
_DATE_TEXT = re.compile(r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d(:?\d\d)?)?)?", re.ASCII)
_MICROSECOND = datetime.timedelta(microseconds=1)
_LONGEST_INTEGER = 1000
"""Decimals of more digits stay decimals: writing them out as integers would take for ever."""


@dataclass(frozen=True)
class ValueRules:
    """How strictly two cells are compared; each field loosens one rule.

    Attributes:
        relative_tolerance: numbers of which at least one is not whole agree within this share of the larger (1e-6:
            docs/rules/comparing.md C5.2). There is no absolute tolerance: p-values of 1e-12 and 1e-13 differ.
        whole_numbers: `tolerant` gives two whole numbers the same tolerance; `exact` wants them equal.
        text_case: `ignore` compares text without regard to case.
        numbers_as_text: a text that is written like a number counts as that number.
        dates_as_text: a text that is written like an ISO date or timestamp counts as one.
        booleans_as_numbers: true and false count as 1 and 0.
        dates: `by_type` keeps DATE, DATETIME and TIMESTAMP apart; `as_instants` makes a date its midnight and a zoned
            timestamp the DATETIME of UTC, as BigQuery's casts between them do.
    """

    relative_tolerance: float = 1e-6
    whole_numbers: Literal["exact", "tolerant"] = "exact"
    text_case: Literal["exact", "ignore"] = "exact"
    numbers_as_text: bool = False
    dates_as_text: bool = False
    booleans_as_numbers: bool = False
    dates: Literal["as_instants", "by_type"] = "as_instants"


def equal(first: Value, second: Value, rules: ValueRules) -> bool:
    """Whether two cells hold the same value."""
    return canonically_equal(canonical(first, rules), canonical(second, rules), rules)


def canonical(value: Value, rules: ValueRules) -> Hashable:
    """A cell's hashable form: of equal type and exactly equal value, equal form.

    Numbers, text, bytes, dates, times and NULL stay what they are; everything that Python would confuse with one of
    them (true with 1), or not find equal to itself (NaN), becomes a tuple that begins with its kind.
    """
    convert = _CANONICAL.get(type(value))
    return value if convert is None else convert(value, rules)  # type: ignore[return-value]


def canonically_equal(first: Hashable, second: Hashable, rules: ValueRules) -> bool:
    """`equal` for two cells in canonical form."""
    if first == second:
        return True
    if is_number(first) and is_number(second):
        return close(first, second, rules)
    if isinstance(first, tuple) and isinstance(second, tuple) and len(first) == len(second):
        return all(canonically_equal(one, other, rules) for one, other in zip(first, second, strict=True))
    return False


def is_number(value: Hashable) -> TypeGuard[Number]:
    """Whether a canonical form is a number; booleans are none by then, and infinities are."""
    return isinstance(value, int | float | Decimal)


def close(first: Number, second: Number, rules: ValueRules) -> bool:
    """Whether two numbers agree: two whole ones if they are equal, others within the tolerance."""
    if first == second:
        return True
    if rules.whole_numbers == "exact" and is_whole(first) and is_whole(second):
        return False
    return near(first, second, rules)


def near(first: Number, second: Number, rules: ValueRules) -> bool:
    """Whether two numbers lie within the tolerance, whole or not.

    Of u <= x < y <= v, x and y are near if u and v are: what is near on a sorted list is a run of neighbours.
    """
    one, other = as_float(first), as_float(second)
    return math.isfinite(one) and math.isclose(one, other, rel_tol=rules.relative_tolerance, abs_tol=0.0)


def as_float(number: Number) -> float:
    """The nearest float; infinite beyond the range of floats, so that nothing finite is near."""
    try:
        return float(number)
    except OverflowError:
        return math.copysign(math.inf, 1 if number > 0 else -1)


def is_whole(number: Number) -> bool:
    """Whether a number has no fraction, whatever its type."""
    if isinstance(number, float):
        return number.is_integer()
    return isinstance(number, int) or number == number.to_integral_value()


def _boolean(value: bool, rules: ValueRules) -> Hashable:
    return int(value) if rules.booleans_as_numbers else ("boolean", value)


def _float(value: float, rules: ValueRules) -> Hashable:
    return NOT_A_NUMBER if math.isnan(value) else value


def _decimal(value: Decimal, rules: ValueRules) -> Hashable:
    if not value.is_finite():
        return _float(float(value), rules)
    return int(value) if value.adjusted() < _LONGEST_INTEGER and is_whole(value) else value


def _text(value: str, rules: ValueRules) -> Hashable:
    if rules.numbers_as_text and _NUMBER_TEXT.fullmatch(value):
        return _decimal(Decimal(value.strip()), rules)
    if rules.dates_as_text and _DATE_TEXT.fullmatch(value):
        try:
            return _timestamp(datetime.datetime.fromisoformat(value), rules)
        except ValueError:  # such as the 31st of February: text that no date is written like
            return value
    return value.casefold() if rules.text_case == "ignore" else value


def _timestamp(value: datetime.datetime, rules: ValueRules) -> Hashable:
    """A DATETIME, or a TIMESTAMP as that of UTC (BigQuery, "Conversion rules"), as a date at midnight."""
    offset = value.utcoffset()
    if offset is not None:
        try:
            value = value.replace(tzinfo=None) - offset
        except OverflowError:  # beyond the years 1 to 9999 no DATETIME is equal
            return _instant(value, offset)
        if rules.dates == "by_type":
            return _instant(value, datetime.timedelta())
    if rules.dates == "by_type":
        return value
    return value.date() if value.time() == datetime.time() else value


def _instant(value: datetime.datetime, offset: datetime.timedelta) -> Hashable:
    """Microseconds of UTC, on integers: near year 1 and 9999 datetime itself would overflow."""
    seconds = value.toordinal() * 86_400 + value.hour * 3_600 + value.minute * 60 + value.second
    return ("instant", str(seconds * 10**6 + value.microsecond - offset // _MICROSECOND))


def _list(value: list[Any], rules: ValueRules) -> Hashable:
    return ("list", *(canonical(item, rules) for item in value))


def _struct(value: dict[str, Any], rules: ValueRules) -> Hashable:
    """Fields by name: their order is no part of the value."""
    fields = sorted(value.items(), key=lambda field: repr(field[0]))
    return ("struct", *((name, canonical(item, rules)) for name, item in fields))


_CANONICAL: Mapping[type, Callable[[Any, ValueRules], Hashable]] = {
    bool: _boolean,
    float: _float,
    Decimal: _decimal,
    str: _text,
    datetime.datetime: _timestamp,
    list: _list,
    dict: _struct,
}
