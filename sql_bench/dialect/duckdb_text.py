"""Expressions for DuckDB written as its text, with places for parts of a statement's tree."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlglot import exp


def duckdb_expression(text: str, /, **parts: exp.Expr) -> exp.Expr:
    """The tree of a text in DuckDB's dialect, in which a copy of a part stands wherever its name is a column.

    Names of lambdas' variables begin with an underscore, so that they are no column of a table: they shadow those.
    """
    from sqlglot import exp

    tree = _parsed(text).copy()
    for column in list(tree.find_all(exp.Column)):
        part = parts.get(column.name) if not column.table else None
        if part is not None:
            column.replace(
                exp.paren(part.copy()) if isinstance(part, exp.Binary | exp.Unary | exp.Predicate) else part.copy()
            )
    return tree


@cache
def _parsed(text: str) -> exp.Expr:
    from sqlglot import parse_one

    found: exp.Expr = parse_one(text, dialect="duckdb")
    return found
