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

from sql_bench.dialect.bigquery_format import check_date_format, float_as_text, format_call
from sql_bench.dialect.kinds import Kind, Kinds
from sql_bench.dialect.like import with_backslash_escape
from sql_bench.guard import read_groups
from sql_bench.rejected import Rejected
from sql_bench.types import Outcome

if TYPE_CHECKING:
    from sqlglot import exp

# BigQuery's NUMERIC: 29 digits before and 9 behind the point.
_NUMERIC = "DECIMAL(38, 9)"

_INT64_TEXT = r"\s*[+-]?[0-9]+\s*"


def rewrite(query: exp.Query, kinds: Kinds) -> exp.Query:
    """Mend a statement for DuckDB, in place.

    Raises:
        Rejected: untranslatable, where it holds something that is not known to agree; invalid_sql, where BigQuery has
            no such function.
    """
    from sqlglot import exp

    nodes = list(query.walk(bfs=False))
    for node in nodes:
        _check(node)
    rules = _rules()
    for node in reversed(nodes):
        rule = rules.get(type(node))
        replacement = rule(node, kinds) if rule else node
        if replacement is not node:
            kinds.inherit(replacement, node)
            node.replace(replacement)
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
            raise _untranslatable(f"the function {name if anonymous else node.sql_name()}")
        _check_arguments(node)
    elif isinstance(node, exp.Select) and node.args.get("kind") == "VALUE" and node.parent is None:
        raise _untranslatable("SELECT AS VALUE")
    elif isinstance(node, exp.Table) and node.args.get("version"):
        raise _untranslatable("FOR SYSTEM_TIME AS OF")
    elif isinstance(node, exp.TableSample):
        raise _untranslatable("TABLESAMPLE")
    elif isinstance(node, exp.JSONExtractQuote | exp.Collate | exp.Pseudocolumn | exp.Overlaps | exp.Glob):
        raise _untranslatable(type(node).__name__)


def _check_arguments(node: exp.Expr) -> None:
    """Optional arguments that sqlglot drops or renders differently."""
    from sqlglot import exp

    args = node.args
    if isinstance(node, exp.Cast) and args.get("format"):
        raise _untranslatable("CAST with FORMAT")
    if isinstance(node, exp.Round) and args.get("truncate"):
        raise _untranslatable("ROUND with a rounding mode")
    if isinstance(node, exp.RegexpExtract | exp.StrPosition) and (args.get("position") or args.get("occurrence")):
        raise _untranslatable(f"{node.sql_name()} with a position")
    if isinstance(node, exp.DateDiff | exp.DatetimeDiff | exp.LastDay | exp.DateTrunc):
        _check_week(args.get("unit"))
    if isinstance(node, exp.Date | exp.Timestamp | exp.Datetime | exp.CurrentDate) and args.get("zone"):
        raise _untranslatable("a time zone argument")
    if isinstance(node, exp.Unnest) and any(
        isinstance(item, exp.Struct) for array in node.expressions for item in array.find_all(exp.Struct)
    ):
        raise _untranslatable("UNNEST of structs")
    if isinstance(node, exp.GroupConcat | exp.ArrayAgg) and isinstance(node.this, exp.Limit):
        raise _untranslatable(f"LIMIT inside {node.sql_name()}")


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
        exp.Cast: _cast,
        exp.TryCast: _cast,
        exp.Bracket: _element,
        exp.Extract: _extract,
        exp.DateAdd: _as_date,
        exp.DateSub: _as_date,
        exp.DateTrunc: _as_date,
        exp.TimestampDiff: _elapsed,
        exp.TimeToStr: _date_text,
        exp.StrToDate: _date_text,
        exp.StrToTime: _date_text,
        exp.ParseDatetime: _date_text,
        exp.Format: format_call,
        exp.Substring: _substring,
        exp.SafeDivide: _safe_divide,
        exp.SafeAdd: _safe_arithmetic,
        exp.SafeSubtract: _safe_arithmetic,
        exp.SafeMultiply: _safe_arithmetic,
        exp.SafeNegate: _safe_arithmetic,
        exp.SafeFunc: lambda node, kinds: exp.Try(this=node.this.copy()),
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
        return exp.cast(node.copy(), _NUMERIC)
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

    return exp.cast(exp.paren(node.copy()), _NUMERIC) if kinds.of(node) is Kind.NUMERIC else node


def _cast(node: exp.Cast, kinds: Kinds) -> exp.Expr:
    from sqlglot import exp

    source, target = kinds.of(node.this), node.to.this
    safe = isinstance(node, exp.TryCast)
    if target in (exp.DType.BIGINT, exp.DType.INT):
        return _cast_to_int(node, source, safe)
    if target is exp.DType.BIGDECIMAL:
        raise _untranslatable("BIGNUMERIC")
    if target is exp.DType.DECIMAL and not node.to.expressions:
        node.set("to", exp.DataType.build(_NUMERIC, dialect="duckdb"))
    elif target is exp.DType.TEXT:
        return _cast_to_text(node, source)
    elif target in (exp.DType.BINARY, exp.DType.VARBINARY) and source in (Kind.TEXT, None):
        return exp.Anonymous(this="ENCODE", expressions=[node.this.copy()])
    elif target in (exp.DType.DOUBLE, exp.DType.FLOAT) and "nan" in _string(node.this).lower():
        raise _untranslatable("NaN, which DuckDB compares and sorts otherwise,")
    return node


def _cast_to_int(node: exp.Cast, source: Kind | None, safe: bool) -> exp.Expr:
    """Halves are rounded away from zero, and a text must be an integer; DuckDB rounds to even and rounds texts too."""
    from sqlglot import exp

    value = node.this
    if source in (Kind.FLOAT, None):
        rounded = exp.cast(value.copy(), "DECIMAL(38, 0)")
        whole = exp.TryCast(this=rounded.this, to=rounded.to.copy(), safe=True) if safe else rounded
        node.set("this", whole)
    elif source is Kind.TEXT:
        is_integer = exp.Anonymous(
            this="REGEXP_FULL_MATCH", expressions=[value.copy(), exp.Literal.string(_INT64_TEXT)]
        )
        otherwise = (
            None if safe else _error(exp.DPipe(this=exp.Literal.string("Bad int64 value: "), expression=value.copy()))
        )
        branches = [exp.If(this=is_integer, true=node.copy())]
        if otherwise is not None:
            branches.insert(0, exp.If(this=exp.Is(this=value.copy(), expression=exp.Null()), true=exp.Null()))
        return exp.Case(ifs=branches, default=otherwise)
    return node


def _cast_to_text(node: exp.Cast, source: Kind | None) -> exp.Expr:
    from sqlglot import exp

    if source is Kind.FLOAT:
        return float_as_text(node.this)
    if source is Kind.BYTES:
        return exp.Anonymous(this="DECODE", expressions=[node.this.copy()])
    if source is Kind.NUMERIC:
        raise _untranslatable("CAST of a NUMERIC to STRING")
    return node


def _element(node: exp.Bracket, kinds: Kinds) -> exp.Expr:
    """array[OFFSET(n)] outside the array is an error; DuckDB gives NULL, as SAFE_OFFSET does."""
    from sqlglot import exp

    if len(node.expressions) != 1 or isinstance(node.expressions[0], exp.Slice):
        return node
    index = node.expressions[0]
    if isinstance(index, exp.Literal) and index.is_string:
        raise _untranslatable("a JSON subscript")
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
    return exp.Case(
        ifs=[exp.If(this=outside, true=_error(exp.Literal.string("Array index out of bounds")))], default=node.copy()
    )


def _extract(node: exp.Extract, kinds: Kinds) -> exp.Expr:
    """Weeks and weekdays count from Sunday, from 0 and from 1; fractions of a second leave the seconds out."""
    from sqlglot import exp

    value = node.expression
    unit = node.this
    name = unit.this.name.upper() if isinstance(unit, exp.WeekStart) else unit.name.upper()
    if isinstance(value, exp.AtTimeZone):
        raise _untranslatable("EXTRACT AT TIME ZONE")
    if isinstance(unit, exp.WeekStart):
        directive = {"SUNDAY": "%U", "MONDAY": "%W"}.get(name)
        if directive is None:
            raise _untranslatable(f"EXTRACT of WEEK({name})")
        return _week_number(value, directive)
    if name == "WEEK":
        return _week_number(value, "%U")
    if name == "DAYOFWEEK":
        return exp.paren(exp.Add(this=node.copy(), expression=exp.Literal.number(1)))
    if name == "ISOWEEK":
        return exp.Extract(this=exp.var("WEEK"), expression=value.copy())
    if name == "DATE":
        return exp.cast(value.copy(), "DATE")
    if name in ("MILLISECOND", "MICROSECOND"):
        modulus = exp.Literal.number(1_000 if name == "MILLISECOND" else 1_000_000)
        return exp.paren(exp.Mod(this=node.copy(), expression=modulus))
    if name in ("YEAR", "ISOYEAR", "QUARTER", "MONTH", "DAY", "DAYOFYEAR", "HOUR", "MINUTE", "SECOND"):
        return node
    raise _untranslatable(f"EXTRACT of {name}")


def _week_number(value: exp.Expr, directive: str) -> exp.Expr:
    from sqlglot import exp

    return exp.cast(exp.Anonymous(this="STRFTIME", expressions=[value.copy(), exp.Literal.string(directive)]), "BIGINT")


def _as_date(node: exp.Expr, kinds: Kinds) -> exp.Expr:
    """DATE_ADD and DATE_SUB of a DATE are a DATE; DuckDB makes them a TIMESTAMP."""
    from sqlglot import exp

    return exp.cast(exp.paren(node.copy()), "DATE") if kinds.of(node.this) in (Kind.DATE, None) else node


def _check_week(unit: exp.Expr | None) -> None:
    from sqlglot import exp

    if isinstance(unit, exp.WeekStart) and unit.name.upper() not in ("SUNDAY", "MONDAY"):
        raise _untranslatable("a week that starts on another day than Sunday or Monday")


def _elapsed(node: exp.TimestampDiff, kinds: Kinds) -> exp.Expr:
    """TIMESTAMP_DIFF counts whole units elapsed; DuckDB's date_diff counts boundaries crossed, its date_sub units."""
    from sqlglot import exp

    unit = node.args["unit"].name.upper()
    if unit not in ("MICROSECOND", "MILLISECOND", "SECOND", "MINUTE", "HOUR", "DAY"):
        raise _untranslatable(f"TIMESTAMP_DIFF in {unit}")
    return exp.Anonymous(
        this="DATE_SUB", expressions=[exp.Literal.string(unit), node.expression.copy(), node.this.copy()]
    )


def _date_text(node: exp.Expr, kinds: Kinds) -> exp.Expr:
    check_date_format(node.args.get("format"))
    return node


def _substring(node: exp.Substring, kinds: Kinds) -> exp.Expr:
    """Position 0 is the first character, and one before the beginning is the beginning."""
    from sqlglot import exp

    start = node.args.get("start")
    if kinds.of(node.this) is Kind.BYTES:
        raise _untranslatable("SUBSTR of bytes")
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
    """NULL where the division fails; sqlglot's CASE would double the text at each level of nesting."""
    from sqlglot import exp

    quotient = exp.Div(this=exp.paren(node.this.copy()), expression=exp.paren(node.expression.copy()))
    return exp.Try(this=quotient)


def _safe_arithmetic(node: exp.Expr, kinds: Kinds) -> exp.Expr:
    from sqlglot import exp

    operators: Mapping[type, type[exp.Binary]]
    operators = {exp.SafeAdd: exp.Add, exp.SafeSubtract: exp.Sub, exp.SafeMultiply: exp.Mul}
    if isinstance(node, exp.SafeNegate):
        return exp.Try(this=exp.Neg(this=exp.paren(_wide(node.this, kinds))))
    operator = operators[type(node)]
    return exp.Try(this=operator(this=exp.paren(_wide(node.this, kinds)), expression=exp.paren(node.expression.copy())))


def _wide(value: exp.Expr, kinds: Kinds) -> exp.Expr:
    from sqlglot import exp

    return exp.cast(value.copy(), "BIGINT") if kinds.of(value) is Kind.INT else value.copy()


def _finite(node: exp.Func, kinds: Kinds) -> exp.Expr:
    """EXP and POW beyond the largest float are an error; DuckDB gives infinity."""
    from sqlglot import exp

    overflows = exp.Anonymous(this="ISINF", expressions=[exp.cast(node.copy(), "DOUBLE")])
    message = exp.Literal.string(f"Floating point error in function: {node.sql_name()}")
    return exp.Case(ifs=[exp.If(this=overflows, true=_error(message))], default=node.copy())


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


def _error(message: exp.Expr) -> exp.Expr:
    from sqlglot import exp

    return exp.Anonymous(this="ERROR", expressions=[message])


def _string(node: exp.Expr) -> str:
    from sqlglot import exp

    return str(node.this) if isinstance(node, exp.Literal) and node.is_string else ""


def _untranslatable(what: str) -> Rejected:
    return Rejected(Outcome.UNTRANSLATABLE, f"{what} is not translated")
