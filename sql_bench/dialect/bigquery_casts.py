"""BigQuery's conversions between types in DuckDB's terms."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sql_bench.dialect.bigquery_numbers import NUMERIC
from sql_bench.dialect.bigquery_rows import typed_struct
from sql_bench.dialect.bigquery_strings import as_text, error_call
from sql_bench.dialect.kinds import Kind, Kinds, kind_of_type
from sql_bench.guard.rejected import untranslatable

if TYPE_CHECKING:
    from sqlglot import exp

_HEXADECIMAL = re.compile(r"[+-]?0[xX][0-9a-fA-F]{1,15}")
_DAY = r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}"
_CLOCK = r"[0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}(\.[0-9]{1,6})?"
_ZONE = r"(Z|[+-][0-9]{2}(:[0-9]{2})?| [A-Za-z_]+(/[A-Za-z_]+)*)"
_DECIMAL = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"

_TEXT_OF = {
    Kind.INT: r"\s*([+-]?[0-9]+|0[xX][0-9a-fA-F]+)\s*",
    Kind.FLOAT: rf"(?i)\s*({_DECIMAL}|[+-]?(inf|infinity|nan))\s*",
    Kind.NUMERIC: rf"\s*{_DECIMAL}\s*",
    Kind.BOOL: "(?i)true|false",
    Kind.DATE: _DAY,
    Kind.DATETIME: rf"{_DAY}([ Tt]{_CLOCK})?",
    Kind.TIMESTAMP: rf"{_DAY}([ Tt]{_CLOCK}{_ZONE}?)?",
}
"""The texts that BigQuery converts, as far as DuckDB reads them too; it also reads `1_000`, `yes` and `2020/01/05`."""


def cast(node: exp.Cast, kinds: Kinds) -> exp.Expr:
    """CAST and SAFE_CAST.

    Raises:
        Rejected: untranslatable, for BIGNUMERIC and for NaN.
    """
    from sqlglot import exp

    struct = typed_struct(node, kinds)
    if struct is not None:
        return struct
    source, target = kinds.of(node.this), node.to.this
    to = kind_of_type(target.value) if isinstance(target, exp.DType) else Kind.OTHER
    if target is exp.DType.BIGDECIMAL:
        raise untranslatable("BIGNUMERIC")
    if target is exp.DType.TEXT:
        return as_text(node.this, source)
    if target in (exp.DType.BINARY, exp.DType.VARBINARY) and source in (Kind.TEXT, None):
        return exp.Anonymous(this="ENCODE", expressions=[node.this.copy()])
    if target in (exp.DType.DOUBLE, exp.DType.FLOAT) and "nan" in _string(node.this).lower():
        raise untranslatable("NaN, which DuckDB compares and sorts otherwise,")
    if to is Kind.INT and _HEXADECIMAL.fullmatch(_string(node.this)):
        return exp.cast(exp.convert(int(_string(node.this), 16)), "BIGINT")
    if target is exp.DType.DECIMAL and not node.to.expressions:
        node.set("to", exp.DataType.build(NUMERIC, dialect="duckdb"))
    elif to is Kind.INT:  # INT, SMALLINT, BYTEINT: all of them are INT64
        node.set("to", exp.DataType.build("BIGINT"))
        if source in (Kind.FLOAT, None):
            _round_half_away(node)
    return _checked(node, source, to)


def _round_half_away(node: exp.Cast) -> None:
    """CAST of a float to an integer rounds halves away from zero; DuckDB rounds them to even, but not by DECIMAL."""
    from sqlglot import exp

    rounded = exp.cast(node.this.copy(), "DECIMAL(38, 0)")
    safe = isinstance(node, exp.TryCast)
    node.set("this", exp.TryCast(this=rounded.this, to=rounded.to.copy(), safe=True) if safe else rounded)


def _checked(node: exp.Cast, source: Kind | None, target: Kind) -> exp.Expr:
    """A conversion of what is or may be a text, which is an error, or NULL, where BigQuery does not take the text."""
    from sqlglot import exp

    pattern = _TEXT_OF.get(target)
    value = node.this.this if isinstance(node.this, exp.Cast) and source is None else node.this
    if pattern is None or source not in (Kind.TEXT, None) or isinstance(value, exp.Null):
        return node
    if isinstance(value, exp.Literal) and re.fullmatch(pattern, str(value.this)):
        return node
    text = value.copy() if source is Kind.TEXT else exp.cast(value.copy(), "TEXT")
    matches = exp.Anonymous(this="REGEXP_FULL_MATCH", expressions=[text, exp.Literal.string(pattern)])
    refused: exp.Expr = exp.Not(this=matches)
    if source is None:
        type_name = exp.Anonymous(this="TYPEOF", expressions=[value.copy()])
        refused = exp.And(this=exp.EQ(this=type_name, expression=exp.Literal.string("VARCHAR")), expression=refused)
    message = exp.DPipe(this=exp.Literal.string(f"Bad {target.value} value: "), expression=text.copy())
    instead = exp.Null() if isinstance(node, exp.TryCast) else error_call(message)
    return exp.Case(ifs=[exp.If(this=refused, true=instead)], default=node.copy())


def _string(node: exp.Expr) -> str:
    from sqlglot import exp

    return str(node.this) if isinstance(node, exp.Literal) and node.is_string else ""
