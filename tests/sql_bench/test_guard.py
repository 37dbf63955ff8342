"""What the guard lets through, on both trees."""

import pytest

from sql_bench.dialect.schema import Schema, TableMap, ctes_in_scope, table_references
from sql_bench.dialect.translation import parse
from sql_bench.guard import check as guard
from sql_bench.guard import engine as guard_engine
from sql_bench.guard.names import engine_functions
from sql_bench.guard.rejected import Rejected
from sql_bench.types import Outcome

SCHEMA = Schema({"Drugs": {"id": "BIGINT"}, "genes": {"id": "BIGINT"}}, TableMap({"medicines": "Drugs"}))


def rejection(sql: str, dialect: str = "duckdb") -> Rejected:
    with pytest.raises(Rejected) as caught:
        table_references(parse(sql, dialect), SCHEMA)
    return caught.value


@pytest.mark.parametrize(
    ("sql", "dialect"),
    [
        ("SELECT 1", "postgres"),
        ("SELECT 1;", "postgres"),
        ("SELECT 1; -- done", "postgres"),
        ("(SELECT 1)", "postgres"),
        ("FROM drugs", "duckdb"),
        ("FROM drugs |> WHERE id > 1 |> SELECT id", "bigquery"),
        ("WITH a AS (SELECT 1 AS x) SELECT x FROM a", "bigquery"),
        ("SELECT id FROM drugs UNION ALL SELECT id FROM genes", "bigquery"),
        ("SELECT a.id FROM drugs a LEFT JOIN LATERAL (SELECT a.id) b ON TRUE", "postgres"),
        ("SELECT COLUMNS(*) FROM drugs", "duckdb"),
        ("SELECT CURRENT_DATE, CURRENT_TIMESTAMP", "postgres"),
        ("SELECT id FROM `p.d.Drugs`", "bigquery"),
    ],
)
def test_queries_pass(sql, dialect):
    table_references(parse(sql, dialect), SCHEMA)


def test_no_statement_and_several():
    assert rejection("").outcome is Outcome.INVALID_SQL
    assert rejection("-- nothing").outcome is Outcome.INVALID_SQL
    assert rejection("SELECT 1; SELECT 2").outcome is Outcome.REFUSED


def test_text_that_does_not_parse_says_where():
    found = rejection("SELECT a FROM drugs WHERE", "postgres")
    assert found.outcome is Outcome.INVALID_SQL
    assert rejection("SELECT a\nFROM drugs drugs drugs", "postgres").message.startswith(
        "syntax error at line 2, column"
    )
    assert rejection("No answer is possible", "postgres").outcome is Outcome.INVALID_SQL


def test_an_unknown_table_is_named_with_a_guess():
    assert rejection("SELECT * FROM drug").message == "no such table drug (did you mean Drugs?)"
    assert rejection("SELECT * FROM data.medicine", "bigquery").message.endswith("(did you mean medicines?)")
    assert rejection("SELECT * FROM zzz").message == "no such table zzz"


@pytest.mark.parametrize("sql", ["SELECT * FROM 'a.csv'", 'SELECT * FROM "x.parquet"', "SELECT * FROM '/etc/passwd'"])
def test_files_as_tables_are_refused(sql):
    assert rejection(sql).outcome is Outcome.REFUSED


def test_size_and_depth_are_bounded():
    assert rejection("SELECT '" + "x" * guard.MAX_SQL_BYTES + "'").outcome is Outcome.RESOURCE_LIMIT
    assert rejection("SELECT " + "(" * 500 + "1" + ")" * 500).outcome is Outcome.RESOURCE_LIMIT
    assert rejection("SELECT " + "CASE WHEN 1=1 THEN " * 100 + "1" + " END" * 100).outcome is Outcome.RESOURCE_LIMIT
    assert rejection("SELECT '\ud800'").outcome is Outcome.INVALID_SQL
    assert rejection("SELECT 'a\0b'").outcome is Outcome.INVALID_SQL


def test_names_of_with_clauses_hold_only_in_their_scope():
    inside = parse("SELECT * FROM (WITH zzz AS (SELECT 1) SELECT * FROM zzz) s", "duckdb")
    assert table_references(inside, SCHEMA) == []
    assert "zzz" in rejection("SELECT * FROM (WITH zzz AS (SELECT 1) SELECT 1) s, zzz").message
    assert "zzz" in rejection("WITH a AS (SELECT * FROM zzz), zzz AS (SELECT 1) SELECT * FROM a").message
    assert "zzz" in rejection("WITH zzz AS (SELECT * FROM zzz) SELECT * FROM zzz").message
    recursive = parse("WITH RECURSIVE zzz AS (SELECT 1 UNION ALL SELECT * FROM zzz) SELECT * FROM zzz", "duckdb")
    assert table_references(recursive, SCHEMA) == []
    shadowing = parse("WITH drugs AS (SELECT 1 AS id) SELECT * FROM DRUGS", "bigquery")
    assert table_references(shadowing, SCHEMA) == []
    assert ctes_in_scope(shadowing) == {}


def engine_tree(from_table=None, select=(), ctes=(), node_type="SELECT_NODE"):
    """A tree as DuckDB serialises it, reduced to what the guard reads."""
    node = {
        "type": node_type,
        "cte_map": {"map": [{"key": name, "value": {"query_node": query}} for name, query in ctes]},
        "select_list": list(select),
        "from_table": from_table or {"type": "EMPTY", "alias": "", "sample": None},
    }
    return {"error": False, "statements": [{"node": node, "named_param_map": []}]}


def base_table(name, schema=""):
    return {"type": "BASE_TABLE", "alias": "", "sample": None, "table_name": name, "schema_name": schema}


def call(name, schema="", catalog=""):
    return {"class": "FUNCTION", "type": "FUNCTION", "function_name": name, "schema": schema, "catalog": catalog}


@pytest.mark.parametrize(
    "content",
    [
        engine_tree(base_table("drugs")),
        engine_tree(base_table("A"), ctes=[("a", engine_tree()["statements"][0]["node"])]),
        engine_tree(select=[call("lower")]),
        engine_tree({"type": "TABLE_FUNCTION", "alias": "", "sample": None, "function": call("unnest")}),
    ],
)
def test_engine_trees_that_pass(content):
    guard_engine.check_engine_tree(content, {"Drugs": ["Name"]})


@pytest.mark.parametrize(
    "content",
    [
        engine_tree(base_table("duckdb_settings")),
        engine_tree(base_table("drugs", schema="main")),
        engine_tree(select=[call("current_setting")]),
        engine_tree(select=[call("lower", schema="main")]),
        engine_tree(select=[{"class": "CASE", "type": "CASE_EXPR", "then": [{"x": call("getenv")}]}]),
        engine_tree(select=[{"class": "PARAMETER", "type": "VALUE_PARAMETER"}]),
        engine_tree({"type": "TABLE_FUNCTION", "alias": "", "sample": None, "function": call("read_csv")}),
        engine_tree({"type": "TABLE_FUNCTION", "alias": "", "sample": None, "function": call("json_each")}),
        engine_tree({"type": "SHOW_REF", "alias": "", "sample": None, "table_name": "drugs"}),
        engine_tree(node_type="INSERT_QUERY_NODE"),
        engine_tree(ctes=[("a", {"type": "DELETE_QUERY_NODE", "cte_map": {"map": []}})]),
        {"error": True, "error_type": "not implemented", "error_message": "Only SELECT"},
        {"error": False, "statements": engine_tree()["statements"] * 2},
        {"error": False, "statements": []},
    ],
)
def test_engine_trees_that_do_not(content):
    with pytest.raises(Rejected) as caught:
        guard_engine.check_engine_tree(content, {"Drugs": ["Name"]})
    assert caught.value.outcome is Outcome.REFUSED


def test_the_pinned_functions_hold_nothing_that_reaches_outside():
    functions = engine_functions()
    assert {"lower", "sum", "row_number", "unnest", "date_trunc"} <= functions
    dangerous = ("read_", "duckdb_", "pragma_", "pg_", "current_setting", "getenv", "query", "glob", "nextval", "sleep")
    assert not [name for name in functions if name.startswith(dangerous)]


def test_every_pinned_function_is_duckdbs():
    duckdb = pytest.importorskip("duckdb")
    known = {
        row[0].lower() for row in duckdb.connect().execute("SELECT function_name FROM duckdb_functions()").fetchall()
    }
    syntax = {
        "array",
        "grouping",
        "grouping_id",
        "unnest",
        "coalesce",
        "ifnull",
        "try",
        "!=",
        "<>",
        "alias",
        "current_time",
    }
    syntax |= {"->", "current_timestamp", "localtime", "localtimestamp", "count_star", "extract"}
    assert sorted(engine_functions() - known - syntax) == []
