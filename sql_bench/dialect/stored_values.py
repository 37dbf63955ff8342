"""Values that a dialect has as other types than the mirror: dates that are texts, conditions that are numbers."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from sql_bench.dialect.kinds import Kind, kind_of_type
from sql_bench.dialect.meanings import TableColumn
from sql_bench.dialect.names import Names
from sql_bench.guard.rejected import untranslatable
from sql_bench.types import Column, Row, Value

if TYPE_CHECKING:
    from sqlglot import exp


def write_columns_as(query: exp.Query, names: Names, types: Mapping[Kind, str]) -> None:
    """Convert the mirror's columns of some kinds wherever a statement names them, in place.

    Args:
        query: the statement's tree.
        names: what its columns stand for.
        types: the types of DuckDB to convert to.

    Raises:
        Rejected: untranslatable, for an instant, which has a zone.
    """
    from sqlglot import exp

    found: list[tuple[exp.Column, str]] = []
    for column in query.find_all(exp.Column):
        if not isinstance(column.find_ancestor(exp.Query), exp.Select):
            continue  # behind a set operation only its own columns can be named
        meaning = names.meaning(column)
        kinds = {kind_of_type(item.type_name) if isinstance(item, TableColumn) else None for item in meaning}
        if Kind.TIMESTAMP in kinds and Kind.DATETIME in types:
            raise untranslatable(f"{column.name}, which has a time zone,")
        kind = kinds.pop() if len(kinds) == 1 else None
        if kind is not None and kind in types:
            found.append((column, types[kind]))
    for column, type_name in found:
        written: exp.Expr = exp.cast(column.copy(), exp.DataType.build(type_name, dialect="duckdb"))
        is_output = isinstance(column.parent, exp.Select) and column.arg_key == "expressions"
        column.replace(exp.alias_(written, column.this.copy()) if is_output else written)


def conditions_as_numbers(query: exp.Query) -> None:
    """Write a condition that stands where a value does as 1 or 0, in place."""
    from sqlglot import exp

    conditions = (exp.Predicate, exp.And, exp.Or, exp.Xor, exp.Not, exp.Boolean, exp.Escape, exp.RegexpLike)
    for node in reversed(list(query.find_all(*conditions))):
        if not isinstance(node, exp.Any | exp.All) and not _stands_for_a_condition(node):
            node.replace(exp.cast(node.copy(), "INT"))


def _stands_for_a_condition(node: exp.Expr) -> bool:
    from sqlglot import exp

    parent, key = node.parent, node.arg_key
    if isinstance(parent, exp.Escape | exp.Is):
        return True
    while isinstance(parent, exp.Paren):
        key, parent = parent.arg_key, parent.parent
    if isinstance(parent, exp.And | exp.Or | exp.Xor | exp.Not | exp.Where | exp.Having | exp.Qualify):
        return True
    if isinstance(parent, exp.If) and key == "this":
        return not (isinstance(parent.parent, exp.Case) and parent.parent.this is not None)
    return isinstance(parent, exp.Join) and key == "on"


def as_texts_and_numbers(columns: Sequence[Column], rows: Sequence[Row]) -> list[Row]:
    """Rows as SQLite gives them: dates and times are texts, booleans numbers."""
    return [tuple(map(_as_sqlite, row)) for row in rows]


def as_numbers(columns: Sequence[Column], rows: Sequence[Row]) -> list[Row]:
    """Rows of an engine without booleans."""
    return [tuple(int(value) if isinstance(value, bool) else value for value in row) for row in rows]


def _as_sqlite(value: Value) -> Value:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, datetime.datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return value
