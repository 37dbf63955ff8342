"""PostgreSQL's conversions: https://www.postgresql.org/docs/current/typeconv.html and datatype.html."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sql_bench.dialect.duckdb_text import duckdb_expression
from sql_bench.dialect.kinds import Kind, Kinds
from sql_bench.dialect.templates import moment_of
from sql_bench.guard.rejected import untranslatable

if TYPE_CHECKING:
    from sqlglot import exp

NUMERIC = "DECIMAL(38, 12)"
"""An unbounded NUMERIC; DuckDB's DECIMAL without digits keeps three behind the point."""

_WHOLE = r"\s*[+-]?[0-9]+\s*"
_BOOLEANS = frozenset({"true", "false", "t", "f"})
_TIMES = (Kind.DATE, Kind.DATETIME, Kind.TIMESTAMP)


def cast(node: exp.Cast, kinds: Kinds) -> exp.Expr:
    """CAST, `::` and DATE '…'.

    Raises:
        Rejected: untranslatable, for conversions with another result or another form in DuckDB.
    """
    from sqlglot import exp

    value, kind, target = node.this, kinds.of(node.this), kinds.of(node)
    if target is Kind.INT and kind is Kind.TEXT:
        whole = f"CASE WHEN NOT REGEXP_FULL_MATCH(x, '{_WHOLE}') THEN ERROR('invalid input syntax for type integer') "
        return duckdb_expression(f"{whole} ELSE CAST(x AS {node.to.sql(dialect='duckdb')}) END", x=value)
    if target is Kind.TEXT:
        return _text(node, kind)
    if target is Kind.BOOL and kind is Kind.TEXT and value.name.lower() not in _BOOLEANS:
        raise untranslatable("a text as a boolean")
    if target in _TIMES and kind is Kind.TEXT and isinstance(value, exp.Literal) and moment_of(value) is None:
        raise untranslatable(f"the date {value.name[:50]}")
    if target is Kind.NUMERIC and not node.to.expressions:
        return exp.cast(value.copy(), exp.DataType.build(NUMERIC, dialect="duckdb"))
    if target is Kind.FLOAT:
        return exp.cast(value.copy(), exp.DataType.build("DOUBLE", dialect="duckdb"))
    return node


def _text(node: exp.Cast, kind: Kind | None) -> exp.Expr:
    """VARCHAR(n) cuts; the text of a float, and of a NUMERIC that was computed, has another form in DuckDB."""
    from sqlglot import exp

    if kind in (Kind.FLOAT, Kind.OTHER):
        raise untranslatable(f"a text of a {kind.value}")
    if kind is Kind.NUMERIC and not isinstance(node.this, exp.Literal | exp.Column | exp.Cast):
        raise untranslatable("a text of a number that was computed")
    length = node.to.expressions
    if node.to.this is exp.DType.CHAR or (kind is not Kind.TEXT and length):
        raise untranslatable("CHAR, which has blanks at its end,")
    text = exp.cast(node.this.copy(), exp.DataType.build("TEXT", dialect="duckdb"))
    return duckdb_expression("LEFT(x, n)", x=text, n=length[0].this) if length else text
