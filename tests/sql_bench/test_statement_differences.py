"""Statements formatted, and the parts of clauses that only one of two has."""

from __future__ import annotations

import subprocess
import sys

import pytest

from sql_bench.reports.statements import clause_differences, formatted, is_reworded


def differing(gold: str, predicted: str) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    found = clause_differences(gold, predicted, "bigquery", "bigquery")
    return {difference.clause: (difference.gold, difference.predicted) for difference in found}


@pytest.mark.parametrize(
    ("gold", "predicted", "expected"),
    [
        ("SELECT a FROM t WHERE x < 1 AND y = 2", "select a from t where y=2 and x < 1", {}),
        ("SELECT t.a FROM `p.d.t` AS t WHERE t.x < 1", "SELECT a FROM `p.d.t` WHERE x < 1", {}),
        ("SELECT a FROM t WHERE b = 'X'", "SELECT a FROM t WHERE b = 'x'", {"WHERE": (("b = 'X'",), ("b = 'x'",))}),
        ("SELECT a.x FROM t a, u b", "SELECT b.x FROM t a, u b", {"SELECT": (("t.x",), ("u.x",))}),
        (
            "SELECT a.x FROM t a JOIN t b ON a.y < b.y",
            "SELECT a.x FROM t a JOIN t b ON a.y <> b.y",
            {"JOIN": (("INNER t b ON a.y < b.y",), ("INNER t b ON a.y <> b.y",))},
        ),
        ("SELECT DISTINCT a FROM t", "SELECT a FROM t", {"DISTINCT": (("DISTINCT",), ())}),
        (
            "SELECT a FROM t UNION ALL SELECT a FROM u ORDER BY 1 LIMIT 3",
            "SELECT a FROM t UNION DISTINCT SELECT a FROM u",
            {"set operation": (("UNION ALL",), ("UNION",)), "ORDER BY": (("1",), ()), "LIMIT": (("3",), ())},
        ),
        (
            "SELECT a FROM t WHERE b IN (SELECT c FROM u WHERE d = 1)",
            "SELECT a FROM t WHERE b IN (SELECT c FROM u WHERE d = 2)",
            {"WHERE": (("d = 1",), ("d = 2",))},
        ),
        ("SELECT a FROM t", "SELECT FROM WHERE (", {}),
        ("SELECT a FROM t", "SELECT " + "(" * 300 + "1" + ")" * 300, {}),
    ],
)
def test_parts_that_one_side_has(gold, predicted, expected):
    assert differing(gold, predicted) == expected


def test_formatting_says_when_it_reworded():
    plain = "select a, count(*) n from t where x != 1 group by a;"
    assert formatted(plain, "bigquery").splitlines()[0] == "SELECT" and not is_reworded(
        plain, formatted(plain, "bigquery")
    )
    other = "SELECT LEN(a) FROM t"
    assert is_reworded(other, "SELECT\n  LENGTH(a)\nFROM t")
    assert formatted("no statement (", "bigquery") == "no statement ("


def test_what_is_no_query_is_left_as_it_is():
    for text in ("VACUUM t", "EXPLAIN ANALYZE foo", "CALL foo(1)"):
        assert formatted(text, "postgres") == text
        assert clause_differences(text, "SELECT 1", "postgres", "postgres") == []


@pytest.mark.slow
def test_the_parser_writes_nothing_to_the_terminal():
    program = (
        "from sql_bench.generators.replies.parsing import is_whole_query\n"
        "from sql_bench.reports.statements import formatted\n"
        "is_whole_query('WITH a AS (EXPLAIN foo \\x1b[2J) SELECT 1', 'bigquery')\n"
        "formatted('VACUUM \\x1b[2J', 'duckdb')\n"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert (result.stdout, result.stderr) == (b"", b"")
