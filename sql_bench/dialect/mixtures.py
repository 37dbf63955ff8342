"""Values of different kinds that meet in one comparison, in branches or in arithmetic.

Each engine converts them by rules of its own, and DuckDB by others, so they are refused unless both sides can be
written as one kind without a change of meaning.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from sql_bench.dialect.kinds import Kind, Kinds
from sql_bench.dialect.templates import moment_of
from sql_bench.dialect.type_rules import (
    arithmetic_with_texts,
    conditions_of_another_type,
    without_common_type,
    wrong_arguments,
)
from sql_bench.guard.rejected import Rejected, untranslatable

if TYPE_CHECKING:
    from sqlglot import exp

_NUMBERS = frozenset({Kind.INT, Kind.NUMERIC, Kind.FLOAT})
_TIMES = frozenset({Kind.DATE, Kind.DATETIME, Kind.TIMESTAMP})
_WHOLE = re.compile(r"-?(0|[1-9]\d{0,17})")


def may_stand_beside(text: exp.Expr, kind: Kind) -> bool:
    """Whether a text is written out and a value of another kind, in the one form that all engines read."""
    from sqlglot import exp

    return isinstance(text, exp.Literal) and _may_be_written_as(text, kind)


def _may_be_written_as(literal: exp.Literal, kind: Kind) -> bool:
    if kind in _TIMES:
        moment = moment_of(literal)
        return moment is not None and (kind is not Kind.DATE or " " not in literal.name)
    return (kind in _NUMBERS and _WHOLE.fullmatch(literal.name.strip()) is not None) or (
        kind is Kind.BOOL and literal.name.lower() in ("true", "false")
    )


def refuse_mixtures(query: exp.Query, kinds: Kinds, fits: Callable[[exp.Expr, Kind], bool] = may_stand_beside) -> None:
    """Write texts that stand for numbers in comparisons as such, and refuse what has no common kind.

    Args:
        query: the statement's tree; changed in place.
        kinds: of its values.
        fits: whether a text may be compared with a value of another kind.

    Raises:
        Rejected: untranslatable.
    """
    from sqlglot import exp

    for left, right in compared(query):
        _meet(left, right, kinds, fits)
        _meet(right, left, kinds, fits)
    for node in query.find_all(exp.Greatest, exp.Least):
        for other in node.expressions:
            _meet(node.this, other, kinds, fits)
            _meet(other, node.this, kinds, fits)
    for complaint in (
        *without_common_type(query, kinds),
        *arithmetic_with_texts(query, kinds),
        *wrong_arguments(query, kinds),
    ):
        raise untranslatable(complaint)


def refuse_other_conditions(query: exp.Query, kinds: Kinds) -> None:
    """Refuse a condition that is no boolean, in dialects that have booleans.

    Raises:
        Rejected: untranslatable.
    """
    for complaint in conditions_of_another_type(query, kinds):
        raise untranslatable(complaint)


def compared(query: exp.Query) -> Iterator[tuple[exp.Expr, exp.Expr]]:
    """All pairs of expressions that a statement compares."""
    from sqlglot import exp

    operators = (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.NullSafeEQ, exp.NullSafeNEQ)
    for node in list(query.find_all(*operators, exp.In, exp.Between, exp.Case, exp.Nullif)):
        if isinstance(node, exp.In):
            others = [*node.expressions, *([node.args["query"]] if node.args.get("query") else [])]
        elif isinstance(node, exp.Between):
            others = [node.args["low"], node.args["high"]]
        elif isinstance(node, exp.Case):
            others = [branch.this for branch in node.args["ifs"]] if node.this is not None else []
        else:
            others = [node.expression]
        for other in others:
            yield node.this, other


def _meet(value: exp.Expr, other: exp.Expr, kinds: Kinds, fits: Callable[[exp.Expr, Kind], bool]) -> None:
    """See that a value can be compared with another one; each pair comes in both orders."""
    from sqlglot import exp

    kind, beside = kinds.of(value), kinds.of(other)
    if kind is None or beside is None or kind is beside or {kind, beside} <= _NUMBERS:
        return
    if {kind, beside} <= _TIMES:
        return
    if Kind.TEXT not in (kind, beside):
        raise _unlike(kind, beside)
    if kind is not Kind.TEXT:
        return  # the other order tells
    if fits(value, beside):
        if isinstance(value, exp.Literal) and beside in _NUMBERS and _WHOLE.fullmatch(value.name.strip()):
            value.replace(_number(value.name.strip()))
        return
    raise _unlike(kind, beside)


def _number(text: str) -> exp.Expr:
    from sqlglot import exp

    literal = exp.Literal.number(text.removeprefix("-"))
    return exp.Neg(this=literal) if text.startswith("-") else literal


def _unlike(kind: Kind, other: Kind) -> Rejected:
    return untranslatable(f"a comparison of values without a common type ({kind.value}, {other.value})")
