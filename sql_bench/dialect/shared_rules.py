"""Rules that several listed dialects share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sql_bench.dialect.duckdb_text import duckdb_expression
from sql_bench.dialect.kinds import Kind, Kinds
from sql_bench.dialect.templates import fitted, is_written_out
from sql_bench.guard.rejected import untranslatable

if TYPE_CHECKING:
    from sqlglot import exp


def float_literal(node: exp.Literal, kinds: Kinds) -> exp.Expr:
    """0.1 is a float, which DuckDB reads as a DECIMAL unless it has an exponent."""
    from sqlglot import exp

    text = str(node.this)
    if node.is_string or text.isdecimal() or text.lower().startswith("0x") or "e" in text.lower():
        return node
    return exp.Literal.number(f"{text}e0")


def concatenation(made_texts: frozenset[Kind]) -> Callable[[exp.DPipe, Kinds], exp.Expr]:
    """`||`: NULL with NULL; what is no text is written as one where the dialect does so in DuckDB's form."""

    def joined(node: exp.DPipe, kinds: Kinds) -> exp.Expr:
        from sqlglot import exp

        return exp.DPipe(this=_text(node.this, kinds), expression=_text(node.expression, kinds), safe=True)

    def _text(side: exp.Expr, kinds: Kinds) -> exp.Expr:
        return text_of(side, kinds, made_texts)

    return joined


def text_of(value: exp.Expr, kinds: Kinds, made_texts: frozenset[Kind]) -> exp.Expr:
    """A value as a text.

    Raises:
        Rejected: untranslatable, where its text has another form in DuckDB.
    """
    kind = kinds.of(value)
    text = fitted(value, kind, "s", made_texts)
    if text is None:
        raise untranslatable(f"a text made of a {kind.value}" if kind else "a text made of a value")
    return text


def joined_texts(made_texts: frozenset[Kind]) -> Callable[[exp.GroupConcat, Kinds], exp.Expr]:
    """GROUP_CONCAT, STRING_AGG, LISTAGG: NULLs are passed over, and where there is nothing else the value is NULL."""

    def joined(node: exp.GroupConcat, kinds: Kinds) -> exp.Expr:
        from sqlglot import exp

        inner = node.this
        while isinstance(inner, exp.Order | exp.Distinct):
            parts = [inner.this] if isinstance(inner, exp.Order) else inner.expressions
            if len(parts) != 1:
                raise untranslatable(f"{node.sql_name()} of several values")
            inner = parts[0]
        if isinstance(inner, exp.Concat):
            raise untranslatable(f"{node.sql_name()} of several values")
        text = text_of(inner, kinds, made_texts)
        if text is not inner:
            inner.replace(text)
        return node

    return joined


def if_all_known(parts: list[exp.Expr], value: exp.Expr) -> exp.Expr:
    """A value, or NULL where one of several others is."""
    from sqlglot import exp

    unknown = exp.or_(*(exp.Is(this=part.copy(), expression=exp.Null()) for part in parts))
    return exp.Case(ifs=[exp.If(this=unknown, true=exp.Null())], default=value)


def greatest_or_null(node: exp.Greatest | exp.Least, kinds: Kinds) -> exp.Expr:
    """NULL where one argument is; DuckDB passes over those."""

    parts = [node.this, *node.expressions]
    return if_all_known(parts, type(node)(this=node.this.copy(), expressions=[e.copy() for e in node.expressions]))


def half_to_even(value: exp.Expr, digits: exp.Expr | None) -> exp.Expr:
    """A float rounded half to even."""
    from sqlglot import exp

    return duckdb_expression("ROUND_EVEN(x, CAST(n AS INT))", x=value, n=digits or exp.Literal.number(0))


def rounded(node: exp.Round, kinds: Kinds, floats_half_to_even: bool) -> exp.Expr:
    """ROUND of exact numbers half away from zero, though a quotient or average is a float in DuckDB.

    Args:
        floats_half_to_even: how the dialect rounds floats.
    """
    from sqlglot import exp

    value, digits = node.this, node.args.get("decimals")
    kind = kinds.of(value)
    if digits is not None and not is_written_out(digits):
        raise untranslatable("ROUND to a number of digits that is not written out")
    if kind is Kind.FLOAT and floats_half_to_even:
        return half_to_even(value, digits)
    if kind is Kind.NUMERIC and value.find(exp.Div, exp.Avg):
        exact = exp.cast(value.copy(), exp.DataType.build("DECIMAL(38, 12)", dialect="duckdb"))
        return exp.Round(this=exact, decimals=digits.copy() if digits is not None else None)
    return node


def trimmed(node: exp.Trim, kinds: Kinds) -> exp.Expr:
    """Nothing but blanks is taken off unless other characters are named."""
    from sqlglot import exp

    if kinds.of(node.this) not in (Kind.TEXT, None):
        raise untranslatable("TRIM of what is no text")
    if node.expression is None:
        written = node.copy()
        written.set("expression", exp.Literal.string(" "))
        return written
    return node


def joined_or_null(made_texts: frozenset[Kind]) -> Callable[[exp.Concat, Kinds], exp.Expr]:
    """CONCAT that is NULL where one argument is."""

    def joined(node: exp.Concat, kinds: Kinds) -> exp.Expr:
        from sqlglot import exp

        parts = [text_of(part, kinds, made_texts).copy() for part in node.expressions]
        value = parts[0]
        for part in parts[1:]:
            value = exp.DPipe(this=value, expression=part, safe=True)
        return exp.paren(value, copy=False)

    return joined
