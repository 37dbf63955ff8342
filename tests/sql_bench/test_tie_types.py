"""Ties of sort keys of every type, picked by value or by a longer LIMIT, are those of the whole result sorted."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from test_outer_shapes import NEEDS, right_rows

from bench_core.runs.manifest import RunFolder
from sql_bench.backends.duckdb import DuckDbBackend
from sql_bench.pipeline.executions import Executions, Statement
from sql_bench.pipeline.runner import Runner
from sql_bench.types import Limits, Outcome

COLUMNS = {
    "day": "DATE '2020-01-01' + (i % 5)::INT",
    "moment": "TIMESTAMP '2020-01-01 00:00:00.123456' + INTERVAL (i % 5) HOUR",
    "instant": "TIMESTAMPTZ '2020-01-01 00:00:00+02' + INTERVAL (i % 5) HOUR",
    "nanoseconds": "TIMESTAMP_NS '2020-01-01 00:00:00.123456789'",
    "digits": "(i % 5)::DECIMAL(10, 3) / 7",
    "truth": "i % 5 = 0",
    "special": "CASE i % 5 WHEN 0 THEN 'NaN'::DOUBLE WHEN 1 THEN 'inf' WHEN 2 THEN -0.0 WHEN 3 THEN 0.0 ELSE 1e-9 END",
    "short": "(i % 5 / 3)::FLOAT",
    "sum": "0.1 * (i % 3) + 0.2",
    "wide": "(i % 5)::HUGEINT * 100000000000000000000",
    "lines": "'a' || chr(10) || (i % 4)",
    "quoted": "'''x' || (i % 4)",
    "choice": "(CASE i % 3 WHEN 0 THEN 'x' ELSE 'y' END)::ENUM('x', 'y')",
    "time": "TIME '10:00:00' + INTERVAL (i % 3) HOUR",
    "length": "INTERVAL (i % 3) DAY",
    "list": "[i % 3]",
    "bytes": "encode('b' || (i % 3))",
    "nothing": "NULL::INT",
}


@pytest.mark.slow
def test_ties_of_every_type_are_those_of_the_full_sort(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "m.duckdb")) as connection:
        columns = ", ".join(f'{expression} AS "{name}"' for name, expression in COLUMNS.items())
        connection.execute(f"CREATE TABLE t AS SELECT i AS id, {columns} FROM range(60) r(i)")
    orders = [f'"{name}"{direction}' for name in COLUMNS for direction in ("", " DESC NULLS LAST")]
    orders += [f'"{first}", "{second}"' for first in ("day", "special", "quoted") for second in ("truth", "moment")]
    limits = ("LIMIT 7", "LIMIT 3 OFFSET 5")
    statements = [f"SELECT id FROM t ORDER BY {order} {limit}" for order in orders for limit in limits]
    executions = Executions(RunFolder(tmp_path / "run"), {"engine": "duckdb"}, pytest.fail)
    with DuckDbBackend(tmp_path / "m.duckdb", "duckdb") as backend:
        asked = [Statement(sql, sql) for sql in statements]
        executions.execute(asked, NEEDS, Runner(backend, Limits(), "execute"))
    n_picked = 0
    for sql in statements:
        found = executions.evidence(sql)
        assert found.as_written.outcome is Outcome.OK and found.longer_limit is not None, sql
        n_picked += found.longer_limit.tie_is_whole
        whole, tie = (right_rows(replace(found, **{other: None})) for other in ("longer_limit", "without_limit"))
        assert whole == tie, sql
    assert n_picked > len(statements) / 2  # else the picking is tried by nothing
