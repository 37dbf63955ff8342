"""BigQuery's functions of JSON in texts, in DuckDB's terms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sql_bench.dialect.duckdb_text import duckdb_expression
from sql_bench.dialect.kinds import Kinds

if TYPE_CHECKING:
    from sqlglot import exp


def extracted(node: exp.JSONExtract, kinds: Kinds) -> exp.Expr:
    """JSON_QUERY and JSON_EXTRACT give a text; of a JSON null they give NULL."""
    return duckdb_expression("NULLIF(CAST(found AS VARCHAR), 'null')", found=_at(node))


def extracted_items(node: exp.JSONExtractArray, kinds: Kinds) -> exp.Expr:
    """JSON_QUERY_ARRAY and JSON_EXTRACT_ARRAY: each element as JSON; NULL where there is no array."""
    return duckdb_expression(
        "CASE WHEN JSON_TYPE(found) = 'ARRAY'"
        " THEN LIST_TRANSFORM(CAST(found AS JSON[]), LAMBDA _e : CAST(_e AS VARCHAR)) END",
        found=_at(node),
    )


def scalar_items(node: exp.JSONValueArray, kinds: Kinds) -> exp.Expr:
    """JSON_VALUE_ARRAY and JSON_EXTRACT_STRING_ARRAY: NULL where there is no array, or one of more than scalars."""
    return duckdb_expression(
        "CASE WHEN JSON_TYPE(found) = 'ARRAY'"
        " AND LEN(LIST_FILTER(CAST(found AS JSON[]), LAMBDA _e : JSON_TYPE(_e) IN ('OBJECT', 'ARRAY'))) = 0"
        " THEN LIST_TRANSFORM(CAST(found AS JSON[]), LAMBDA _e : JSON_EXTRACT_STRING(_e, '$')) END",
        found=_at(node),
    )


def _at(node: exp.JSONExtract | exp.JSONExtractArray | exp.JSONValueArray) -> exp.Expr:
    """What stands at the path, which is the whole where none is given."""
    from sqlglot import exp

    path = node.args.get("expression") or exp.JSONPath(expressions=[exp.JSONPathRoot()])
    return exp.paren(exp.JSONExtract(this=node.this.copy(), expression=path.copy()), copy=False)
