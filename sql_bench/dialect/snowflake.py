"""Snowflake to DuckDB, from the documentation; the functions are in `snowflake_functions.tsv`.

https://docs.snowflake.com/en/sql-reference/operators-arithmetic: an exact quotient has six digits more than what is
divided, at most twelve.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from sql_bench.dialect.conversions import Conversions
from sql_bench.dialect.duckdb_text import duckdb_expression
from sql_bench.dialect.kinds import Kind, KindRules, Kinds
from sql_bench.dialect.listed import Call, ListedDialect
from sql_bench.dialect.mixtures import refuse_mixtures, refuse_other_conditions
from sql_bench.dialect.names import Names
from sql_bench.dialect.period_calls import added, crossed
from sql_bench.dialect.postgres_dates import beginning, extract, to_char
from sql_bench.dialect.rewriting import Rule
from sql_bench.dialect.shared_rules import (
    concatenation,
    greatest_or_null,
    joined_or_null,
    joined_texts,
    rounded,
    text_of,
    trimmed,
)
from sql_bench.guard.rejected import untranslatable

if TYPE_CHECKING:
    from sqlglot import exp

_MADE_TEXTS = frozenset({Kind.INT, Kind.DATE})
_CONVERSIONS = Conversions("CAST(CAST(x AS DECIMAL(38, 0)) AS BIGINT)", _MADE_TEXTS, "DECIMAL(38, 0)")
_LAX = re.compile("Conversion Error: (invalid (date|timestamp)|.*DATE|.*TIMESTAMP)|Could not parse string")
_MORE_DIGITS = 6


def _prepare(query: exp.Query, names: Names) -> None:
    """Names in quotes keep their case and others are in capitals: two that differ only so are two names.

    https://docs.snowflake.com/en/sql-reference/identifiers-syntax
    """
    from sqlglot import exp

    spelled: dict[str, str] = {}
    for identifier in query.find_all(exp.Identifier):
        if isinstance(identifier.parent, exp.Table):
            continue  # the mirror's tables have been put in already
        name = identifier.name if identifier.quoted else identifier.name.upper()
        if spelled.setdefault(name.lower(), name) != name:
            raise untranslatable(f"{identifier.name[:50]}, which stands there in two cases,")


def _mixtures(query: exp.Query, kinds: Kinds) -> None:
    refuse_mixtures(query, kinds)
    refuse_other_conditions(query, kinds)


def _quotient(node: exp.Div, kinds: Kinds) -> exp.Expr:
    """An exact quotient has six digits more than the dividend; of decimals it is not known how many that has."""
    if kinds.of(node) is not Kind.NUMERIC:
        return node
    if kinds.of(node.this) is not Kind.INT:
        raise untranslatable("a quotient of a decimal")
    return duckdb_expression(f"ROUND(CAST(a / b AS DECIMAL(38, 12)), {_MORE_DIGITS})", a=node.this, b=node.expression)


def _average(node: exp.Avg, kinds: Kinds) -> exp.Expr:
    from sqlglot import exp

    if kinds.of(node) is not Kind.NUMERIC:
        return node
    if kinds.of(node.this) is not Kind.INT or isinstance(node.parent, exp.Window):
        raise untranslatable("a mean of decimals, or over a window")
    return duckdb_expression(f"ROUND(CAST(AVG(x) AS DECIMAL(38, 12)), {_MORE_DIGITS})", x=node.this)


def _like(node: exp.Like | exp.ILike, kinds: Kinds) -> exp.Expr:
    """LIKE has no escape character unless one is named."""
    from sqlglot import exp

    if kinds.of(node.this) not in (Kind.TEXT, None) or isinstance(node.expression, exp.Any | exp.All):
        raise untranslatable(f"{node.key.upper()} of what is no text, or with several patterns")
    return node


def _substring(node: exp.Substring, kinds: Kinds) -> exp.Expr:
    """A position counts from the end where it is negative; what 0 is goes by no documentation."""
    from sqlglot import exp

    start, length = node.args.get("start"), node.args.get("length")
    number = start.this if isinstance(start, exp.Neg) else start
    if start is None or not isinstance(number, exp.Literal) or not str(number.this).isdecimal() or number.name == "0":
        raise untranslatable("SUBSTR from a position that is not written out")
    text = text_of(node.this, kinds, frozenset())
    if isinstance(start, exp.Neg):
        cut = "SUBSTRING(s, n)" if length is None else "SUBSTRING(s, n, CASE WHEN m < 0 THEN 0 ELSE m END)"
        parts = {"s": text, "n": start, **({"m": length} if length is not None else {})}
        return duckdb_expression(f"CASE WHEN LENGTH(s) < {number.name} THEN '' ELSE {cut} END", **parts)
    if length is None:
        return node
    return duckdb_expression("SUBSTRING(s, n, CASE WHEN m < 0 THEN 0 ELSE m END)", s=text, n=start, m=length)


def _part_of_text(node: exp.SplitPart, kinds: Kinds) -> exp.Expr:
    """Part 0 is the first."""
    from sqlglot import exp

    if node.args["part_index"].name == "0":
        written = node.copy()
        written.set("part_index", exp.Literal.number(1))
        return written
    return node


def _joined(node: exp.GroupConcat, kinds: Kinds) -> exp.Expr:
    """LISTAGG puts nothing between texts unless told, and gives the empty text where there is none."""
    from sqlglot import exp

    if isinstance(node.parent, exp.Window):
        raise untranslatable("LISTAGG over a window")
    written = joined_texts(frozenset())(node, kinds).copy()
    if written.args.get("separator") is None:
        written.set("separator", exp.Literal.string(""))
    return exp.Coalesce(this=written, expressions=[exp.Literal.string("")])


def _date(node: exp.Anonymous, kinds: Kinds) -> exp.Expr:
    """TO_DATE of a date, or of a text in ISO's form."""
    from sql_bench.dialect.templates import fitted

    found = fitted(node.expressions[0], kinds.of(node.expressions[0]), "d", frozenset()) if node.expressions else None
    if found is None or len(node.expressions) != 1:
        raise untranslatable("TO_DATE of this value")
    return duckdb_expression("CAST(t AS DATE)", t=found)


def _round(node: exp.Round, kinds: Kinds) -> exp.Expr:
    return rounded(node, kinds, floats_half_to_even=False)


def _excuses(message: str, sql: str) -> bool:
    """Texts that are dates in another form."""
    return _LAX.search(message) is not None


def _rules() -> Mapping[type, Rule]:
    from sqlglot import exp

    return {
        exp.Cast: _CONVERSIONS.rule(),
        exp.Div: _quotient,
        exp.Avg: _average,
        exp.Like: _like,
        exp.ILike: _like,
        exp.Substring: _substring,
        exp.SplitPart: _part_of_text,
        exp.Trim: trimmed,
        exp.Concat: joined_or_null(_MADE_TEXTS),
        exp.DPipe: concatenation(_MADE_TEXTS),
        exp.GroupConcat: _joined,
        exp.Greatest: greatest_or_null,
        exp.Least: greatest_or_null,
        exp.Round: _round,
        exp.Extract: extract,
        exp.DateTrunc: beginning,
        exp.TimestampTrunc: beginning,
    }


SNOWFLAKE = ListedDialect(
    "snowflake",
    "Snowflake",
    _rules,
    calls={
        "DATEADD": Call(None, added),
        "DATEDIFF": Call(Kind.INT, crossed),
        "TO_CHAR": Call(Kind.TEXT, to_char),
        "TO_DATE": Call(Kind.DATE, _date),
    },
    kinds=KindRules(fraction=Kind.NUMERIC, exact_averages=True, exact_quotients=True),
    made_texts=_MADE_TEXTS,
    prepare=_prepare,
    mixtures=_mixtures,
    excuses=_excuses,
)
"""Snowflake's list."""
