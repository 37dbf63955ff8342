"""Tables in the forms others write them: delimiters, headers, dates, numbers (docs/rules/files.md F7 to F9)."""

from __future__ import annotations

import datetime
import gzip
import io
import sys
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from mutations import NUMBERS, Reader, check, mutated_json

from bench_core.errors import BadFile
from bench_core.runs.config import load_config
from sql_bench.datasets.folder import DatasetFile, read_questions
from sql_bench.mirror.importing import import_folder
from sql_bench.mirror.loading import load_table
from sql_bench.mirror.mirror import open_mirror
from sql_bench.mirror.schema import Schema, load_schema
from sql_bench.mirror.sources import TableFile, read_outline
from sql_bench.pipeline.experiment import SqlExperiment
from sql_bench.types import ComparisonRules

# file name, content, rows, what is said of the choice
FORMS = [
    ("t.csv", "a,b\n1,2\n", [(1, 2)], []),
    ("t.csv", "a;b\n1;2\n", [(1, 2)], ["t.csv: the columns are separated by a semicolon."]),
    ("t.csv", "a\tb\n1\tx y\n", [(1, "x y")], ["t.csv: the columns are separated by a tab."]),
    ("t.csv", "a|b\n1|2\n", [(1, 2)], ["t.csv: the columns are separated by a vertical bar."]),
    ("t.tsv", "a\tb\n1\tx, y\n", [(1, "x, y")], []),
    ("t.tsv", "a,b\n1,2\n", [(1, 2)], ["t.tsv: the columns are separated by a comma."]),
    ("t.csv", 'a;b\n"1;5";"say ""x"""\n', [("1;5", 'say "x"')], ["t.csv: the columns are separated by a semicolon."]),
    ("t.csv", "a;dose, mg\n1;2\n", [(1, 2)], ["t.csv: the columns are separated by a semicolon."]),
    (
        "t.csv",
        "a;b, c\n1;2, 5\n",
        [("1;2", 5)],
        ["t.csv: a semicolon could separate the columns too; a comma was taken."],
    ),
    (
        "t.csv",
        "a;b\n1;2,5\n",
        [(1, "2,5")],
        [
            "t.csv: the columns are separated by a semicolon.",
            "t.csv, column b: numbers with a decimal comma were kept as text.",
        ],
    ),
    ("t.csv", "note\nx;y\n", [("x;y",)], []),
    ("t.csv", "note\nx|y\nz\n", [("x|y",), ("z",)], []),
    ("t.csv", " a , b\n1,2\n", [(1, 2)], []),
    ("t.csv", '\ufeff" a";b\t\n1;2\n', [(1, 2)], ["t.csv: the columns are separated by a semicolon."]),
    (
        "t.csv",
        "a,b\n03/04/2020,1\n05/06/2020,2\n",
        [(datetime.date(2020, 4, 3), 1), (datetime.date(2020, 6, 5), 2)],
        ["t.csv, column a: the order of its dates cannot be told; 03/04/2020 was read as 2020-04-03."],
    ),
    (
        "t.csv",
        "a,b\n03/14/2020,1\n05/06/2020,2\n",
        [(datetime.date(2020, 3, 14), 1), (datetime.date(2020, 5, 6), 2)],
        [],
    ),
    ("t.csv", "a,b\n14/03/2020,1\n", [(datetime.date(2020, 3, 14), 1)], []),
    (
        "t.csv",
        "a,b\n14/03/2020,1\n03/14/2020,2\n",
        [("14/03/2020", 1), ("03/14/2020", 2)],
        ["t.csv, column a: dates in two orders were kept as text."],
    ),
    (
        "t.csv",
        "a,b\n03/04/20,1\n",
        [(datetime.date(2003, 4, 20), 1)],
        ["t.csv, column a: the order of its dates cannot be told; 03/04/20 was read as 2003-04-20."],
    ),
    ("t.csv", "a,b\n2020-03-04,1\n", [(datetime.date(2020, 3, 4), 1)], []),
    (
        "t.csv",
        "a,b\n9223372036854775808,1\n",
        [(2**63, 1)],
        ["t.csv, column a: whole numbers past 64 bits were read as HUGEINT; BigQuery's INT64 does not hold them."],
    ),
    (
        "t.csv",
        "p,b\n1e999,1\n-1e999,2\n0.5,3\n",
        [(float("inf"), 1), (float("-inf"), 2), (0.5, 3)],
        ["t.csv, column p: 2 numbers past the range of DOUBLE were read as infinity, as -1e999."],
    ),
    (
        "t.csv",
        "p,b\n3.1e-400,1\n0.0,2\n0e-400,3\n",
        [(0.0, 1), (0.0, 2), (0.0, 3)],
        ["t.csv, column p: 1 numbers too small for DOUBLE were read as 0, as 3.1e-400."],
    ),
    (
        "t.csv",
        "p,b\n9007199254740993,1\n9007199254740992,2\n0.5,2\n",
        [(9007199254740992.0, 1), (9007199254740992.0, 2), (0.5, 2)],
        ["t.csv, column p: 1 numbers of more digits than DOUBLE holds were rounded, as 9007199254740993."],
    ),
    ("t.csv", "p,b\ninf,1\n0.5,2\n", [("inf", 1), ("0.5", 2)], []),
]


def _import(tmp_path, name, content, schema=None):
    folder = tmp_path / "tables"
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(content, encoding="utf-8")
    return import_folder(folder, tmp_path / "m.duckdb", schema)


@pytest.mark.parametrize(("name", "content", "rows", "remarks"), FORMS)
def test_forms(tmp_path, name, content, rows, remarks):
    mirror = _import(tmp_path, name, content)
    with duckdb.connect(str(mirror.path), read_only=True) as connection:
        assert connection.execute("FROM t").fetchall() == rows
    assert mirror.remarks == remarks
    assert open_mirror(mirror.path) == mirror
    assert all(column.name == column.name.strip() for column in mirror.tables[0].columns)


def test_declared_columns_and_lines_of_faults_with_another_delimiter(tmp_path):
    schema = Schema(tables={"t": {"id": "INTEGER", "p": "FLOAT"}})
    mirror = _import(tmp_path, "t.csv", " id ;p\n1;1e999\n", schema)
    assert mirror.remarks == [
        "t.csv: the columns are separated by a semicolon.",
        "t.csv, column p: 1 numbers past the range of DOUBLE were read as infinity, as 1e999.",
    ]
    with pytest.raises(BadFile, match=r"t.csv, line 3: column id: expected BIGINT and found 'x'"):
        _import(tmp_path, "t.csv", "id;p\n1;2\nx;3\n", schema)


def test_names_that_differ_by_blanks_only_clash(tmp_path):
    with pytest.raises(BadFile, match="the column name a comes twice"):
        _import(tmp_path, "t.csv", "a, a\n1,2\n")
    with pytest.raises(BadFile, match="column 2 has no name"):
        _import(tmp_path, "t.csv", "a, \n1,2\n")


# --- mutated files: no exception but the suite's own -----------------------------------------------------------------

_QUESTIONS = (
    '{"question_id": "q1", "question": "How many?", "gold_sql": "SELECT 1", "answer": "1", "kind": ["a"]}\n'
    '{"question_id": "q2", "question": "Who?", "gold_sql": ["SELECT 1", "SELECT 2"]}\n'
    '{"question_id": "q3", "question": "Why?", "gold_sql": null}\n'
)
_SCHEMA = "tables:\n  drugs:\n    name: STRING\n    year: INTEGER\n"


_DATASET = b"""title: Mine
dialect: bigquery
access: public
identifiers: {columns: [UUID], pattern: "T_[0-9]+"}
safety_limits: [100, 1000]
"""
_EXPERIMENT = b"""grids:
  - datasets: [demo/biomed]
    systems: [gold, "replay,path=hasty"]
comparators: [answer, exact]
"""
ENGINE = duckdb.connect()


def _load(path):
    """One engine for all files: to start one costs more than to read a small file."""
    file = TableFile("t", path)
    try:
        return load_table(ENGINE, file, read_outline(file), None)
    finally:
        ENGINE.execute("DROP TABLE IF EXISTS t")


def _load_apart(path):
    """An engine of its own: what is no Parquet file may leave the engine unusable."""
    file = TableFile("t", path)
    with duckdb.connect() as connection:
        return load_table(connection, file, read_outline(file), None)


def _parquet():
    buffer = io.BytesIO()
    pq.write_table(pa.table({"a": [1, 2, None], "b": ["x", "y", "z"]}), buffer)
    return buffer.getvalue()


READERS = {
    "t.csv": Reader(_load, [content.encode() for name, content, _, _ in FORMS if name == "t.csv"], "t.csv"),
    "t.tsv": Reader(_load, [content.encode() for name, content, _, _ in FORMS if name == "t.tsv"], "t.tsv"),
    "t.csv.gz": Reader(_load, [gzip.compress(b"a,b\n1,2\n3,4\n", mtime=0)], "t.csv.gz"),
    "t.parquet": Reader(_load_apart, [_parquet()], "t.parquet"),
    "questions.jsonl": Reader(lambda path: read_questions(path, "duckdb", ComparisonRules()), [_QUESTIONS.encode()]),
    "questions.json": Reader(
        lambda path: read_questions(path, "duckdb", ComparisonRules()),
        _QUESTIONS.encode().splitlines(),
        mutate=mutated_json,
    ),
    "schema.yaml": Reader(load_schema, [_SCHEMA.encode()]),
    "dataset.yaml": Reader(lambda path: load_config(path, DatasetFile), [_DATASET]),
    "experiment.yaml": Reader(lambda path: load_config(path, SqlExperiment), [_EXPERIMENT]),
}


@pytest.mark.parametrize("n", NUMBERS)
@pytest.mark.parametrize("name", READERS)
def test_mutated_tables_are_read_or_refused(tmp_path, name, n):
    check(READERS[name], name, tmp_path, n)
