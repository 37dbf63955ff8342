"""What is taken out of models' texts: shapes seen in real output, and shapes made to trip it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sql_bench.generators.extraction import extract
from sql_bench.types import PredictionStatus

SQL, NO_SQL, ABSTAINED, REFUSED = (
    PredictionStatus.SQL,
    PredictionStatus.NO_SQL,
    PredictionStatus.ABSTAINED,
    PredictionStatus.REFUSED,
)
ANSWER = "SELECT a FROM t"


@pytest.mark.parametrize(
    "raw",
    [
        "SELECT a FROM t",
        "SELECT a FROM t;",
        "  SELECT a FROM t ;  \n",
        "```sql\nSELECT a FROM t;\n```",
        "```\nSELECT a FROM t\n```",
        "```SQL\r\nSELECT a FROM t\r\n```",
        "```sql SELECT a FROM t```",
        "```bigquery\nSELECT a FROM t\n```",
        "Here is a draft:\n```sql\nSELECT b FROM t\n```\nBetter:\n```sql\nSELECT a FROM t\n```\nThis gives a.",
        "```sql\nSELECT a FROM t\n",
        "```sql\nSELECT b FROM t\n```\nand then\n```sql\nSELECT a FROM t\n```",
        "[SQL]: SELECT a FROM t",
        "[Q]: Which a?\n[SQL]: SELECT a FROM t;",
        "**SQL:** SELECT a FROM t",
        "SQL: SELECT a FROM t",
        "`SELECT a FROM t`",
        "`SELECT a FROM t;`",
        "The query is `SELECT a FROM t`, which lists a.",
        "To answer this, I use the table t.\n\nSELECT a FROM t;\n\nIt's the shortest way.",
        "SELECT a FROM t\n\nThis query selects the column a.",
        "<think>Maybe SELECT b FROM t; DROP TABLE t\n```sql\nSELECT c FROM t\n```</think>SELECT a FROM t",
        "<think>hm</think>\n```sql\nSELECT a FROM t\n```",
        "Let me draft:\nSELECT wrong FROM b\nHmm, no.\n</think>\n\nSELECT a FROM t",
        "```sql\nSELECT wrong FROM b\n```\nHmm, no.</think>\n```sql\nSELECT a FROM t\n```",
        "```sql\nSELECT a FROM t\n```\nThis returns:\n```\n| a |\n|---|\n| 1 |\n```",
        "SELECT a FROM t; -- done",
        "Drop the table of my earlier answer; this one is better:\nSELECT a FROM t",
        "Set a limit;\nSELECT a FROM t",
        ";\nSELECT a FROM t",
    ],
)
def test_one_statement_is_taken(raw):
    found = extract(raw, "bigquery")
    assert (found.status, " ".join((found.sql or "").split())) == (SQL, ANSWER)


@pytest.mark.parametrize("sql", ["select max(a) from t", "select case when a then 1 end from t", "select a, b from t"])
def test_small_letters_in_a_sentence_are_a_query_too(sql):
    assert extract(f"I would use {sql}", "bigquery").sql == sql


@pytest.mark.parametrize(
    "sql",
    [
        "WITH x AS (\n  SELECT 1\n)\nSELECT * FROM x",
        "WITH RECURSIVE x(n) AS (SELECT 1) SELECT * FROM x",
        "SELECT ';' AS a, 'it''s; fine' AS b -- not; here\n, 2 /* nor; here */",
        'select distinct name from drugs where note = "a; b"',
        "(SELECT 1) UNION ALL (SELECT 2)",
        "SELECT a\n\nFROM t\n\nWHERE b = 1",
        "FROM t SELECT a",
        "-- The table does not contain the column brand, so the drug name is used\nSELECT a FROM t",
        "/* cannot be determined exactly */ SELECT a FROM t",
        "DELETE FROM t",
    ],
)
def test_a_statement_is_taken_whole(sql):
    if not sql.startswith(("DELETE", "-", "/")):  # outside a fence only a query begins the SQL
        assert extract(sql, "bigquery").sql == sql
    assert extract(f"```sql\n{sql};\n```", "bigquery").sql == sql


@pytest.mark.parametrize(
    "raw",
    [
        "```sql\nSELECT 1; SELECT 2\n```",
        "SELECT 1; DROP TABLE t",
        "SELECT ';'; DELETE FROM t;",
        "SELECT 1; -- harmless\n ATTACH 'x.db'",
        "DROP TABLE t; SELECT 1",
        "Here it is:\nCREATE TEMP TABLE u AS SELECT 1;\nSELECT * FROM u",
        "CREATE TABLE u AS (SELECT 1)",
        "INSERT INTO t (a) SELECT 1",
        "SET threads = 1;\nSELECT 1",
        "update t set a = 1;\nselect a from t",
    ],
)
def test_two_statements_are_refused(raw):
    found = extract(raw, "bigquery")
    assert (found.status, found.sql) == (REFUSED, None)


@pytest.mark.parametrize(
    "raw",
    [
        "No answer possible based on given input.",
        "I cannot answer this question with the given schema.",
        "This can't be determined from the available tables.",
        "```\nNo answer possible based on given input\n```",
        "The database does not contain information about blood donors.",
        "<think>SELECT is what I would need.</think>I don't know.",
    ],
)
def test_an_abstention_is_told_from_nothing(raw):
    found = extract(raw, "bigquery")
    assert (found.status, found.sql) == (ABSTAINED, None)


@pytest.mark.parametrize(
    "raw", ["", "   \n", "Sure! Let me think about the patients.", "<think>SELECT 1", "```sql\n\n```", ";;"]
)
def test_nothing_is_no_sql(raw):
    assert extract(raw, "bigquery").status is NO_SQL


def test_a_string_is_what_the_dialect_says():
    """A backslash escapes a quote in BigQuery and not in PostgreSQL."""
    assert extract(r"SELECT 'a\'; b' AS x", "bigquery").sql == r"SELECT 'a\'; b' AS x"
    assert extract(r"SELECT 'a\'; SELECT 2", "postgres").status is REFUSED


LONG = 50_000


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        ("\n" * LONG + "x", NO_SQL),
        ("> " * LONG, NO_SQL),
        ("[" + "*" * LONG + "a", NO_SQL),
        ("with a (" * LONG, NO_SQL),
        ("Please select a" + " " * LONG, NO_SQL),
        ("(\n" * LONG, NO_SQL),
        ("<think>" * LONG, NO_SQL),
        ("```" * LONG, NO_SQL),
        ("cannot be " * LONG, NO_SQL),
        ("SELECT '" + ";" * LONG + "' AS a", SQL),
        ("SELECT '" + ";" * LONG, SQL),
        ("SELECT 1;" + "/*" * LONG, SQL),
    ],
)
def test_a_long_run_of_anything_comes_to_an_end(raw, status):
    """Each of these took minutes to hours with patterns that can split a run in many ways."""
    assert extract(raw, "bigquery").status is status


def test_a_semicolon_behind_a_comment_alone_ends_no_statement():
    found = extract("```sql\n-- a draft;\n;\nSELECT a FROM t; -- it's done\n```", "bigquery")
    assert (found.status, found.sql) == (SQL, ANSWER)


def test_prose_with_an_apostrophe_does_not_hide_a_second_statement():
    assert extract("SELECT 'x;y'; DROP TABLE t; that's all", "bigquery").status is REFUSED


@given(
    st.text(alphabet=st.sampled_from("SELECT FROM with;`'\"\\\n-/*<think></think>ab1()é\x00"), max_size=120)
    | st.text(alphabet=st.characters(codec=None))
)
def test_no_text_makes_it_fail(raw):
    found = extract(raw, "bigquery")
    assert (found.sql is not None) == (found.status is SQL)


@pytest.mark.slow
def test_real_output_of_four_models(shared_data):
    """Every answer but refusals to answer holds SQL; the refusals are just those that say so."""
    folder = shared_data / "sql" / "synthea" / "predictions"
    expected = {
        "gpt-3.5-turbo-zero-shot": {SQL: 1986, ABSTAINED: 14},
        "gpt-3.5-turbo-few-shot": {SQL: 1962, ABSTAINED: 38},
        "gemini-few-shot": {SQL: 1990, ABSTAINED: 10},
        "llama3-70b-few-shot": {SQL: 1981, ABSTAINED: 19},
    }
    for name, counts in expected.items():
        texts = [json.loads(line)["response"] for line in (folder / f"{name}.jsonl").read_text().splitlines()]
        statuses = [extract(text, "postgres").status for text in texts]
        assert {status: statuses.count(status) for status in set(statuses)} == counts, name
