"""Mirrors: what is imported, what is refused with file and line, what a kill leaves behind, and the content hash."""

from __future__ import annotations

import csv
import gzip
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench_core.errors import BadFile, BenchError, UserError
from sql_bench.mirror import importing
from sql_bench.mirror.content import stamped_sha256
from sql_bench.mirror.importing import ImportStep, import_folder, would_be_made_from
from sql_bench.mirror.mirror import Mirror, open_mirror
from sql_bench.mirror.schema import Schema, load_schema
from sql_bench.mirror.verifying import verify_mirror
from sql_bench.types import Column

SYNTHEA = Path(__file__).parents[2] / "../shared/data/sql/synthea/tables"

PATIENTS = "id,name,born,weight\n1,Ada,1950-03-02,61.5\n2,,1948-11-30,\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of two tables."""
    source = tmp_path / "tables"
    source.mkdir()
    (source / "patients.csv").write_text(PATIENTS)
    (source / "visits.csv").write_text("patient,ward\n1,A\n2,B\n2,A\n")
    return source


def import_text(tmp_path: Path, text: str | bytes, schema: dict[str, str] | None = None) -> Mirror:
    """The mirror of one table `t` with this CSV text."""
    source = tmp_path / "one"
    source.mkdir(exist_ok=True)
    (source / "t.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    return import_folder(source, tmp_path / "one.duckdb", Schema(tables={"t": schema}) if schema else None)


def rows(mirror: Mirror, table: str = "t") -> list[tuple]:
    with duckdb.connect(str(mirror.path), read_only=True) as connection:
        return connection.execute(f'FROM "{table}"').fetchall()


def change(mirror: Mirror, *statements: str) -> None:
    with duckdb.connect(str(mirror.path)) as connection:
        for statement in statements:
            connection.execute(statement)


# What is imported


def test_import_types_tables_and_opens_without_reading_them(folder: Path, tmp_path: Path) -> None:
    mirror = import_folder(folder, tmp_path / "m.duckdb")
    patients, visits = mirror.tables
    assert (patients.name, patients.n_rows, visits.name, visits.n_rows) == ("patients", 2, "visits", 3)
    assert patients.columns == (
        Column("id", "BIGINT"),
        Column("name", "VARCHAR"),
        Column("born", "DATE"),
        Column("weight", "DOUBLE"),
    )
    assert open_mirror(tmp_path / "m.duckdb") == mirror
    assert verify_mirror(mirror.path).differences == ()
    assert {path.name for path in tmp_path.iterdir()} - {".m.duckdb.lock"} == {"tables", "m.duckdb", "m.mirror.json"}


def test_progress_is_told_of_each_table(folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    steps: list[ImportStep] = []
    import_folder(folder, tmp_path / "m.duckdb", progress=steps.append)
    assert [(step.table, step.number, step.n_tables) for step in steps] == [("patients", 1, 2), ("visits", 2, 2)]
    assert steps[0].source_bytes == len(PATIENTS)
    assert capfd.readouterr() == ("", "")


def test_gzip_byte_order_mark_and_line_ends(tmp_path: Path) -> None:
    plain = import_text(tmp_path, PATIENTS)
    (tmp_path / "one/t.csv").unlink()
    windows = "\ufeff" + PATIENTS.replace("\n", "\r\n")
    (tmp_path / "one/t.csv.gz").write_bytes(gzip.compress(windows.encode()))
    assert import_folder(tmp_path / "one", tmp_path / "gz.duckdb").sha256 == plain.sha256


def test_quotes_commas_line_breaks_and_marks_that_look_like_comments(tmp_path: Path) -> None:
    mirror = import_text(tmp_path, 'id,note\n1,"a, ""b""\nc"\n#2,5" pipe\n3,\'it\n')
    assert rows(mirror) == [("1", 'a, "b"\nc'), ("#2", '5" pipe'), ("3", "'it")]


def test_types_are_found_from_all_rows(tmp_path: Path) -> None:
    text = "n,code\n" + "1,7\n" * 60_000 + "1.5,7x\n"
    assert [column.type for column in import_text(tmp_path, text).tables[0].columns] == ["DOUBLE", "VARCHAR"]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (("T", "T"), "VARCHAR"),  # an allele, not true
        (("F", "F"), "VARCHAR"),  # female, not false
        (("true", "FALSE"), "BOOLEAN"),
        (("01605", "10001"), "VARCHAR"),  # a ZIP code keeps its zero
        (("", ""), "VARCHAR"),
        (("1", ""), "BIGINT"),
        (("1e-300", "0.1"), "DOUBLE"),
        (("NA", "1"), "VARCHAR"),
        (("2020-01-31", "2021-12-01"), "DATE"),
    ],
)
def test_found_types(tmp_path: Path, values: tuple[str, ...], kind: str) -> None:
    text = "id,x\n" + "".join(f"{number},{value}\n" for number, value in enumerate(values))
    assert import_text(tmp_path, text).tables[0].columns[1] == Column("x", kind)


def test_header_without_rows_is_an_empty_table(tmp_path: Path) -> None:
    mirror = import_text(tmp_path, "id,name\n")
    assert mirror.tables[0].n_rows == 0
    assert verify_mirror(mirror.path).differences == ()


def test_blank_lines_are_null_in_one_column_and_nothing_in_several(tmp_path: Path) -> None:
    assert rows(import_text(tmp_path, "a\n1\n\n3\n")) == [(1,), (None,), (3,)]
    assert rows(import_text(tmp_path, "a,b\n1,2\n\n3,4\n\n")) == [(1, 2), (3, 4)]


def test_rows_keep_the_order_of_the_file(tmp_path: Path) -> None:
    """More rows than one engine block, so that threads could mix them."""
    n_rows = 300_000
    mirror = import_text(tmp_path, "n\n" + "".join(f"{number}\n" for number in range(n_rows)))
    assert rows(mirror) == [(number,) for number in range(n_rows)]


def test_names_with_wildcards_quotes_and_keywords(tmp_path: Path) -> None:
    source = tmp_path / "a[1]*'s"
    source.mkdir()
    (source / 'order "by".csv').write_text("select,a b\n1,2\n")
    (tmp_path / "a1xs").mkdir()
    mirror = import_folder(source, tmp_path / "m.duckdb")
    assert mirror.tables[0].name == 'order "by"'
    assert verify_mirror(mirror.path).differences == ()


def test_long_fields(tmp_path: Path) -> None:
    before = csv.field_size_limit()
    assert rows(import_text(tmp_path, f"id,x\n1,{'long ' * 1_000_000}\n"))[0][1] == "long " * 1_000_000
    assert csv.field_size_limit() == before


def test_other_files_are_passed_over(folder: Path, tmp_path: Path) -> None:
    (folder / "README.md").write_text("no table")
    (folder / ".hidden.csv").write_text("a\n1\n")
    (folder / "sub").mkdir()
    assert len(import_folder(folder, tmp_path / "m.duckdb").tables) == 2


# Declared types


def test_declared_types_win(tmp_path: Path) -> None:
    mirror = import_text(
        tmp_path, "a,b,c,d\n01,1,TRUE,12.0\n2,,,\n", {"a": "STRING", "b": "FLOAT", "c": "BOOLEAN", "d": "INTEGER"}
    )
    assert rows(mirror) == [("01", 1.0, True, 12), ("2", None, None, None)]
    assert mirror.schema_sha256 is not None


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("INTEGER", "1.5"),
        ("INTEGER", "0x1F"),
        ("INTEGER", "1_000"),
        ("INTEGER", "9223372036854775808"),
        ("INTEGER", "five"),
        ("FLOAT", "1,5"),
        ("BOOLEAN", "maybe"),
        ("DATE", "31.12.2020"),
    ],
)
def test_a_value_that_does_not_fit_is_named_with_its_line(tmp_path: Path, kind: str, value: str) -> None:
    text = f'note,x\n"two\nlines",\nok,"{value}"\n'
    with pytest.raises(BadFile, match=r"t\.csv, line 4: column x: expected \w+ and found") as caught:
        import_text(tmp_path, text, {"note": "STRING", "x": kind})
    assert repr(value) in str(caught.value)
    assert not (tmp_path / "one.duckdb").exists()


def test_declared_types_hold_for_parquet_too(tmp_path: Path) -> None:
    source = tmp_path / "tables"
    source.mkdir()
    schema = Schema(tables={"t": {"n": "INTEGER", "x": "FLOAT"}})
    pq.write_table(pa.table({"n": [1.0, None], "x": [1, 2]}), source / "t.parquet")
    assert rows(import_folder(source, tmp_path / "m.duckdb", schema)) == [(1, 1.0), (None, 2.0)]
    pq.write_table(pa.table({"n": [1.0, 1.5], "x": [1, 2]}), source / "t.parquet")
    with pytest.raises(BadFile, match=r"t\.parquet: row 2, column n: expected BIGINT and found '1\.5'"):
        import_folder(source, tmp_path / "m.duckdb", schema)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"id": "STRING"}, r"line 1: the file has the column x"),
        ({"id": "STRING", "x": "STRING", "y": "DATE"}, r"declares the column y, which the file does not have"),
        ({"x": "STRING", "id": "STRING"}, r"expected the columns in the schema's order x, id"),
    ],
)
def test_schema_for_other_columns(tmp_path: Path, columns: dict[str, str], message: str) -> None:
    with pytest.raises(BadFile, match=message):
        import_text(tmp_path, "id,x\n1,2\n", columns)


def test_schema_for_other_tables(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="declares wards, for which there is no file"):
        import_folder(folder, tmp_path / "m.duckdb", Schema(tables={"wards": {}, "patients": {}, "visits": {}}))
    with pytest.raises(UserError, match="does not declare visits"):
        import_folder(folder, tmp_path / "m.duckdb", Schema(tables={"patients": {}}))


def test_schema_file(tmp_path: Path) -> None:
    path = tmp_path / "schema.yaml"
    path.write_text("tables:\n  t:\n    a: INT64\n    b: TIMESTAMP\n")
    assert load_schema(path).engine_types("t") == {"a": "BIGINT", "b": "TIMESTAMP WITH TIME ZONE"}
    assert load_schema(path).sha256 == Schema(tables={"t": {"a": "INTEGER", "b": "TIMESTAMP"}}).sha256
    path.write_text("tables:\n  t:\n    a: INTEGR\n")
    with pytest.raises(BadFile, match=r"schema\.yaml, line 2.*t\.a has an unknown type 'INTEGR'.*INTEGER"):
        load_schema(path)


# What is refused


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"t\.csv: expected a header line, but the file is empty"),
        ("\n1,2\n", r"t\.csv, line 1: column 1 has no name"),
        ("a,b,A\n1,2,3\n", r"line 1: the column name a comes twice"),
        ("a,,c\n1,2,3\n", r"line 1: column 2 has no name"),
        ('a,b\n1,"x\ny"\n1,2,3\n', r"t\.csv, line 4: expected 2 fields as in the header and found 3"),
        ("a,b\n1,2\n3\n", r"t\.csv, line 3: expected 2 fields as in the header and found 1"),
        ('a,b\n1,2\n3,"x"y\n', r"t\.csv, line 3: this is not CSV"),
        ('a,b\n1,2\n3,"x\n', r"t\.csv, line 3: this is not CSV"),
        (b"a,b\n1,2\n3,\xe9\n", r"t\.csv, line 3: this is not UTF-8"),
    ],
)
def test_bad_csv_is_named_with_its_line(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(BadFile, match=message):
        import_text(tmp_path, text)
    assert not (tmp_path / "one.duckdb").exists()


def test_cut_gzip_and_broken_parquet(tmp_path: Path) -> None:
    source = tmp_path / "tables"
    source.mkdir()
    (source / "t.csv.gz").write_bytes(gzip.compress(PATIENTS.encode() * 100)[:-20])
    with pytest.raises(BadFile, match=r"t\.csv\.gz.*not a whole gzip file"):
        import_folder(source, tmp_path / "m.duckdb")
    (source / "t.csv.gz").unlink()
    (source / "t.parquet").write_bytes(b"PAR1 and nothing more")
    with pytest.raises(BadFile, match=r"t\.parquet: this is not a whole Parquet file"):
        import_folder(source, tmp_path / "m.duckdb")


def test_parquet_whose_data_is_damaged(tmp_path: Path) -> None:
    source = tmp_path / "tables"
    source.mkdir()
    path = source / "t.parquet"
    pq.write_table(pa.table({"x": [f"value {number}" for number in range(10_000)]}), path, compression="snappy")
    content = bytearray(path.read_bytes())
    content[4:4000] = b"\xff" * 3996
    path.write_bytes(bytes(content))
    with pytest.raises(BadFile, match=r"t\.parquet: DuckDB cannot read it"):
        import_folder(source, tmp_path / "m.duckdb")


def test_folders_without_tables(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no such folder"):
        import_folder(tmp_path / "nowhere", tmp_path / "m.duckdb")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"no table in it; expected files named \*\.csv"):
        import_folder(tmp_path / "empty", tmp_path / "m.duckdb")


def test_two_files_for_one_table(folder: Path, tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": [1]}), folder / "Patients.parquet")
    with pytest.raises(UserError, match=r"Patients\.parquet and patients\.csv would be the same table"):
        import_folder(folder, tmp_path / "m.duckdb")


def test_what_is_not_a_mirror(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no such mirror"):
        open_mirror(tmp_path / "m.duckdb")
    with pytest.raises(UserError, match=r"ends in \.duckdb; name it m\.duckdb"):
        import_folder(folder, tmp_path / "m.db")
    duckdb.connect(str(tmp_path / "other.duckdb")).close()
    with pytest.raises(BadFile, match=r"not a mirror, or its import was interrupted"):
        open_mirror(tmp_path / "other.duckdb")
    import_folder(folder, tmp_path / "m.duckdb")
    for content in ("{", '{"format": 99}', "[]", '{"format": 1}'):
        (tmp_path / "m.mirror.json").write_text(content)
        with pytest.raises(BadFile, match=r"m\.mirror\.json"):
            open_mirror(tmp_path / "m.duckdb")


def test_the_independent_reader_must_agree(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outline = importing.read_outline
    monkeypatch.setattr(
        importing, "read_outline", lambda file: importing.Outline(outline(file).columns, outline(file).n_rows + 1)
    )
    with pytest.raises(BenchError, match="DuckDB read 2 rows and the independent reader 3"):
        import_folder(folder, tmp_path / "m.duckdb")
    assert not (tmp_path / "m.duckdb").exists()


# Whole or not there


def test_a_failed_import_leaves_the_older_mirror(folder: Path, tmp_path: Path) -> None:
    before = import_folder(folder, tmp_path / "m.duckdb")
    (folder / "visits.csv").write_text("patient,ward\n1\n")
    with pytest.raises(BadFile):
        import_folder(folder, tmp_path / "m.duckdb")
    assert open_mirror(tmp_path / "m.duckdb") == before
    assert not list(tmp_path.glob(".*partial*"))


def test_an_import_stopped_before_its_description_is_no_mirror(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_folder(folder, tmp_path / "m.duckdb")
    (folder / "visits.csv").write_text("patient,ward\n1,A\n")

    def stop(mirror: Mirror) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(importing, "write_description", stop)
        with pytest.raises(KeyboardInterrupt):
            import_folder(folder, tmp_path / "m.duckdb")
    with pytest.raises(BadFile, match="interrupted"):
        open_mirror(tmp_path / "m.duckdb")
    assert import_folder(folder, tmp_path / "m.duckdb").tables[1].n_rows == 1


@pytest.mark.slow
def test_a_killed_import_leaves_nothing_that_looks_complete(folder: Path, tmp_path: Path) -> None:
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from sql_bench.mirror.importing import import_folder\n"
        "def kill(step):\n"
        "    if step.number == 2:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "import_folder(Path(sys.argv[1]), Path(sys.argv[2]), progress=kill)\n"
    )
    path = tmp_path / "m.duckdb"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    killed = subprocess.run([sys.executable, "-c", script, str(folder), str(path)], env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert list(tmp_path.glob(".m.duckdb.*.partial"))
    with pytest.raises(UserError, match="no such mirror"):
        open_mirror(path)
    import_folder(folder, path)
    assert not list(tmp_path.glob(".*partial*"))


def test_a_cut_file_is_noticed_when_it_is_opened(folder: Path, tmp_path: Path) -> None:
    mirror = import_folder(folder, tmp_path / "m.duckdb")
    with mirror.path.open("rb+") as file:
        file.truncate(4096)
    with pytest.raises(BadFile, match="the file has 4096 bytes"):
        open_mirror(mirror.path)
    with pytest.raises(BadFile):
        verify_mirror(mirror.path)


def test_what_a_mirror_is_made_from(folder: Path, tmp_path: Path) -> None:
    mirror = import_folder(folder, tmp_path / "m.duckdb")
    assert mirror.made_from == would_be_made_from(folder)
    types = Schema(tables={"patients": {}, "visits": {}})
    assert mirror.made_from != would_be_made_from(folder, types)
    (folder / "visits.csv").write_text("patient,ward\n1,A\n")
    assert mirror.made_from != would_be_made_from(folder)


def test_the_file_itself_keeps_what_it_holds(folder: Path, tmp_path: Path) -> None:
    mirror = import_folder(folder, tmp_path / "m.duckdb")
    with duckdb.connect(str(mirror.path)) as connection:
        assert stamped_sha256(connection) == mirror.sha256
        connection.execute("COMMENT ON TABLE visits IS NULL")
        assert stamped_sha256(connection) is None


def test_a_disk_that_is_full_is_no_fault_of_the_file(folder: Path, tmp_path: Path, monkeypatch) -> None:
    def fill(*arguments: object) -> None:
        raise duckdb.IOException("Could not write to file: No space left on device")

    monkeypatch.setattr(importing, "load_table", fill)
    with pytest.raises(BenchError, match="cannot be written: the disk is full") as caught:
        import_folder(folder, tmp_path / "m.duckdb")
    assert caught.value.exit_code == 1
    assert not list(tmp_path.glob("*.duckdb")) and not list(tmp_path.glob(".*partial*"))


def test_an_import_that_is_stopped_leaves_nothing(folder: Path, tmp_path: Path, monkeypatch) -> None:
    def stop(*arguments: object) -> None:
        raise duckdb.InterruptException("INTERRUPT Error: Interrupted!")

    monkeypatch.setattr(importing, "load_table", stop)
    with pytest.raises(KeyboardInterrupt):
        import_folder(folder, tmp_path / "m.duckdb")
    assert not list(tmp_path.glob("*.duckdb")) and not list(tmp_path.glob(".*partial*"))


# The content hash


def test_the_hash_is_stable_and_knows_no_paths(folder: Path, tmp_path: Path) -> None:
    first = import_folder(folder, tmp_path / "a.duckdb")
    (tmp_path / "elsewhere").mkdir()
    for path in folder.iterdir():
        (tmp_path / "elsewhere" / path.name).write_bytes(path.read_bytes())
    assert import_folder(tmp_path / "elsewhere", tmp_path / "b.duckdb").sha256 == first.sha256


def test_the_hash_is_pinned(folder: Path, tmp_path: Path) -> None:
    """Stored results are found again by this value: a change of it needs a new FORMAT."""
    mirror = import_folder(folder, tmp_path / "m.duckdb")
    assert mirror.sha256 == "e3563dfb99b8b64ff25293759d3d3ebea3ebd73608aae6feb2515be1716a168a"


@pytest.mark.parametrize(
    "other",
    [
        "a,b\n2,y\n1,x\n",  # order: a LIMIT without ORDER BY would return other rows
        "a,b\n1,x\n2,z\n",
        "a,b\n1,x\n2,\n",
        "a,b\n1,x\n",
        "a,b\n1,x\n2,y\n2,y\n",
        "a,c\n1,x\n2,y\n",
        "a,b\n1.0,x\n2.0,y\n",  # another type
        "a,b\n1,y\n2,x\n",
    ],
)
def test_the_hash_tells_contents_apart(tmp_path: Path, other: str) -> None:
    assert import_text(tmp_path, "a,b\n1,x\n2,y\n").sha256 != import_text(tmp_path, other).sha256


def test_texts_cannot_move_between_rows(tmp_path: Path) -> None:
    assert import_text(tmp_path, "a,b\nxy,z\n,w\n").sha256 != import_text(tmp_path, "a,b\nx,z\ny,w\n").sha256


_TABLES = st.lists(
    st.tuples(
        st.none() | st.integers(-(2**63), 2**63 - 1),
        st.none() | st.floats(allow_nan=False, allow_infinity=False),
        st.none() | st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1),
        st.none() | st.booleans(),
        st.none() | st.dates(),
    ),
    max_size=20,
)
_DECLARED = Schema(tables={"t": {"n": "INTEGER", "x": "FLOAT", "s": "STRING", "y": "BOOLEAN", "d": "DATE"}})


@pytest.mark.slow
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_TABLES)
def test_csv_and_parquet_of_the_same_data_hash_alike(tmp_path: Path, table: list[tuple]) -> None:
    names = list(_DECLARED.tables["t"])
    arrow_types = [pa.int64(), pa.float64(), pa.string(), pa.bool_(), pa.date32()]
    columns = list(zip(*table, strict=True)) or [()] * len(names)
    arrays = [pa.array(column, kind) for column, kind in zip(columns, arrow_types, strict=True)]
    for kind in ("csv", "parquet"):
        (tmp_path / kind).mkdir(exist_ok=True)
    pq.write_table(pa.table(dict(zip(names, arrays, strict=True))), tmp_path / "parquet/t.parquet", row_group_size=7)
    with (tmp_path / "csv/t.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([names, *table])
    from_csv = import_folder(tmp_path / "csv", tmp_path / "csv.duckdb", _DECLARED)
    from_parquet = import_folder(tmp_path / "parquet", tmp_path / "parquet.duckdb", _DECLARED)
    assert rows(from_csv) == rows(from_parquet) == table
    assert from_csv.sha256 == from_parquet.sha256


def test_other_parquet_types_are_hashed(tmp_path: Path) -> None:
    source = tmp_path / "tables"
    source.mkdir()
    table = pa.table(
        {
            "list": [["a, b"], ["a", "b"], None],
            "struct": [{"x": 1}, {"x": None}, None],
            "bytes": [b"\x00\xff", b"", None],
            "decimal": pa.array([1, 2, None], pa.decimal128(20, 3)),
            "nan": [math.nan, 0.0, None],
            "instant": pa.array([0, 1, None], pa.timestamp("us", tz="Europe/Berlin")),
            "float": pa.array([0.1, 0.2, None], pa.float32()),
            "unsigned": pa.array([2**64 - 1, 0, None], pa.uint64()),
        }
    )
    pq.write_table(table, source / "t.parquet")
    mirror = import_folder(source, tmp_path / "a.duckdb")
    assert verify_mirror(mirror.path).differences == ()
    pq.write_table(table.set_column(0, "list", pa.array([["a", "b"], ["a", "b"], None])), source / "t.parquet")
    assert import_folder(source, tmp_path / "b.duckdb").sha256 != mirror.sha256


# Verifying


@pytest.mark.slow
@pytest.mark.parametrize(
    ("statement", "difference"),
    [
        (
            "UPDATE patients SET weight = 62 WHERE id = 1",
            "The table patients has other values, or rows in another order, in weight.",
        ),
        (
            "UPDATE patients SET name = '' WHERE id = 2",
            "The table patients has other values, or rows in another order, in name.",
        ),
        ("DELETE FROM visits WHERE ward = 'B'", "The table visits has 2 rows and had 3."),
        ("DROP TABLE visits", "The table visits is missing."),
        ("CREATE TABLE extra AS SELECT 1", "The table extra was not imported."),
        (
            "ALTER TABLE visits ALTER patient TYPE VARCHAR",
            "The table visits has the columns patient VARCHAR, ward VARCHAR and had patient BIGINT, ward VARCHAR.",
        ),
        ("CREATE OR REPLACE TABLE visits AS FROM visits ORDER BY ward DESC", None),
    ],
)
def test_verify_says_what_differs(folder: Path, tmp_path: Path, statement: str, difference: str | None) -> None:
    mirror = import_folder(folder, tmp_path / "m.duckdb")
    change(mirror, statement)
    (found,) = verify_mirror(mirror.path).differences
    assert found == (difference or "The table visits has other values, or rows in another order, in patient, ward.")


@pytest.mark.slow
def test_synthea_tables(tmp_path: Path) -> None:
    if not SYNTHEA.is_dir():
        pytest.skip("the Synthea tables are not beside the repository")
    mirror = import_folder(SYNTHEA, tmp_path / "synthea.duckdb")
    sizes = {table.name: table.n_rows for table in mirror.tables}
    assert len(sizes) == 16
    assert (sizes["patients"], sizes["encounters"], sizes["procedures"]) == (110, 7776, 14688)
    types = {
        column.name: column.type for table in mirror.tables if table.name == "patients" for column in table.columns
    }
    assert (types["GENDER"], types["BIRTHDATE"], types["ZIP"], types["INCOME"]) == (
        "VARCHAR",
        "DATE",
        "VARCHAR",
        "BIGINT",
    )
    assert verify_mirror(mirror.path).differences == ()
