"""MySQL to DuckDB: conditions are numbers, letters of both cases one, quotients cut; from the documentation.

The collation utf8mb4_0900_ai_ci, which MySQL 8 has by default, is DuckDB's NOCASE.NOACCENT (`ENGINE_SETTINGS`), which
holds for comparisons, grouping and order; LIKE and the functions that search have it written out. The functions are in
`mysql_functions.tsv`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from sql_bench.dialect.conversions import Conversions
from sql_bench.dialect.duckdb_text import duckdb_expression
from sql_bench.dialect.kinds import Kind, KindRules, Kinds
from sql_bench.dialect.like import with_backslash_escape
from sql_bench.dialect.listed import Call, ListedDialect
from sql_bench.dialect.mixtures import refuse_mixtures
from sql_bench.dialect.mysql_dates import added, difference, formatted, part
from sql_bench.dialect.mysql_decimals import cut_quotients
from sql_bench.dialect.names import Names
from sql_bench.dialect.regular_expressions import agreeing_pattern
from sql_bench.dialect.rewriting import Rule
from sql_bench.dialect.shared_rules import greatest_or_null, joined_or_null, joined_texts, rounded, text_of, trimmed
from sql_bench.dialect.stored_values import as_numbers, conditions_as_numbers, write_columns_as
from sql_bench.dialect.written import written_name
from sql_bench.guard.rejected import untranslatable

if TYPE_CHECKING:
    from sqlglot import exp

_MADE_TEXTS = frozenset({Kind.INT, Kind.DATE, Kind.DATETIME})
_CONVERSIONS = Conversions("CAST(CAST(x AS DECIMAL(38, 0)) AS BIGINT)", _MADE_TEXTS, "DECIMAL(10, 0)")
_LAX = re.compile("must appear in the GROUP BY clause|Conversion Error|Cannot compare|Cannot mix|No function matches")


def _prepare(query: exp.Query, names: Names) -> None:
    write_columns_as(query, names, {Kind.BOOL: "INT"})
    conditions_as_numbers(query)


def _mixtures(query: exp.Query, kinds: Kinds) -> None:
    """Refuse also what MySQL would read as a number: a text as a condition, as `'a' || 'b'`, which is OR."""
    from sqlglot import exp

    refuse_mixtures(query, kinds)
    for node in query.find_all(exp.Where, exp.Having, exp.And, exp.Or, exp.Not, exp.If):
        conditions = [node.this, node.args.get("expression")]
        if any(kinds.of(condition) is Kind.TEXT for condition in conditions if condition is not None):
            raise untranslatable("a text as a condition")
    for node in query.find_all(exp.Count):
        if isinstance(node.this, exp.Distinct) and len(node.this.expressions) > 1:
            raise untranslatable("COUNT(DISTINCT …) of several values")
    cut_quotients(query, kinds)


def _cast(node: exp.Cast, kinds: Kinds) -> exp.Expr:
    """A CAST as it is written; the others are the suite's own, and DATE '…'."""
    return _CONVERSIONS.rule()(node, kinds) if written_name(node) else node


def _like(node: exp.Like, kinds: Kinds) -> exp.Expr:
    """LIKE goes by the collation, letter by letter."""
    from sqlglot import exp

    sides = [
        duckdb_expression("STRIP_ACCENTS(x)", x=text_of(side, kinds, _MADE_TEXTS))
        for side in (node.this, node.expression)
    ]
    if isinstance(node.expression, exp.Literal):
        sides[1] = node.expression.copy()
    if isinstance(node.expression, exp.Literal) and not node.expression.name.isascii():
        raise untranslatable("LIKE with accents in its pattern")
    return with_backslash_escape(exp.ILike(this=sides[0], expression=sides[1], negate=node.args.get("negate")))


def _matches(node: exp.RegexpLike, kinds: Kinds) -> exp.Expr:
    from sqlglot import exp

    text = agreeing_pattern(node.expression, finds_text=False)
    arguments = [text_of(node.this, kinds, _MADE_TEXTS).copy(), exp.Literal.string(text), exp.Literal.string("i")]
    return exp.Anonymous(this="REGEXP_MATCHES", expressions=arguments)


def _substring(node: exp.Substring, kinds: Kinds) -> exp.Expr:
    """Position 0, and one before the first counted from the end, give the empty text."""
    start, length = node.args.get("start"), node.args.get("length")
    if start is None or kinds.of(start) not in (Kind.INT, None):
        raise untranslatable("SUBSTRING without a position")
    cut = "SUBSTRING(s, n)" if length is None else "SUBSTRING(s, n, CASE WHEN m < 0 THEN 0 ELSE m END)"
    text = text_of(node.this, kinds, _MADE_TEXTS)
    parts = {"s": text, "n": start, **({"m": length} if length is not None else {})}
    return duckdb_expression(f"CASE WHEN s IS NOT NULL AND (n = 0 OR n < -LENGTH(s)) THEN '' ELSE {cut} END", **parts)


def _position(node: exp.StrPosition, kinds: Kinds) -> exp.Expr:
    return duckdb_expression(
        "STRPOS(LOWER(STRIP_ACCENTS(a)), LOWER(STRIP_ACCENTS(b)))",
        a=text_of(node.this, kinds, _MADE_TEXTS),
        b=text_of(node.args["substr"], kinds, _MADE_TEXTS),
    )


def _concat_ws(node: exp.ConcatWs, kinds: Kinds) -> exp.Expr:
    from sqlglot import exp

    parts = [text_of(item, kinds, _MADE_TEXTS).copy() for item in node.expressions]
    return exp.Anonymous(this="CONCAT_WS", expressions=parts)


def _round(node: exp.Round, kinds: Kinds) -> exp.Expr:
    return rounded(node, kinds, floats_half_to_even=True)


def _whole_quotient(node: exp.IntDiv, kinds: Kinds) -> exp.Expr:
    return duckdb_expression("CAST(TRUNC(a / NULLIF(b, 0)) AS BIGINT)", a=node.this, b=node.expression)


def _moment(node: exp.Expr, kinds: Kinds) -> exp.Expr:
    return duckdb_expression("CAST(CURRENT_TIMESTAMP AS TIMESTAMP)")


def _excuses(message: str, sql: str) -> bool:
    """Columns outside GROUP BY, texts read as numbers or dates: MySQL may have a value for them."""
    return _LAX.search(message) is not None


def _rules() -> Mapping[type, Rule]:
    from sqlglot import exp

    return {
        exp.Cast: _cast,
        exp.Like: _like,
        exp.RegexpLike: _matches,
        exp.Substring: _substring,
        exp.StrPosition: _position,
        exp.Trim: trimmed,
        exp.Concat: joined_or_null(_MADE_TEXTS),
        exp.ConcatWs: _concat_ws,
        exp.GroupConcat: joined_texts(_MADE_TEXTS),
        exp.Greatest: greatest_or_null,
        exp.Least: greatest_or_null,
        exp.Round: _round,
        exp.IntDiv: _whole_quotient,
        exp.DateAdd: added,
        exp.DateSub: added,
        exp.Add: added,
        exp.Sub: added,
        exp.Extract: part,
        exp.CurrentTimestamp: _moment,
    }


MYSQL = ListedDialect(
    "mysql",
    "MySQL",
    _rules,
    calls={
        "DATE_FORMAT": Call(Kind.TEXT, formatted),
        "NOW": Call(Kind.DATETIME, _moment),
        "TIMESTAMPDIFF": Call(Kind.INT, difference),
    },
    kinds=KindRules(fraction=Kind.NUMERIC, condition=Kind.INT, exact_averages=True, exact_quotients=True),
    made_texts=_MADE_TEXTS,
    prepare=_prepare,
    mixtures=_mixtures,
    result=as_numbers,
    excuses=_excuses,
)
"""MySQL's list."""
