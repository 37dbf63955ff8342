"""The dialects with lists of their own besides BigQuery, and how well each dialect is known."""

from __future__ import annotations

from collections.abc import Mapping

from sql_bench.dialect.listed import ListedDialect
from sql_bench.dialect.mysql import MYSQL
from sql_bench.dialect.postgres import POSTGRES
from sql_bench.dialect.snowflake import SNOWFLAKE
from sql_bench.dialect.sqlite import SQLITE
from sql_bench.dialect.tsql import TSQL

LISTED: Mapping[str, ListedDialect] = {dialect.name: dialect for dialect in (POSTGRES, SQLITE, MYSQL, SNOWFLAKE, TSQL)}
"""By sqlglot's names."""

VERIFIED: Mapping[str, str] = {"postgres": "PostgreSQL 15.18", "sqlite": "SQLite 3.40.1"}
"""The engines that a dialect's list was run on, each function with the value it has here; the tests do it again."""


def standing(dialect: str) -> str:
    """How well a dialect's translation is known, in one sentence.

    Args:
        dialect: sqlglot's name.
    """
    if dialect == "duckdb":
        return "DuckDB's own dialect runs as it is written."
    if dialect != "bigquery" and dialect not in LISTED:
        return f"{dialect} has no list of functions: what sqlglot translates runs, and nothing is verified."
    title = "BigQuery" if dialect == "bigquery" else LISTED[dialect].title
    source = f"verified on {VERIFIED[dialect]}" if dialect in VERIFIED else "from its documentation, tried on no engine"
    return f"{title} has a list of functions, {source}; what is not on it is untranslatable."
