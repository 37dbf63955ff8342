"""Expressions of BigQuery's documentation by value, and whole statements as models write them."""

import json
import math
from collections import Counter
from pathlib import Path

import duckdb
import pytest
import yaml
from sqlglot import Dialect

from sql_bench.backends.duckdb import DuckDbBackend
from sql_bench.dialect.translation import parse
from sql_bench.dialect.written import known_names, parse_noting
from sql_bench.guard.rejected import Rejected
from sql_bench.types import Limits, Outcome
from sql_bench.values import decode_value

FIXTURES = Path(__file__).parent / "fixtures" / "dialect"
BIOMED = Path(__file__).parents[2] / "sql_bench" / "datasets" / "demo" / "biomed"
NAMES = Path(__file__).parents[2] / "sql_bench" / "dialect" / "bigquery_names.tsv"
LIMITS = Limits(timeout_s=20)

# How a table's types are called in a schema and in DuckDB.
TYPES = {"STRING": "VARCHAR", "FLOAT": "DOUBLE", "INTEGER": "BIGINT", "BOOLEAN": "BOOLEAN"}


def lines(name):
    """The fields of a fixture's lines."""
    text = (FIXTURES / name).read_text(encoding="utf-8")
    return [line.split("\t") for line in text.splitlines() if line and not line.startswith("#")]


def same(one, other):
    """Whether two cells are equal, floats to the last digits but one."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return one == other or math.isclose(one, other, rel_tol=1e-12) or (math.isnan(one) and math.isnan(other))
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(map(same, one.values(), other.values()))
    return one == other


@pytest.fixture(scope="module")
def bigquery(tmp_path_factory):
    path = tmp_path_factory.mktemp("expressions") / "mirror.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE drugs (id BIGINT, name VARCHAR, dose DOUBLE, day DATE, seen TIMESTAMPTZ)")
        connection.execute("INSERT INTO drugs VALUES (1, 'Donepezil', 2.5, '2024-01-31', '2024-03-10 12:34:56+00')")
        connection.execute("INSERT INTO drugs VALUES (2, NULL, NULL, NULL, NULL)")
    with DuckDbBackend(path, "bigquery") as backend:
        yield backend


@pytest.fixture(scope="module")
def biomed(tmp_path_factory):
    path = tmp_path_factory.mktemp("biomed") / "biomed.duckdb"
    tables = yaml.safe_load((BIOMED / "schema.yaml").read_text(encoding="utf-8"))["tables"]
    with duckdb.connect(str(path)) as connection:
        for table, columns in tables.items():
            typed = ", ".join(f'"{name}" {TYPES[type_name]}' for name, type_name in columns.items())
            connection.execute(f'CREATE TABLE "{table}" ({typed})')
            connection.execute(f"COPY \"{table}\" FROM '{BIOMED / 'tables' / table}.csv' (HEADER, NULLSTR '')")
    with DuckDbBackend(path, "bigquery") as backend:
        yield backend


@pytest.mark.parametrize("fields", lines("bigquery_expressions.tsv"), ids=lambda fields: fields[0][:70])
def test_an_expression_has_the_documented_value(bigquery, fields):
    expression, expected, *otherwise = fields
    result = bigquery.execute(f"SELECT {expression} AS v", LIMITS)
    if otherwise or expected == "invalid_sql":
        assert result.outcome.value == (otherwise[0] if otherwise else expected), result.message
    else:
        assert result.outcome is Outcome.OK, result.message
        assert same(result.rows[0][0], decode_value(json.loads(expected)))
        assert result.complaints == ()


def test_few_expressions_are_left_untranslated():
    listed = lines("bigquery_expressions.tsv")
    assert len(listed) >= 350
    assert sum(len(fields) > 2 for fields in listed) <= len(listed) * 0.03


@pytest.mark.parametrize("fields", lines("biomed_statements.tsv"), ids=lambda fields: fields[0][:70])
def test_a_statement_as_models_write_it(biomed, fields):
    statement, outcome, *plainer = fields
    result = biomed.execute(statement, LIMITS)
    assert result.outcome.value == outcome, result.message
    if outcome == "ok":
        assert result.complaints == ()
    for other in plainer:
        assert biomed.execute(other, LIMITS).rows == result.rows


def test_of_80_statements_at_most_5_are_untranslatable():
    outcomes = Counter(fields[1] for fields in lines("biomed_statements.tsv"))
    assert sum(outcomes.values()) >= 80
    assert outcomes["untranslatable"] <= 5


def called(sql):
    reader = Dialect.get_or_raise("bigquery")
    return parse_noting(reader, reader.tokenize(sql), sql)[1]


def test_every_translated_name_is_called_by_a_case():
    texts = [f"SELECT {fields[0]}" for fields in lines("bigquery_expressions.tsv") if len(fields) == 2]
    texts += [fields[0] for fields in lines("bigquery.tsv") if fields[2].startswith("[")]
    texts += [fields[0] for fields in lines("biomed_statements.tsv") if fields[1] == "ok"]
    run = {name for text in texts for name in called(text).functions}
    assert known_names(NAMES).translated - run - {"UNNEST", "ANY", "ALL", "SOME", "IN", "ERROR"} == set()


def test_a_name_has_one_verdict():
    names = known_names(NAMES)
    assert names.absent & (names.translated | names.documented) == set()
    assert names.translated & names.documented == set()
    assert names.types & names.absent_types == set()


@pytest.mark.parametrize(
    ("sql", "functions", "types"),
    [
        ("SELECT LEN(a), IIF(a, b, c), try_cast(x AS int64)", ["LEN", "IIF", "TRY_CAST"], ["INT64"]),
        ("SELECT SAFE.SUBSTR(a, 1), `Len`(b), NET.HOST(c)", ["SUBSTR", "LEN", "NET.HOST"], []),
        ("SELECT DATE_TRUNC(d, WEEK(MONDAY)), WEEK(d)", ["DATE_TRUNC", "WEEK"], []),
        ("SELECT pi, mode FROM (SELECT 1 AS pi, 2 AS mode) AS len", [], []),
        ("WITH median AS (SELECT 1 AS x) SELECT x FROM median JOIN mode USING (x)", [], []),
        ("SELECT x FROM UNNEST([1]) AS x WHERE x IN UNNEST([2]) AND x IN (3)", [], []),
        ("SELECT CAST(a AS ARRAY<STRUCT<x TEXT, y NUMERIC(10, 2)>>)", ["CAST"], ["ARRAY", "STRUCT", "TEXT", "NUMERIC"]),
        ("SELECT STRUCT<ARRAY<DOUBLE>, REAL>([1], 2)", [], ["ARRAY", "REAL", "DOUBLE"]),
        (
            "SELECT EXTRACT(DAY FROM d AT TIME ZONE 'UTC') AS real, CAST(x AS STRING) AS text",
            ["EXTRACT", "CAST"],
            ["STRING"],
        ),
        ("SELECT COUNT(*) OVER (PARTITION BY a) FROM t AS t(a)", ["COUNT"], []),
    ],
)
def test_names_are_noted_as_written(sql, functions, types):
    written = called(sql)
    assert list(written.functions) == functions
    assert sorted(written.types) == sorted(types)


@pytest.mark.parametrize(
    ("sql", "outcome"),
    [
        ("SELECT LEN(name) FROM drugs", Outcome.INVALID_SQL),
        ("SELECT SAFE.LEN(name) FROM drugs", Outcome.INVALID_SQL),
        ("SELECT CAST(id AS VARCHAR) FROM drugs", Outcome.INVALID_SQL),
        ("SELECT CAST(id AS FLOAT) FROM drugs", Outcome.INVALID_SQL),
        ("SELECT ARRAY<TEXT>['a']", Outcome.INVALID_SQL),
        ("SELECT UNNEST([1, 2])", Outcome.INVALID_SQL),
        ("SELECT MAX(id, 2) FROM drugs", Outcome.INVALID_SQL),
        ("SELECT YEAR(day) FROM drugs", Outcome.INVALID_SQL),
        ("SELECT TRANSLATE(name, 'aa', 'bc') FROM drugs", Outcome.INVALID_SQL),
        ("SELECT NET.HOST(name) FROM drugs", Outcome.UNTRANSLATABLE),
        ("SELECT mine.LENGTH(name) FROM drugs", Outcome.UNTRANSLATABLE),
        ("SELECT MY_OWN_FUNCTION(id) FROM drugs", Outcome.UNTRANSLATABLE),
        ("SELECT ST_GEOGPOINT(1, 2)", Outcome.UNTRANSLATABLE),
        ("SELECT SEARCH(name, 'a') FROM drugs", Outcome.UNTRANSLATABLE),
        ("SELECT CAST(id AS GEOMETRY) FROM drugs", Outcome.UNTRANSLATABLE),
    ],
)
def test_what_bigquery_lacks_is_decided_by_the_name_as_written(bigquery, sql, outcome):
    assert bigquery.execute(sql, LIMITS).outcome is outcome


def test_columns_and_queries_may_have_the_names_of_foreign_functions(bigquery):
    sql = "WITH median AS (SELECT id AS len, dose AS year FROM drugs) SELECT len, year FROM median WHERE len = 1"
    assert bigquery.execute(sql, LIMITS).rows == ((1, 2.5),)


@pytest.mark.slow
@pytest.mark.parametrize("dialect", ["bigquery", "snowflake", "databricks", "trino"])
def test_conditions_that_hold_nowhere_are_counted_as_0(tmp_path, dialect):
    path = tmp_path / "t.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE t AS SELECT * FROM (VALUES (1, NULL::INT), (2, 5)) v(k, x)")
    name = "COUNTIF" if dialect == "bigquery" else "COUNT_IF"
    with DuckDbBackend(path, dialect) as backend:

        def rows(sql):
            result = backend.execute(sql.replace("COUNTIF", name), LIMITS)
            assert result.outcome is Outcome.OK, result.message
            return result.rows

        assert rows("SELECT COUNTIF(x > 1) FROM t WHERE k > 9") == ((0,),)
        assert rows("SELECT k, COUNTIF(x > 1) FROM t GROUP BY k ORDER BY k") == ((1, 0), (2, 1))
        assert rows("SELECT k FROM t GROUP BY k HAVING COUNTIF(x > 1) = 0") == ((1,),)
        window = "COUNTIF(x > 1) OVER (ORDER BY k ROWS BETWEEN 5 PRECEDING AND 2 PRECEDING)"
        assert rows(f"SELECT {window} FROM t") == ((0,), (0,))


def test_null_arrays_leave_a_query_as_empty_ones(bigquery):
    sql = "SELECT ARRAY_AGG(id) AS a, SPLIT(CAST(NULL AS STRING)) AS b, 1 AS c FROM drugs WHERE id > 9"
    assert bigquery.execute(sql, LIMITS).rows == (([], [], 1),)


def test_unpivot_puts_the_value_before_its_name(bigquery):
    sql = "SELECT * FROM (SELECT 1 AS a, 2 AS b, 'x' AS c) UNPIVOT (v FOR k IN (a, b))"
    result = bigquery.execute(sql, LIMITS)
    assert [column.name for column in result.columns] == ["c", "v", "k"]
    assert result.rows == (("x", 1, "a"), ("x", 2, "b"))


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("SELECT id FROM drugs WHERE CONTAINS_SUBSTR(drugs, 'DONE')", ((1,),)),
        ("SELECT id FROM drugs d WHERE CONTAINS_SUBSTR(d, '2024-01')", ((1,),)),
        ("SELECT id FROM drugs d WHERE CONTAINS_SUBSTR(STRUCT(d.id, d.name), 'zil')", ((1,),)),
        (
            "SELECT TO_JSON_STRING(d) FROM (SELECT id, name, dose, day FROM drugs) AS d ORDER BY d.id",
            (
                ('{"id":1,"name":"Donepezil","dose":2.5,"day":"2024-01-31"}',),
                ('{"id":2,"name":null,"dose":null,"day":null}',),
            ),
        ),
        ("SELECT t.* FROM UNNEST([STRUCT(1 AS a, 'x' AS b)]) AS t", ((1, "x"),)),
        ("SELECT t FROM UNNEST([STRUCT(1 AS a, 'x' AS b)]) AS t", (({"a": 1, "b": "x"},),)),
        (
            "SELECT id, k FROM drugs LEFT JOIN UNNEST([STRUCT(1 AS k)]) AS t ON t.k = id ORDER BY id",
            ((1, 1), (2, None)),
        ),
    ],
)
def test_rows_and_structs(bigquery, sql, rows):
    result = bigquery.execute(sql, LIMITS)
    assert result.outcome is Outcome.OK, result.message
    assert result.rows == rows


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT s.k, n.v FROM UNNEST([STRUCT('a' AS k, [STRUCT(1 AS v), STRUCT(2)] AS l)]) s, s.l AS n",
        "SELECT CONTAINS_SUBSTR(d, 'a') FROM (SELECT [1] AS l) AS d",
        "SELECT TO_JSON_STRING(d) FROM (SELECT CAST(dose AS NUMERIC) AS dose FROM drugs) AS d",
        "SELECT t.* FROM UNNEST([STRUCT(1 AS a)]) AS t WITH OFFSET",
        "SELECT CAST(s AS STRUCT<a INT64>) FROM (SELECT STRUCT(1 AS b) AS s)",
        "SELECT APPROX_QUANTILES(id, id) FROM drugs",
        "SELECT FORMAT_DATE(name, day) FROM drugs",
        "SELECT TIMESTAMP('2024-01-01', '+09:00')",
        "SELECT DATE_DIFF(seen, seen, DAY) FROM drugs",
        "SELECT GENERATE_DATE_ARRAY(DATE '2024-01-31', DATE '2024-05-01', INTERVAL 1 MONTH)",
    ],
)
def test_what_is_not_known_to_agree_is_untranslatable(bigquery, sql):
    assert bigquery.execute(sql, LIMITS).outcome is Outcome.UNTRANSLATABLE


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("SELECT id FROM drugs WHERE (id, name) IN (SELECT (id, name) FROM drugs)", ((1,),)),
        ("SELECT id FROM drugs WHERE (id, name) IN (SELECT AS STRUCT id, name FROM drugs)", ((1,),)),
        ("SELECT id FROM drugs WHERE STRUCT(id, name) IN (SELECT STRUCT(id, name) FROM drugs)", ((1,),)),
        ("SELECT id FROM drugs WHERE (id, name) NOT IN (SELECT (2, 'a'))", ((1,),)),
        ("SELECT id FROM drugs WHERE (id, name) IN UNNEST([(1, 'Donepezil'), (2, 'a')])", ((1,),)),
        ("SELECT id FROM drugs WHERE (id, name) NOT IN UNNEST([STRUCT(2, 'a')])", ((1,),)),
    ],
)
def test_structs_with_null_are_in_nothing(bigquery, sql, rows):
    result = bigquery.execute(sql, LIMITS)
    assert result.outcome is Outcome.OK, result.message
    assert result.rows == rows


def test_a_foreign_function_is_named_before_anything_is_run():
    with pytest.raises(Rejected) as caught:
        parse("SELECT CHARINDEX('a', name) FROM nowhere", "bigquery")
    assert caught.value.message == "BigQuery has no function CHARINDEX"
