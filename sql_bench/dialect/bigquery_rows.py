"""Structs that are written out, and rows that are taken for structs: their fields, and what searches them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sql_bench.dialect.bigquery_strings import as_text, float_as_text
from sql_bench.dialect.duckdb_text import duckdb_expression
from sql_bench.dialect.kinds import Kind, Kinds
from sql_bench.guard.rejected import untranslatable

if TYPE_CHECKING:
    from sqlglot import exp


@dataclass(frozen=True)
class Field:
    """A field of a struct or row."""

    name: str
    value: exp.Expr
    kind: Kind | None


def fields_of(node: exp.Expr, kinds: Kinds) -> list[Field] | None:
    """The fields of a struct that is written out, or of a row that is named by its table; None for other values.

    Raises:
        Rejected: untranslatable, for the row of a table whose columns cannot be told.
    """
    from sqlglot import exp

    struct = node.unnest()
    if isinstance(struct, exp.Struct | exp.Tuple):
        return [_field(item, kinds) for item in struct.expressions]
    if not isinstance(struct, exp.Column):
        return None
    source = kinds.names.row(struct)
    if source is None:
        return None
    if source.columns is None:
        raise untranslatable(f"the row {struct.name}, whose columns cannot be told,")
    return [
        Field(
            name, exp.column(exp.to_identifier(name, quoted=True), table=struct.this.copy()), kinds.of_meaning(meaning)
        )
        for name, meaning in source.columns
    ]


def named_like_the_first(node: exp.Array, kinds: Kinds) -> exp.Expr:
    """[STRUCT(1 AS a), STRUCT(2), (3)]: the first element names the fields of all; DuckDB has each its own."""
    from sqlglot import exp

    items = node.expressions
    first = items[0].unnest() if items else None
    if not isinstance(first, exp.Struct | exp.Tuple) or not all(
        isinstance(i.unnest(), exp.Struct | exp.Tuple) for i in items
    ):
        return node
    # sqlglot calls the fields without a name _0, _1, … where it writes a struct.
    names = [_field(item, kinds).name or f"_{place}" for place, item in enumerate(first.expressions)]
    if isinstance(first, exp.Tuple):
        names = [f"_{place}" for place in range(len(first.expressions))]
    return exp.Array(expressions=[_struct(names, _values(item)) for item in items])


def typed_struct(node: exp.Cast, kinds: Kinds) -> exp.Expr | None:
    """STRUCT<a INT64>(1) and ARRAY<STRUCT<…>>[…]: by position, though DuckDB's casts of structs go by name.

    Returns:
        None where the target is neither a struct nor an array of structs.

    Raises:
        Rejected: untranslatable, for a struct that is not written out, and for structs in structs.
    """
    from sqlglot import exp

    target = node.to
    if target.this is exp.DType.STRUCT:
        return _typed(node.this, target)
    element = target.expressions[0] if target.this is exp.DType.ARRAY and target.expressions else None
    if not isinstance(element, exp.DataType) or element.this is not exp.DType.STRUCT:
        return None
    array = node.this
    if isinstance(array, exp.Null) or (isinstance(array, exp.Array) and not array.expressions):
        return node
    if not isinstance(array, exp.Array):
        raise untranslatable("a cast of an array of structs that is not written out")
    return exp.Array(expressions=[_typed(item, element) for item in array.expressions])


def spread_fields(node: exp.Dot, kinds: Kinds) -> exp.Expr:
    """(a struct).* in a SELECT list; DuckDB's UNNEST of a struct makes columns of its fields."""
    from sqlglot import exp

    if not isinstance(node.expression, exp.Star) or isinstance(node.this, exp.Identifier):
        return node
    if any(node.expression.args.values()):
        raise untranslatable("EXCEPT or REPLACE in the fields of a struct")
    return exp.Anonymous(this="UNNEST", expressions=[node.this.copy()])


def contains_text(node: exp.Contains, kinds: Kinds) -> exp.Expr:
    """CONTAINS_SUBSTR(struct, text): whether a field contains the text; NULL where none does and one is NULL.

    Raises:
        Rejected: untranslatable, where a field cannot be searched.
    """
    from sqlglot import exp

    searched = node.this.this if isinstance(node.this, exp.Lower) else node.this
    fields = fields_of(searched, kinds)
    if fields is None and isinstance(searched, exp.Array):
        fields = [Field("", item, kinds.of(item)) for item in searched.expressions]
    if fields is None:
        kind = kinds.of(searched)
        if kind is Kind.TEXT:
            return node
        fields = [Field("", searched, kind)]
    found = [
        duckdb_expression("CONTAINS(LOWER(value), wanted)", value=_searchable(field), wanted=node.expression)
        for field in fields
        if field.kind is not Kind.BYTES
    ]
    return exp.paren(exp.or_(*found, copy=False)) if found else exp.false()


def as_json_text(node: exp.JSONFormat, kinds: Kinds) -> exp.Expr:
    """TO_JSON_STRING of plain values, of arrays and structs that are written out, and of rows.

    Raises:
        Rejected: untranslatable, for other values and for the argument that spreads the text over lines.
    """
    if len(node.args) > 1 and any(value for name, value in node.args.items() if name != "this"):
        raise untranslatable("TO_JSON_STRING with a second argument")
    return _json(node.this, kinds.of(node.this), kinds)


def _json(value: exp.Expr, kind: Kind | None, kinds: Kinds) -> exp.Expr:
    """https://cloud.google.com/bigquery/docs/reference/standard-sql/json_functions#json_encodings"""
    from sqlglot import exp

    fields = fields_of(value, kinds)
    if fields is not None:
        pieces = [(f"{_quoted(field.name)}:", _json(field.value, field.kind, kinds)) for field in fields]
        return _joined("{", pieces, "}")
    array = value.unnest()
    if isinstance(array, exp.Array) and not isinstance(next(iter(array.expressions), None), exp.Query):
        items = [("", _json(item, kinds.of(item), kinds)) for item in array.expressions]
        return _joined("[", items, "]")
    if isinstance(value, exp.Null):
        return exp.Literal.string("null")
    return exp.Coalesce(this=_json_of_kind(value, kind), expressions=[exp.Literal.string("null")])


def _json_of_kind(value: exp.Expr, kind: Kind | None) -> exp.Expr:
    from sqlglot import exp

    if kind is Kind.TEXT:
        return duckdb_expression("CAST(TO_JSON(value) AS VARCHAR)", value=value)
    if kind is Kind.INT:  # beyond what a JSON reader's floats hold it is a text
        text = "CASE WHEN ABS(value) > 9007199254740992 THEN '\"' || CAST(value AS VARCHAR) || '\"'"
        return duckdb_expression(f"{text} ELSE CAST(value AS VARCHAR) END", value=value)
    if kind is Kind.BOOL:
        return duckdb_expression("CAST(value AS VARCHAR)", value=value)
    if kind is Kind.FLOAT:
        return float_as_text(value)
    if kind in (Kind.DATETIME, Kind.TIMESTAMP):
        written = as_text(exp.cast(value.copy(), "TIMESTAMP"), Kind.DATETIME)
        zone = "Z" if kind is Kind.TIMESTAMP else ""
        return duckdb_expression(f"'\"' || REPLACE(written, ' ', 'T') || '{zone}\"'", written=written)
    if kind is Kind.DATE:
        return duckdb_expression("'\"' || CAST(value AS VARCHAR) || '\"'", value=value)
    raise untranslatable(f"TO_JSON_STRING of a {kind.value if kind else 'value of unknown type'}")


def _joined(opening: str, pieces: Sequence[tuple[str, exp.Expr]], closing: str) -> exp.Expr:
    from sqlglot import exp

    parts: list[exp.Expr] = []
    before = opening
    for label, value in pieces:
        parts += [exp.Literal.string(before + label), value]
        before = ","
    parts.append(exp.Literal.string(closing if parts else opening + closing))
    return exp.Concat(expressions=parts, safe=False, coalesce=False) if len(parts) > 1 else parts[0]


def _quoted(name: str) -> str:
    import json

    return json.dumps(name, ensure_ascii=False)


def _searchable(field: Field) -> exp.Expr:
    if field.kind in (None, Kind.OTHER):
        raise untranslatable("CONTAINS_SUBSTR of a value of unknown type")
    return field.value if field.kind is Kind.TEXT else as_text(field.value, field.kind)


def _field(item: exp.Expr, kinds: Kinds) -> Field:
    from sqlglot import exp

    if isinstance(item, exp.PropertyEQ):
        return Field(item.this.name, item.expression, kinds.of(item.expression))
    value = item.unalias()
    return Field(item.alias_or_name if isinstance(item, exp.Alias | exp.Column) else "", value, kinds.of(value))


def _values(struct: exp.Expr) -> list[exp.Expr]:
    from sqlglot import exp

    return [
        item.expression if isinstance(item, exp.PropertyEQ) else item.unalias() for item in struct.unnest().expressions
    ]


def _struct(names: Sequence[str], values: Sequence[exp.Expr]) -> exp.Expr:
    from sqlglot import exp

    if len(names) != len(values):
        raise untranslatable("structs of different numbers of fields in one array")
    return exp.Struct(
        expressions=[
            exp.PropertyEQ(this=exp.to_identifier(name), expression=value.copy())
            for name, value in zip(names, values, strict=True)
        ]
    )


def _typed(value: exp.Expr, target: exp.DataType) -> exp.Expr:
    from sqlglot import exp

    if isinstance(value, exp.Null):
        return exp.cast(exp.Null(), target.copy())
    values = _values(value) if isinstance(value.unnest(), exp.Struct | exp.Tuple) else []
    # (1) in an array of structs of one field is that field.
    values = values or ([value] if len(target.expressions) == 1 and not isinstance(value, exp.Column) else [])
    fields = [item if isinstance(item, exp.DataType) else item.args["kind"] for item in target.expressions]
    if len(values) != len(fields) or any(field.this in (exp.DType.STRUCT, exp.DType.ARRAY) for field in fields):
        raise untranslatable("a typed struct that is not written out as one of plain fields")
    cast = [exp.cast(item.copy(), field.copy()) for item, field in zip(values, fields, strict=True)]
    names = [item.name for item in target.expressions if isinstance(item, exp.ColumnDef)]
    return _struct(names, cast) if len(names) == len(cast) else exp.Struct(expressions=cast)
