"""PostgreSQL to DuckDB: the differences that sqlglot leaves; the functions are in `postgres_functions.tsv`.

Integer division, division by zero and logarithms outside their domain are mended by the engine's settings.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from sql_bench.dialect import postgres_dates as dates
from sql_bench.dialect.duckdb_text import duckdb_expression
from sql_bench.dialect.kinds import Kind, KindRules, Kinds
from sql_bench.dialect.like import with_backslash_escape
from sql_bench.dialect.listed import Call, ListedDialect
from sql_bench.dialect.mixtures import may_stand_beside, refuse_mixtures, refuse_other_conditions
from sql_bench.dialect.postgres_casts import NUMERIC, cast
from sql_bench.dialect.regular_expressions import agreeing_pattern
from sql_bench.dialect.rewriting import Rule
from sql_bench.dialect.shared_rules import concatenation, joined_texts, rounded, text_of, trimmed
from sql_bench.guard.rejected import Rejected, untranslatable
from sql_bench.types import Outcome

if TYPE_CHECKING:
    from sqlglot import exp

RELATIVES = frozenset({"redshift", "materialize", "risingwave"})
"""sqlglot's names of dialects without a list of their own that are PostgreSQL's as far as `rewrite_relative` goes."""

_MADE_TEXTS = frozenset({Kind.INT, Kind.DATE, Kind.DATETIME})
_NUMBERS = frozenset({Kind.INT, Kind.NUMERIC, Kind.FLOAT})


def rewrite_relative(query: exp.Query) -> exp.Query:
    """Mend a statement of a relative for DuckDB, in place."""
    from sqlglot import exp

    for node in list(query.find_all(exp.Cast)):
        if node.to.this is exp.DType.DECIMAL and not node.to.expressions:
            node.set("to", exp.DataType.build(NUMERIC, dialect="duckdb"))
    likes: list[exp.Like | exp.ILike] = [*query.find_all(exp.Like), *query.find_all(exp.ILike)]
    for like in likes:
        like.replace(with_backslash_escape(like))
    return query


def _fits(text: exp.Expr, kind: Kind) -> bool:
    """A text beside a number is read as one, and an error where it is none, as in DuckDB; fractions are read otherwise.

    A column of texts is taken for one of numbers, as it must be in PostgreSQL: of a table read from CSV the mirror may
    not know.
    """
    from sqlglot import exp

    if kind in _NUMBERS and isinstance(text, exp.Literal | exp.Column):
        return isinstance(text, exp.Column) or may_stand_beside(text, kind) or not any(map(str.isdecimal, text.name))
    return may_stand_beside(text, kind)


def _mixtures(query: exp.Query, kinds: Kinds) -> None:
    refuse_mixtures(query, kinds, _fits)
    refuse_other_conditions(query, kinds)


def _round(node: exp.Round, kinds: Kinds) -> exp.Expr:
    """A float is rounded half to even, a NUMERIC half away from zero; a float is not rounded to digits at all."""
    from sqlglot import exp

    value, digits = node.this, node.args.get("decimals")
    if digits is not None and isinstance(value, exp.Cast) and kinds.of(value) is Kind.FLOAT:
        raise Rejected(Outcome.INVALID_SQL, "there is no function ROUND of a double precision and a number of digits")
    return rounded(node, kinds, floats_half_to_even=digits is None)


def _substring(node: exp.Substring, kinds: Kinds) -> exp.Expr:
    """Positions before the first count towards the length."""
    from sqlglot import exp

    start, length = node.args.get("start"), node.args.get("length")
    if kinds.of(node.this) not in (Kind.TEXT, None) or start is None or kinds.of(start) not in (Kind.INT, None):
        raise untranslatable("SUBSTRING by a pattern, or of what is no text")
    if length is None:
        return duckdb_expression("SUBSTRING(s, CASE WHEN n < 1 THEN 1 ELSE n END)", s=node.this, n=start)
    if isinstance(start, exp.Literal) and isinstance(length, exp.Literal) and start.name != "0":
        return node
    return duckdb_expression(
        "CASE WHEN m < 0 AND s IS NOT NULL AND n IS NOT NULL THEN ERROR('negative substring length not allowed') "
        "WHEN n < 1 THEN SUBSTRING(s, 1, CASE WHEN n + m < 1 THEN 0 ELSE n + m - 1 END) ELSE SUBSTRING(s, n, m) END",
        s=node.this,
        n=start,
        m=length,
    )


def _like(node: exp.Like | exp.ILike, kinds: Kinds) -> exp.Expr:
    from sqlglot import exp

    if kinds.of(node.this) not in (Kind.TEXT, None) or isinstance(node.expression, exp.Any | exp.All):
        raise untranslatable(f"{node.key.upper()} of what is no text, or with several patterns")
    return with_backslash_escape(node)


def _matches(node: exp.RegexpLike | exp.RegexpILike, kinds: Kinds) -> exp.Expr:
    """`~` and `~*`; a point matches a line end too."""
    from sqlglot import exp

    pattern = agreeing_pattern(node.expression, finds_text=False)
    options = "si" if isinstance(node, exp.RegexpILike) else "s"
    arguments = [node.this.copy(), exp.Literal.string(pattern), exp.Literal.string(options)]
    return exp.Anonymous(this="REGEXP_MATCHES", expressions=arguments)


def _replaced(node: exp.RegexpReplace, kinds: Kinds) -> exp.Expr:
    from sqlglot import exp

    flags = node.args.get("modifiers")
    letters = flags.name if isinstance(flags, exp.Literal) else "" if flags is None else "?"
    replacement = node.args["replacement"]
    if not set(letters) <= {"g", "i"} or not isinstance(replacement, exp.Literal) or "\\&" in replacement.name:
        raise untranslatable("REGEXP_REPLACE with these flags, or with a replacement that is not written out")
    pattern = agreeing_pattern(node.expression, finds_text=True)
    texts = [pattern, replacement.name, f"s{letters}"]
    return exp.Anonymous(this="REGEXP_REPLACE", expressions=[node.this.copy(), *map(exp.Literal.string, texts)])


def _found(node: exp.Anonymous, kinds: Kinds) -> exp.Expr:
    """REGEXP_MATCHES gives a row for each match, an array of its groups, or of all of it; without a match none."""
    from sqlglot import exp

    select = node.find_ancestor(exp.Select)
    if not any(item is node or node in item.find_all(exp.Anonymous) for item in (select.selects if select else ())):
        raise untranslatable("REGEXP_MATCHES outside of the SELECT list")
    text, pattern, *flags = node.expressions
    letters = "".join(flag.name if isinstance(flag, exp.Literal) else "?" for flag in flags)
    written = agreeing_pattern(pattern, finds_text=True)
    if letters not in ("", "i") or "(" in written:
        raise untranslatable("REGEXP_MATCHES with groups, or with these flags")
    found = "CASE WHEN REGEXP_MATCHES(x, p, o) THEN [[REGEXP_EXTRACT(x, p, 0, o)]] ELSE [] END"
    literals = {"p": exp.Literal.string(written), "o": exp.Literal.string(f"s{letters}")}
    return exp.Anonymous(this="UNNEST", expressions=[duckdb_expression(found, x=text, **literals)])


def _concat(node: exp.Concat | exp.ConcatWs, kinds: Kinds) -> exp.Expr:
    """CONCAT passes over NULLs; a boolean is t or f there."""
    parts = [
        duckdb_expression("CASE x WHEN TRUE THEN 't' WHEN FALSE THEN 'f' END", x=part)
        if kinds.of(part) is Kind.BOOL
        else text_of(part, kinds, _MADE_TEXTS)
        for part in node.expressions
    ]
    written = node.copy()
    written.set("expressions", [part.copy() for part in parts])
    return written


def _part_of_text(node: exp.SplitPart, kinds: Kinds) -> exp.Expr:
    if node.args["part_index"].name == "0":
        raise Rejected(Outcome.INVALID_SQL, "the field position of SPLIT_PART must not be zero")
    return node


def _every(node: exp.Anonymous, kinds: Kinds) -> exp.Expr:
    """EVERY is BOOL_AND."""
    from sqlglot import exp

    if len(node.expressions) != 1:
        raise Rejected(Outcome.INVALID_SQL, "EVERY takes one argument")
    return exp.LogicalAnd(this=node.expressions[0].copy())


def _correlation(node: exp.Anonymous, kinds: Kinds) -> exp.Expr:
    """CORR is NULL where one side does not vary; DuckDB has NaN."""
    from sqlglot import exp

    if len(node.expressions) != 2 or isinstance(node.parent, exp.Window | exp.Filter):
        raise untranslatable("CORR with OVER or FILTER")
    y, x = node.expressions
    return duckdb_expression("CASE WHEN NOT ISNAN(CORR(y, x)) THEN CORR(y, x) END", y=y, x=x)


def _array_length(node: exp.ArraySize, kinds: Kinds) -> exp.Expr:
    """ARRAY_LENGTH(array, 1) is NULL for an empty one."""
    if node.expression is not None and node.expression.name != "1":
        raise untranslatable("the length of an array in another dimension")
    if node.expression is None:
        return node
    return duckdb_expression("NULLIF(LEN(a), 0)", a=node.this)


def _bracket(node: exp.Bracket, kinds: Kinds) -> exp.Expr:
    from sqlglot import exp

    if len(node.expressions) != 1 or isinstance(node.expressions[0], exp.Slice):
        raise untranslatable("a slice of an array")
    return node


def _excuses(message: str, sql: str) -> bool:
    """Columns that hang on the key that is grouped by, which the mirror does not know, and dates in words."""
    bare = "must appear in the GROUP BY clause" in message and "GROUP BY" in sql
    return bare or re.search(r"invalid (date|timestamp) field|Could not parse string", message) is not None


def _rules() -> Mapping[type, Rule]:
    from sqlglot import exp

    return {
        exp.Cast: cast,
        exp.Round: _round,
        exp.Substring: _substring,
        exp.Like: _like,
        exp.ILike: _like,
        exp.RegexpLike: _matches,
        exp.RegexpILike: _matches,
        exp.RegexpReplace: _replaced,
        exp.Concat: _concat,
        exp.ConcatWs: _concat,
        exp.DPipe: concatenation(_MADE_TEXTS),
        exp.GroupConcat: joined_texts(frozenset()),
        exp.SplitPart: _part_of_text,
        exp.Trim: trimmed,
        exp.Extract: dates.extract,
        exp.DateTrunc: dates.beginning,
        exp.TimestampTrunc: dates.beginning,
        exp.ArraySize: _array_length,
        exp.Bracket: _bracket,
    }


POSTGRES = ListedDialect(
    "postgres",
    "PostgreSQL",
    _rules,
    calls={
        "CORR": Call(Kind.FLOAT, _correlation),
        "EVERY": Call(Kind.BOOL, _every),
        "REGEXP_MATCHES": Call(Kind.OTHER, _found),
        "TO_CHAR": Call(Kind.TEXT, dates.to_char),
        "TO_DATE": Call(Kind.DATE, dates.to_date),
    },
    kinds=KindRules(fraction=Kind.NUMERIC, whole_division=True, exact_averages=True),
    mixtures=_mixtures,
    excuses=_excuses,
)
"""PostgreSQL's list, verified on PostgreSQL itself by the tests."""
