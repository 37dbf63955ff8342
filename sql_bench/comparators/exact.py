"""The comparator of Spider-like papers: same rows, columns in order, nothing rounded."""

from __future__ import annotations

import datetime
import math
from collections import Counter
from collections.abc import Hashable, Mapping
from decimal import Decimal

from bench_core.identity import Json
from sql_bench.comparators.base import ComparatorBase
from sql_bench.types import Difference, Evidence, Question, Row, Value, Variant, Verdict, VerdictKind


class ExactComparator(ComparatorBase):
    """Equal bags of rows, columns by position.

    Names of columns, types of numbers and the order of rows do not matter. Values are equal only if they are exactly
    equal: 1, 1.0 and 1.00 are; 0.1 + 0.2 and 0.3 are not. Two empty results agree whatever their columns, as in every
    comparison of sorted rows. A LIMIT without an order can make a right statement wrong; `answer` has rules for that,
    this comparator has none.
    """

    is_remote = False
    needs: frozenset[Variant] = frozenset()
    question_fields: frozenset[str] = frozenset()

    def describe(self) -> Mapping[str, Json]:
        """Name and version of the rules."""
        return {"name": "exact", "version": 1}

    def compare(self, gold: Evidence, predicted: Evidence, question: Question) -> Verdict:
        """See `sql_bench.types.Comparator`."""
        expected, found = gold.as_written, predicted.as_written
        expected_bag, found_bag = _bag(expected.rows), _bag(found.rows)
        if expected_bag == found_bag:
            return Verdict(VerdictKind.CORRECT)
        if len(expected.columns) != len(found.columns):
            detail = f"{len(found.columns)} columns instead of {len(expected.columns)}"
            return Verdict(VerdictKind.WRONG, Difference.COLUMNS, detail)
        if expected_bag.keys() == found_bag.keys():
            return Verdict(VerdictKind.WRONG, Difference.DUPLICATES_ONLY, "the same rows, other numbers of each")
        detail = f"{(found_bag - expected_bag).total()} rows too many, {(expected_bag - found_bag).total()} missing"
        return Verdict(VerdictKind.WRONG, Difference.ROWS, detail)


def _bag(rows: tuple[Row, ...]) -> Counter[Hashable]:
    return Counter(tuple(_key(value) for value in row) for row in rows)


def _key(value: Value) -> Hashable:
    """A hashable stand-in, equal exactly where the values are; Python's numbers of one value hash alike."""
    if isinstance(value, bool):
        return ("bool", value)
    if isinstance(value, float) and math.isnan(value):
        return "nan"
    if value is None or isinstance(value, int | float | Decimal):
        return value
    if isinstance(value, list):
        return ("list", *map(_key, value))
    if isinstance(value, dict):
        return ("struct", *((name, _key(field)) for name, field in value.items()))
    if isinstance(value, datetime.datetime) and value.tzinfo is not None:
        return ("instant", value.astimezone(datetime.UTC))
    return (type(value).__name__, value)
