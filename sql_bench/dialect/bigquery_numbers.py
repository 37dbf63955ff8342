"""BigQuery's numbers in DuckDB's terms: INT64 has 64 bits everywhere, a decimal literal is a FLOAT64."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sql_bench.dialect.bigquery_strings import error_call
from sql_bench.dialect.duckdb_text import duckdb_expression
from sql_bench.dialect.kinds import Kind, Kinds
from sql_bench.dialect.names import Names
from sql_bench.guard.rejected import Rejected, untranslatable
from sql_bench.types import Outcome

if TYPE_CHECKING:
    from sqlglot import exp

NUMERIC = "DECIMAL(38, 9)"
"""BigQuery's NUMERIC: 29 digits before and 9 behind the point."""

# Of a number in arithmetic. Ours: the square root of the largest FLOAT64, beyond which a product of two overflows.
_MOST_EXPONENT = 150


def literal(node: exp.Literal, kinds: Kinds) -> exp.Expr:
    """0.1 is a FLOAT64; DuckDB reads it as a DECIMAL unless it has an exponent.

    Raises:
        Rejected: invalid_sql, for an integer that is no INT64 and a number that is no FLOAT64; untranslatable, for
            arithmetic with a number so large or small that it may overflow: an error in BigQuery, infinity in DuckDB.
    """
    from sqlglot import exp

    text = str(node.this)
    if node.is_string or text.startswith("0x"):
        return node
    if text.isdecimal():
        if int(text) > 2**63 - (not isinstance(node.parent, exp.Neg)):
            raise Rejected(Outcome.INVALID_SQL, f"invalid integer literal: {text[:50]}")
        return node
    if math.isinf(float(text)):
        raise Rejected(Outcome.INVALID_SQL, f"invalid floating point literal: {text[:50]}")
    if isinstance(node.parent, exp.Add | exp.Sub | exp.Mul | exp.Div | exp.SafeDivide) and _is_extreme(float(text)):
        raise untranslatable(f"arithmetic with {text[:50]}, which may overflow,")
    return node if "e" in text.lower() else exp.Literal.number(f"{text}e0")


def arithmetic(node: exp.Add | exp.Mul, kinds: Kinds) -> exp.Expr:
    """Integers have 64 bits; in DuckDB small literals have 32, and so have what is made of them and INTEGER columns."""
    from sqlglot import exp

    left, right = kinds.of(node.this), kinds.of(node.expression)
    if left is right is Kind.INT:
        _widen_one(node)
    elif isinstance(node, exp.Mul) and Kind.NUMERIC in (left, right) and {left, right} <= {Kind.NUMERIC, Kind.INT}:
        return exp.cast(node.copy(), NUMERIC)
    return node


def subtraction(node: exp.Sub, kinds: Kinds) -> exp.Expr:
    """The difference of two dates is an INTERVAL of days; DuckDB makes it a number."""
    from sqlglot import exp

    sides = {kinds.of(node.this), kinds.of(node.expression)}
    if sides == {Kind.DATE}:
        return exp.Anonymous(this="TO_DAYS", expressions=[exp.cast(exp.paren(node.copy()), "INT")])
    if sides == {Kind.INT}:
        _widen_one(node)
    return node


def _widen_one(node: exp.Binary) -> None:
    """Make one side 64 bits wide, and so the result: a literal if there is one."""
    from sqlglot import exp

    sides = (node.this, node.expression)
    if any(isinstance(side, exp.Cast | exp.Add | exp.Sub | exp.Mul | exp.Count) for side in sides):
        return
    narrow = next((side for side in sides if isinstance(side, exp.Literal)), node.this)
    narrow.replace(exp.cast(narrow.copy(), "BIGINT"))


def division(node: exp.Div, kinds: Kinds) -> exp.Expr:
    """A NUMERIC divided by one is a NUMERIC; DuckDB makes it a DOUBLE."""
    from sqlglot import exp

    return exp.cast(exp.paren(node.copy()), NUMERIC) if kinds.of(node) is Kind.NUMERIC else node


def integer_sum(node: exp.Sum | exp.Window, kinds: Kinds) -> exp.Expr:
    """A sum of integers is an INT64, and too large a one an error; DuckDB goes on to 128 bits."""
    from sqlglot import exp

    sums = isinstance(node.this, exp.Sum) if isinstance(node, exp.Window) else not isinstance(node.parent, exp.Window)
    if not sums or kinds.of(node) is not Kind.INT or node.find_ancestor(exp.Pivot):
        return node
    return exp.cast(node.copy(), "BIGINT")


def bit_count(node: exp.BitwiseCount, kinds: Kinds) -> exp.Expr:
    """-1 has 64 bits."""
    from sqlglot import exp

    if kinds.of(node.this) is Kind.BYTES:
        raise untranslatable("BIT_COUNT of bytes")
    node.set("this", exp.cast(node.this.copy(), "BIGINT"))
    return node


def shift(node: exp.BitwiseLeftShift | exp.BitwiseRightShift, kinds: Kinds) -> exp.Expr:
    """A right shift fills with zeros; DuckDB's repeats the sign.

    Raises:
        Rejected: untranslatable, unless the number of bits is a literal below 64.
    """
    from sqlglot import exp

    n_bits = node.expression
    if not isinstance(n_bits, exp.Literal) or not str(n_bits.this).isdecimal() or int(n_bits.this) >= 64:
        raise untranslatable("a shift by another number of bits than a literal from 0 to 63")
    shifted = type(node)(this=exp.cast(node.this.copy(), "BIGINT"), expression=n_bits.copy())
    if isinstance(node, exp.BitwiseLeftShift) or int(n_bits.this) == 0:
        return shifted
    kept = exp.Literal.number(2 ** (64 - int(n_bits.this)) - 1)
    return exp.paren(exp.BitwiseAnd(this=exp.paren(shifted), expression=kept))


def correlation(node: exp.Corr | exp.Window, kinds: Kinds) -> exp.Expr:
    """CORR of fewer than two pairs is NULL; DuckDB has NaN there too, as both have for constants."""
    from sqlglot import exp

    if isinstance(node.parent, exp.Window):
        return node
    counted: exp.Expr = node.copy()
    call = counted.this if isinstance(node, exp.Window) else counted
    n_pairs = exp.Anonymous(this="REGR_COUNT", expressions=[call.this, call.expression])
    if isinstance(node, exp.Window):
        call.replace(n_pairs)
    else:
        counted = n_pairs
    enough = exp.GT(this=counted, expression=exp.Literal.number(1))
    return exp.Case(ifs=[exp.If(this=enough, true=node.copy())])


def window(node: exp.Window, kinds: Kinds) -> exp.Expr:
    """The rules of the aggregates that are used as window functions here."""
    from sqlglot import exp

    return correlation(node, kinds) if isinstance(node.this, exp.Corr) else integer_sum(node, kinds)


def compare_nan_as_null(query: exp.Query, names: Names) -> None:
    """Let NaN, which CORR gives for a constant and IEEE_DIVIDE for 0 / 0, sort and compare as NULL does, in place.

    In BigQuery NaN sorts just behind NULL and compares as false; in DuckDB it is the largest number.
    """
    from sqlglot import exp

    compared = (exp.Ordered, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.EQ, exp.Between)
    for node in list(query.find_all(*compared)):
        for side in (node.args.get("this"), node.args.get("expression")):
            if isinstance(side, exp.Expr) and _may_be_nan(side, names):
                is_number = exp.Not(this=exp.IsNan(this=side.copy()))
                side.replace(exp.Case(ifs=[exp.If(this=is_number, true=side.copy())]))


def _may_be_nan(node: object, names: Names) -> bool:
    from sqlglot import exp

    if isinstance(node, exp.Paren | exp.Alias | exp.Window | exp.Round | exp.Abs):
        return _may_be_nan(node.this, names)
    if isinstance(node, exp.Column):
        return any(_may_be_nan(item, names) for item in names.meaning(node))
    return isinstance(node, exp.Corr) or (isinstance(node, exp.Anonymous) and node.name.upper() == "IEEE_DIVIDE")


def finite(node: exp.Func, kinds: Kinds) -> exp.Expr:
    """EXP and POW beyond the largest float are an error; DuckDB gives infinity."""
    from sqlglot import exp

    overflows = exp.Anonymous(this="ISINF", expressions=[exp.cast(node.copy(), "DOUBLE")])
    error = error_call(f"Floating point error in function: {node.sql_name()}")
    return exp.Case(ifs=[exp.If(this=overflows, true=error)], default=node.copy())


def ieee_division(node: exp.Anonymous, kinds: Kinds) -> exp.Expr:
    """IEEE_DIVIDE, which DuckDB lacks: infinities and NaN where the divisor is 0."""
    if node.name.upper() != "IEEE_DIVIDE" or len(node.expressions) != 2:
        return node
    return duckdb_expression(
        "CASE WHEN dividend IS NULL THEN NULL WHEN divisor = 0 THEN"
        " CASE WHEN dividend = 0 THEN CAST('nan' AS DOUBLE) WHEN dividend > 0 THEN CAST('inf' AS DOUBLE)"
        " ELSE CAST('-inf' AS DOUBLE) END"
        " ELSE CAST(dividend AS DOUBLE) / divisor END",
        dividend=node.expressions[0],
        divisor=node.expressions[1],
    )


def wide(value: exp.Expr, kinds: Kinds) -> exp.Expr:
    """An integer as the 64-bit one it is in BigQuery; DuckDB's small literals have 32."""
    from sqlglot import exp

    return exp.cast(value.copy(), "BIGINT") if kinds.of(value) is Kind.INT else value.copy()


def _is_extreme(value: float) -> bool:
    return value != 0 and not 10.0**-_MOST_EXPONENT < abs(value) < 10.0**_MOST_EXPONENT
