"""When two result cells are equal (SQL.md section 4, rule 5).

A cell is first made *canonical*: a hashable value that is the same for all cells which are equal beyond doubt. Whole
numbers of any type become `int`, other numbers `float`; text, bytes and NULL stay what they are; everything else is a
tuple that begins with the name of its kind. What tolerance decides is left to `ValueRules.agree`.
"""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

from sql_bench.types import Value

Number = int | float

# From here on floats are all whole: that they are says nothing about what they stand for.
_LAST_EXACT_FLOAT = 2.0**53

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
# Longer digit strings than this are no numbers of any engine.
_MAX_DIGITS = 400
_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9:.+Zz-]+)?")
_PIECES = re.compile(r"([\s,;|/]+)")


@dataclass(frozen=True)
class ValueRules:
    """What makes two cells equal. The defaults are the strict rules; each field loosens one of them.

    Attributes:
        real_tolerance: largest relative difference of two numbers that are not both whole.
        absolute_tolerance: largest absolute difference of two such numbers; 0 keeps small p-values apart.
        loose_integers: the tolerances hold for two whole numbers too.
        fold_text: case and the amount of white space in text do not matter.
        text_numbers: text that spells a number is that number.
        text_booleans: the texts true and false are booleans.
        text_dates: text that spells an ISO date or timestamp is that instant.
        boolean_numbers: TRUE is 1 and FALSE is 0.
        unordered_lists: lists are bags.
        unordered_text: texts are bags of their pieces between white space, commas, semicolons, bars and slashes.
    """

    real_tolerance: float = 1e-6
    absolute_tolerance: float = 0.0
    loose_integers: bool = False
    fold_text: bool = False
    text_numbers: bool = False
    text_booleans: bool = False
    text_dates: bool = False
    boolean_numbers: bool = False
    unordered_lists: bool = False
    unordered_text: bool = False

    def canonical(self, value: Value) -> Hashable:
        """The hashable stand-in of a cell."""
        convert = self._conversions.get(type(value))
        return value if convert is None else convert(value)  # type: ignore[return-value]  # bytes, times and NULL

    def agree(self, first: Hashable, second: Hashable) -> bool:
        """Whether two canonical values are equal; not transitive, since tolerance is not."""
        if first == second:
            return True
        if isinstance(first, int | float) and isinstance(second, int | float):
            return self.close(first, second)
        if isinstance(first, tuple) and isinstance(second, tuple):
            return len(first) == len(second) and all(map(self.agree, first, second))
        return False

    def close(self, first: Number, second: Number) -> bool:
        """Whether two unequal canonical numbers are within tolerance of each other."""
        if isinstance(first, int) and isinstance(second, int) and not self.loose_integers:
            return False
        try:
            return math.isclose(first, second, rel_tol=self.real_tolerance, abs_tol=self.absolute_tolerance)
        except OverflowError:  # a whole number beyond the range of floats
            return False

    @cached_property
    def _conversions(self) -> Mapping[type, Callable[[Any], Hashable]]:
        """By type; values of other types stand for themselves. Text is converted only if a rule asks for it."""
        conversions: dict[type, Callable[[Any], Hashable]] = {
            bool: int if self.boolean_numbers else _boolean,
            float: _float,
            Decimal: _decimal,
            datetime.datetime: _instant,
            datetime.date: _day,
            list: self._list,
            dict: lambda fields: ("struct", *map(self.canonical, fields.values())),
        }
        if any((self.fold_text, self.text_numbers, self.text_booleans, self.text_dates, self.unordered_text)):
            conversions[str] = self._text
        return conversions

    def _list(self, items: list[Any]) -> Hashable:
        canonical: Iterable[Hashable] = map(self.canonical, items)
        if self.unordered_lists:
            canonical = sorted(canonical, key=lambda item: (type(item).__name__, str(item)))
        return ("list", *canonical)

    def _text(self, text: str) -> Hashable:
        stripped = text.strip()
        if self.text_numbers and len(stripped) <= _MAX_DIGITS and _NUMBER.fullmatch(stripped):
            return int(stripped) if stripped.lstrip("+-").isdigit() else _float(float(stripped))
        if self.text_booleans and stripped.lower() in ("true", "false"):
            return self.canonical(stripped.lower() == "true")
        if self.text_dates and _ISO_DATE.fullmatch(stripped):
            try:
                return _instant(datetime.datetime.fromisoformat(stripped))
            except ValueError:
                return text
        if self.fold_text:
            text = " ".join(text.casefold().split())
        return ("pieces", *sorted(_PIECES.split(text))) if self.unordered_text else text


def _boolean(value: bool) -> Hashable:
    return ("boolean", "true" if value else "false")


def _float(value: float) -> Hashable:
    if value.is_integer() and abs(value) < _LAST_EXACT_FLOAT:
        return int(value)
    return ("nan",) if math.isnan(value) else value


def _decimal(value: Decimal) -> Hashable:
    whole = value.is_finite() and value == value.to_integral_value()
    return int(value) if whole else ("nan",) if value.is_nan() else float(value)


def _instant(value: datetime.datetime) -> Hashable:
    """Zoned timestamps by instant; those without a zone are read as UTC, in which every backend runs."""
    aware = value.replace(tzinfo=datetime.UTC) if value.tzinfo is None else value
    return ("instant", aware)


def _day(value: datetime.date) -> Hashable:
    return ("instant", datetime.datetime(value.year, value.month, value.day, tzinfo=datetime.UTC))
