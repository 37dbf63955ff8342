"""Attacks through the real backend: each gets a verdict, the mirror keeps its bytes, nothing stays behind."""

import hashlib
import tempfile
from pathlib import Path

import duckdb
import pytest

from sql_bench.backends.duckdb import DuckDbBackend
from sql_bench.types import Limits, Outcome

FIXTURES = Path(__file__).parent / "fixtures" / "dialect"
SMALL = Limits(
    timeout_s=0.7,
    memory_bytes=256 * 1024**2,
    max_rows=1_000,
    max_result_bytes=1024**2,
    max_columns=50,
    max_temp_bytes=32 * 1024**2,
)


class Place:
    """A mirror in a folder of its own, workers whose temporary folders are beside it, and a file worth stealing."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.mirror = root / "data" / "mirror.duckdb"
        self.secret = root / "secret.csv"
        self.mirror.parent.mkdir()
        (root / "temp").mkdir()
        self.secret.write_text("name,value\nkey,42\n")
        with duckdb.connect(str(self.mirror)) as connection:
            connection.execute("CREATE TABLE patients AS SELECT i AS id, 'n' || i AS name FROM range(1000) t(i)")
        self.backends: dict[str, DuckDbBackend] = {}
        self.before = self.content()

    def content(self) -> dict[str, str]:
        """All files but those of running workers, with hashes."""
        temp = self.root / "temp"
        return {
            str(path.relative_to(self.root)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in self.root.rglob("*")
            if path.is_file() and temp not in path.parents
        }

    def run(self, dialect: str, sql: str):
        if dialect not in self.backends:
            self.backends[dialect] = DuckDbBackend(self.mirror, dialect)
        return self.backends[dialect].execute(sql, SMALL)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    root = tmp_path_factory.mktemp("hostile")
    found = Place(root)
    usual, tempfile.tempdir = tempfile.tempdir, str(root / "temp")
    try:
        yield found
        for backend in found.backends.values():
            backend.close()
        assert list((root / "temp").iterdir()) == []
    finally:
        tempfile.tempdir = usual
    assert found.content() == found.before


def attacks():
    """Lines of `hostile.tsv`: dialect, tab, statement."""
    lines = (FIXTURES / "hostile.tsv").read_text(encoding="utf-8").splitlines()
    return [pytest.param(*line.split("\t"), id=line[:70]) for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize(("dialect", "sql"), attacks())
def test_attacks_are_refused(place, dialect, sql):
    result = place.run(dialect, sql.replace("SECRET", str(place.secret)))
    assert result.outcome is Outcome.REFUSED, result.message
    assert result.rows == ()
    assert result.executed_sql is None or result.message
    assert str(place.root) not in result.message.replace(str(place.secret), "")
    assert place.content() == place.before
    assert place.run(dialect, "SELECT COUNT(*) FROM patients").rows == ((1000,),)


NOT_A_QUERY_FOR_EITHER_PARSER = [
    ("duckdb", "SELECT * FROM (SHOW ALL TABLES)"),
    ("duckdb", "SELECT e'\\' || current_setting('threads') --'"),
    ("duckdb", "SELECT \uff0a FROM patients"),
    ("mysql", "SELECT 1 INTO OUTFILE '/tmp/x'"),
    ("duckdb", "SELECT * FROM patients WHERE id = 1 UNION SELECT"),
    ("postgres", "SELECT '\ud800'"),
    ("postgres", "SELECT 'a\0b'"),
]


@pytest.mark.parametrize(("dialect", "sql"), NOT_A_QUERY_FOR_EITHER_PARSER)
def test_what_no_parser_takes_is_invalid(place, dialect, sql):
    assert place.run(dialect, sql).outcome is Outcome.INVALID_SQL
    assert place.content() == place.before


def test_comments_that_other_engines_run_are_comments(place):
    assert place.run("mysql", "SELECT /*! current_setting('x'), */ 1").rows == ((1,),)
    assert place.run("postgres", "SELECT 1 /* */ -- ; DROP TABLE patients").rows == ((1,),)


TOO_DEEP_OR_LONG = {
    "parentheses": "SELECT " + "(" * 500 + "1" + ")" * 500,
    "open parentheses": "SELECT " + "(" * 20_000,
    "subqueries": "SELECT * FROM " + "(SELECT * FROM " * 300 + "patients" + ") t" * 300,
    "not": "SELECT " + "NOT " * 20_000 + "TRUE",
    "minus": "SELECT " + "- " * 20_000 + "1",
    "sums": "SELECT " + "1 + " * 20_000 + "1",
    "or": "SELECT * FROM patients WHERE " + "id = 1 OR " * 5_000 + "id = 2",
    "unions": "SELECT 1" + " UNION ALL SELECT 1" * 4_000,
    "case": "SELECT " + "CASE WHEN 1 = 1 THEN " * 400 + "1" + " END" * 400,
    "brackets": "SELECT " + "[" * 3_000 + "1" + "]" * 3_000,
    "dots": "SELECT a" + ".a" * 20_000 + " FROM patients",
    "casts": "SELECT 1" + "::INT" * 10_000,
    "joins": "SELECT 1 FROM patients" + ", patients" * 8_000,
    "length": "SELECT '" + "x" * 200_000 + "'",
    "columns": "SELECT " + ", ".join(["1"] * 20_000),
}


@pytest.mark.slow
@pytest.mark.parametrize("sql", TOO_DEEP_OR_LONG.values(), ids=TOO_DEEP_OR_LONG.keys())
def test_depth_and_length_end_in_a_verdict(place, sql):
    result = place.run("duckdb", sql)
    allowed = {Outcome.RESOURCE_LIMIT, Outcome.REFUSED, Outcome.TIMEOUT, Outcome.INVALID_SQL}
    assert result.outcome in allowed or (result.outcome is Outcome.OK and len(result.rows) <= SMALL.max_rows)
    assert place.run("duckdb", "SELECT 1").rows == ((1,),)


ENDLESS = {
    "cross join": "SELECT count(*) FROM range(1000000) a, range(1000000) b, range(100000) c",
    "aggregate over a huge range": "SELECT sum(range) FROM range(1000000000000000)",
    "recursion without end": "WITH RECURSIVE r AS (SELECT 1 a UNION ALL SELECT a + 1 FROM r) SELECT count(*) FROM r",
    "work inside one vector": "SELECT levenshtein(repeat('ab', 200000), repeat('ba', 200000))",
    "a wide number": "SELECT printf('%1000000000d', 1)",
}

TOO_MUCH = {
    "many rows": "SELECT * FROM range(1000000000000)",
    "one long text": "SELECT repeat('x', 2000000)",
    "a text of gigabytes": "SELECT length(repeat('x', 4000000000))",
    "a text beyond the engine's": "SELECT repeat('x', 10000000000)",
    "one long list": "SELECT list(range) FROM range(1000000000)",
    "a list beyond the engine's": "SELECT len(range(10000000000))",
    "many groups": "SELECT count(*) FROM (SELECT DISTINCT hash(i) FROM range(1000000000) t(i))",
    "joined texts": "SELECT string_agg(range::VARCHAR, ',') FROM range(100000000)",
    "a sort that spills": (
        "SELECT i, repeat('y', 100) || i AS t FROM range(3000000) a(i) ORDER BY t DESC LIMIT 5 OFFSET 2000000"
    ),
    "unnesting": "SELECT unnest(generate_series(1, 1000000000))",
}


@pytest.mark.slow
@pytest.mark.parametrize("sql", ENDLESS.values(), ids=ENDLESS.keys())
def test_what_never_ends_is_stopped(place, sql):
    assert place.run("duckdb", sql).outcome in (Outcome.TIMEOUT, Outcome.RESOURCE_LIMIT)
    assert place.run("duckdb", "SELECT COUNT(*) FROM patients").rows == ((1000,),)
    assert place.content() == place.before


@pytest.mark.slow
@pytest.mark.parametrize("sql", TOO_MUCH.values(), ids=TOO_MUCH.keys())
def test_what_takes_too_much_is_stopped(place, sql):
    assert place.run("duckdb", sql).outcome in (Outcome.RESOURCE_LIMIT, Outcome.TIMEOUT)
    assert place.run("duckdb", "SELECT COUNT(*) FROM patients").rows == ((1000,),)
    assert place.content() == place.before


@pytest.mark.slow
@pytest.mark.parametrize(
    "sql",
    [
        "SELECT list_aggregate(list_transform(range(100000000), lambda x : x * 2), 'sum')",
        "SELECT map(range(10000000), range(10000000))",
        "SELECT lpad('x', 2000000000, 'y')",
        "SELECT list_sort(range(50000000)), list_distinct(range(50000000))",
        "SELECT * FROM range(30000000) a(i) ORDER BY hash(i), i LIMIT 1 OFFSET 20000000",
    ],
)
def test_heavier_bombs_are_stopped_too(place, sql):
    assert place.run("duckdb", sql).outcome in (Outcome.RESOURCE_LIMIT, Outcome.TIMEOUT)
    assert place.run("duckdb", "SELECT 1").rows == ((1,),)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT regexp_matches(repeat('a', 1000000), '(a*)*(a*)*(a*)*b{0,900}c')",
        "SELECT length(regexp_replace(repeat('a', 100000), '(x+x+)+y', 'z', 'g'))",
    ],
)
def test_regular_expressions_cannot_explode(place, sql):
    assert place.run("duckdb", sql).outcome in (Outcome.OK, Outcome.INVALID_SQL)


def test_endless_translations_are_stopped(place):
    nested = "id"
    for _ in range(40):
        nested = f"EXP({nested})"
    stopped = place.run("bigquery", f"SELECT {nested} FROM patients").outcome
    assert stopped in (Outcome.RESOURCE_LIMIT, Outcome.TIMEOUT)
    assert place.run("bigquery", "SELECT REPEAT('x', 10000000000)").outcome is Outcome.RESOURCE_LIMIT
    assert place.run("bigquery", "SELECT GENERATE_ARRAY(1, 10000000000)").outcome is Outcome.RESOURCE_LIMIT
