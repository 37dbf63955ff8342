"""The fields of the structs that arrays hold, as far as the statement writes them out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from sql_bench.dialect.meanings import Element, Fields, Meaning, TableColumn

if TYPE_CHECKING:
    from sqlglot import exp


class StructFields:
    """The fields of structs that are written out, found through the names that stand for them.

    Args:
        meaning: tells what a column stands for.
    """

    def __init__(self, meaning: Callable[[exp.Column], Meaning]) -> None:
        self._meaning = meaning
        self._open: set[int] = set()  # being looked at: a recursive query comes back to itself

    def of_array(self, array: exp.Expr) -> Fields | None:
        """The fields of an array's elements; None for other elements and for structs without names."""
        if id(array) in self._open:
            return None
        self._open.add(id(array))
        try:
            return self._of_array(array)
        finally:
            self._open.discard(id(array))

    def _of_array(self, array: exp.Expr) -> Fields | None:
        from sqlglot import exp

        if isinstance(array, exp.Cast) and array.to.this is exp.DType.ARRAY:
            return _fields_of_type(array.to.expressions[0]) if array.to.expressions else None
        if isinstance(array, exp.Array):
            if array.expressions and isinstance(array.expressions[0], exp.Query):
                return self._of_query(array.expressions[0])
            return _common_fields([self._of_struct(item) for item in array.expressions])
        if isinstance(array, exp.ArrayAgg):
            return self._of_struct(_gathered(array.this))
        if isinstance(array, exp.ApproxTopK):
            return [("value", (array.this,)), ("count", (TableColumn("BIGINT"),))]
        if isinstance(array, exp.IgnoreNulls | exp.RespectNulls | exp.Paren | exp.Alias | exp.ArrayReverse):
            return self.of_array(array.this)
        if isinstance(array, exp.ArrayConcat):
            return _common_fields([self.of_array(item) for item in (array.this, *array.expressions)])
        if isinstance(array, exp.Column):
            meaning = self._meaning(array)
            return _common_fields(
                [None if isinstance(item, TableColumn | Element) else self.of_array(item) for item in meaning]
            )
        return None

    def _of_query(self, query: exp.Expr) -> Fields | None:
        """The fields of ARRAY(SELECT AS STRUCT …) and ARRAY(SELECT STRUCT(…))."""
        from sqlglot import exp

        if not isinstance(query, exp.Select):
            return None
        if str(query.args.get("kind") or "").upper() == "STRUCT":
            return [(item.alias_or_name, (item,)) for item in query.selects] if not query.is_star else None
        return self._of_struct(query.selects[0].unalias()) if len(query.selects) == 1 else None

    def _of_struct(self, item: exp.Expr) -> Fields | None:
        from sqlglot import exp

        struct = item.unnest()
        if isinstance(struct, exp.Cast) and struct.to.this is exp.DType.STRUCT:
            return _fields_of_type(struct.to)
        if isinstance(struct, exp.Tuple):
            return [(f"_{place}", (value,)) for place, value in enumerate(struct.expressions)]
        if isinstance(struct, exp.Struct):
            return [
                (part.this.name, (part.expression,))
                if isinstance(part, exp.PropertyEQ)
                else (part.alias_or_name if isinstance(part, exp.Alias | exp.Column) else "", (part.unalias(),))
                for part in struct.expressions
            ]
        return None


def _gathered(argument: exp.Expr) -> exp.Expr:
    """What ARRAY_AGG gathers, without DISTINCT, ORDER BY and LIMIT."""
    from sqlglot import exp

    while isinstance(argument, exp.Limit | exp.Order):
        argument = argument.this
    return argument.expressions[0] if isinstance(argument, exp.Distinct) else argument


def _fields_of_type(struct: exp.Expr) -> Fields | None:
    from sqlglot import exp

    if not isinstance(struct, exp.DataType) or struct.this is not exp.DType.STRUCT:
        return None
    named = [item for item in struct.expressions if isinstance(item, exp.ColumnDef)]
    if not named or len(named) != len(struct.expressions):
        return None
    return [(item.name, (TableColumn(item.args["kind"].sql(dialect="duckdb")),)) for item in named]


def _common_fields(found: Sequence[Fields | None]) -> Fields | None:
    """The fields of several structs in one array: named as the first names them, each of what all of them hold."""
    first = found[0] if found else None
    if first is None or not all(name for name, _ in first):
        return None
    columns: list[tuple[str, Meaning]] = []
    for place, (name, _) in enumerate(first):
        held = [fields[place][1] for fields in found if fields is not None and place < len(fields)]
        columns.append((name, tuple(item for meaning in held for item in meaning) if len(held) == len(found) else ()))
    return columns
