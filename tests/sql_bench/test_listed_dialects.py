"""The lists of PostgreSQL, SQLite, MySQL, Snowflake and T-SQL: a value a line, the same here and on the engine."""

import json
import math
import sqlite3
import sys
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from sqlglot import Dialect

sys.path.insert(0, str(Path(__file__).parents[1]))
from postgres_server import postgres_server

from sql_bench.backends.duckdb_engine import DuckDbEngine, EngineSettings
from sql_bench.dialect.lists import LISTED
from sql_bench.dialect.translation import parse, translate
from sql_bench.dialect.written import parse_noting
from sql_bench.guard.rejected import Rejected
from sql_bench.types import Limits, Outcome
from sql_bench.values import decode_value

FIXTURES = Path(__file__).parent / "fixtures" / "dialect"
LIMITS = Limits(timeout_s=20)
NOT_ASKED = "-"

# Words that are called and are no functions of their own: what is written behind them has a case.
SYNTAX = {"ALL", "ANY", "CAST", "EXISTS", "IN", "SOME", "VALUES"}


def lines(name):
    """The fields of a fixture's lines: expression, value, and where the expression is refused here the outcome."""
    text = (FIXTURES / name).read_text(encoding="utf-8")
    return [line.split("\t") for line in text.splitlines() if line and not line.startswith("#")]


def tables():
    text = (FIXTURES / "listed_tables.sql").read_text(encoding="utf-8")
    return "\n".join(line for line in text.splitlines() if not line.startswith("--"))


@pytest.fixture(scope="module")
def rows_here(tmp_path_factory):
    """Runs a statement as a worker does: its rows, or the outcome of one that is not run."""
    engines = {}
    loaded = set(sys.modules)

    def run(dialect, sql):
        if dialect not in engines:
            folder = tmp_path_factory.mktemp(dialect)  # a file each: of one, a process has but one configuration
            with duckdb.connect(str(folder / "mirror.duckdb")) as connection:
                connection.execute(tables())
            settings = EngineSettings(str(folder / "mirror.duckdb"), dialect, 2**30, 2**30, str(folder / "spill"), {})
            engines[dialect] = DuckDbEngine(settings)
        engine = engines[dialect]
        try:
            translation = translate(parse(sql, dialect), dialect, engine.schema)
            engine.check(translation.sql)
            columns, rows = engine.run(translation.sql, LIMITS, lambda interrupt: None, {})
        except Rejected as rejected:
            return rejected.outcome
        return tuple(LISTED[dialect].result(columns, rows))

    yield run
    if "pytz" not in loaded:
        sys.modules.pop("pytz", None)  # a worker's stand-in, which is no module for pandas


def same(one, other):
    """Whether two values are equal, numbers of any type to the last digits but one."""
    numbers = (int, float, Decimal)
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, numbers) and isinstance(other, numbers):
        return math.isclose(float(one), float(other), rel_tol=1e-12, abs_tol=1e-15)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


@pytest.mark.slow
@pytest.mark.slow
@pytest.mark.parametrize("dialect", LISTED)
def test_each_expression_has_its_value_here_or_is_refused(rows_here, dialect):
    failures = []
    for expression, value, *refused in lines(f"{dialect}_expressions.tsv"):
        found = rows_here(dialect, f"SELECT {expression}")
        if refused or value == "invalid_sql":
            right = found is Outcome(refused[0] if refused else value)
        else:
            value_here = found[0][0] if isinstance(found, tuple) and found else found or None
            right = same(value_here, decode_value(json.loads(value)))
        if not right:
            failures.append((expression, found))
    assert failures == []


def test_sqlite_itself_has_these_values():
    connection = sqlite3.connect(":memory:")
    connection.executescript(tables())
    has_mathematics = bool(connection.execute("SELECT 1 FROM pragma_function_list WHERE name = 'sqrt'").fetchall())
    failures = []
    for expression, value, *_ in lines("sqlite_expressions.tsv"):
        try:
            row = connection.execute(f"SELECT {expression}").fetchone()
        except sqlite3.OperationalError as error:
            if value != NOT_ASKED and (has_mathematics or "no such function" not in str(error)):
                failures.append((expression, str(error)))
            continue
        if value != NOT_ASKED and not same(row[0] if row else None, json.loads(value)):
            failures.append((expression, row))
    assert failures == []


@pytest.mark.slow
def test_postgresql_itself_has_these_values():
    listed = lines("postgres_expressions.tsv")
    with postgres_server() as server:
        server.run(tables())
        answers = server.values([expression for expression, *_ in listed])
    assert len(answers) == len(listed)
    failures = [
        (expression, answer)
        for (expression, value, *_), answer in zip(listed, answers, strict=True)
        if not agrees_with_postgres(value, answer)
    ]
    assert failures == []


def agrees_with_postgres(value, answer):
    """Whether a value of the list is PostgreSQL's answer: a type and a value as JSON, None for no row, or an error."""
    if value == NOT_ASKED:
        return True
    if value == "invalid_sql":
        return isinstance(answer, str) and answer.startswith("ERROR")
    if isinstance(answer, str):
        return False
    type_name, own = answer if answer is not None else ("", None)
    expected = json.loads(value)
    if isinstance(expected, dict) and "date" in expected:
        return (type_name, own) == ("date", expected["date"])
    if isinstance(expected, dict) and "timestamp" in expected:
        return type_name.startswith("timestamp") and own.removesuffix("+00:00") == expected["timestamp"]
    wanted = decode_value(expected)
    is_number = isinstance(wanted, int | float | Decimal) and not isinstance(wanted, bool)
    return same(wanted, float(own) if is_number else own)


@pytest.mark.slow
def test_postgresql_itself_lacks_what_is_said_to_be_absent():
    names = LISTED["postgres"].names()
    with postgres_server() as server:
        functions = set(server.run("SELECT DISTINCT UPPER(proname) FROM pg_proc;"))
        types = set(server.run("SELECT UPPER(typname) FROM pg_type;"))
    assert names.absent & functions == set()
    assert names.absent_types & types == set()


def test_sqlite_itself_lacks_what_is_said_to_be_absent():
    found = sqlite3.connect(":memory:").execute("SELECT DISTINCT UPPER(name) FROM pragma_function_list")
    assert LISTED["sqlite"].names().absent & {name for (name,) in found} == set()


@pytest.mark.parametrize("dialect", LISTED)
def test_every_translated_name_is_called_by_a_line(dialect):
    reader, plain = Dialect.get_or_raise(dialect), LISTED[dialect].plain_names()
    called = set()
    for expression, value, *refused in lines(f"{dialect}_expressions.tsv"):
        if not refused and value != "invalid_sql":
            sql = f"SELECT {expression}"
            called |= set(parse_noting(reader, reader.tokenize(sql), sql, plain)[1].functions)
    assert LISTED[dialect].names().translated - called - SYNTAX == set()


@pytest.mark.parametrize("dialect", LISTED)
def test_a_name_has_one_verdict(dialect):
    names = LISTED[dialect].names()
    assert names.absent & (names.translated | names.documented) == set()
    assert names.types & names.absent_types == set()


@pytest.mark.parametrize(
    ("dialect", "sql", "outcome"),
    [
        ("sqlite", "SELECT name, COUNT(*) FROM t", Outcome.UNTRANSLATABLE),
        ("sqlite", "SELECT name, MAX(id) FROM t GROUP BY flag", Outcome.UNTRANSLATABLE),
        ("sqlite", "SELECT COUNT(*) FROM t WHERE nosuch = 1", Outcome.INVALID_SQL),
        ("postgres", "SELECT id, name FROM t GROUP BY id", Outcome.UNTRANSLATABLE),
        ("postgres", "SELECT name, COUNT(*) FROM t", Outcome.INVALID_SQL),
    ],
)
def test_what_laxness_allows(rows_here, dialect, sql, outcome):
    assert rows_here(dialect, sql) is outcome


@pytest.mark.parametrize(
    ("dialect", "sql", "rows"),
    [
        ("sqlite", "SELECT day, flag, seen FROM t ORDER BY id LIMIT 1", (("2024-01-31", 1, "2024-03-10 12:34:56"),)),
        ("sqlite", "SELECT * FROM t WHERE id = 3", ((3, *[None] * 7),)),
        ("sqlite", "SELECT day FROM t UNION SELECT day FROM t ORDER BY day LIMIT 2", ((None,), ("2022-06-15",))),
        ("sqlite", "SELECT flag AS f, COUNT(*) FROM t GROUP BY f ORDER BY f", ((None, 1), (0, 2), (1, 1))),
        ("sqlite", "SELECT STRFTIME('%Y', day) y, COUNT(*) FROM t WHERE id < 3 GROUP BY y", (("2024", 1), ("2023", 1))),
        ("sqlite", "WITH d AS (SELECT * FROM t) SELECT id FROM d WHERE day LIKE '2024%' AND seen > '2024-01'", ((1,),)),
        ("sqlite", "SELECT a.id FROM t a JOIN t b ON a.day = b.day ORDER BY a.day DESC LIMIT 1", ((1,),)),
        ("sqlite", "SELECT id FROM t WHERE name LIKE 'ASPIRIN' ORDER BY id", ((1,), (2,))),
        ("postgres", "SELECT id, REGEXP_MATCHES(name, 'pi') FROM t ORDER BY id", ((1, ["pi"]), (2, ["pi"]))),
        ("postgres", "SELECT flag, COUNT(*) FROM t GROUP BY flag ORDER BY flag", ((False, 2), (True, 1), (None, 1))),
    ],
)  # fmt: skip
def test_statements(rows_here, dialect, sql, rows):
    assert rows_here(dialect, sql) == rows
