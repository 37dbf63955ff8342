"""BigQuery's arrays in DuckDB's terms."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from sql_bench.dialect.bigquery_strings import error_call
from sql_bench.dialect.kinds import Kind, Kinds
from sql_bench.guard.rejected import Rejected, untranslatable
from sql_bench.types import Column, Outcome, Row

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
    return exp.Case(ifs=[exp.If(this=outside, true=error)], default=node.copy())


def check_whole(node: exp.GenerateSeries, kinds: Kinds) -> exp.Expr:
    """GENERATE_ARRAY takes numbers of every type; DuckDB's takes whole ones."""
    if any(kinds.of(node.args.get(part)) in (Kind.FLOAT, Kind.NUMERIC) for part in ("start", "end", "step")):
        raise untranslatable("GENERATE_ARRAY of other numbers than whole ones")
    return node


def count_offset_from_zero(node: exp.Unnest) -> None:
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


def check_result(columns: Sequence[Column], rows: Iterable[Row]) -> None:
    """Refuse what BigQuery does not write as a result: https://cloud.google.com/bigquery/docs/arrays#arrays_and_nulls.

    Raises:
        Rejected: invalid_sql, for an array with a NULL in it.
    """
    arrays = [place for place, column in enumerate(columns) if column.type.endswith("[]")]
    for row in rows if arrays else ():
        for place in arrays:
            cell = row[place]
            if isinstance(cell, list) and None in cell:
                raise Rejected(Outcome.INVALID_SQL, f"the array {columns[place].name} cannot have a NULL in it")
