"""CAST in dialects that are known from their documentation: what every engine converts alike, or a rule can mend."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sql_bench.dialect.duckdb_text import duckdb_expression
from sql_bench.dialect.kinds import Kind, Kinds
from sql_bench.dialect.templates import as_text, moment_of
from sql_bench.guard.rejected import untranslatable

if TYPE_CHECKING:
    from sqlglot import exp

_TIMES = frozenset({Kind.DATE, Kind.DATETIME, Kind.TIMESTAMP})
_NOT_WHOLE = "ERROR('a text that is no whole number, as a number, is not translated')"


@dataclass(frozen=True)
class Conversions:
    """How a dialect converts.

    Attributes:
        whole: a float or decimal x as a whole number, for DuckDB; None where that is not known.
        made_texts: `Templates.made_texts`.
        decimal: the type of a decimal without digits.
        text_length: how long a text without a length may be; None where it may have any.
    """

    whole: str | None
    made_texts: frozenset[Kind]
    decimal: str
    text_length: int | None = None

    def rule(self) -> Callable[[exp.Cast, Kinds], exp.Expr]:
        """The rule for CAST."""
        return self._cast

    def _cast(self, node: exp.Cast, kinds: Kinds) -> exp.Expr:
        from sqlglot import exp

        value, kind, target = node.this, kinds.of(node.this), kinds.of(node)
        if kind is None and target not in (Kind.FLOAT, Kind.NUMERIC):
            raise untranslatable("a conversion of a value whose type is not known")
        if target is Kind.INT:
            return self._whole(value, kind)
        if target is Kind.TEXT:
            return self._text(node, kind)
        if target in _TIMES and isinstance(value, exp.Literal) and moment_of(value) is None:
            raise untranslatable(f"the date {value.name[:50]}")
        if target in _TIMES and kind not in (*_TIMES, Kind.TEXT):
            raise untranslatable("a date of a number")
        if target is Kind.NUMERIC and not node.to.expressions:
            return exp.cast(value.copy(), exp.DataType.build(self.decimal, dialect="duckdb"))
        if target is Kind.FLOAT:
            return exp.cast(value.copy(), exp.DataType.build("DOUBLE", dialect="duckdb"))
        if target in (Kind.NUMERIC, Kind.DATE, Kind.DATETIME):
            return node
        raise untranslatable(f"CAST AS {node.to.sql()[:50]}")

    def _whole(self, value: exp.Expr, kind: Kind | None) -> exp.Expr:
        if kind is Kind.TEXT:
            written = f"CASE WHEN NOT REGEXP_FULL_MATCH(x, '\\s*[+-]?[0-9]+\\s*') THEN {_NOT_WHOLE} "
            return duckdb_expression(f"{written} ELSE CAST(x AS BIGINT) END", x=value)
        if kind in (Kind.FLOAT, Kind.NUMERIC):
            if self.whole is None:
                raise untranslatable("a fraction as a whole number")
            return duckdb_expression(self.whole, x=value)
        if kind in (Kind.INT, Kind.BOOL):
            return duckdb_expression("CAST(x AS BIGINT)", x=value)
        raise untranslatable("a whole number of what is none")

    def _text(self, node: exp.Cast, kind: Kind | None) -> exp.Expr:
        from sqlglot import exp

        if kind is not Kind.TEXT and kind not in self.made_texts:
            raise untranslatable(f"a text of a {kind.value}" if kind else "a text")
        length = node.to.expressions[0].this if node.to.expressions else None
        if length is None and self.text_length is not None:
            length = exp.Literal.number(self.text_length)
        if length is None or length.name.upper() == "MAX":
            return as_text(node.this)
        return duckdb_expression("LEFT(x, n)", x=as_text(node.this), n=length)
