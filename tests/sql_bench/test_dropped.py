"""Clauses that would be left out without a word are refused; those that are kept run."""

import pytest

from sql_bench.dialect.schema import Schema
from sql_bench.dialect.translation import parse, translate
from sql_bench.guard.rejected import Rejected
from sql_bench.types import Outcome

SCHEMA = Schema({"t": {"a": "BIGINT", "b": "BIGINT"}})


@pytest.mark.parametrize(
    ("dialect", "sql"),
    [
        ("postgres", "SELECT a FROM t ORDER BY a FETCH FIRST 3 ROWS WITH TIES"),
        ("postgres", "SELECT a FROM t ORDER BY a OFFSET 2 ROWS FETCH NEXT 3 ROWS WITH TIES"),
        ("postgres", "SELECT a FROM (SELECT a FROM t ORDER BY a FETCH FIRST ROW WITH TIES) AS s"),
        ("postgres", "WITH c AS (SELECT a FROM t ORDER BY a FETCH FIRST 2 ROWS WITH TIES) SELECT a FROM c"),
        ("postgres", "SELECT a FROM t UNION SELECT b FROM t ORDER BY a FETCH FIRST 2 ROWS WITH TIES"),
        ("postgres", "SELECT a FROM t FETCH FIRST 10 PERCENT ROWS ONLY"),
        ("duckdb", "SELECT a FROM t ORDER BY a FETCH FIRST 3 ROWS WITH TIES"),
        ("snowflake", "SELECT TOP 3 WITH TIES a FROM t"),
        ("tsql", "SELECT TOP 3 WITH TIES a FROM t ORDER BY a"),
        ("tsql", "SELECT TOP 10 PERCENT a FROM t ORDER BY a"),
        ("tsql", "SELECT TOP 10 PERCENT WITH TIES a FROM t ORDER BY a"),
        ("mysql", "SELECT CHAR(65 USING utf8) FROM t"),
        ("postgres", "SELECT a FROM t FOR UPDATE"),
        ("tsql", "SELECT a FROM t FOR XML PATH"),
    ],
)
def test_a_clause_that_would_be_lost_is_refused(dialect, sql):
    with pytest.raises(Rejected) as refused:
        translate(parse(sql, dialect), dialect, SCHEMA)
    assert refused.value.outcome in (Outcome.UNTRANSLATABLE, Outcome.REFUSED)


@pytest.mark.parametrize(
    ("dialect", "sql", "kept"),
    [
        ("postgres", "SELECT a FROM t ORDER BY a FETCH FIRST 3 ROWS ONLY", "LIMIT 3"),
        ("postgres", "SELECT a FROM t ORDER BY a OFFSET 2 ROWS FETCH NEXT ROW ONLY", "LIMIT 1 OFFSET 2"),
        ("tsql", "SELECT TOP (3) a FROM t ORDER BY a", "LIMIT 3"),
        ("tsql", "SELECT a FROM t ORDER BY a OFFSET 2 ROWS FETCH NEXT 3 ROWS ONLY", "LIMIT 3 OFFSET 2"),
        ("duckdb", "SELECT a FROM t LIMIT 10%", "LIMIT 10 PERCENT"),
    ],
)
def test_a_clause_that_is_kept_runs(dialect, sql, kept):
    assert kept in translate(parse(sql, dialect), dialect, SCHEMA).sql
