"""The DuckDB backend: outcomes, variants, limits, and a worker that may die at any moment."""

import datetime
import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import duckdb
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from waiting import cpu_ticks, has_ended, wait_until

from bench_core.errors import UserError
from sql_bench.backends.duckdb import DuckDbBackend
from sql_bench.backends.duckdb_engine import ExpectedContent
from sql_bench.dialect.schema import TableMap
from sql_bench.mirror.content import stamp, stamped_sha256
from sql_bench.types import Column, Limits, Outcome, Variant

ROOT = Path(__file__).resolve().parents[2]
LIMITS = Limits(timeout_s=20)


@pytest.fixture(scope="module")
def mirror(tmp_path_factory):
    path = tmp_path_factory.mktemp("backend") / "secret_place.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "CREATE TABLE visits AS SELECT i AS id, i % 3 AS ward,"
            " TIMESTAMPTZ '2024-01-01 00:00:00+00' + i * INTERVAL 1 DAY AS start FROM range(9) t(i)"
        )
    return path


@pytest.fixture(scope="module")
def backend(mirror):
    with DuckDbBackend(mirror, "postgres") as opened:
        yield opened


@pytest.fixture
def own_temp(tmp_path, monkeypatch):
    """A temporary folder that only this test's workers use."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temp"))
    (tmp_path / "temp").mkdir()
    return tmp_path / "temp"


def test_columns_rows_text_and_shape_come_back(backend):
    result = backend.execute("select id as a, start from visits where ward = 2 order by id limit 1", LIMITS)
    assert result.outcome is Outcome.OK
    assert result.columns == (Column("a", "BIGINT"), Column("start", "TIMESTAMP WITH TIME ZONE"))
    assert result.rows == ((2, datetime.datetime(2024, 1, 3, tzinfo=datetime.UTC)),)
    assert result.sort_keys is None
    assert result.executed_sql == 'SELECT id AS a, start FROM "visits" WHERE ward = 2 ORDER BY id LIMIT 1'
    assert result.shape is not None
    assert (result.shape.ordered, result.shape.limit) == (True, 1)
    assert result.seconds > 0


def test_sort_keys_stand_beside_the_statements_own_columns(backend):
    result = backend.execute("SELECT id FROM visits ORDER BY ward DESC, id LIMIT 2", LIMITS, Variant.WITH_SORT_KEYS)
    assert [column.name for column in result.columns] == ["id"]
    assert result.rows == ((2,), (5,))
    assert result.sort_keys == ((2, 2), (2, 5))
    star = backend.execute("SELECT * FROM visits ORDER BY ward LIMIT 1", LIMITS, Variant.WITH_SORT_KEYS)
    assert len(star.columns) == len(star.rows[0]) == 3
    assert star.sort_keys == ((0,),)


def test_without_limit_gives_all_rows_with_their_keys(backend):
    result = backend.execute("SELECT id FROM visits ORDER BY ward LIMIT 2 OFFSET 1", LIMITS, Variant.WITHOUT_LIMIT)
    assert len(result.rows) == 9
    assert result.sort_keys is not None
    assert [key for (key,) in result.sort_keys] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    unordered = backend.execute("SELECT id FROM visits LIMIT 2", LIMITS, Variant.WITHOUT_LIMIT)
    assert (len(unordered.rows), unordered.sort_keys) == (9, None)
    distinct = backend.execute("SELECT DISTINCT ward FROM visits ORDER BY ward", LIMITS, Variant.WITH_SORT_KEYS)
    assert distinct.sort_keys == ((0,), (1,), (2,))


@pytest.mark.parametrize(
    ("sql", "outcome", "message"),
    [
        ("SELECT nope FROM visits", Outcome.INVALID_SQL, 'column "nope" not found'),
        ("SELECT * FROM visit", Outcome.INVALID_SQL, "no such table visit (did you mean visits?)"),
        ("SELECT * FROM", Outcome.INVALID_SQL, "syntax error at line 1"),
        ("SELECT id FROM visits WHERE id = 'x'", Outcome.INVALID_SQL, "Could not convert string 'x'"),
        ("SELECT 1 / (id - id) FROM visits", Outcome.INVALID_SQL, "Division by zero"),
        ("SELECT jsonb_path_query('{}', '$')", Outcome.UNTRANSLATABLE, "the function JSONB_PATH_QUERY"),
        ("DROP TABLE visits", Outcome.REFUSED, "only a query is run, not DROP"),
    ],
)
def test_failures_have_their_outcome_and_a_message(backend, sql, outcome, message):
    result = backend.execute(sql, LIMITS)
    assert result.outcome is outcome
    assert message in result.message
    assert result.rows == () and result.columns == ()


def test_what_parses_has_a_shape_even_if_it_does_not_run(backend):
    failed = backend.execute("SELECT nope FROM visits LIMIT 3", LIMITS)
    assert failed.shape is not None and failed.shape.limit == 3
    assert backend.execute("SELECT FROM WHERE", LIMITS).shape is None


def test_messages_tell_no_path_and_use_the_statements_table_names(mirror):
    with DuckDbBackend(mirror, "bigquery", TableMap({"Encounters": "visits"})) as backend:
        wrong_column = backend.execute("SELECT visits.nope FROM `p.d.Encounters`", LIMITS)
        assert wrong_column.outcome is Outcome.INVALID_SQL
        for text in ("secret_place", str(mirror.parent), "LINE 1"):
            assert text not in wrong_column.message


def test_limits_on_rows_bytes_and_columns(backend):
    assert (
        backend.execute("SELECT * FROM generate_series(1, 11)", Limits(max_rows=10)).outcome is Outcome.RESOURCE_LIMIT
    )
    assert backend.execute("SELECT * FROM generate_series(1, 10)", Limits(max_rows=10)).outcome is Outcome.OK
    long = "SELECT repeat('x', 5000)"
    assert backend.execute(long, Limits(max_result_bytes=4000)).outcome is Outcome.RESOURCE_LIMIT
    assert backend.execute(long, Limits(max_result_bytes=6000)).outcome is Outcome.OK
    escaped = "SELECT repeat(chr(1), 3000)"  # six bytes a character in JSON
    assert backend.execute(escaped, Limits(max_result_bytes=6000)).outcome is Outcome.RESOURCE_LIMIT
    wide = "SELECT " + ", ".join(f"{i} AS c{i}" for i in range(11))
    assert backend.execute(wide, Limits(max_columns=10)).outcome is Outcome.RESOURCE_LIMIT
    assert backend.execute(wide, Limits(max_columns=11)).outcome is Outcome.OK


def test_two_runs_are_equal_and_row_order_is_the_tables(backend):
    runs = [backend.execute("SELECT id FROM visits", LIMITS).rows for _ in range(2)]
    assert runs[0] == runs[1] == tuple((i,) for i in range(9))


def test_nothing_lives_on_from_one_statement_to_the_next(mirror):
    with DuckDbBackend(mirror, "duckdb") as backend:
        for sql in ("BEGIN", "PREPARE p AS SELECT 1", "SET VARIABLE x = 1", "CREATE TEMP TABLE t AS SELECT 1"):
            assert backend.execute(sql, LIMITS).outcome is Outcome.REFUSED
        assert backend.execute("SELECT * FROM t", LIMITS).outcome is Outcome.INVALID_SQL


def test_the_time_zone_is_utc_whatever_the_users(mirror, monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    with DuckDbBackend(mirror, "postgres") as backend:
        rows = backend.execute("SELECT CAST(start AS TEXT), start::date FROM visits LIMIT 1", LIMITS).rows
        assert rows == (("2024-01-01 00:00:00+00", datetime.date(2024, 1, 1)),)


ENDLESS = "SELECT count(*) FROM range(1000000) a, range(1000000) b"
LONG = "SELECT sum(hash(a.range + b.range)) FROM range(20000) a, range(20000) b"


def kill_once_it_computes(pid, idle, number=signal.SIGKILL):
    wait_until(lambda: cpu_ticks(pid) > idle)
    os.kill(pid, number)


def in_turn(backend, signals):
    """Kill a backend's workers, each by one of the signals once it computes."""
    seen = set()
    for number in signals:
        wait_until(lambda: backend._worker is not None and backend._worker._process.pid not in seen)
        worker = backend._worker._process.pid
        seen.add(worker)
        kill_once_it_computes(worker, cpu_ticks(worker) + 10, number)


def killed(backend, sql, *signals):
    """A statement's result where others kill its workers."""
    killer = threading.Thread(target=in_turn, args=(backend, signals))
    killer.start()
    result = backend.execute(sql, LIMITS)
    killer.join()
    return result


@pytest.mark.slow
def test_a_worker_that_is_killed_once_changes_no_result(mirror, own_temp):
    with DuckDbBackend(mirror, "duckdb") as backend:
        undisturbed = backend.execute(LONG, LIMITS)
        backend.close()
        disturbed = killed(backend, LONG, signal.SIGKILL)
        assert disturbed.outcome is Outcome.OK and disturbed.rows == undisturbed.rows
        worker = backend._worker._process.pid
        os.kill(worker, signal.SIGKILL)  # between two statements
        wait_until(lambda: has_ended(worker))
        assert backend.execute("SELECT 3", LIMITS).rows == ((3,),)
    assert list(own_temp.iterdir()) == []


@pytest.mark.parametrize(
    ("signals", "free_bytes", "outcome", "message"),
    [
        ((signal.SIGSEGV, signal.SIGSEGV), 64 * 1024**3, Outcome.RESOURCE_LIMIT, "ended its process twice (signal 11)"),
        ((signal.SIGKILL, signal.SIGKILL), 1024**3, Outcome.BACKEND_ERROR, "died twice (signal 9, then signal 9)"),
        ((signal.SIGKILL, signal.SIGTERM), 64 * 1024**3, Outcome.BACKEND_ERROR, "(signal 9, then signal 15)"),
    ],
)
@pytest.mark.slow
def test_two_deaths_are_a_verdict_if_they_are_alike_and_memory_was_free(
    mirror, own_temp, monkeypatch, signals, free_bytes, outcome, message
):
    monkeypatch.setattr("sql_bench.backends.duckdb.free_memory_bytes", lambda: free_bytes)
    with DuckDbBackend(mirror, "duckdb") as backend:
        result = killed(backend, ENDLESS, *signals)
        assert result.outcome is outcome and message in result.message
        assert backend.execute("SELECT 2", LIMITS).rows == ((2,),)
    assert list(own_temp.iterdir()) == []


@pytest.mark.slow
def test_what_a_limit_ends_is_a_verdict_at_once(mirror, monkeypatch):
    started = []
    with DuckDbBackend(mirror, "duckdb") as backend:
        assert backend.execute("SELECT 1", LIMITS).outcome is Outcome.OK
        new_worker = backend._new_worker
        monkeypatch.setattr(backend, "_new_worker", lambda bounds: started.append(1) or new_worker(bounds))
        late = backend.execute(
            "SELECT max(levenshtein(repeat('a', 99999 + id), repeat('b', 99999))) FROM visits", Limits(timeout_s=0.5)
        )
        assert late.outcome is Outcome.TIMEOUT and "was killed" in late.message
    assert started == []


def stamped(path, rows):
    """A database that says what it holds; the content it must be opened with."""
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"CREATE TABLE t AS SELECT {rows} AS n")
        stamp(connection, "t", f"hash of {rows}")
        return ExpectedContent(str(stamped_sha256(connection)), is_stamped=True)


@pytest.mark.slow
def test_a_database_that_took_the_mirrors_place_is_not_read(tmp_path):
    path = tmp_path / "m.duckdb"
    content = stamped(path, 1)
    with DuckDbBackend(path, "duckdb", content=content) as backend:
        assert backend.execute("SELECT n FROM t", LIMITS).rows == ((1,),)
        backend.close()
        path.unlink()
        stamped(path, 2)
        result = backend.execute("SELECT n FROM t", LIMITS)
        assert result.outcome is Outcome.BACKEND_ERROR and "another database stands under" in result.message
    older = ExpectedContent(content.sha256, is_stamped=False)
    with DuckDbBackend(path, "duckdb", content=older) as backend:
        assert backend.execute("SELECT n FROM t", LIMITS).outcome is Outcome.BACKEND_ERROR
    with duckdb.connect(str(path)) as connection:
        connection.execute("COMMENT ON TABLE t IS NULL")  # as an earlier version imported it
    with DuckDbBackend(path, "duckdb", content=older) as backend:
        assert backend.execute("SELECT n FROM t", LIMITS).rows == ((2,),)


def test_a_damaged_block_is_no_verdict(tmp_path):
    path = tmp_path / "m.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE t AS SELECT i, 'name ' || hash(i) AS name FROM range(100000) t(i)")
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 100] = bytes(100)
    path.write_bytes(content)
    with DuckDbBackend(path, "duckdb") as backend:
        result = backend.execute("SELECT max(name), max(i) FROM t", LIMITS)
    assert result.outcome is Outcome.BACKEND_ERROR and backend.found_damage
    assert "the database file is damaged (Corrupt database file" in result.message
    assert result.message.endswith("import its tables again with `sql-bench mirror import`")


def test_closing_twice_and_using_again(mirror, own_temp):
    backend = DuckDbBackend(mirror, "postgres")
    backend.close()
    assert backend.execute("SELECT 1", LIMITS).outcome is Outcome.OK
    backend.close()
    backend.close()
    assert list(own_temp.iterdir()) == []


def test_a_parent_that_is_killed_takes_its_worker_along(mirror, tmp_path):
    script = (
        "import sys; from sql_bench.backends.duckdb import DuckDbBackend; from sql_bench.types import Limits\n"
        "backend = DuckDbBackend(sys.argv[1], 'duckdb'); backend.execute('SELECT 1', Limits())\n"
        "print(backend._worker._process.pid, flush=True)\n"
        "backend.execute('SELECT count(*) FROM range(1000000) a, range(1000000) b', Limits(timeout_s=60))\n"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    parent = subprocess.Popen(
        [sys.executable, "-c", script, str(mirror)], stdout=subprocess.PIPE, env=environment, cwd=tmp_path
    )
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    before = cpu_ticks(worker)
    wait_until(lambda: cpu_ticks(worker) > before)  # the endless statement has begun
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_until(lambda: has_ended(worker))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_other_limits_start_another_worker(backend):
    small = Limits(memory_bytes=300 * 1024**2)
    hungry = "SELECT ARRAY_AGG(n) FROM GENERATE_SERIES(1, 60000000) AS s(n)"
    assert backend.execute(hungry, small).outcome is Outcome.RESOURCE_LIMIT
    assert backend.execute("SELECT 1", LIMITS).outcome is Outcome.OK


def test_a_mirror_that_cannot_be_opened_is_the_backends_fault(tmp_path, own_temp):
    broken = tmp_path / "broken.duckdb"
    broken.write_bytes(b"not a database" * 1000)
    with DuckDbBackend(broken, "postgres") as backend:
        result = backend.execute("SELECT 1", LIMITS)
    assert result.outcome is Outcome.BACKEND_ERROR
    assert "damaged" in result.message
    assert list(own_temp.iterdir()) == []


def test_wrong_arguments_are_told_at_once(tmp_path, mirror):
    with pytest.raises(UserError, match="there is no such mirror"):
        DuckDbBackend(tmp_path / "missing.duckdb")
    with pytest.raises(UserError, match="did you mean bigquery"):
        DuckDbBackend(mirror, "bigqueri")


def test_the_description_names_what_results_depend_on(mirror):
    described = dict(DuckDbBackend(mirror, "postgres").describe())
    assert described["engine"] == "duckdb"
    assert described["dialect"] == "postgres"
    assert {"engine_version", "sqlglot_version", "rules_sha256"} <= set(described)
    assert str(mirror) not in str(described)
    other = DuckDbBackend(mirror, "postgres", TableMap({"a": "visits"})).describe()
    assert other != described


def test_several_threads_may_ask(backend):
    results = []
    threads = [
        threading.Thread(target=lambda i=i: results.append((i, backend.execute(f"SELECT {i}", LIMITS).rows)))
        for i in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [(i, ((i,),)) for i in range(8)]
