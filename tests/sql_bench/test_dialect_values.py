"""Values that BigQuery gives by its documentation, and DuckDB would not give for the same text: by running them."""

import duckdb
import pytest

from sql_bench.backends.duckdb import DuckDbBackend
from sql_bench.dialect.schema import Schema
from sql_bench.dialect.static_check import bigquery_complaints
from sql_bench.dialect.translation import parse
from sql_bench.types import Limits, Outcome

LIMITS = Limits(timeout_s=20)


@pytest.fixture(scope="module")
def backend(tmp_path_factory):
    path = tmp_path_factory.mktemp("values") / "mirror.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "CREATE TABLE drugs (id BIGINT, name VARCHAR, dose DOUBLE, n INTEGER, seen TIMESTAMP, note VARCHAR,"
            " tags VARCHAR[])"
        )
        connection.execute(
            "INSERT INTO drugs VALUES (1, 'aspirin', 2.0, 100000, '2024-03-10 12:34:56.7', '2.5', ['1', '1_0']),"
            " (2, 'ibuprofen', -0.5, 7, '2023-01-01', '12', [])"
        )
    with DuckDbBackend(path, "bigquery") as opened:
        yield opened


def run(backend, sql):
    result = backend.execute(sql, LIMITS)
    assert result.outcome is Outcome.OK, result.message
    return [tuple(str(v) if not isinstance(v, int | float | list | None) else v for v in row) for row in result.rows]


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("SELECT CAST(dose AS STRING) AS dose FROM drugs WHERE id = 1", [("2",)]),
        (
            "SELECT CAST(dose AS STRING) AS dose, COUNT(*) FROM drugs GROUP BY dose ORDER BY dose",
            [("-0.5", 1), ("2", 1)],
        ),
        (
            "WITH a AS (SELECT name AS dose FROM drugs) SELECT CAST(d.dose AS STRING) FROM drugs d WHERE id = 1",
            [("2",)],
        ),
        ("SELECT CAST(d AS STRING) FROM (SELECT dose AS d FROM drugs WHERE id = 1)", [("2",)]),
        ("WITH a (d) AS (SELECT dose FROM drugs WHERE id = 1) SELECT CAST(d AS STRING) FROM a", [("2",)]),
        ("SELECT CAST(v AS STRING) FROM (SELECT id AS v FROM drugs UNION ALL SELECT 2.5) LIMIT 1", [("1",)]),
        ("SELECT CAST(dose AS STRING) FROM (SELECT * EXCEPT (name) FROM drugs) WHERE id = 1", [("2",)]),
        ("SELECT CAST(v.a AS STRING) FROM (SELECT STRUCT(2.0 AS a) AS v)", [("2",)]),
        ("SELECT CAST(v.a AS STRING) FROM (SELECT STRUCT('2.0' AS a) AS v)", [("2.0",)]),
        ("SELECT CAST(SAFE_ADD(id, dose) AS STRING) FROM drugs WHERE id = 1", [("3",)]),
        ("SELECT (SELECT CAST(d.dose AS STRING)) FROM drugs d WHERE id = 1", [("2",)]),
        ("SELECT CONCAT(name, ' ', dose, '/', id) FROM drugs WHERE id = 1", [("aspirin 2/1",)]),
        ("SELECT name || dose FROM drugs WHERE id = 1", [("aspirin2",)]),
        ("SELECT CAST(-0.0 AS STRING), FORMAT('%t', 2.0), FORMAT('%t', 1e20)", [("0", "2.0", "1e+20")]),
        (
            "SELECT CAST(seen AS STRING) FROM drugs ORDER BY id",
            [("2024-03-10 12:34:56.700",), ("2023-01-01 00:00:00",)],
        ),
        ("SELECT CAST(TIMESTAMP '2024-01-01' AS STRING)", [("2024-01-01 00:00:00+00",)]),
        ("SELECT CAST(NUMERIC '1.50' AS STRING), CAST(NUMERIC '100' AS STRING)", [("1.5", "100")]),
        ("SELECT SAFE_CAST(note AS INT64) AS note FROM drugs ORDER BY id", [(None,), (12,)]),
        ("SELECT SAFE_CAST(SPLIT(note, '.')[OFFSET(0)] AS INT64) FROM drugs WHERE id = 1", [(2,)]),
        ("SELECT SAFE_CAST(t AS INT64) FROM drugs, UNNEST(tags) AS t ORDER BY t", [(1,), (None,)]),
        ("SELECT SAFE_CAST(v.a AS INT64) FROM (SELECT STRUCT('2.5' AS a) AS v)", [(None,)]),
        ("SELECT CAST(v.a AS INT64) FROM (SELECT STRUCT(2.5 AS a) AS v)", [(3,)]),
    ],
)
def test_a_name_has_the_kind_of_what_it_stands_for(backend, sql, rows):
    assert run(backend, sql) == rows


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("SELECT SUM(x * 100000) FROM UNNEST([100000, 2]) AS x", [(10000200000,)]),
        ("SELECT n * n, n * 100000, CAST(n AS INT) * n FROM drugs WHERE id = 1", [(10**10, 10**10, 10**10)]),
        ("SELECT x * x FROM (SELECT 100000 AS x)", [(10**10,)]),
        ("SELECT 1 << 40, -1 >> 60, 5 >> 1, BIT_COUNT(-1)", [(2**40, 15, 2, 64)]),
        ("SELECT -9223372036854775808", [(-(2**63),)]),
        ("SELECT CORR(x, 1) IS NULL FROM UNNEST([1]) AS x", [(True,)]),
        ("SELECT IS_NAN(CORR(x, 1)) FROM UNNEST([1, 2]) AS x", [(True,)]),
        ("SELECT COUNT(*) FROM (SELECT CORR(x, 1) AS r FROM UNNEST([1, 2]) AS x) WHERE r > 0.5", [(0,)]),
        (
            "SELECT g FROM (SELECT g, CORR(x, x * g) AS r FROM UNNEST([0, 1, -1]) AS g, UNNEST([1, 2]) AS x GROUP BY g)"
            " ORDER BY r DESC",
            [(1,), (-1,), (0,)],
        ),
    ],
)
def test_numbers(backend, sql, rows):
    assert run(backend, sql) == rows


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        (r"SELECT TRIM('\t a\n'), LTRIM('\ta '), RTRIM(' a\u00a0\u3000'), TRIM('xax', 'x')", [("a", "a ", " a", "a")]),
        ("SELECT SAFE.LEFT('abc', -1), SAFE.SUBSTR('abc', 1, -1), SAFE.EXP(1000)", [(None, None, None)]),
        ("SELECT LEFT(name, id), RIGHT(name, id), REPEAT('a', id) FROM drugs WHERE id = 2", [("ib", "en", "aa")]),
    ],
)
def test_texts(backend, sql, rows):
    assert run(backend, sql) == rows


@pytest.mark.parametrize(
    ("text", "type_name", "value"),
    [
        ("TRUE", "BOOL", "True"),
        ("False", "BOOL", "False"),
        ("t", "BOOL", None),
        ("1", "BOOL", None),
        ("yes", "BOOL", None),
        ("2020-1-5", "DATE", "2020-01-05"),
        ("2020/01/05", "DATE", None),
        ("2020-01-05 10:00:00", "DATE", None),
        (" 2020-01-05", "DATE", None),
        ("2020-01-05 10:00:00", "DATETIME", "2020-01-05 10:00:00"),
        ("2020-01-05", "DATETIME", "2020-01-05 00:00:00"),
        ("2020-01-05 10:00", "DATETIME", None),
        ("2020-01-05T10:00:00Z", "DATETIME", None),
        ("2020-01-05T10:00:00Z", "TIMESTAMP", "2020-01-05 10:00:00+00:00"),
        ("2020/01/05 10:00:00", "TIMESTAMP", None),
        ("1_000", "INT64", None),
        ("1_000", "FLOAT64", None),
        ("1_000", "NUMERIC", None),
        (" 1.5e3 ", "FLOAT64", "1500.0"),
        ("2.5", "INT64", None),
    ],
)
def test_texts_that_are_converted(backend, text, type_name, value):
    for argument in (f"'{text}'", f"CONCAT('{text}', '')"):
        ((converted,),) = backend.execute(f"SELECT SAFE_CAST({argument} AS {type_name})", LIMITS).rows
        assert (None if converted is None else str(converted)) == value
        plain = backend.execute(f"SELECT CAST({argument} AS {type_name})", LIMITS)
        assert plain.outcome is (Outcome.INVALID_SQL if value is None else Outcome.OK)


def test_times_keep_their_types(backend):
    result = backend.execute(
        "SELECT PARSE_TIMESTAMP('%Y-%m-%d', '2024-01-02'), TIMESTAMP_MILLIS(5), TIMESTAMP_MICROS(5),"
        " DATE_FROM_UNIX_DATE(id), DATE_ADD(seen, INTERVAL 1 DAY) FROM drugs WHERE id = 1",
        LIMITS,
    )
    assert [str(value) for value in result.rows[0]] == [
        "2024-01-02 00:00:00+00:00",
        "1970-01-01 00:00:00.005000+00:00",
        "1970-01-01 00:00:00.000005+00:00",
        "1970-01-02",
        "2024-03-11 12:34:56.700000",
    ]


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("SELECT -dose AS dose FROM drugs ORDER BY dose + 0", [(-2.0,), (0.5,)]),
        ("SELECT -dose AS dose, id FROM drugs GROUP BY dose, id HAVING dose > 0", [(0.5, 2)]),
        ("SELECT -dose AS dose, ROW_NUMBER() OVER (ORDER BY id) AS k FROM drugs QUALIFY dose > 0", [(0.5, 2)]),
        ("SELECT -id AS id, SUM(n) FROM drugs GROUP BY id ORDER BY SUM(id)", [(-1, 100000), (-2, 7)]),
        ("SELECT a.id, COUNT(*) FROM drugs a JOIN drugs b ON a.id = b.id GROUP BY id ORDER BY id", [(1, 1), (2, 1)]),
    ],
)
def test_the_select_list_is_meant_behind_from(backend, sql, rows):
    assert run(backend, sql) == rows


@pytest.mark.parametrize(
    ("sql", "outcome"),
    [
        ("SELECT LEFT(name, STRPOS(name, 'z') - 1) FROM drugs", Outcome.INVALID_SQL),
        ("SELECT RIGHT('a', -1)", Outcome.INVALID_SQL),
        ("SELECT REPEAT('a', -1)", Outcome.INVALID_SQL),
        ("SELECT LPAD('a', -1, 'x')", Outcome.INVALID_SQL),
        ("SELECT SUBSTR('abc', 2, -1)", Outcome.INVALID_SQL),
        ("SELECT SUM(x) FROM UNNEST([9223372036854775807, 1]) AS x", Outcome.INVALID_SQL),
        ("SELECT SUM(x) OVER () FROM UNNEST([9223372036854775807, 1]) AS x", Outcome.INVALID_SQL),
        ("SELECT 9223372036854775808", Outcome.INVALID_SQL),
        ("SELECT CAST(v.a AS STRING) FROM (SELECT STRUCT([1] AS a) AS v)", Outcome.UNTRANSLATABLE),
        ("SELECT 1e308 * 10", Outcome.UNTRANSLATABLE),
        ("SELECT 1 << id FROM drugs", Outcome.UNTRANSLATABLE),
        ("SELECT x.k FROM (SELECT AS STRUCT id AS k FROM drugs) AS x", Outcome.UNTRANSLATABLE),
        ("SELECT 1 << 64", Outcome.UNTRANSLATABLE),
        ("SELECT PARSE_TIMESTAMP('%Y', '2024', 'Nowhere/Zone')", Outcome.INVALID_SQL),
        ("SELECT v.a || v.a FROM (SELECT STRUCT([1] AS a) AS v)", Outcome.UNTRANSLATABLE),
        ("SELECT SAFE.SQRT(CAST(note AS INT64)) FROM drugs", Outcome.UNTRANSLATABLE),
        ("WITH drugs AS (SELECT 7 AS id), b AS (SELECT id FROM d.drugs) SELECT id FROM b", Outcome.UNTRANSLATABLE),
    ],
)
def test_errors_and_what_is_not_translated(backend, sql, outcome):
    result = backend.execute(sql, LIMITS)
    assert result.outcome is outcome, result.message


def test_a_long_chain_of_common_table_expressions_is_followed(backend):
    chain = ", ".join(f"t{n} AS (SELECT d FROM t{n - 1})" for n in range(1, 200))
    sql = f"WITH t0 AS (SELECT dose AS d FROM drugs WHERE id = 1), {chain} SELECT CAST(d AS STRING) FROM t199"
    assert run(backend, sql) == [("2",)]


def test_words_begin_behind_every_delimiter(backend):
    assert run(backend, "SELECT INITCAP('ab cD-ef')") == [("Ab Cd-Ef",)]


SCHEMA = Schema(
    {
        "Drugs": {"id": "BIGINT", "name": "VARCHAR", "approved": "BOOLEAN", "x": "DOUBLE"},
        "Genes": {"id": "BIGINT", "gene": "VARCHAR"},
    }
)
JOINED = "Drugs d JOIN Genes g ON d.id = g.id"


@pytest.mark.parametrize(
    ("sql", "complaint"),
    [
        ("SELECT name AS gene FROM Drugs WHERE gene = 'a'", "the alias gene cannot be used in WHERE"),
        (f"SELECT id FROM (SELECT d.id, g.id FROM {JOINED})", "the column name id is ambiguous"),
        (f"SELECT d.id AS a, g.gene AS b, x AS b FROM {JOINED} ORDER BY b", "the column name b is ambiguous"),
        ("SELECT id FROM Drugs UNION ALL SELECT gene FROM Genes", "UNION of values without a common type (int, text)"),
        ("SELECT IF(x > 1, id, name) FROM Drugs", "IF of values without a common type (int, text)"),
        ("SELECT CASE WHEN x > 1 THEN id ELSE name END FROM Drugs", "CASE of values without a common type (int, text)"),
        ("SELECT RANK() OVER (PARTITION BY x ORDER BY id) FROM Drugs", "PARTITION BY takes no FLOAT64 (x)"),
        ("SELECT DISTINCT name FROM Drugs ORDER BY id", "id cannot be sorted by behind SELECT DISTINCT"),
        ("SELECT id FROM Drugs WHERE id", "id (int) is no condition"),
        ("SELECT IF(x, 1, 2) FROM Drugs", "x (float) is no condition"),
        ("SELECT CASE WHEN id THEN 1 END FROM Drugs", "id (int) is no condition"),
        ("SELECT id FROM Drugs WHERE approved AND NOT name", "name (text) is no condition"),
        (f"SELECT d.id FROM {JOINED} AND g.gene", "g.gene (text) is no condition"),
        ("SELECT id + '1' FROM Drugs", "there is no arithmetic with '1' (text)"),
        ("SELECT -approved FROM Drugs", "there is no arithmetic with approved (bool)"),
        ("SELECT COUNT(DISTINCT id, name) FROM Drugs", "COUNT takes one expression behind DISTINCT"),
        ("SELECT SUM(approved) FROM Drugs", "SUM does not take approved (bool)"),
        ("SELECT LENGTH(id) FROM Drugs", "LENGTH does not take id (int)"),
    ],
)
def test_what_bigquery_would_reject(sql, complaint):
    assert complaint in bigquery_complaints(sql, parse(sql, "bigquery"), SCHEMA)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT k FROM (SELECT id AS k FROM Drugs) WHERE k = 1",
        "SELECT id FROM Drugs JOIN Genes USING (id)",
        f"SELECT d.id FROM {JOINED} GROUP BY id ORDER BY id",
        "SELECT IFNULL(x, 0), IF(approved, 1, 0.5) FROM Drugs",
        "SELECT id, NULL AS gene FROM Drugs UNION ALL SELECT id, gene FROM Genes",
        "SELECT DISTINCT d.name FROM Drugs d ORDER BY name, UPPER(d.name)",
        "SELECT CASE id WHEN 1 THEN name END FROM Drugs WHERE IFNULL(approved, FALSE) AND NOT (x > 1 OR name LIKE 'a')",
        "SELECT SUM(x + id), COUNT(DISTINCT name), LENGTH(name || 'a') FROM Drugs HAVING COUNT(*) > 1",
    ],
)
def test_what_it_would_take(sql):
    assert bigquery_complaints(sql, parse(sql, "bigquery"), SCHEMA) == []
