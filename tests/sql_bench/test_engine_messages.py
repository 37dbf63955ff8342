"""DuckDB's messages without the mirror's file and without advice that a guarded statement cannot follow."""

from __future__ import annotations

from pathlib import Path

import pytest

from sql_bench.backends.duckdb import DuckDbBackend
from sql_bench.backends.duckdb_messages import MessageWords
from sql_bench.types import Limits, Outcome

_WORDS = MessageWords(Path("/data/mirrors/patient-cohort-2024.duckdb"))
_SUBQUERY = (
    "Invalid Input Error: More than one row returned by a subquery used as an expression - scalar subqueries can only "
    "return a single row."
)

# What DuckDB 2.0 says, as `strings` finds it in its library with the values filled in, and what of it is handed on.
_MESSAGES = [
    (
        'Binder Error: Could not ORDER BY column ""patient-cohort-2024".main.t.b": add the expression to every SELECT.',
        'Binder Error: Could not ORDER BY column "t.b": add the expression to every SELECT.',
    ),
    (
        'Binder Error: Ambiguous reference to column name "a" (use: \'"patient-cohort-2024".main.t.a\' or '
        '\'"patient-cohort-2024"."main".u.a\')',
        "Binder Error: Ambiguous reference to column name \"a\" (use: 't.a' or 'u.a')",
    ),
    (
        'Invalid Input Error: Cannot execute statement of type "X" on database "patient-cohort-2024" read-only!',
        'Invalid Input Error: Cannot execute statement of type "X" on the database read-only!',
    ),
    ("IO Error: /data/mirrors/patient-cohort-2024.duckdb: no", "IO Error: the database: no"),
    (f'{_SUBQUERY}\n\nUse "SET scalar_subquery_error_on_multiple_rows=false" to revert to a random row.', _SUBQUERY),
    (
        "Binder Error: ORDER BY non-integer literal has no effect.\n* SET order_by_non_integer_literal=true to allow "
        "this behavior.\n\nPerhaps you misplaced ORDER BY; ORDER BY must stand after all arguments.\n\nLINE 1: x",
        "Binder Error: ORDER BY non-integer literal has no effect. Perhaps you misplaced ORDER BY; ORDER BY must stand "
        "after all arguments.",
    ),
    (
        "Invalid Input Error: Division by zero in expression (a / b). Use TRY(...) to return NULL for this expression, "
        "or SET error_on_division_by_zero=false to return NULL for all divisions by zero.",
        "Invalid Input Error: Division by zero in expression (a / b).",
    ),
    (
        'Binder Error: Max expression depth limit of 1000 exceeded. Use "SET max_expression_depth TO x" for more.',
        "Binder Error: Max expression depth limit of 1000 exceeded.",
    ),
    (
        "Binder Error: Pivot column limit of 100000 exceeded. Use SET pivot_limit=X to increase the limit.",
        "Binder Error: Pivot column limit of 100000 exceeded.",
    ),
    (
        "Out of Memory Error: no room\n\nPossible solutions:\n* Reducing the number of threads (SET threads=X)\n"
        "* Increasing the memory limit (SET memory_limit='...GB')\n\nSee also https://duckdb.org/docs/current/limits",
        "Out of Memory Error: no room",
    ),
    (
        '"SHOW x" resolved to a table. Use "DESCRIBE x" instead, or "SET show_behavior=\'setting\'" for settings only.',
        '"SHOW x" resolved to a table.',
    ),
    (
        'Catalog Error: It is possible that the encoding exists in an extension. You can try "INSTALL encodings; LOAD '
        'encodings"',
        "Catalog Error: It is possible that the encoding exists in an extension.",
    ),
    (
        "Invalid Error: no logger is available. To solve, run: 'SET enable_logging=true;'",
        "Invalid Error: no logger is available.",
    ),
    (
        "Binder Error: failed with the cast, or set it with SET arrow_large_buffer_size=true to use large buffers",
        "Binder Error: failed with the cast, or set it with",
    ),
    ("Binder Error: Set operations can only apply to expressions with the same number of result columns",) * 2,
    ('Conversion Error: Could not convert string "update t" to INT32. Did you mean "t"?',) * 2,
    ('Binder Error: Table "patient-cohort-2024" does not have a column named "main"',) * 2,
]


@pytest.mark.parametrize(("message", "handed_on"), _MESSAGES)
def test_a_message_names_neither_file_nor_settings(message, handed_on):
    assert _WORDS.of(message, {}) == handed_on


def test_a_plain_name_is_taken_out_only_before_its_schema():
    words = MessageWords(Path("mirrors/demo.duckdb"))
    assert words.of('Could not ORDER BY column "demo.main.t.b"', {}) == 'Could not ORDER BY column "t.b"'
    assert words.of('Table "demo" does not have a column named "x"; demo.c', {}).endswith("demo.c")
    quoting = MessageWords(Path('mirrors/a"b.duckdb'))
    assert quoting.of('column ""a""b".main.t.b"', {}) == 'column "t.b"'


def test_messages_are_bounded_and_hold_no_control_characters():
    found = _WORDS.of("Conversion Error: '" + "x" * 10_000_000 + "'\x1b[2J", {})
    assert len(found) == 500
    assert _WORDS.of("a\x1b[2J\u202eb", {}) == "a[2Jb"


def test_advice_at_the_end_of_a_long_message_is_not_cut_in_two():
    assert "SET" not in _WORDS.of("Binder Error: " + "x" * 470 + '. Use "SET pivot_limit=X" to increase it.', {})


@pytest.mark.slow
@pytest.mark.parametrize(
    "sql",
    [
        "SELECT id FROM visits UNION ALL SELECT id FROM visits ORDER BY ward",
        "SELECT id FROM visits v UNION ALL SELECT id FROM visits ORDER BY v.ward",
        "SELECT (SELECT id FROM visits)",
        "SELECT id FROM visits ORDER BY 'ward'",
        "SELECT id FROM visits POSITIONAL JOIN visits",
        "SELECT 1 % (id - id) FROM visits LIMIT (SELECT id FROM visits)",
    ],
)
def test_no_message_of_the_engine_names_a_quoted_mirror_or_settings(tmp_path, sql):
    import duckdb

    mirror = tmp_path / "patient-cohort-2024.duckdb"
    with duckdb.connect(str(mirror)) as connection:
        connection.execute("CREATE TABLE visits AS SELECT i AS id, i % 3 AS ward FROM range(9) t(i)")
    with DuckDbBackend(mirror, "duckdb") as opened:
        result = opened.execute(sql, Limits(timeout_s=20))
    assert result.outcome is Outcome.INVALID_SQL
    assert result.message and "cohort" not in result.message and "SET" not in result.message
