"""Translations to DuckDB, each pinned with the value the source dialect gives, and checked by running it."""

import json
from pathlib import Path

import duckdb
import pytest
import sqlglot
from sqlglot import exp

from sql_bench.backends.duckdb import DuckDbBackend
from sql_bench.dialect.bigquery import function_verdicts
from sql_bench.dialect.schema import Schema, TableMap
from sql_bench.dialect.static_check import bigquery_complaints
from sql_bench.dialect.translation import parse, translate
from sql_bench.guard.rejected import Rejected
from sql_bench.types import Limits, Outcome
from sql_bench.values import encode_row

FIXTURES = Path(__file__).parent / "fixtures" / "dialect"
LIMITS = Limits(timeout_s=20)


def cases(name):
    """Fixture lines: what is written, what DuckDB runs (- for nothing), and rows as JSON or an outcome."""
    lines = (FIXTURES / name).read_text(encoding="utf-8").splitlines()
    return [pytest.param(*line.split("\t"), id=line[:60]) for line in lines if line and not line.startswith("#")]


@pytest.fixture(scope="module")
def mirror(tmp_path_factory):
    path = tmp_path_factory.mktemp("dialect") / "mirror.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "CREATE TABLE drugs (id BIGINT, name VARCHAR, dose DOUBLE, approved BOOLEAN, day DATE, seen TIMESTAMP,"
            " note VARCHAR)"
        )
        connection.execute(
            "INSERT INTO drugs VALUES"
            " (1, 'aspirin', 2.5, true, '2024-01-31', '2024-03-10 12:34:56.789', '2.5'),"
            " (2, 'ibuprofen', -2.5, false, '2023-12-31', '2023-01-01 00:00:00', '12'),"
            " (3, NULL, NULL, NULL, NULL, NULL, NULL)"
        )
    return path


@pytest.fixture(scope="module")
def backends(mirror):
    opened = {}

    def backend(dialect):
        if dialect not in opened:
            opened[dialect] = DuckDbBackend(mirror, dialect, TableMap({"medicines": "drugs"}))
        return opened[dialect]

    yield backend
    for each in opened.values():
        each.close()


def check(backend, written, run, expected):
    result = backend.execute(written, LIMITS)
    if expected in set(Outcome):
        assert (result.outcome.value, result.rows) == (expected, ()), result.message
        assert result.message
    else:
        assert result.outcome is Outcome.OK, result.message
        assert json.dumps([encode_row(row) for row in result.rows]) == json.dumps(json.loads(expected))
    assert (result.executed_sql or "-") == run


@pytest.mark.parametrize(("written", "run", "expected"), cases("bigquery.tsv"))
def test_bigquery(backends, written, run, expected):
    check(backends("bigquery"), written, run, expected)


def test_every_function_that_is_said_to_come_out_alike_is_run():
    run = {"Initcap"}  # test_dialect_values.py: its translation has line ends
    pinned = [case.values for case in cases("bigquery.tsv")]
    written_out = [
        (f"SELECT {case.values[0]}", "-", "[") for case in cases("bigquery_expressions.tsv") if len(case.values) == 2
    ]
    for written, _, expected in [*pinned, *written_out]:
        if expected.startswith("["):
            calls = sqlglot.parse_one(written, dialect="bigquery").find_all(exp.Func)
            run |= {call.name.upper() if isinstance(call, exp.Anonymous) else type(call).__name__ for call in calls}
    called = {
        name
        for name, verdict in function_verdicts().items()
        if verdict != "absent" and (not hasattr(exp, name) or issubclass(getattr(exp, name), exp.Func))
    }
    assert called - run == set()


@pytest.mark.parametrize(("written", "run", "expected"), cases("postgres.tsv"))
def test_postgres(backends, written, run, expected):
    check(backends("postgres"), written, run, expected)


@pytest.mark.parametrize(("written", "run", "expected"), cases("duckdb.tsv"))
def test_duckdb_is_left_as_it_is(backends, written, run, expected):
    check(backends("duckdb"), written, run, expected)


def test_sqlite_divides_by_zero_without_an_error(backends):
    assert backends("sqlite").execute("SELECT 7 / 2, 1 / 0", LIMITS).rows == ((3, None),)


def test_every_listed_function_is_one_sqlglot_knows_or_a_name():
    from sqlglot import exp

    listed = [name for name in function_verdicts() if not name.isupper() and "_" not in name]
    assert [name for name in listed if not hasattr(exp, name)] == []
    assert set(function_verdicts().values()) == {"agrees", "mended", "absent"}


def test_nested_safe_divide_does_not_double_the_text():
    sql = "x"
    for _ in range(25):
        sql = f"SAFE_DIVIDE({sql}, 2)"
    schema = Schema({"t": {"x": "DOUBLE"}})
    translation = translate(parse(f"SELECT {sql} FROM t", "bigquery"), "bigquery", schema)
    assert len(translation.sql) < 1_000


def test_a_translation_that_grows_too_long_is_stopped():
    sql = "x"
    for _ in range(22):
        sql = f"EXP({sql})"
    with pytest.raises(Rejected) as caught:
        translate(parse(f"SELECT {sql} FROM t", "bigquery"), "bigquery", Schema({"t": {"x": "DOUBLE"}}))
    assert caught.value.outcome is Outcome.RESOURCE_LIMIT


def test_columns_that_hold_nan_are_projected_but_not_compared(tmp_path):
    path = tmp_path / "nan.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE t AS SELECT 'nan'::DOUBLE AS p, 1.0::DOUBLE AS q")
    with DuckDbBackend(path, "bigquery") as backend:
        assert backend.execute("SELECT p FROM t WHERE q = 1", LIMITS).outcome is Outcome.OK
        assert backend.execute("SELECT q FROM t WHERE p > 0", LIMITS).outcome is Outcome.UNTRANSLATABLE
        assert backend.execute("SELECT q FROM t ORDER BY P", LIMITS).outcome is Outcome.UNTRANSLATABLE


def test_mirror_tables_are_found_by_the_last_part_and_keep_their_name():
    schema = Schema({"Mirror_Table": {"id": "BIGINT"}}, TableMap({"Source": "Mirror_Table"}))
    for name in ("`p-1.d.mirror_table`", "d.Mirror_Table", "MIRROR_TABLE"):
        sql = translate(parse(f"SELECT id FROM {name}", "bigquery"), "bigquery", schema).sql
        assert sql.startswith('SELECT id FROM "Mirror_Table"')
    translation = translate(parse("SELECT Source.id FROM `p.d.Source`", "bigquery"), "bigquery", schema)
    assert translation.sql == 'SELECT Source.id FROM "Mirror_Table" AS "Source"'
    assert translation.renamed == {"Mirror_Table": "p.d.Source"}


SCHEMA = Schema(
    {
        "Drugs": {"id": "BIGINT", "name": "VARCHAR", "approved": "BOOLEAN", "day": "DATE", "x": "DOUBLE"},
        "Genes": {"id": "BIGINT", "gene": "VARCHAR"},
    }
)


@pytest.mark.parametrize(
    ("sql", "complaints"),
    [
        ("SELECT id FROM Drugs WHERE x > 1 AND day > '2020-01-01' AND name = 'a' AND approved", []),
        ("SELECT id AS k FROM Drugs WHERE k = 1", ["the alias k cannot be used in WHERE"]),
        ("SELECT id AS k FROM Drugs GROUP BY k HAVING k > 1 ORDER BY k", []),
        ("SELECT id AS name FROM Drugs WHERE name = 'a'", []),
        ("SELECT x * 2 AS y, y + 1 AS z FROM Drugs", ["the alias y cannot be used in the SELECT list"]),
        ("WITH a AS (SELECT name AS n FROM Drugs) SELECT n FROM a WHERE n = 'x'", []),
        ("SELECT id FROM Drugs WHERE id = '1'", ["id (int) is not compared with '1' (text)"]),
        ("SELECT id FROM Drugs WHERE day < DATETIME '2024-01-01 00:00:00'", []),
        (
            "SELECT id FROM Drugs WHERE day < CURRENT_TIMESTAMP()",
            ["day (date) is not compared with CURRENT_TIMESTAMP() (timestamp)"],
        ),
        (
            "SELECT id FROM Drugs WHERE CURRENT_DATETIME() < CURRENT_TIMESTAMP()",
            ["CURRENT_DATETIME() (datetime) is not compared with CURRENT_TIMESTAMP() (timestamp)"],
        ),
        ("SELECT id FROM Drugs WHERE day BETWEEN '2020-01-01' AND CURRENT_DATE()", []),
        (
            "SELECT day FROM Drugs UNION ALL SELECT CURRENT_TIMESTAMP()",
            ["UNION of values without a common type (date, timestamp)"],
        ),
        ("SELECT COALESCE(day, '2020-01-01') FROM Drugs", []),
        ("SELECT id FROM Drugs LIMIT 5, 10", ["LIMIT takes one number, and OFFSET the other"]),
        ("SELECT id FROM Drugs LIMIT 5 OFFSET 10", []),
        ('SELECT id FROM "Drugs"', ["a name is quoted by backticks, not as the text 'Drugs'"]),
        ("SELECT id AS 'number' FROM `Drugs`", ["a name is quoted by backticks, not as the text 'number'"]),
        ("SELECT CAST('1' AS INT64) AS x FROM Drugs WHERE name IN ('a', 'b')", []),
        ("SELECT id FROM Drugs WHERE name IN (3)", ["name (text) is not compared with 3 (int)"]),
        ("SELECT id FROM Drugs WHERE approved = 1", ["approved (bool) is not compared with 1 (int)"]),
        ("SELECT d.id FROM Drugs d JOIN Genes g ON d.name = g.id", ["d.name (text) is not compared with g.id (int)"]),
        ("SELECT id, name AS ID FROM Drugs", ["the result has 2 columns called id"]),
        ("SELECT * FROM Drugs d JOIN Genes g ON d.id = g.id", ["the result has 2 columns called id"]),
        ("SELECT * FROM Drugs JOIN Genes USING (id)", []),
        ("SELECT d.*, g.gene FROM Drugs d JOIN Genes g ON d.id = g.id", []),
        ("SELECT id FROM drugs", ["table names are case-sensitive: drugs is not Drugs"]),
        ("SELECT id FROM Drugs WHERE name ILIKE 'a%'", ["there is no ILIKE"]),
        ("SELECT COUNT(*) FILTER (WHERE x > 1) FROM Drugs", ["aggregates take no FILTER clause"]),
        ("SELECT id % 2 FROM Drugs", ["there is no operator %"]),
        ("SELECT MOD(id, 2), '%' FROM Drugs WHERE name LIKE '%::%'", []),
        ("SELECT id::STRING FROM Drugs", ["there is no operator ::"]),
        ("SELECT id FROM Drugs WHERE name == 'a'", ["there is no operator =="]),
        ("SELECT id FROM Drugs WHERE name SIMILAR TO 'a'", ["there is no operator SIMILAR TO"]),
        ("SELECT id FROM Drugs WHERE name REGEXP 'a'", ["there is no operator REGEXP"]),
        (
            "SELECT id FROM Drugs WHERE (id, name) IN (SELECT id, gene FROM Genes)",
            ["IN takes a subquery of one column"],
        ),
        ("SELECT CAST(id AS STRING), id, LOWER(name), name FROM Drugs", []),
    ],
)
def test_what_bigquery_would_reject(sql, complaints):
    query = parse(sql, "bigquery")
    before = query.sql()
    assert bigquery_complaints(sql, query, SCHEMA) == complaints
    assert query.sql() == before
