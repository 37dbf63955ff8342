"""The one sentence that pairs of cells have in common: a type, a unit, rounding, case, NULL."""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Sequence
from decimal import Decimal

from sql_bench.types import Value

CellPair = tuple[Value, Value]
"""Gold's cell and the predicted one."""

_FEW = 50
_SAME_RATIO = 1e-6
_MOST_DIGITS = 9
_HARDLY = 0.01
"""Relative difference up to which numbers are called near."""


def pattern_of(pairs: Sequence[CellPair]) -> str:
    """What holds of all these pairs of cells that differ; empty where nothing does that is known here."""
    few = pairs[:_FEW]  # what does not hold of these need not be tried on all
    return next((said for look in _LOOKS if few and look(few) and (said := look(pairs))), "")


def _null(pairs: Sequence[CellPair]) -> str:
    if all(predicted is None for _, predicted in pairs):
        return "the prediction has NULL where gold has a value"
    if all(gold is None for gold, _ in pairs):
        return "gold has NULL where the prediction has a value"
    return ""


def _type(pairs: Sequence[CellPair]) -> str:
    kinds = {(_kind(gold), _kind(predicted)) for gold, predicted in pairs if None not in (gold, predicted)}
    if len(kinds) != 1:
        return ""
    [(one, other)] = kinds
    if one == other:
        return ""
    same = all(_text(gold) == _text(predicted) for gold, predicted in pairs)
    return f"gold's is {one}, the prediction's {other}{': the same but for the type' if same else ''}"


def _kind(value: Value) -> str:
    for kinds, name in _KINDS:
        if isinstance(value, kinds):
            return name
    return "another type"


_KINDS: Sequence[tuple[type | tuple[type, ...], str]] = (
    (bool, "a boolean"),
    ((int, float, Decimal), "a number"),
    (str, "a text"),
    (datetime.datetime, "a timestamp"),
    (datetime.date, "a date"),
    (datetime.time, "a time"),
    (datetime.timedelta, "an interval"),
    (bytes, "bytes"),
    (list, "a list"),
    (dict, "a struct"),
)


def _text(value: Value) -> str:
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        return value.date().isoformat()
    return str(value).strip().lower()


def _numbers(pairs: Sequence[CellPair]) -> list[tuple[float, float]]:
    """The pairs as floats, or none where not all are finite numbers."""
    found = []
    for gold, predicted in pairs:
        if _kind(gold) != "a number" or _kind(predicted) != "a number":
            return []
        try:
            one, other = float(str(gold)), float(str(predicted))
        except OverflowError:
            return []
        if not (math.isfinite(one) and math.isfinite(other)):
            return []
        found.append((one, other))
    return found


def _sign(pairs: Sequence[CellPair]) -> str:
    numbers = _numbers(pairs)
    return "the prediction's have the other sign" if numbers and all(a == -b != 0 for a, b in numbers) else ""


def _rounded(pairs: Sequence[CellPair]) -> str:
    numbers = _numbers(pairs)
    for digits in range(_MOST_DIGITS) if numbers else ():
        if all(round(gold, digits) == predicted for gold, predicted in numbers):
            places = "to whole numbers" if digits == 0 else f"to {digits} decimal{'s' if digits > 1 else ''}"
            return f"the prediction's are gold's rounded {places}"
        if all(round(predicted, digits) == gold for gold, predicted in numbers):
            places = "to whole numbers" if digits == 0 else f"to {digits} decimal{'s' if digits > 1 else ''}"
            return f"gold's are the prediction's rounded {places}"
    if numbers and all(math.trunc(gold) == predicted for gold, predicted in numbers):
        return "the prediction's are gold's without their decimals"
    return ""


def _ratio(pairs: Sequence[CellPair]) -> str:
    numbers = _numbers(pairs)
    if not numbers or any(gold == 0 or predicted == 0 for gold, predicted in numbers):
        return ""
    ratio = numbers[0][1] / numbers[0][0]
    alike = all(math.isclose(predicted / gold, ratio, rel_tol=_SAME_RATIO) for gold, predicted in numbers)
    if not alike or (len(numbers) < 2 and not _is_unit(ratio)):
        return ""
    if ratio > 1:
        return f"the prediction's are {_plain(ratio)} times gold's, as of another unit"
    return f"gold's are {_plain(1 / ratio)} times the prediction's, as of another unit"


def _complement(pairs: Sequence[CellPair]) -> str:
    numbers = _numbers(pairs)
    for whole in (1.0, 100.0):
        if numbers and all(math.isclose(gold + predicted, whole, rel_tol=_SAME_RATIO) for gold, predicted in numbers):
            return f"the prediction's are {whole:g} minus gold's"
    return ""


def _is_unit(ratio: float) -> bool:
    """Whether one pair alone is called a matter of units: percent, thousands, seconds, hours, days, months, years."""
    known = (60, 24, 7, 12, 365, 365.25, 3600, 86400, *(10.0**power for power in range(1, 10)))
    return any(math.isclose(value, unit, rel_tol=_SAME_RATIO) for value in (ratio, 1 / ratio) for unit in known)


def _plain(number: float) -> str:
    return f"{number:.6g}" if abs(number) < 1e6 else f"{number:,.0f}"


def _near(pairs: Sequence[CellPair]) -> str:
    numbers = _numbers(pairs)
    if not numbers or any(max(abs(gold), abs(predicted)) == 0 for gold, predicted in numbers):
        return ""
    most = max(abs(gold - predicted) / max(abs(gold), abs(predicted)) for gold, predicted in numbers)
    return f"near gold's, up to {100 * most:.2g} % apart" if most <= _HARDLY else ""


def _texts(pairs: Sequence[CellPair]) -> list[tuple[str, str]]:
    found = [(gold, predicted) for gold, predicted in pairs if isinstance(gold, str) and isinstance(predicted, str)]
    return found if len(found) == len(pairs) else []


def _written(pairs: Sequence[CellPair]) -> str:
    texts = _texts(pairs)
    for change, said in _WRITTEN:
        if texts and all(change(gold) == change(predicted) for gold, predicted in texts):
            return said
    return ""


_WRITTEN: Sequence[tuple[Callable[[str], str], str]] = (
    (str.casefold, "equal but for upper and lower case"),
    (lambda text: " ".join(text.split()), "equal but for blanks"),
    (
        lambda text: "".join(sorted(text)),
        "the same characters in another order, as of members gathered in another order",
    ),
)


def _members(pairs: Sequence[CellPair]) -> str:
    lists = [(gold, predicted) for gold, predicted in pairs if isinstance(gold, list) and isinstance(predicted, list)]
    if len(lists) < len(pairs) or not lists:
        return ""
    if all(sorted(map(repr, gold)) == sorted(map(repr, predicted)) for gold, predicted in lists):
        return "lists of the same members in another order"
    return ""


def _parts(pairs: Sequence[CellPair]) -> str:
    texts = _texts(pairs)
    if texts and all(predicted in gold for gold, predicted in texts):
        return "the prediction's are parts of gold's"
    if texts and all(gold in predicted for gold, predicted in texts):
        return "gold's are parts of the prediction's"
    return ""


_LOOKS = (_null, _type, _sign, _rounded, _near, _complement, _ratio, _written, _members, _parts)
