"""BigQuery's arrays in DuckDB's terms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sql_bench.dialect.bigquery_strings import error_call
from sql_bench.dialect.duckdb_text import duckdb_expression
from sql_bench.dialect.kinds import Kind, Kinds
from sql_bench.guard.rejected import Rejected, untranslatable
from sql_bench.types import Outcome

if TYPE_CHECKING:
    from sqlglot import exp


def subscript(node: exp.Bracket, kinds: Kinds) -> exp.Expr:
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
    error = error_call("Array index out of bounds")
    element = exp.Case(ifs=[exp.If(this=outside, true=error)], default=node.copy())
    return exp.paren(element, copy=False) if isinstance(node.parent, exp.Dot) else element


def generate(node: exp.GenerateSeries, kinds: Kinds) -> exp.Expr:
    """GENERATE_ARRAY takes numbers of every type, DuckDB's whole ones; a step of 0 is an error.

    Raises:
        Rejected: untranslatable, for other numbers than whole ones; invalid_sql, for a step of 0 that is written out.
    """
    from sqlglot import exp

    if any(kinds.of(node.args.get(part)) in (Kind.FLOAT, Kind.NUMERIC) for part in ("start", "end", "step")):
        raise untranslatable("GENERATE_ARRAY of other numbers than whole ones")
    step = node.args.get("step")
    if step is None or isinstance(step, exp.Neg) or (isinstance(step, exp.Literal) and int(step.name) != 0):
        return node
    if isinstance(step, exp.Literal):
        raise Rejected(Outcome.INVALID_SQL, "GENERATE_ARRAY cannot have a step of 0")
    return duckdb_expression(
        "CASE WHEN step = 0 THEN ERROR('GENERATE_ARRAY cannot have a step of 0') ELSE items END", step=step, items=node
    )


def concatenated(node: exp.ArrayConcat, kinds: Kinds) -> exp.Expr:
    """ARRAY_CONCAT with a NULL is NULL; DuckDB's passes over it."""
    whole: exp.Expr = node.this
    for array in node.expressions:
        whole = duckdb_expression(
            "CASE WHEN items IS NOT NULL AND others IS NOT NULL THEN LIST_CONCAT(items, others) END",
            items=whole,
            others=array,
        )
    return whole


def joined(node: exp.ArrayToString, kinds: Kinds) -> exp.Expr:
    """ARRAY_TO_STRING of NULLs alone is an empty text; DuckDB gives NULL."""
    return duckdb_expression("CASE WHEN items IS NOT NULL THEN COALESCE(text, '') END", items=node.this, text=node)


def end_element(node: exp.ArrayFirst | exp.ArrayLast, kinds: Kinds) -> exp.Expr:
    """ARRAY_FIRST and ARRAY_LAST of an empty array are errors."""
    from sqlglot import exp

    place = exp.Literal.number(1) if isinstance(node, exp.ArrayFirst) else exp.Literal.number(-1)
    return duckdb_expression(
        "CASE WHEN LEN(items) = 0 THEN ERROR('the array is empty') ELSE LIST_EXTRACT(items, place) END",
        items=node.this,
        place=place if place.name == "1" else exp.Neg(this=exp.Literal.number(1)),
    )


def part(node: exp.ArraySlice, kinds: Kinds) -> exp.Expr:
    """ARRAY_SLICE(array, first, last): from 0, both ends included, negative ones counted from behind.

    Raises:
        Rejected: untranslatable, unless both are written out and on the same side.
    """
    from sqlglot import exp

    ends = [_whole_number(node.args.get(name)) for name in ("start", "end")]
    if None in ends or len({end < 0 for end in ends if end is not None}) != 1:
        raise untranslatable("ARRAY_SLICE between places that are not written out, or counted from both ends")
    first, last = (exp.convert(end + 1 if end is not None and end >= 0 else end) for end in ends)
    return duckdb_expression("LIST_SLICE(items, first, last)", items=node.this, first=first, last=last)


def distance(node: exp.CosineDistance | exp.EuclideanDistance, kinds: Kinds) -> exp.Expr:
    """The distance of two vectors; those of other lengths and zeros are errors in both."""
    from sqlglot import exp

    name = "LIST_COSINE_DISTANCE" if isinstance(node, exp.CosineDistance) else "LIST_DISTANCE"
    vectors = [exp.cast(side.copy(), "DOUBLE[]", dialect="duckdb") for side in (node.this, node.expression)]
    return exp.Anonymous(this=name, expressions=vectors)


def bucket(node: exp.RangeBucket, kinds: Kinds) -> exp.Expr:
    """RANGE_BUCKET(x, bounds): how many of the sorted bounds are not greater; unsorted ones and NULLs are errors."""
    return duckdb_expression(
        "CASE WHEN point IS NULL OR bounds IS NULL THEN NULL"
        " WHEN LEN(LIST_FILTER(bounds, LAMBDA _e : _e IS NULL)) > 0 OR LIST_SORT(bounds) != bounds"
        " THEN ERROR('the bounds of RANGE_BUCKET must be sorted and not NULL')"
        " ELSE LEN(LIST_FILTER(bounds, LAMBDA _e : _e <= point)) END",
        point=node.this,
        bounds=node.expression,
    )


def _whole_number(node: object) -> int | None:
    from sqlglot import exp

    if isinstance(node, exp.Neg) and isinstance(node.this, exp.Literal):
        return -int(node.this.name)
    return int(node.name) if isinstance(node, exp.Literal) and node.name.isdecimal() else None
