"""SQLite to DuckDB: values have types and columns only affinities, dates are texts, conditions numbers.

https://sqlite.org/datatype3.html and https://sqlite.org/lang_expr.html; the functions are in `sqlite_functions.tsv`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from sql_bench.dialect import sqlite_dates as dates
from sql_bench.dialect.duckdb_text import duckdb_expression
from sql_bench.dialect.kinds import Kind, KindRules, Kinds
from sql_bench.dialect.listed import Call, ListedDialect
from sql_bench.dialect.mixtures import compared, refuse_mixtures
from sql_bench.dialect.names import Names
from sql_bench.dialect.rewriting import Rule
from sql_bench.dialect.shared_rules import concatenation, float_literal, joined_texts, text_of
from sql_bench.dialect.stored_values import as_texts_and_numbers, conditions_as_numbers, write_columns_as
from sql_bench.dialect.templates import as_text
from sql_bench.dialect.written import written_name
from sql_bench.guard.rejected import untranslatable

if TYPE_CHECKING:
    from sqlglot import exp

_MADE_TEXTS = frozenset({Kind.INT})
_NUMBERS = frozenset({Kind.INT, Kind.NUMERIC, Kind.FLOAT})
_WHOLE = re.compile(r"-?(0|[1-9]\d{0,17})")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_FRACTION = re.compile(r"-?\d{1,15}\.\d{1,15}")
_LAX = re.compile(
    "must appear in the GROUP BY clause|Conversion Error|Cannot compare|Cannot mix|No function matches|Out of Range|"
    "Invalid Input Error"
)
_CAPITALS = "'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz'"


def _prepare(query: exp.Query, names: Names) -> None:
    _quoted_texts(query, names)
    write_columns_as(query, names, {Kind.DATE: "TEXT", Kind.DATETIME: "TEXT", Kind.BOOL: "INT"})
    conditions_as_numbers(query)


def _quoted_texts(query: exp.Query, names: Names) -> None:
    """A name in double quotes that nothing has is a text: https://sqlite.org/quirks.html#dblquote."""
    from sqlglot import exp

    for column in list(query.find_all(exp.Column)):
        if not column.this.args.get("quoted") or column.table:
            continue
        selects = [node for node in _ancestors(column) if isinstance(node, exp.Select)]
        lower = column.name.lower()
        known = any(
            names.has_column(select, lower) or lower in {item.alias.lower() for item in select.selects}
            for select in selects
        )
        if selects and not known:
            column.replace(exp.Literal.string(column.name))


def _ancestors(node: exp.Expr) -> list[exp.Expr]:
    found = []
    while node.parent is not None:
        node = node.parent
        found.append(node)
    return found


def _affinities(query: exp.Query, kinds: Kinds) -> None:
    """Compare texts with numbers as affinity has it: https://sqlite.org/datatype3.html, section 4.2.

    Raises:
        Rejected: untranslatable, where a column's texts would be read as numbers row by row.
    """
    for left, right in compared(query):
        _refuse_numbers_beside_dates(left, right)
        _refuse_numbers_beside_dates(right, left)
        for text, number in ((left, right), (right, left)):
            if kinds.of(text) is Kind.TEXT and kinds.of(number) in _NUMBERS:
                _meet(text, number)
    refuse_mixtures(query, kinds)


def _refuse_numbers_beside_dates(column: exp.Expr, text: exp.Expr) -> None:
    """A column declared a DATE has numeric affinity, one declared a TEXT has not: beside 2024 it makes a difference."""
    from sqlglot import exp

    is_date = isinstance(column, exp.Cast) and not written_name(column) and column.to.this is exp.DType.TEXT
    if is_date and isinstance(text, exp.Literal) and _NUMBER.fullmatch(text.name.strip()):
        raise untranslatable("a comparison of a date with a text that is a number")


def _meet(text: exp.Expr, number: exp.Expr) -> None:
    from sqlglot import exp

    if isinstance(text, exp.Literal) and _has_affinity(number):
        form = text.name.strip()
        if _WHOLE.fullmatch(form) or _FRACTION.fullmatch(form):
            value = exp.Literal.number(form.removeprefix("-"))
            text.replace(exp.Neg(this=value) if form.startswith("-") else value)
            return
    elif _has_affinity(text) and isinstance(number, exp.Literal) and str(number.this).isdecimal():
        number.replace(exp.Literal.string(str(int(number.this))))
        return
    raise untranslatable("a comparison of a text with a number")


def _has_affinity(node: exp.Expr) -> bool:
    from sqlglot import exp

    while isinstance(node, exp.Paren):
        node = node.this
    return isinstance(node, exp.Column | exp.Cast)


def _cast(node: exp.Cast, kinds: Kinds) -> exp.Expr:
    """CAST reads the longest number a text begins with, else 0, and cuts fractions off."""
    if not written_name(node):
        return node
    value, kind, target = node.this, kinds.of(node.this), kinds.of(node)
    if target is Kind.INT:
        if kind is Kind.TEXT:
            return _leading_number(value, "[+-]?[0-9]+", "BIGINT", "0")
        if kind in (Kind.FLOAT, Kind.NUMERIC):
            return duckdb_expression("CAST(TRUNC(x) AS BIGINT)", x=value)
        return duckdb_expression("CAST(x AS BIGINT)", x=value)
    if target is Kind.FLOAT:
        if kind is Kind.TEXT:
            return _leading_number(value, r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", "DOUBLE", "0.0e0")
        return node
    if target is Kind.TEXT:
        return as_text(text_of(value, kinds, _MADE_TEXTS))
    return node


def _leading_number(value: exp.Expr, pattern: str, type_name: str, otherwise: str) -> exp.Expr:
    text = f"COALESCE(TRY_CAST(REGEXP_EXTRACT(x, '^[ \\t\\n\\f\\r]*({pattern})', 1) AS {type_name}), {otherwise})"
    return duckdb_expression(f"CASE WHEN x IS NOT NULL THEN {text} END", x=value)


def _like(node: exp.Like, kinds: Kinds) -> exp.Expr:
    """LIKE takes ASCII letters of both cases for one; there is no escape character unless one is named."""
    from sqlglot import exp

    sides = []
    for side in (node.this, node.expression):
        kind = kinds.of(side)
        if kind not in (Kind.TEXT, Kind.INT, None):
            raise untranslatable("LIKE of a number with a fraction")
        text = as_text(side) if kind is Kind.INT else side
        sides.append(duckdb_expression(f"TRANSLATE(x, {_CAPITALS})", x=text))
    if isinstance(node.parent, exp.Escape) and node.parent.expression.name.isalpha():
        raise untranslatable("LIKE with a letter as its escape character")
    return exp.Like(this=sides[0], expression=sides[1], negate=node.args.get("negate"))


def _glob(node: exp.Glob, kinds: Kinds) -> exp.Expr:
    from sqlglot import exp

    pattern = node.expression
    if not isinstance(pattern, exp.Literal) or set("[]\\") & set(pattern.name):
        raise untranslatable("GLOB with a pattern of sets, or one that is not written out")
    return node


def _remainder(node: exp.Mod, kinds: Kinds) -> exp.Expr:
    if {kinds.of(node.this), kinds.of(node.expression)} - {Kind.INT, None}:
        raise untranslatable("the remainder of a number with a fraction")
    return node


def _total(node: exp.Anonymous, kinds: Kinds) -> exp.Expr:
    """TOTAL is SUM as a float, and 0.0 where there is nothing."""
    from sqlglot import exp

    if len(node.expressions) != 1 or kinds.of(node.expressions[0]) is Kind.TEXT:
        raise untranslatable("TOTAL of a text")
    if isinstance(node.parent, exp.Window | exp.Filter):
        raise untranslatable("TOTAL with OVER or FILTER")
    return duckdb_expression("COALESCE(CAST(SUM(x) AS DOUBLE), 0.0e0)", x=node.expressions[0])


def _random(node: exp.Rand, kinds: Kinds) -> exp.Expr:
    from sqlglot import exp

    if not isinstance(node.parent, exp.Ordered):
        raise untranslatable("RANDOM as a value")
    return node


def _clock(node: exp.Expr, kinds: Kinds) -> exp.Expr:
    """CURRENT_DATE and its kin are texts."""
    from sqlglot import exp

    forms: Mapping[type, str]
    forms = {exp.CurrentDate: "%Y-%m-%d", exp.CurrentTime: "%H:%M:%S", exp.CurrentTimestamp: "%Y-%m-%d %H:%M:%S"}
    return duckdb_expression(f"STRFTIME(CAST(CURRENT_TIMESTAMP AS TIMESTAMP), '{forms[type(node)]}')")


def _excuses(message: str, sql: str) -> bool:
    """Columns outside GROUP BY, texts that are no dates or numbers: SQLite has a value for all of them."""
    return _LAX.search(message) is not None


def _rules() -> Mapping[type, Rule]:
    from sqlglot import exp

    return {
        exp.Literal: float_literal,
        exp.Cast: _cast,
        exp.Like: _like,
        exp.Glob: _glob,
        exp.Mod: _remainder,
        exp.DPipe: concatenation(_MADE_TEXTS),
        exp.GroupConcat: joined_texts(_MADE_TEXTS),
        exp.Rand: _random,
        exp.CurrentDate: _clock,
        exp.CurrentTime: _clock,
        exp.CurrentTimestamp: _clock,
    }


SQLITE = ListedDialect(
    "sqlite",
    "SQLite",
    _rules,
    calls={
        "DATE": Call(Kind.TEXT, dates.date),
        "TIME": Call(Kind.TEXT, dates.time),
        "DATETIME": Call(Kind.TEXT, dates.moment),
        "STRFTIME": Call(Kind.TEXT, dates.formatted),
        "JULIANDAY": Call(Kind.FLOAT, dates.julian_day),
        "UNIXEPOCH": Call(Kind.INT, dates.unix_epoch),
        "TOTAL": Call(Kind.FLOAT, _total),
    },
    kinds=KindRules(whole_division=True, condition=Kind.INT),
    made_texts=_MADE_TEXTS,
    prepare=_prepare,
    mixtures=_affinities,
    excuses=_excuses,
    result=as_texts_and_numbers,
)
"""SQLite's list, verified on SQLite itself by the tests."""
