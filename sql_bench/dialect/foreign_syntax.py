"""Operators and clauses of other dialects that sqlglot reads as BigQuery's, DuckDB has, and BigQuery rejects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlglot import Token, exp


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
    tokens = Dialect.get_or_raise("bigquery").tokenize(sql)
    for token in tokens:
        if token.token_type in foreign:
            yield f"there is no operator {foreign[token.token_type]}"
        elif token.token_type is TokenType.EQ and token.text == "==":
            yield "there is no operator =="
    yield from _quotes_and_limits(tokens)


def _quotes_and_limits(tokens: Sequence[Token]) -> Iterator[str]:
    """Names in quotes of a text, and LIMIT with an offset before the number, as other dialects have them."""
    from sqlglot import TokenType

    naming = (TokenType.FROM, TokenType.JOIN, TokenType.ALIAS)
    casts: list[bool] = []
    for before, token, behind in zip([None, *tokens], tokens, [*tokens[1:], None], strict=False):
        if token.token_type is TokenType.L_PAREN:
            casts.append(before is not None and before.text.upper() in ("CAST", "SAFE_CAST", "EXTRACT", "TRIM"))
        elif token.token_type is TokenType.R_PAREN and casts:
            casts.pop()
        named = before is not None and before.token_type in naming and not (casts and casts[-1])
        if token.token_type is TokenType.STRING and named:
            yield f"a name is quoted by backticks, not as the text {token.text[:50]!r}"
        elif token.token_type is TokenType.LIMIT and behind is not None and _has_comma(tokens, behind):
            yield "LIMIT takes one number, and OFFSET the other"


def _has_comma(tokens: Sequence[Token], number: Token) -> bool:
    """Whether a number behind LIMIT is followed by a comma and another number."""
    from sqlglot import TokenType

    place = next(place for place, token in enumerate(tokens) if token.start == number.start)
    following = tokens[place + 1 : place + 3]
    kinds = [token.token_type for token in following]
    return number.token_type is TokenType.NUMBER and kinds == [TokenType.COMMA, TokenType.NUMBER]


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
        elif isinstance(node, exp.In) and _selects_several(node):
            yield "IN takes a subquery of one column"
        elif isinstance(node, exp.Limit) and not isinstance(node.expression, exp.Literal):
            yield "LIMIT must be a literal integer"


def _selects_several(node: exp.In) -> bool:
    """Whether a subquery behind IN has several columns, which SELECT AS STRUCT makes one of."""
    query = node.args.get("query")
    return query is not None and len(query.this.selects) > 1 and not query.this.args.get("kind")
