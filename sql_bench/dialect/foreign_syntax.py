"""Operators and clauses of other dialects that sqlglot reads as BigQuery's, DuckDB has, and BigQuery rejects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlglot import exp


def foreign_syntax(sql: str, query: exp.Query) -> Iterator[str]:
    """Complaints about a statement: its operators first, then its clauses.

    Args:
        sql: its text, as the operators cannot be told in the tree: `a % b` and `MOD(a, b)` are one there.
        query: its tree.
    """
    yield from _operators(sql)
    yield from _clauses(query)


def _operators(sql: str) -> Iterator[str]:
    """https://cloud.google.com/bigquery/docs/reference/standard-sql/operators lists those that there are."""
    from sqlglot import Dialect, TokenType

    foreign = {
        TokenType.MOD: "%",
        TokenType.DCOLON: "::",
        TokenType.RLIKE: "REGEXP",
        TokenType.SIMILAR_TO: "SIMILAR TO",
    }
    for token in Dialect.get_or_raise("bigquery").tokenize(sql):
        if token.token_type in foreign:
            yield f"there is no operator {foreign[token.token_type]}"
        elif token.token_type is TokenType.EQ and token.text == "==":
            yield "there is no operator =="


def _clauses(query: exp.Query) -> Iterator[str]:
    """Clauses of other dialects that sqlglot reads and DuckDB has."""
    from sqlglot import exp

    for node in query.walk(bfs=False):
        if isinstance(node, exp.ILike):
            yield "there is no ILIKE"
        elif isinstance(node, exp.Fetch):
            yield "there is no FETCH FIRST"
        elif isinstance(node, exp.Filter):
            yield "aggregates take no FILTER clause"
        elif isinstance(node, exp.WithinGroup):
            yield "aggregates take no WITHIN GROUP clause"
        elif isinstance(node, exp.Distinct) and node.args.get("on"):
            yield "there is no DISTINCT ON"
        elif isinstance(node, exp.Join) and (
            node.method or node.kind.upper() in ("SEMI", "ANTI", "POSITIONAL", "ASOF")
        ):
            yield f"there is no {(node.method or node.kind).upper()} JOIN"
        elif isinstance(node, exp.In) and len(node.args["query"].this.selects if node.args.get("query") else []) > 1:
            yield "IN takes a subquery of one column"
        elif isinstance(node, exp.Limit) and not isinstance(node.expression, exp.Literal):
            yield "LIMIT must be a literal integer"
