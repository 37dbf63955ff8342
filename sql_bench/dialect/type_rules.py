"""Complaints of BigQuery about types of values; DuckDB converts numbers, texts and booleans into one another."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from sql_bench.dialect.kinds import Kind, Kinds, branches
from sql_bench.guard.names import words

if TYPE_CHECKING:
    from sqlglot import exp

# Kinds that BigQuery compares with one another; text is coerced to dates and times where it is a literal.
_NUMBERS = frozenset({Kind.INT, Kind.FLOAT, Kind.NUMERIC})
_DATE_LIKE = re.compile(r"\d{4}-\d")
_TIMES = frozenset({Kind.DATE, Kind.DATETIME, Kind.TIMESTAMP})


def type_complaints(query: exp.Query, kinds: Kinds) -> Iterator[str]:
    """Complaints about a statement's types, as far as they can be told."""
    yield from _mismatched_comparisons(query, kinds)
    yield from without_common_type(query, kinds)
    yield from _partitions_by_floats(query, kinds)
    yield from conditions_of_another_type(query, kinds)
    yield from arithmetic_with_texts(query, kinds)
    yield from wrong_arguments(query, kinds)


def _mismatched_comparisons(query: exp.Query, kinds: Kinds) -> Iterator[str]:
    """Numbers, texts and booleans are not compared with one another; nothing is converted."""
    from sqlglot import exp

    for node in query.find_all(exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.In, exp.Between):
        if isinstance(node, exp.In):
            others = list(node.expressions)
        elif isinstance(node, exp.Between):
            others = [node.args["low"], node.args["high"]]
        else:
            others = [node.expression]
        left = kinds.of(node.this)
        for other in others:
            right = kinds.of(other)
            if _incomparable(left, right, isinstance(node.this, exp.Literal), isinstance(other, exp.Literal)):
                yield f"{_shown(node.this, left)} is not compared with {_shown(other, right)}"


def without_common_type(query: exp.Query, kinds: Kinds) -> Iterator[str]:
    """Branches of CASE, IF and COALESCE and the queries of a UNION have one type; DuckDB makes them texts."""
    from sqlglot import exp

    for node in query.find_all(exp.Case, exp.If, exp.Coalesce, exp.SetOperation):
        together: list[list[exp.Expr]] = []
        if isinstance(node, exp.SetOperation):
            together = [list(pair) for pair in zip(node.this.selects, node.expression.selects, strict=False)]
        elif isinstance(node, exp.Case | exp.Coalesce) or not isinstance(node.parent, exp.Case):
            together = [branches(node)]
        for items in together:
            known = {kinds.of(item) for item in items if not _may_stand_for_a_time(item)}
            found = known & (_NUMBERS | _TIMES | {Kind.TEXT, Kind.BOOL})
            if {Kind.DATE, Kind.DATETIME} <= found:
                found -= {Kind.DATE}
            if len(found - _NUMBERS) + bool(found & _NUMBERS) > 1:
                shown = ", ".join(sorted(kind.value for kind in found if kind is not None))
                yield f"{words(type(node).__name__)} of values without a common type ({shown})"


def _partitions_by_floats(query: exp.Query, kinds: Kinds) -> Iterator[str]:
    """https://cloud.google.com/bigquery/docs/reference/standard-sql/window-function-calls: PARTITION BY."""
    from sqlglot import exp

    for window in query.find_all(exp.Window):
        for key in window.args.get("partition_by") or ():
            if kinds.of(key) is Kind.FLOAT:
                yield f"PARTITION BY takes no FLOAT64 ({key.sql(dialect='bigquery')[:60]})"


def conditions_of_another_type(query: exp.Query, kinds: Kinds) -> Iterator[str]:
    """A condition is a BOOL."""
    from sqlglot import exp

    for node in query.find_all(exp.Where, exp.Having, exp.Qualify, exp.Join, exp.If, exp.And, exp.Or, exp.Not):
        conditions = [node.this]
        if isinstance(node, exp.Join):
            conditions = [node.args.get("on")]
        elif isinstance(node, exp.And | exp.Or):
            conditions.append(node.expression)
        elif isinstance(node, exp.If) and isinstance(node.parent, exp.Case) and node.parent.this is not None:
            continue  # CASE value WHEN other
        for condition in conditions:
            kind = kinds.of(condition)
            if kind not in (None, Kind.BOOL, Kind.OTHER):
                yield f"{_shown(condition, kind)} is no condition"


def arithmetic_with_texts(query: exp.Query, kinds: Kinds) -> Iterator[str]:
    """Texts and booleans are not added, multiplied or negated."""
    from sqlglot import exp

    for node in query.find_all(exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Neg):
        sides = [node.this] if isinstance(node, exp.Neg) else [node.this, node.expression]
        beside_a_number = len(sides) == 1 or any(kinds.of(side) in _NUMBERS for side in sides)
        for side in sides:
            kind = kinds.of(side)
            # A text written out may stand for a date or time.
            if kind in (Kind.TEXT, Kind.BOOL) and (beside_a_number or not isinstance(side, exp.Literal)):
                yield f"there is no arithmetic with {_shown(side, kind)}"


def wrong_arguments(query: exp.Query, kinds: Kinds) -> Iterator[str]:
    """Functions whose arguments DuckDB converts, or that take more of them there."""
    from sqlglot import exp

    for node in query.find_all(exp.Count, exp.Sum, exp.Avg, exp.Length):
        argument = node.this
        if isinstance(argument, exp.Distinct) and len(argument.expressions) > 1:
            yield f"{node.sql_name()} takes one expression behind DISTINCT"
        kind = kinds.of(argument)
        if isinstance(node, exp.Sum | exp.Avg) and kind in (Kind.TEXT, Kind.BOOL):
            yield f"{node.sql_name()} does not take {_shown(argument, kind)}"
        if isinstance(node, exp.Length) and kind in (*_NUMBERS, *_TIMES, Kind.BOOL):
            yield f"LENGTH does not take {_shown(argument, kind)}"


def _may_stand_for_a_time(node: exp.Expr) -> bool:
    """A text that is written out is a date or time where one is wanted."""
    from sqlglot import exp

    return isinstance(node, exp.Literal) and node.is_string and _DATE_LIKE.match(node.name) is not None


def _incomparable(left: Kind | None, right: Kind | None, left_literal: bool, right_literal: bool) -> bool:
    if left is None or right is None or left is right or Kind.OTHER in (left, right):
        return False
    if {left, right} <= _NUMBERS:
        return False
    if (left is Kind.TEXT and left_literal) or (right is Kind.TEXT and right_literal):
        return bool({left, right} & (_NUMBERS | {Kind.BOOL}))
    # A DATE is taken for the DATETIME at its midnight; nothing else is coerced:
    # https://cloud.google.com/bigquery/docs/reference/standard-sql/conversion_rules#comparison_chart
    return {left, right} != {Kind.DATE, Kind.DATETIME}


def _shown(node: exp.Expr, kind: Kind | None) -> str:
    return f"{node.sql(dialect='bigquery')[:60]} ({kind.value if kind else 'unknown'})"
