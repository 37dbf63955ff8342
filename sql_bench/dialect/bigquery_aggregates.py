"""BigQuery's aggregates of the best, the middle and the most frequent values in DuckDB's terms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sql_bench.dialect.duckdb_text import duckdb_expression
from sql_bench.dialect.kinds import Kinds
from sql_bench.guard.rejected import untranslatable

if TYPE_CHECKING:
    from sqlglot import exp

# The most quantiles asked for at once. Ours: each is a number in the statement's text.
_MOST_QUANTILES = 10_000

_TOP_COUNT = """
LIST_TRANSFORM(
    LIST_SLICE(
        LIST_SORT(
            LIST_CONCAT(
                LIST_TRANSFORM(
                    COALESCE(MAP_ENTRIES(HISTOGRAM(x)), []),
                    LAMBDA _e : {'times': CAST(_e.value AS BIGINT), 'item': _e.key}
                ),
                CASE WHEN COUNT(*) > COUNT(x) THEN [{'times': COUNT(*) - COUNT(x), 'item': NULL}] ELSE [] END
            ),
            'DESC'
        ),
        1, n
    ),
    LAMBDA _e : {'value': _e.item, 'count': _e.times}
)
"""


def array_aggregate(node: exp.ArrayAgg, kinds: Kinds) -> exp.Expr:
    """ARRAY_AGG(… LIMIT n): the first n elements; with IGNORE NULLS around it, that rule takes it."""
    from sqlglot import exp

    return node if isinstance(node.parent, exp.IgnoreNulls | exp.RespectNulls) else _cut(node, node)


def with_or_without_nulls(node: exp.IgnoreNulls | exp.RespectNulls, kinds: Kinds) -> exp.Expr:
    """IGNORE NULLS and RESPECT NULLS of ARRAY_AGG and APPROX_QUANTILES.

    Raises:
        Rejected: untranslatable, for quantiles among which NULLs count.
    """
    from sqlglot import exp

    call = node.this
    if isinstance(call, exp.ArrayAgg):
        return _cut(call, node) if isinstance(node, exp.IgnoreNulls) else _cut(call, call.copy())
    if isinstance(call, exp.Anonymous) and isinstance(node, exp.RespectNulls):
        raise untranslatable("APPROX_QUANTILES with RESPECT NULLS")
    return call.copy() if isinstance(call, exp.Anonymous) else node


def _cut(call: exp.ArrayAgg, whole: exp.Expr) -> exp.Expr:
    """The call, or the whole that it is part of, cut to the LIMIT inside it."""
    from sqlglot import exp

    limit = call.this
    if not isinstance(limit, exp.Limit):
        return whole
    gathered = whole.copy()
    bare = exp.ArrayAgg(this=limit.this.copy())
    if isinstance(gathered, exp.ArrayAgg):
        gathered = bare
    else:
        gathered.set("this", bare)
    return duckdb_expression("LIST_SLICE(items, 1, n)", items=gathered, n=_count(limit.expression))


def joined_texts(node: exp.GroupConcat, kinds: Kinds) -> exp.Expr:
    """STRING_AGG(… LIMIT n): the first n texts that are not NULL."""
    from sqlglot import exp

    limit = node.this
    if not isinstance(limit, exp.Limit):
        return node
    items = exp.ArrayAgg(this=limit.this.copy())
    return duckdb_expression(
        "ARRAY_TO_STRING(LIST_SLICE(items, 1, n), separator)",
        items=_without_nulls(items, _value(limit.this)),
        n=_count(limit.expression),
        separator=node.args.get("separator") or exp.Literal.string(","),
    )


def joined_arrays(node: exp.ArrayConcatAgg, kinds: Kinds) -> exp.Expr:
    """ARRAY_CONCAT_AGG passes over NULL arrays, and is NULL where there is no other."""
    from sqlglot import exp

    argument, limit = node.this, None
    if isinstance(argument, exp.Limit):
        argument, limit = argument.this, _count(argument.expression)
    arrays = _without_nulls(exp.ArrayAgg(this=argument.copy()), _value(argument))
    if limit is not None:
        arrays = duckdb_expression("LIST_SLICE(items, 1, n)", items=arrays, n=limit)
    return duckdb_expression("FLATTEN(items)", items=arrays)


def quantiles(node: exp.ApproxQuantiles, kinds: Kinds) -> exp.Expr:
    """APPROX_QUANTILES(x, n): n + 1 values of x from the least to the greatest, here exact ones.

    Raises:
        Rejected: untranslatable, unless their number is written out and not too large.
    """
    from sqlglot import exp

    argument, number = node.this, node.expression
    if number is None and isinstance(argument, exp.Distinct) and len(argument.expressions) == 2:  # DISTINCT x, n
        argument, number = exp.Distinct(expressions=[argument.expressions[0].copy()]), argument.expressions[1]
    n = int(_count(number).name)
    if not 1 <= n <= _MOST_QUANTILES:
        raise untranslatable(f"APPROX_QUANTILES into {n} parts")
    fractions = exp.Array(expressions=[exp.Literal.number(repr(part / n)) for part in range(n + 1)])
    return exp.Anonymous(this="QUANTILE_DISC", expressions=[argument.copy(), fractions])


def top_count(node: exp.ApproxTopK, kinds: Kinds) -> exp.Expr:
    """APPROX_TOP_COUNT(x, n): the n most frequent values, NULL among them, here counted exactly."""
    return duckdb_expression(" ".join(_TOP_COUNT.split()), x=node.this, n=_count(node.expression))


def _without_nulls(call: exp.Expr, value: exp.Expr) -> exp.Expr:
    from sqlglot import exp

    present = exp.Not(this=exp.Is(this=value.copy(), expression=exp.Null()))
    return exp.Filter(this=call, expression=exp.Where(this=present))


def _value(argument: exp.Expr) -> exp.Expr:
    """What is gathered, of an argument with DISTINCT and ORDER BY."""
    from sqlglot import exp

    if isinstance(argument, exp.Order):
        argument = argument.this
    return argument.expressions[0] if isinstance(argument, exp.Distinct) else argument


def _count(node: exp.Expr) -> exp.Expr:
    """A number that is written out.

    Raises:
        Rejected: untranslatable, if it is not.
    """
    from sqlglot import exp

    if not isinstance(node, exp.Literal) or not str(node.this).isdecimal():
        raise untranslatable("a number of values that is not written out")
    return node
