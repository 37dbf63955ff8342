"""BigQuery to DuckDB: differences that sqlglot's translation leaves are mended here or refused.

Each rule rewrites one node of the tree before it is written in DuckDB's dialect, children before their parents. The
cases are pinned, one a line with the value BigQuery gives, in the tests' `fixtures/dialect/bigquery.tsv`. Division by
zero and logarithms and roots outside their domain become errors by the engine's own settings (`ENGINE_SETTINGS`).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sql_bench.dialect import bigquery_aggregates as aggregates
from sql_bench.dialect import bigquery_arrays as arrays
from sql_bench.dialect import bigquery_characters as characters
from sql_bench.dialect import bigquery_dates as dates
from sql_bench.dialect import bigquery_json as json
from sql_bench.dialect import bigquery_numbers as numbers
from sql_bench.dialect import bigquery_rows as rows
from sql_bench.dialect import bigquery_strings as strings
from sql_bench.dialect.bigquery_aliases import write_out_aliases
from sql_bench.dialect.bigquery_casts import cast
from sql_bench.dialect.bigquery_date_formats import read_time, written_time
from sql_bench.dialect.bigquery_format import format_call
from sql_bench.dialect.bigquery_patterns import place_of_pattern
from sql_bench.dialect.bigquery_structs import comparison, membership
from sql_bench.dialect.bigquery_unnest import note_structs, rewrite_unnests
from sql_bench.dialect.bigquery_unpivot import values_before_names
from sql_bench.dialect.bigquery_weeks import week_difference, week_end
from sql_bench.dialect.kinds import Kind, Kinds
from sql_bench.dialect.like import with_backslash_escape
from sql_bench.dialect.names import Names
from sql_bench.dialect.rewriting import Rule, mend
from sql_bench.dialect.schema import Schema
from sql_bench.guard.names import read_groups
from sql_bench.guard.rejected import Rejected, untranslatable
from sql_bench.types import Outcome

if TYPE_CHECKING:
    from sqlglot import exp


def rewrite(query: exp.Query, schema: Schema) -> exp.Query:
    """Mend a statement for DuckDB, in place.

    Args:
        query: its tree, which names the mirror's tables.
        schema: those tables.

    Raises:
        Rejected: untranslatable, where it holds something that is not known to agree; invalid_sql, where BigQuery has
            no such function.
    """

    names = Names(schema)
    write_out_aliases(query, names)
    numbers.compare_nan_as_null(query, names)
    kinds = Kinds(query, names)
    note_structs(query, names)
    nodes = list(query.walk(bfs=False))
    for node in nodes:
        _check(node)
    mend(nodes, _rules(), kinds)
    rewrite_unnests(query)
    return values_before_names(query)


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
    elif isinstance(node, exp.Select) and node.args.get("kind") and _gives_rows(node):
        raise untranslatable(f"SELECT AS {node.args['kind']}")
    elif isinstance(node, exp.Table) and node.args.get("version"):
        raise untranslatable("FOR SYSTEM_TIME AS OF")
    elif isinstance(node, exp.TableSample):
        raise untranslatable("TABLESAMPLE")
    elif isinstance(node, exp.JSONExtractQuote | exp.Collate | exp.Pseudocolumn | exp.Overlaps | exp.Glob):
        raise untranslatable(type(node).__name__)


def _gives_rows(select: exp.Select) -> bool:
    """Whether a query is the statement itself or stands in FROM, where BigQuery takes a struct for a row."""
    from sqlglot import exp

    place = select.parent
    return place is None or (isinstance(place, exp.Subquery) and isinstance(place.parent, exp.From | exp.Join))


def _check_arguments(node: exp.Expr) -> None:
    """Optional arguments that sqlglot drops or renders differently."""
    from sqlglot import exp

    args = node.args
    if isinstance(node, exp.Cast) and args.get("format"):
        raise untranslatable("CAST with FORMAT")
    if isinstance(node, exp.Round) and args.get("truncate"):
        raise untranslatable("ROUND with a rounding mode")
    if isinstance(node, exp.Max | exp.Min) and node.expressions:
        raise Rejected(Outcome.INVALID_SQL, f"{node.sql_name()} takes one argument")
    if isinstance(node, exp.Unnest) and not isinstance(node.parent, exp.From | exp.Join | exp.Lateral | exp.In):
        raise Rejected(Outcome.INVALID_SQL, "UNNEST stands in FROM or behind IN")


@cache
def _rules() -> Mapping[type, Rule]:
    from sqlglot import exp

    return {
        exp.Literal: numbers.literal,
        exp.Add: numbers.arithmetic,
        exp.Sub: numbers.subtraction,
        exp.Mul: numbers.arithmetic,
        exp.Div: numbers.division,
        exp.Sum: numbers.integer_sum,
        exp.Window: numbers.window,
        exp.Corr: numbers.correlation,
        exp.ArgMax: _with_nulls,
        exp.ArgMin: _with_nulls,
        exp.EQ: comparison,
        exp.NEQ: comparison,
        exp.LT: comparison,
        exp.LTE: comparison,
        exp.GT: comparison,
        exp.GTE: comparison,
        exp.In: membership,
        exp.GenerateSeries: arrays.generate,
        exp.BitwiseCount: numbers.bit_count,
        exp.BitwiseLeftShift: numbers.shift,
        exp.BitwiseRightShift: numbers.shift,
        exp.Exp: numbers.finite,
        exp.Pow: numbers.finite,
        exp.Like: lambda node, kinds: with_backslash_escape(node),
        exp.Concat: strings.concat,
        exp.DPipe: strings.concat,
        exp.Trim: strings.trim,
        exp.Left: strings.with_count,
        exp.Right: strings.with_count,
        exp.Repeat: strings.with_count,
        exp.Pad: strings.with_count,
        exp.Substring: strings.substring,
        exp.RegexpExtract: strings.extract_by_pattern,
        exp.RegexpExtractAll: strings.extract_by_pattern,
        exp.Format: format_call,
        exp.ByteLength: _byte_length,
        exp.Cast: cast,
        exp.TryCast: cast,
        exp.Bracket: arrays.subscript,
        exp.Extract: dates.extract,
        exp.DateAdd: dates.as_date,
        exp.DateSub: dates.as_date,
        exp.DateTrunc: dates.truncated,
        exp.DatetimeTrunc: dates.truncated,
        exp.TimestampTrunc: dates.truncated,
        exp.DateFromUnixDate: dates.from_unix_date,
        exp.UnixToTime: dates.as_timestamp,
        exp.CurrentDatetime: dates.current_datetime,
        exp.CurrentDate: dates.current_date,
        exp.UnixSeconds: dates.epoch,
        exp.UnixMillis: dates.epoch,
        exp.StrToTime: dates.as_timestamp,
        exp.TimestampDiff: dates.elapsed,
        exp.TimeToStr: written_time,
        exp.StrToDate: read_time,
        exp.ParseDatetime: read_time,
        exp.DateDiff: week_difference,
        exp.DatetimeDiff: week_difference,
        exp.LastDay: week_end,
        exp.Date: dates.date_of,
        exp.Datetime: dates.datetime_of,
        exp.Timestamp: dates.timestamp_of,
        exp.String: dates.timestamp_text,
        exp.ArrayAgg: aggregates.array_aggregate,
        exp.IgnoreNulls: aggregates.with_or_without_nulls,
        exp.RespectNulls: aggregates.with_or_without_nulls,
        exp.GroupConcat: aggregates.joined_texts,
        exp.ArrayConcatAgg: aggregates.joined_arrays,
        exp.ApproxQuantiles: aggregates.quantiles,
        exp.ApproxTopK: aggregates.top_count,
        exp.Array: rows.named_like_the_first,
        exp.ArrayConcat: arrays.concatenated,
        exp.ArrayToString: arrays.joined,
        exp.ArrayFirst: arrays.end_element,
        exp.ArrayLast: arrays.end_element,
        exp.ArraySlice: arrays.part,
        exp.CosineDistance: arrays.distance,
        exp.EuclideanDistance: arrays.distance,
        exp.RangeBucket: arrays.bucket,
        exp.Contains: rows.contains_text,
        exp.JSONFormat: rows.as_json_text,
        exp.JSONExtract: json.extracted,
        exp.JSONExtractArray: json.extracted_items,
        exp.JSONValueArray: json.scalar_items,
        exp.Chr: characters.character,
        exp.Unicode: characters.code_point,
        exp.CodePointsToString: characters.text_of_code_points,
        exp.ToCodePoints: characters.code_points_of_text,
        exp.Split: characters.split,
        exp.Translate: characters.translated,
        exp.GenerateDateArray: dates.date_array,
        exp.Normalize: characters.normalized,
        exp.Soundex: characters.soundex,
        exp.MD5Digest: characters.digest,
        exp.SHA1Digest: characters.digest,
        exp.SHA2Digest: characters.digest,
        exp.LowerHex: characters.hexadecimal,
        exp.StrPosition: characters.position,
        exp.RegexpInstr: place_of_pattern,
        exp.Dot: rows.spread_fields,
        exp.Anonymous: numbers.ieee_division,
        exp.SafeDivide: _safe_divide,
        exp.SafeAdd: _safe_arithmetic,
        exp.SafeSubtract: _safe_arithmetic,
        exp.SafeMultiply: _safe_arithmetic,
        exp.SafeNegate: _safe_arithmetic,
        exp.SafeFunc: lambda node, kinds: _null_if_it_fails(node.this.copy()),
        exp.ApproxDistinct: lambda node, kinds: exp.Count(this=exp.Distinct(expressions=[node.this.copy()])),
    }


def _with_nulls(node: exp.ArgMax | exp.ArgMin, kinds: Kinds) -> exp.Expr:
    """MAX_BY(x, y) is the x of the row of the greatest y, be it NULL; DuckDB's ARG_MAX passes over those."""
    from sqlglot import exp

    name = "ARG_MAX_NULL" if isinstance(node, exp.ArgMax) else "ARG_MIN_NULL"
    return exp.Anonymous(this=name, expressions=[node.this.copy(), node.expression.copy()])


def _safe_divide(node: exp.SafeDivide, kinds: Kinds) -> exp.Expr:
    """NULL where the divisor is zero; sqlglot's CASE would double the text at each level of nesting."""
    from sqlglot import exp

    divisor = exp.Nullif(this=node.expression.copy(), expression=exp.Literal.number(0))
    return exp.paren(exp.Div(this=exp.paren(node.this.copy()), expression=divisor))


def _safe_arithmetic(node: exp.Func, kinds: Kinds) -> exp.Expr:
    from sqlglot import exp

    operators: Mapping[type, type[exp.Binary]]
    operators = {exp.SafeAdd: exp.Add, exp.SafeSubtract: exp.Sub, exp.SafeMultiply: exp.Mul}
    left = exp.paren(numbers.wide(node.this, kinds))
    if isinstance(node, exp.SafeNegate):
        return _null_if_it_fails(exp.Neg(this=left))
    return _null_if_it_fails(operators[type(node)](this=left, expression=exp.paren(node.expression.copy())))


def _null_if_it_fails(expression: exp.Expr) -> exp.Expr:
    """DuckDB's TRY, which takes neither aggregates nor subqueries nor the calls of ERROR that the rules write."""
    from sqlglot import exp

    for branch in expression.args["ifs"] if isinstance(expression, exp.Case) else ():
        if strings.is_error_call(branch.args["true"]):
            branch.set("true", exp.Null())
    if expression.find(exp.AggFunc, exp.Window, exp.Query) or any(map(strings.is_error_call, expression.walk())):
        raise untranslatable("a SAFE function of an aggregate, a subquery or a value that may be an error")
    return exp.Try(this=expression)


def _byte_length(node: exp.ByteLength, kinds: Kinds) -> exp.Expr:
    from sqlglot import exp

    value = node.this.copy()
    encoded = value if kinds.of(node.this) is Kind.BYTES else exp.Anonymous(this="ENCODE", expressions=[value])
    return exp.Anonymous(this="OCTET_LENGTH", expressions=[encoded])
