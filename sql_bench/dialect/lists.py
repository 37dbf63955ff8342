"""The dialects with lists of their own besides BigQuery."""

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
