"""BigQuery's comparison of structs in DuckDB's terms: field by field, by position."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sql_bench.dialect.kinds import Kinds
from sql_bench.guard.rejected import untranslatable

if TYPE_CHECKING:
    from sqlglot import exp


def comparison(node: exp.Binary, kinds: Kinds) -> exp.Expr:
    """STRUCT(a, b) = STRUCT(c, d) is a = c AND b = d; DuckDB compares the names of fields too, and NULL equals NULL.

    Raises:
        Rejected: untranslatable, for other comparisons with a STRUCT written out.
    """
    from sqlglot import exp

    sides = (node.this, node.expression)
    if not any(map(_is_struct, sides)):
        return node
    if not isinstance(node, exp.EQ | exp.NEQ):
        raise untranslatable("a comparison of structs other than by = and !=")
    equal = _equal(*sides)
    return equal if isinstance(node, exp.EQ) else exp.Not(this=equal)


def membership(node: exp.In, kinds: Kinds) -> exp.Expr:
    """STRUCT(a, b) IN (STRUCT(c, d), …), among an array's structs that are written out, and among a query's rows.

    Raises:
        Rejected: untranslatable, for other arrays and queries of structs.
    """
    from sqlglot import exp

    query, others = node.args.get("query"), list(node.expressions)
    if query is not None:
        return _in_query(node, query)
    array = node.args.get("unnest")
    if array is not None and len(array.expressions) == 1 and isinstance(array.expressions[0], exp.Array):
        others = list(array.expressions[0].expressions)
    if not any(_is_struct(item) or isinstance(item, exp.Tuple) for item in (node.this, *others)):
        return node
    if not others:
        raise untranslatable("a STRUCT among the elements of an array that is not written out")
    return exp.paren(exp.or_(*(_equal(node.this, other) for other in others), copy=False))


def _in_query(node: exp.In, query: exp.Expr) -> exp.Expr:
    """(a, b) IN (SELECT (c, d) …): two columns in DuckDB, where a NULL in one tuple equals a NULL in another."""
    from sqlglot import exp

    select = query.this if isinstance(query, exp.Subquery) else query
    rows = _rows(select) if isinstance(select, exp.Select) else []
    if not rows and not _is_struct(node.this):
        selected = select.find(exp.Select)
        if any(_is_struct(item.unalias()) for item in (selected.selects if selected is not None else ())):
            raise untranslatable("a STRUCT among the rows of a set operation")
        return node
    fields = _fields(node.this)
    if not fields or len(fields) != len(rows):
        raise untranslatable("a STRUCT among the rows of a query that do not name as many fields")
    select.set("expressions", [row.copy() for row in rows])
    select.set("kind", None)
    node.set("this", exp.Tuple(expressions=[field.copy() for field in fields]))
    return node


def _rows(select: exp.Select) -> list[exp.Expr]:
    """The fields of a query's structs; none where its rows are no structs that are written out."""
    if str(select.args.get("kind") or "").upper() == "STRUCT":
        return [] if select.is_star else [item.unalias() for item in select.selects]
    return _fields(select.selects[0].unalias()) if len(select.selects) == 1 else []


def _equal(left: exp.Expr, right: exp.Expr) -> exp.Expr:
    from sqlglot import exp

    fields = [_fields(left), _fields(right)]
    if not fields[0] or len(fields[0]) != len(fields[1]):
        raise untranslatable("a comparison of a STRUCT with what is not written out as one of as many fields")
    pairs = [
        exp.EQ(this=exp.paren(one.copy()), expression=exp.paren(other.copy()))
        for one, other in zip(*fields, strict=True)
    ]
    return exp.paren(exp.and_(*pairs, copy=False))


def _is_struct(node: exp.Expr) -> bool:
    from sqlglot import exp

    return isinstance(node.unnest(), exp.Struct)


def _fields(node: exp.Expr) -> list[exp.Expr]:
    """The values of a STRUCT or of (a, b), which is one too; none where it is not written out."""
    from sqlglot import exp

    struct = node.unnest()
    if not isinstance(struct, exp.Struct | exp.Tuple):
        return []
    return [field.expression if isinstance(field, exp.PropertyEQ) else field.unalias() for field in struct.expressions]
