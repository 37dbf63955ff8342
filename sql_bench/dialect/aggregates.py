"""COUNT_IF, which every dialect but DuckDB's own has as a count: 0 where there is nothing to count."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlglot import exp


def count_conditions(query: exp.Query) -> None:
    """Write COUNTIF(c) and COUNT_IF(c) as a COUNT, in place.

    On no rows, on NULLs only and over an empty frame they are 0 in BigQuery, Snowflake, Databricks and Trino, and NULL
    in DuckDB, whose COUNT_IF is a sum.
    """
    from sqlglot import exp

    for node in list(query.find_all(exp.CountIf)):
        distinct = isinstance(node.this, exp.Distinct)
        condition = node.this.expressions[0] if distinct else node.this
        counted: exp.Expr = exp.Case(ifs=[exp.If(this=condition.copy(), true=exp.Literal.number(1))])
        node.replace(exp.Count(this=exp.Distinct(expressions=[counted]) if distinct else counted))
