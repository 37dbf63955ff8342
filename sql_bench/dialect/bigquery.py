"""BigQuery to DuckDB: what sqlglot's translation would silently get wrong is mended here or refused.

Each rule rewrites one node of the tree before it is written in DuckDB's dialect, children before their parents. The
cases are pinned, one a line with the value BigQuery gives, in the tests' `fixtures/dialect/bigquery.tsv`. Division by
zero and logarithms and roots outside their domain become errors by the engine's own settings (`ENGINE_SETTINGS`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sql_bench.dialect.bigquery_casts import NUMERIC, cast, error_call, wide
from sql_bench.dialect.bigquery_dates import as_date, check_week, date_text, elapsed, extract
from sql_bench.dialect.bigquery_format import format_call
from sql_bench.dialect.kinds import Kind, Kinds
from sql_bench.dialect.like import with_backslash_escape
from sql_bench.guard_names import read_groups
from sql_bench.rejected import Rejected, untranslatable
from sql_bench.types import Outcome

if TYPE_CHECKING:
    from sqlglot import exp

MAX_REWRITTEN_NODES = 20_000
"""Nodes that the rules may write in one statement: some repeat their argument, and nested in themselves they double it
at each level. Ours: many times what a long statement needs, and well under a second of work."""


def rewrite(query: exp.Query, kinds: Kinds) -> exp.Query:
    """Mend a statement for DuckDB, in place.

    Raises:
        Rejected: untranslatable, where it holds something that is not known to agree; invalid_sql, where BigQuery has
            no such function.
    """
    from sqlglot import exp

    for select in list(query.find_all(exp.Select)):
        _group_by_aliases(select)
    nodes = list(query.walk(bfs=False))
    for node in nodes:
        _check(node)
    rules = _rules()
    n_written = 0
    for node in reversed(nodes):
        rule = rules.get(type(node))
        if rule is None:
            continue
        replacement = rule(node, kinds)
        if replacement is not node:
            kinds.inherit(replacement, node)
            node.replace(replacement)
        n_written += sum(1 for _ in replacement.walk())
        if n_written > MAX_REWRITTEN_NODES:
            raise Rejected(Outcome.RESOURCE_LIMIT, "the statement grows too large in translation")
    for unnest in list(query.find_all(exp.Unnest)):
        _count_offset_from_zero(unnest)
    return query


@cache
def function_verdicts() -> Mapping[str, str]:
    """The pinned list `bigquery_functions.tsv`: name -> agrees, mended or absent."""
    groups = read_groups(Path(__file__).with_name("bigquery_functions.tsv"))
    return {name: verdict for verdict, names in groups for name in names}


def _check(node: exp.Expr) -> None:
    """Refuse functions and clauses that are not known to agree."""
    from sqlglot import exp

    if isinstance(node, exp.Func):
        anonymous = isinstance(node, exp.Anonymous | exp.AnonymousAggFunc)
        name = node.name.upper() if anonymous else type(node).__name__
        verdict = function_verdicts().get(name)
        if verdict == "absent":
            raise Rejected(Outcome.INVALID_SQL, f"BigQuery has no function {name if anonymous else node.sql_name()}")
        if verdict is None:
            raise untranslatable(f"the function {name if anonymous else node.sql_name()}")
        _check_arguments(node)
    elif isinstance(node, exp.Select) and node.args.get("kind") == "VALUE" and node.parent is None:
        raise untranslatable("SELECT AS VALUE")
    elif isinstance(node, exp.Table) and node.args.get("version"):
        raise untranslatable("FOR SYSTEM_TIME AS OF")
    elif isinstance(node, exp.TableSample):
        raise untranslatable("TABLESAMPLE")
    elif isinstance(node, exp.JSONExtractQuote | exp.Collate | exp.Pseudocolumn | exp.Overlaps | exp.Glob):
        raise untranslatable(type(node).__name__)


def _check_arguments(node: exp.Expr) -> None:
    """Optional arguments that sqlglot drops or renders differently."""
    from sqlglot import exp

    args = node.args
    if isinstance(node, exp.Cast) and args.get("format"):
        raise untranslatable("CAST with FORMAT")
    if isinstance(node, exp.Round) and args.get("truncate"):
        raise untranslatable("ROUND with a rounding mode")
    if isinstance(node, exp.RegexpExtract | exp.StrPosition) and (args.get("position") or args.get("occurrence")):
        raise untranslatable(f"{node.sql_name()} with a position")
    if isinstance(node, exp.DateDiff | exp.DatetimeDiff | exp.LastDay | exp.DateTrunc):
        check_week(args.get("unit"))
    if isinstance(node, exp.Date | exp.Timestamp | exp.Datetime | exp.CurrentDate) and args.get("zone"):
        raise untranslatable("a time zone argument")
    if isinstance(node, exp.Unnest) and any(
        isinstance(item, exp.Struct) for array in node.expressions for item in array.find_all(exp.Struct)
    ):
        raise untranslatable("UNNEST of structs")
    if isinstance(node, exp.GroupConcat | exp.ArrayAgg) and isinstance(node.this, exp.Limit):
        raise untranslatable(f"LIMIT inside {node.sql_name()}")


def _group_by_aliases(select: exp.Select) -> None:
    """A name in GROUP BY is the SELECT list's where both that and a table have it; in DuckDB it is the table's.

    Source: BigQuery's query syntax, GROUP BY: aliases of the SELECT list override names of the FROM clause.
    """
    from sqlglot import exp

    group = select.args.get("group")
    if group is None:
        return
    aliased = {item.alias.lower(): item.this for item in select.expressions if isinstance(item, exp.Alias)}
    for key in list(group.expressions):
        meant = aliased.get(key.name.lower()) if isinstance(key, exp.Column) and not key.table else None
        if meant is not None and (not isinstance(meant, exp.Column) or meant.name.lower() != key.name.lower()):
            key.replace(meant.copy())


@cache
def _rules() -> Mapping[type, Callable[[Any, Kinds], exp.Expr]]:
    from sqlglot import exp

    return {
        exp.Literal: _literal,
        exp.Add: _integer_arithmetic,
        exp.Sub: _subtraction,
        exp.Mul: _integer_arithmetic,
        exp.Div: _division,
        exp.Like: lambda node, kinds: with_backslash_escape(node),
        exp.Cast: cast,
        exp.TryCast: cast,
        exp.Bracket: _element,
        exp.Extract: extract,
        exp.DateAdd: as_date,
        exp.DateSub: as_date,
        exp.DateTrunc: as_date,
        exp.TimestampDiff: elapsed,
        exp.TimeToStr: date_text,
        exp.StrToDate: date_text,
        exp.StrToTime: date_text,
        exp.ParseDatetime: date_text,
        exp.Format: format_call,
        exp.Substring: _substring,
        exp.SafeDivide: _safe_divide,
        exp.SafeAdd: _safe_arithmetic,
        exp.SafeSubtract: _safe_arithmetic,
        exp.SafeMultiply: _safe_arithmetic,
        exp.SafeNegate: _safe_arithmetic,
        exp.SafeFunc: lambda node, kinds: _null_if_it_fails(node.this.copy()),
        exp.Exp: _finite,
        exp.Pow: _finite,
        exp.ByteLength: _byte_length,
        exp.ApproxDistinct: lambda node, kinds: exp.Count(this=exp.Distinct(expressions=[node.this.copy()])),
    }


def _literal(node: exp.Literal, kinds: Kinds) -> exp.Expr:
    """0.1 is a FLOAT64; DuckDB reads it as a DECIMAL unless it has an exponent."""
    from sqlglot import exp

    text = str(node.this)
    if node.is_string or text.isdecimal() or "e" in text.lower() or text.startswith("0x"):
        return node
    return exp.Literal.number(f"{text}e0")


def _integer_arithmetic(node: exp.Expr, kinds: Kinds) -> exp.Expr:
    """Small integer literals are 32-bit in DuckDB, and products of two overflow where INT64 does not."""
    from sqlglot import exp

    left, right = kinds.of(node.this), kinds.of(node.expression)
    if left is right is Kind.INT:
        for side in (node.this, node.expression):
            if isinstance(side, exp.Literal):
                side.replace(exp.cast(side.copy(), "BIGINT"))
                break
    elif isinstance(node, exp.Mul) and Kind.NUMERIC in (left, right) and {left, right} <= {Kind.NUMERIC, Kind.INT}:
        return exp.cast(node.copy(), NUMERIC)
    return node


def _subtraction(node: exp.Sub, kinds: Kinds) -> exp.Expr:
    """The difference of two dates is an INTERVAL of days; DuckDB makes it a number."""
    from sqlglot import exp

    if kinds.of(node.this) is kinds.of(node.expression) is Kind.DATE:
        return exp.Anonymous(this="TO_DAYS", expressions=[exp.cast(exp.paren(node.copy()), "INT")])
    return _integer_arithmetic(node, kinds)


def _division(node: exp.Div, kinds: Kinds) -> exp.Expr:
    """A NUMERIC divided by one is a NUMERIC; DuckDB makes it a DOUBLE."""
    from sqlglot import exp

    return exp.cast(exp.paren(node.copy()), NUMERIC) if kinds.of(node) is Kind.NUMERIC else node


def _element(node: exp.Bracket, kinds: Kinds) -> exp.Expr:
    """array[OFFSET(n)] outside the array is an error; DuckDB gives NULL, as SAFE_OFFSET does."""
    from sqlglot import exp

    if len(node.expressions) != 1 or isinstance(node.expressions[0], exp.Slice):
        return node
    index = node.expressions[0]
    if isinstance(index, exp.Literal) and index.is_string:
        raise untranslatable("a JSON subscript")
    if node.args.get("safe"):
        return node
    first = node.args.get("offset") or 0
    size = exp.Anonymous(this="LEN", expressions=[node.this.copy()])
    outside = exp.Or(
        this=exp.LT(this=index.copy(), expression=exp.Literal.number(first)),
        expression=exp.GTE(
            this=exp.paren(exp.Sub(this=index.copy(), expression=exp.Literal.number(first))), expression=size
        ),
    )
    error = error_call(exp.Literal.string("Array index out of bounds"))
    return exp.Case(ifs=[exp.If(this=outside, true=error)], default=node.copy())


def _substring(node: exp.Substring, kinds: Kinds) -> exp.Expr:
    """Position 0 is the first character, and one before the beginning is the beginning."""
    from sqlglot import exp

    start = node.args.get("start")
    if kinds.of(node.this) is Kind.BYTES:
        raise untranslatable("SUBSTR of bytes")
    if start is None or (isinstance(start, exp.Literal) and str(start.this).isdecimal() and int(start.this) > 0):
        return node
    length = exp.Anonymous(this="LENGTH", expressions=[node.this.copy()])
    from_end = exp.Add(
        this=exp.Greatest(
            this=exp.Add(this=length, expression=exp.paren(start.copy())), expressions=[exp.Literal.number(0)]
        ),
        expression=exp.Literal.number(1),
    )
    zero = exp.Literal.number(0)
    node.set(
        "start",
        exp.Case(
            ifs=[
                exp.If(this=exp.LT(this=start.copy(), expression=zero), true=from_end),
                exp.If(this=exp.EQ(this=start.copy(), expression=zero.copy()), true=exp.Literal.number(1)),
            ],
            default=start.copy(),
        ),
    )
    return node


def _safe_divide(node: exp.SafeDivide, kinds: Kinds) -> exp.Expr:
    """NULL where the divisor is zero; sqlglot's CASE would double the text at each level of nesting."""
    from sqlglot import exp

    divisor = exp.Nullif(this=node.expression.copy(), expression=exp.Literal.number(0))
    return exp.paren(exp.Div(this=exp.paren(node.this.copy()), expression=divisor))


def _safe_arithmetic(node: exp.Func, kinds: Kinds) -> exp.Expr:
    from sqlglot import exp

    operators: Mapping[type, type[exp.Binary]]
    operators = {exp.SafeAdd: exp.Add, exp.SafeSubtract: exp.Sub, exp.SafeMultiply: exp.Mul}
    left = exp.paren(wide(node.this, kinds))
    if isinstance(node, exp.SafeNegate):
        return _null_if_it_fails(exp.Neg(this=left))
    return _null_if_it_fails(operators[type(node)](this=left, expression=exp.paren(node.expression.copy())))


def _null_if_it_fails(expression: exp.Expr) -> exp.Expr:
    """DuckDB's TRY, which takes neither aggregates nor subqueries."""
    from sqlglot import exp

    if expression.find(exp.AggFunc, exp.Window, exp.Query):
        raise untranslatable("a SAFE function of an aggregate or a subquery")
    return exp.Try(this=expression)


def _finite(node: exp.Func, kinds: Kinds) -> exp.Expr:
    """EXP and POW beyond the largest float are an error; DuckDB gives infinity."""
    from sqlglot import exp

    overflows = exp.Anonymous(this="ISINF", expressions=[exp.cast(node.copy(), "DOUBLE")])
    message = exp.Literal.string(f"Floating point error in function: {node.sql_name()}")
    return exp.Case(ifs=[exp.If(this=overflows, true=error_call(message))], default=node.copy())


def _byte_length(node: exp.ByteLength, kinds: Kinds) -> exp.Expr:
    from sqlglot import exp

    value = node.this.copy()
    encoded = value if kinds.of(node.this) is Kind.BYTES else exp.Anonymous(this="ENCODE", expressions=[value])
    return exp.Anonymous(this="OCTET_LENGTH", expressions=[encoded])


def _count_offset_from_zero(node: exp.Unnest) -> None:
    """WITH OFFSET counts from 0, WITH ORDINALITY, which sqlglot makes of it, from 1."""
    from sqlglot import exp

    offset = node.args.get("offset")
    if not isinstance(offset, exp.Identifier):
        return
    alias = node.args.get("alias")
    names = list(alias.columns) if alias is not None else []
    element = names[0].copy() if names else exp.to_identifier("_element")
    inner = node.copy()
    inner.set("alias", exp.TableAlias(columns=[element.copy()]))
    counted = exp.Sub(this=exp.column(offset.copy()), expression=exp.Literal.number(1))
    query = exp.Select(expressions=[exp.column(element.copy()), exp.alias_(counted, offset.copy())]).from_(inner)
    table = exp.Lateral(
        this=exp.Subquery(this=query), alias=exp.TableAlias(this=exp.to_identifier(f"_offset_{offset.name}"))
    )
    join = node.parent
    if isinstance(join, exp.Join) and join.side and not join.args.get("on"):
        join.set("on", exp.true())
    node.replace(table)
