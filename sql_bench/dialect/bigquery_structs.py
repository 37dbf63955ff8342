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
    """STRUCT(a, b) IN (STRUCT(c, d), …) likewise.

    Raises:
        Rejected: untranslatable, for structs among the rows of a subquery or the elements of an array.
    """
    from sqlglot import exp

    query = node.args.get("query")
    others = list(node.expressions)
    selected = query.find(exp.Select).selects if query is not None else []
    if not any(map(_is_struct, [node.this, *others, *(item.unalias() for item in selected)])):
        return node
    if not others:
        raise untranslatable("a STRUCT among the rows of a subquery or the elements of an array")
    return exp.paren(exp.or_(*(_equal(node.this, other) for other in others), copy=False))


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
