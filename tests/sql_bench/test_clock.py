"""The clock of a run and statements that draw lots."""

import datetime

import duckdb
import pytest

from bench_core.errors import UserError
from sql_bench.backends.duckdb import DuckDbBackend
from sql_bench.dialect.statement import shape_of
from sql_bench.dialect.translation import parse
from sql_bench.types import Limits, Outcome

LIMITS = Limits(timeout_s=20)
AS_OF = datetime.datetime(2025, 6, 30, 22, 30, tzinfo=datetime.UTC)


@pytest.fixture
def mirror(tmp_path):
    path = tmp_path / "mirror.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE t AS SELECT DATE '2020-06-30' AS d")
    return path


def test_the_clock_stands_at_the_time_of_the_run(mirror):
    with DuckDbBackend(mirror, "bigquery", as_of=AS_OF) as backend:
        result = backend.execute(
            "SELECT CURRENT_DATE(), CURRENT_DATE('Asia/Tokyo'), CURRENT_TIMESTAMP(), CURRENT_DATETIME(),"
            " CURRENT_DATETIME('America/New_York'), CURRENT_TIME(), DATE_DIFF(CURRENT_DATE, d, YEAR),"
            " EXTRACT(YEAR FROM CURRENT_TIMESTAMP()) FROM t",
            LIMITS,
        )
    assert result.outcome is Outcome.OK, result.message
    assert result.rows == (
        (
            datetime.date(2025, 6, 30),
            datetime.date(2025, 7, 1),
            AS_OF,
            datetime.datetime(2025, 6, 30, 22, 30),
            datetime.datetime(2025, 6, 30, 18, 30),
            datetime.time(22, 30),
            5,
            2025,
        ),
    )
    assert result.shape.reads_clock
    assert "2025-06-30" in result.executed_sql


@pytest.mark.slow
@pytest.mark.parametrize("dialect", ["postgres", "mysql", "snowflake", "duckdb"])
def test_every_dialect_has_the_clock(mirror, dialect):
    with DuckDbBackend(mirror, dialect, as_of=AS_OF) as backend:
        result = backend.execute("SELECT CURRENT_DATE, EXTRACT(HOUR FROM CURRENT_TIMESTAMP)", LIMITS)
    assert result.rows == ((datetime.date(2025, 6, 30), 22),)


def test_a_zone_that_does_not_exist_is_the_statements_fault(mirror):
    with DuckDbBackend(mirror, "bigquery", as_of=AS_OF) as backend:
        assert backend.execute("SELECT CURRENT_DATE('Nowhere/Zone')", LIMITS).outcome is Outcome.INVALID_SQL


def test_the_time_of_the_run_is_part_of_what_results_depend_on(mirror):
    with DuckDbBackend(mirror) as without, DuckDbBackend(mirror, as_of=AS_OF) as backend:
        assert "as_of" not in without.describe()
        assert backend.describe()["as_of"] == "2025-06-30T22:30:00+00:00"


def test_a_time_without_a_zone_is_no_instant(mirror):
    with pytest.raises(UserError, match="time zone"):
        DuckDbBackend(mirror, as_of=datetime.datetime(2025, 6, 30))


@pytest.mark.parametrize(
    ("sql", "dialect", "volatile", "reads_clock"),
    [
        ("SELECT d FROM t", "bigquery", False, False),
        ("SELECT d FROM t ORDER BY RAND() LIMIT 1", "bigquery", True, False),
        ("SELECT GENERATE_UUID()", "bigquery", True, False),
        ("SELECT d FROM t TABLESAMPLE SYSTEM (10 PERCENT)", "bigquery", True, False),
        ("SELECT d FROM (SELECT d, RAND() AS r FROM t) WHERE r < 0.5", "bigquery", True, False),
        ("SELECT RANDOM()", "postgres", True, False),
        ("SELECT GEN_RANDOM_UUID()", "postgres", True, False),
        ("SELECT NEWID()", "tsql", True, False),
        ("SELECT d FROM t WHERE d > CURRENT_DATE()", "bigquery", False, True),
        ("SELECT NOW()", "postgres", False, True),
        ("SELECT current_date FROM (SELECT d AS x FROM t)", "bigquery", False, True),
    ],
)
def test_the_shape_tells_of_chance_and_clock(sql, dialect, volatile, reads_clock):
    shape = shape_of(parse(sql, dialect), dialect)
    assert (shape.volatile, shape.reads_clock) == (volatile, reads_clock)


@pytest.mark.parametrize(
    ("dialect", "sql"),
    [
        ("mysql", "SELECT NOW(), CURDATE(), CURRENT_TIMESTAMP"),
        ("duckdb", "SELECT now(), get_current_timestamp(), transaction_timestamp(), current_localtime(), today()"),
        ("postgres", "SELECT now(), localtimestamp, current_timestamp"),
        ("tsql", "SELECT GETDATE(), CURRENT_TIMESTAMP"),
    ],
)
def test_no_dialect_has_a_clock_that_goes(mirror, dialect, sql):
    with DuckDbBackend(mirror, dialect, as_of=AS_OF) as backend:
        result = backend.execute(sql, LIMITS)
    assert result.outcome is Outcome.OK, result.message
    assert result.shape.reads_clock
    for value in result.rows[0]:
        assert value in (AS_OF, AS_OF.replace(tzinfo=None), AS_OF.date(), AS_OF.time()), value


@pytest.mark.parametrize("dialect", ["postgres", "duckdb"])
def test_an_age_is_that_of_the_run(mirror, dialect):
    with DuckDbBackend(mirror, dialect, as_of=AS_OF) as backend:
        result = backend.execute("SELECT EXTRACT(YEAR FROM age(d)), age(DATE '2021-06-30', d) = age(d) FROM t", LIMITS)
    assert result.rows == ((5, False),), result.message
    assert result.shape.reads_clock


def test_what_the_translation_cannot_write_is_no_fault_of_the_statement(mirror, monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Tokyo")  # nothing of the user's environment reaches a session
    with DuckDbBackend(mirror, "duckdb", as_of=AS_OF) as backend:
        assert backend.execute("SELECT DATE() FROM t", LIMITS).outcome is Outcome.UNTRANSLATABLE
    with DuckDbBackend(mirror, "duckdb") as backend:
        noon = backend.execute("SELECT CAST(TIMESTAMPTZ '2021-06-30 12:00:00+00' AS VARCHAR)", LIMITS)
    assert noon.rows == (("2021-06-30 12:00:00+00",),)
