"""T-SQL to DuckDB, from the documentation; the functions are in `tsql_functions.tsv`.

The collation SQL_Latin1_General_CP1_CI_AS, SQL Server's in the United States, is DuckDB's NOCASE (`ENGINE_SETTINGS`),
which holds for comparisons, grouping and order; comparisons pass over blanks at the end of a text.
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
from sql_bench.dialect.rewriting import Rule
from sql_bench.dialect.shared_rules import joined_texts, rounded, text_of, trimmed
from sql_bench.dialect.stored_values import as_numbers, write_columns_as
from sql_bench.dialect.templates import fitted
from sql_bench.guard.rejected import Rejected, untranslatable
from sql_bench.types import Outcome

if TYPE_CHECKING:
    from sqlglot import exp

_MADE_TEXTS = frozenset({Kind.INT, Kind.DATE})
_CONVERSIONS = Conversions("CAST(TRUNC(x) AS BIGINT)", _MADE_TEXTS, "DECIMAL(18, 0)", text_length=30)
_LAX = re.compile("Conversion Error")
_PARTS = {
    "YEAR": "YEAR(t)",
    "QUARTER": "QUARTER(t)",
    "MONTH": "MONTH(t)",
    "DAY": "DAY(t)",
    "DAYOFYEAR": "DAYOFYEAR(t)",
    "HOUR": "HOUR(t)",
    "MINUTE": "MINUTE(t)",
    "SECOND": "SECOND(t)",
    "WEEKDAY": "DAYOFWEEK(t) + 1",
    "ISO_WEEK": "WEEKOFYEAR(t)",
}


def _prepare(query: exp.Query, names: Names) -> None:
    """A BIT is a number; CONVERT without a style is a CAST; a PERCENT of rows is refused."""
    from sqlglot import exp

    write_columns_as(query, names, {Kind.BOOL: "INT"})
    for node in list(query.find_all(exp.Convert)):
        if node.args.get("style") is not None:
            raise untranslatable("CONVERT with a style")
        node.replace(exp.Cast(this=node.expression.copy(), to=node.this.copy()))
    for options in query.find_all(exp.LimitOptions):
        if options.args.get("percent"):
            raise untranslatable("TOP of a percentage")


def _mixtures(query: exp.Query, kinds: Kinds) -> None:
    from sqlglot import exp

    for node in reversed(list(query.find_all(exp.Add))):
        texts = [kinds.of(side) is Kind.TEXT for side in (node.this, node.expression)]
        if any(texts):
            nulls = [isinstance(side, exp.Null) for side in (node.this, node.expression)]
            if not all(text or null for text, null in zip(texts, nulls, strict=True)):
                raise untranslatable("a text + a number")
            joined = exp.DPipe(this=node.this.copy(), expression=node.expression.copy(), safe=True)
            for side, before in ((joined.this, node.this), (joined.expression, node.expression)):
                kinds.inherit(side, before)
            kinds.inherit(joined, node.this if texts[0] else node.expression)
            node.replace(joined)
    refuse_mixtures(query, kinds)
    refuse_other_conditions(query, kinds)


def _comparison(node: exp.Binary, kinds: Kinds) -> exp.Expr:
    """Blanks at the end of a text do not count."""
    from sqlglot import exp

    if kinds.of(node.this) is not Kind.TEXT or kinds.of(node.expression) is not Kind.TEXT:
        return node
    sides = [
        exp.Literal.string(side.name.rstrip(" "))
        if isinstance(side, exp.Literal)
        else duckdb_expression("RTRIM(x, ' ')", x=side)
        for side in (node.this, node.expression)
    ]
    return type(node)(this=sides[0], expression=sides[1])


def _like(node: exp.Like, kinds: Kinds) -> exp.Expr:
    """LIKE goes by the collation; brackets name sets of characters."""
    from sqlglot import exp

    pattern = node.expression
    if not isinstance(pattern, exp.Literal | exp.National) or "[" in pattern.name or pattern.name.endswith(" "):
        raise untranslatable("LIKE with a set of characters, or with a pattern that is not written out")
    text = exp.Literal.string(pattern.name)
    value = text_of(node.this, kinds, frozenset()).copy()
    return exp.ILike(this=value, expression=text, negate=node.args.get("negate"))


def _average(node: exp.Avg, kinds: Kinds) -> exp.Expr:
    """The mean of whole numbers is one, cut; that of decimals has digits of its own."""
    from sqlglot import exp

    kind = kinds.of(node.this)
    if kind is Kind.FLOAT:
        return node
    if kind is not Kind.INT or isinstance(node.parent, exp.Window):
        raise untranslatable("a mean of decimals, or over a window")
    return duckdb_expression("CAST(TRUNC(AVG(x)) AS BIGINT)", x=node.this)


def _quotient(node: exp.Div, kinds: Kinds) -> exp.Expr:
    """A decimal divided by a number that is written out has few digits: max(6, s1 + p2 + 1)."""
    from sqlglot import exp

    if kinds.of(node) is Kind.NUMERIC and isinstance(node.expression.unnest(), exp.Literal):
        raise untranslatable("a quotient of a decimal and a number that is written out")
    return node


def _concat(node: exp.Concat, kinds: Kinds) -> exp.Expr:
    """CONCAT passes over NULLs."""
    from sqlglot import exp

    parts = [
        text_of(item.this if _is_coalesced(item) else item, kinds, _MADE_TEXTS).copy() for item in node.expressions
    ]
    return exp.Anonymous(this="CONCAT", expressions=parts)


def _is_coalesced(node: exp.Expr) -> bool:
    from sqlglot import exp

    return isinstance(node, exp.Coalesce) and len(node.expressions) == 1 and node.expressions[0].name == ""


def _round(node: exp.Round, kinds: Kinds) -> exp.Expr:
    if node.args.get("truncate") is not None:
        raise untranslatable("ROUND that cuts")
    return rounded(node, kinds, floats_half_to_even=False)


def _part(node: exp.Anonymous, kinds: Kinds) -> exp.Expr:
    """DATEPART(part, date); weeks begin on Sunday, SQL Server's default."""
    if len(node.expressions) != 2:
        raise Rejected(Outcome.INVALID_SQL, "DATEPART takes two arguments")
    name, value = node.expressions
    date = fitted(value, kinds.of(value), "d", frozenset())
    text = _PARTS.get(name.name.upper())
    if date is None or text is None:
        raise untranslatable(f"DATEPART({name.name[:30]}) of this value")
    return duckdb_expression(f"({text})", t=duckdb_expression("CAST(d AS TIMESTAMP)", d=date))


def _aggregate(name: str) -> Call:
    """VAR and its kin, whose names sqlglot does not know."""

    def written(node: exp.Anonymous, kinds: Kinds) -> exp.Expr:
        from sqlglot import exp

        if len(node.expressions) != 1 or kinds.of(node.expressions[0]) is Kind.TEXT:
            raise untranslatable(f"{node.name.upper()} of this value")
        return exp.Anonymous(this=name, expressions=[node.expressions[0].copy()])

    return Call(Kind.FLOAT, written)


def _moment(node: exp.CurrentTimestamp, kinds: Kinds) -> exp.Expr:
    return duckdb_expression("CAST(CURRENT_TIMESTAMP AS TIMESTAMP)")


def _excuses(message: str, sql: str) -> bool:
    """Texts that are dates or numbers in another form."""
    return _LAX.search(message) is not None


def _rules() -> Mapping[type, Rule]:
    from sqlglot import exp

    compared: dict[type, Rule] = dict.fromkeys((exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE), _comparison)
    return {
        **compared,
        exp.Cast: _CONVERSIONS.rule(),
        exp.Like: _like,
        exp.Avg: _average,
        exp.Div: _quotient,
        exp.Trim: trimmed,
        exp.Concat: _concat,
        exp.GroupConcat: joined_texts(_MADE_TEXTS),
        exp.Round: _round,
        exp.CurrentTimestamp: _moment,
    }


TSQL = ListedDialect(
    "tsql",
    "T-SQL",
    _rules,
    calls={
        "DATEADD": Call(None, added),
        "DATEDIFF": Call(Kind.INT, crossed),
        "DATEPART": Call(Kind.INT, _part),
        "STDEVP": _aggregate("STDDEV_POP"),
        "VAR": _aggregate("VAR_SAMP"),
        "VARP": _aggregate("VAR_POP"),
    },
    kinds=KindRules(fraction=Kind.NUMERIC, whole_division=True),
    made_texts=_MADE_TEXTS,
    prepare=_prepare,
    mixtures=_mixtures,
    result=as_numbers,
    excuses=_excuses,
)
"""T-SQL's list."""
