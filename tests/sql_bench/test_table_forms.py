"""Tables in the forms others write them: delimiters, headers, dates, numbers (docs/rules/files.md F7 to F9)."""

from __future__ import annotations

import datetime
import io
import os
import random

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench_core.errors import BadFile, BenchError
from sql_bench.datasets.folder import read_questions
from sql_bench.mirror.importing import import_folder
from sql_bench.mirror.loading import load_table
from sql_bench.mirror.mirror import open_mirror
from sql_bench.mirror.schema import Schema, load_schema
from sql_bench.mirror.sources import TableFile, read_outline
from sql_bench.types import ComparisonRules

# file name, content, rows, what is said of the choice
MUTATIONS = int(os.environ.get("BIOMED_BENCH_MUTATIONS", "1000"))
"""For each reader; 10,000 take half an hour."""


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

_PIECES = (
    b",", b";", b"\t", b"|", b'"', b'""', b"\n", b"\r", b"\r\n", b"\x00", b" ", b"\xff",
    b"\xef\xbb\xbf", b"1e999", b"9" * 50, b"03/14/2020", b"14/03/2020", b"2020-13-01",
    b"-", b"'", b"\\", b"null", b"{", b"[", b"]", b": ",
    b"- ", b"&a", b"*a",
)  # fmt: skip
_QUESTIONS = (
    '{"question_id": "q1", "question": "How many?", "gold_sql": "SELECT 1", "answer": "1", "kind": ["a"]}\n'
    '{"question_id": "q2", "question": "Who?", "gold_sql": ["SELECT 1", "SELECT 2"]}\n'
    '{"question_id": "q3", "question": "Why?", "gold_sql": null}\n'
)
_SCHEMA = "tables:\n  drugs:\n    name: STRING\n    year: INTEGER\n"


def _csv(path):
    file = TableFile("t", path)
    with duckdb.connect() as connection:
        load_table(connection, file, read_outline(file), None)


def _parquet():
    buffer = io.BytesIO()
    pq.write_table(pa.table({"a": [1, 2, None], "b": ["x", "y", "z"]}), buffer)
    return buffer.getvalue()


READERS = {
    "t.csv": (_csv, [content.encode() for name, content, _, _ in FORMS if name == "t.csv"]),
    "t.tsv": (_csv, [content.encode() for name, content, _, _ in FORMS if name == "t.tsv"]),
    "t.parquet": (_csv, [_parquet()]),
    "questions.jsonl": (lambda path: read_questions(path, "duckdb", ComparisonRules()), [_QUESTIONS.encode()]),
    "schema.yaml": (load_schema, [_SCHEMA.encode()]),
}


def _mutated(content, rng):
    changed = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        place = rng.randint(0, len(changed))
        kind = rng.randrange(4)
        if kind == 0:
            changed[place:place] = rng.choice(_PIECES)
        elif kind == 1:
            del changed[place : place + rng.randint(1, 5)]
        elif kind == 2:
            changed[place : place + 1] = bytes([rng.randrange(256)])
        else:
            changed[place:place] = changed[max(0, place - rng.randint(1, 20)) : place]
    return bytes(changed)


def _fuzz(tmp_path, name, n):
    read, seeds = READERS[name]
    rng = random.Random(f"{name} 12")
    path = tmp_path / name
    n_read = 0
    for _ in range(n):
        content = _mutated(rng.choice(seeds), rng)
        path.write_bytes(content)
        try:
            read(path)
        except BenchError as error:
            assert str(error).startswith(str(path)) and "\n" not in str(error), content
        except Exception as error:
            raise AssertionError(f"{content!r}: {error!r}") from error
        else:
            n_read += 1
    assert 0 < n_read < n


@pytest.mark.parametrize("name", READERS)
def test_mutated_files_are_read_or_refused(tmp_path, name):
    _fuzz(tmp_path, name, 100)


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_many_mutated_files_are_read_or_refused(tmp_path, name):
    _fuzz(tmp_path, name, MUTATIONS)
