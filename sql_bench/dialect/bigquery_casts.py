"""BigQuery's conversions between types in DuckDB's terms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sql_bench.dialect.bigquery_format import float_as_text
from sql_bench.dialect.kinds import Kind, Kinds
from sql_bench.rejected import untranslatable

if TYPE_CHECKING:
    from sqlglot import exp

NUMERIC = "DECIMAL(38, 9)"
"""BigQuery's NUMERIC: 29 digits before and 9 behind the point."""

_INT64_TEXT = r"\s*[+-]?[0-9]+\s*"


def cast(node: exp.Cast, kinds: Kinds) -> exp.Expr:
    """CAST and SAFE_CAST.

    Raises:
        Rejected: untranslatable, for BIGNUMERIC, for NUMERIC as text, and for NaN.
    """
    from sqlglot import exp

    source, target = kinds.of(node.this), node.to.this
    safe = isinstance(node, exp.TryCast)
    if target in (exp.DType.BIGINT, exp.DType.INT):
        return _cast_to_int(node, source, safe)
    if target is exp.DType.BIGDECIMAL:
        raise untranslatable("BIGNUMERIC")
    if target is exp.DType.DECIMAL and not node.to.expressions:
        node.set("to", exp.DataType.build(NUMERIC, dialect="duckdb"))
    elif target is exp.DType.TEXT:
        return _cast_to_text(node, source)
    elif target in (exp.DType.BINARY, exp.DType.VARBINARY) and source in (Kind.TEXT, None):
        return exp.Anonymous(this="ENCODE", expressions=[node.this.copy()])
    elif target in (exp.DType.DOUBLE, exp.DType.FLOAT) and "nan" in _string(node.this).lower():
        raise untranslatable("NaN, which DuckDB compares and sorts otherwise,")
    return node


def _cast_to_int(node: exp.Cast, source: Kind | None, safe: bool) -> exp.Expr:
    """Halves are rounded away from zero, and a text must be an integer; DuckDB rounds to even and rounds texts too."""
    from sqlglot import exp

    value = node.this
    if source in (Kind.FLOAT, None):
        rounded = exp.cast(value.copy(), "DECIMAL(38, 0)")
        whole = exp.TryCast(this=rounded.this, to=rounded.to.copy(), safe=True) if safe else rounded
        node.set("this", whole)
    elif source is Kind.TEXT:
        is_integer = exp.Anonymous(
            this="REGEXP_FULL_MATCH", expressions=[value.copy(), exp.Literal.string(_INT64_TEXT)]
        )
        message = exp.DPipe(this=exp.Literal.string("Bad int64 value: "), expression=value.copy())
        otherwise = None if safe else error_call(message)
        branches = [exp.If(this=is_integer, true=node.copy())]
        if otherwise is not None:
            branches.insert(0, exp.If(this=exp.Is(this=value.copy(), expression=exp.Null()), true=exp.Null()))
        return exp.Case(ifs=branches, default=otherwise)
    return node


def _cast_to_text(node: exp.Cast, source: Kind | None) -> exp.Expr:
    from sqlglot import exp

    if source is Kind.FLOAT:
        return float_as_text(node.this)
    if source is Kind.BYTES:
        return exp.Anonymous(this="DECODE", expressions=[node.this.copy()])
    if source is Kind.NUMERIC:
        raise untranslatable("CAST of a NUMERIC to STRING")
    return node


def wide(value: exp.Expr, kinds: Kinds) -> exp.Expr:
    """An integer as the 64-bit one it is in BigQuery; DuckDB's small literals have 32."""
    from sqlglot import exp

    return exp.cast(value.copy(), "BIGINT") if kinds.of(value) is Kind.INT else value.copy()


def _string(node: exp.Expr) -> str:
    from sqlglot import exp

    return str(node.this) if isinstance(node, exp.Literal) and node.is_string else ""


def error_call(message: exp.Expr) -> exp.Expr:
    """DuckDB's call that ends the statement with a message."""
    from sqlglot import exp

    return exp.Anonymous(this="ERROR", expressions=[message])
