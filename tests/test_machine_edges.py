"""No home, no stderr, a terminal without our signs, a full disk, Ctrl-C: one sentence, nothing lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import duckdb
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from killing import interrupt_before

from bench_core.artifacts import locked
from bench_core.errors import BenchError, UserError
from bench_core.llm.clients import ClientOptions
from bench_core.llm.stage_models import LanguageModelSettings
from bench_core.machine.disk import check_room
from sql_bench.mirror.failures import storage_failure
from sql_bench.mirror.interrupting import interruptible

ROOT = Path(__file__).resolve().parents[1]
NOWHERE = "/dev/null/none"
"""A folder that nobody can make, root included."""
RUNS = {
    "retrieval": ("retrieval_bench", "run", "-d", "demo/evidence", "-r", "bm25", "--indexes", "indexes"),
    "sql": ("sql_bench", "run", "-d", "demo/biomed", "-g", "gold", "--mirrors", "indexes/mirrors"),
}


def command(package, *arguments, before=""):
    """A command line of this Python, whatever is installed."""
    return [sys.executable, "-c", f"{before}from {package}.cli.main import main; main()", *arguments]


def ran(words, cwd, **environment):
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    given = {**os.environ, "PYTHONPATH": paths, **environment}
    return subprocess.run(words, cwd=cwd, env=given, capture_output=True, check=False)


def test_a_signal_while_the_engine_works_is_ctrl_c():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with duckdb.connect() as connection, pytest.raises(KeyboardInterrupt), interruptible(connection):
            threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
            connection.execute(
                "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range % 7 = b.range % 3"
            )
    finally:
        signal.signal(signal.SIGINT, before)


def test_an_error_that_is_no_signal_stays():
    with duckdb.connect() as connection:
        with pytest.raises(RuntimeError, match="another"), interruptible(connection):
            raise RuntimeError("another")
        with pytest.raises(KeyboardInterrupt), interruptible(connection):
            raise duckdb.InterruptException("INTERRUPT Error: Interrupted!")


def test_a_commit_that_finds_the_disk_full_is_the_disks_fault():
    said = 'TransactionContext Error: Failed to commit: Could not write file "m.wal": No space left on device'
    long = said.replace("m.wal", "m" * 300)
    assert (storage_failure(duckdb.TransactionException(long)) or "").startswith("the disk is full (")
    assert (storage_failure(duckdb.TransactionException(said)) or "").startswith("the disk is full (")
    assert storage_failure(duckdb.InvalidInputException("No space left on device")) is None


def test_folders_that_cannot_be_written_are_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(
        UserError, match=r"file/results cannot be written: .*file: it is no folder; name another folder"
    ):
        check_room([tmp_path / "file" / "results"])
    with (
        pytest.raises(BenchError, match=r"cannot be written \(Not a directory\)"),
        locked(tmp_path / "file" / "a" / "b"),
    ):
        pass


def test_answers_that_cannot_be_stored_are_reported_before_the_first_request(tmp_path):
    (tmp_path / "file").write_text("")
    models = LanguageModelSettings(tmp_path / "file" / "responses", "http://localhost:9/v1#m")
    models.check()  # no model was given out: nothing will be stored
    models.client(models.model, ClientOptions())
    with pytest.raises(UserError, match="file/responses cannot be written"):
        models.check()


@pytest.mark.slow
@pytest.mark.parametrize("half", RUNS)
def test_a_home_that_is_not_there_and_a_terminal_without_our_signs(tmp_path, half):
    package, *arguments = RUNS[half]
    plain = {"PYTHONIOENCODING": "ascii", "LANG": "C", "LC_ALL": "C"}
    result = ran(command(package, *arguments), tmp_path, HOME=NOWHERE, **plain)
    said = result.stderr.decode("ascii").splitlines()
    assert result.returncode == 0, said
    assert said[-1].startswith("1 made, 0 already there") and len(said) == 1
    assert result.stdout.decode("ascii").strip()


@pytest.mark.slow
@pytest.mark.parametrize("half", RUNS)
def test_without_a_standard_error_a_run_is_made(tmp_path, half):
    package, *arguments = RUNS[half]
    words = ["sh", "-c", 'exec "$@" 2>&-', "sh", *command(package, *arguments, "--format", "json")]
    result = ran(words, tmp_path)
    assert result.returncode == 0 and json.loads(result.stdout)["rows"]


STOPS = {
    "retrieval": [r"inverted-index.*lengths\.npy", r"run\.trec\.gz"],
    "sql": [r"golds--.*executions\.jsonl", r"\.mirror\.json"],
}


@pytest.mark.slow
@pytest.mark.parametrize(("half", "file"), [(half, file) for half, files in STOPS.items() for file in files])
def test_ctrl_c_is_one_sentence_and_the_same_command_resumes(tmp_path, half, file):
    package, *arguments = RUNS[half]
    words = command(package, *arguments, "--format", "json", before=f"import sys; sys.path.insert(0, {str(ROOT)!r}); ")
    stopped = interrupt_before(file, words, tmp_path / "watch", cwd=tmp_path)
    assert stopped.returncode == 130, stopped.stderr
    assert stopped.stderr.strip().splitlines()[-1].startswith("Stopped. What was finished is kept")
    assert "Traceback" not in stopped.stderr and not stopped.stdout
    again = ran(words, tmp_path)
    assert again.returncode == 0 and json.loads(again.stdout)["rows"], again.stderr


@pytest.fixture
def small_disk(tmp_path):
    """A file system of a size that can be changed."""
    disk = tmp_path / "disk"
    disk.mkdir()

    def sized(size):
        options = f"size={size},remount" if os.path.ismount(disk) else f"size={size}"
        made = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", disk], capture_output=True, check=False)
        if made.returncode:
            pytest.skip("no small file system can be mounted here")
        return disk

    yield sized
    if os.path.ismount(disk):
        subprocess.run(["umount", disk], check=True)


WITHOUT_A_FLOOR = "import bench_core.machine.disk as disk; disk.check_room.__defaults__ = (0,); "


@pytest.mark.slow
@pytest.mark.parametrize("half", RUNS)
def test_a_disk_that_fills_is_named_and_the_same_command_resumes(tmp_path, small_disk, half):
    package, *arguments = RUNS[half]
    disk = small_disk("60k")
    words = command(package, *arguments, "--format", "json", before=WITHOUT_A_FLOOR)
    full = ran(words, disk)
    said = full.stderr.decode()
    assert full.returncode == 1 and "unexpected" not in said, said
    assert "No space left on device" in said or "the disk is full" in said, said
    small_disk("20m")
    again = ran(words, disk)
    assert again.returncode == 0 and json.loads(again.stdout)["rows"], again.stderr


@pytest.mark.slow
def test_a_disk_that_fills_while_a_mirror_is_made_is_not_the_tables_fault(tmp_path, small_disk):
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "t.csv").write_text("a,b\n" + "".join(f"{n},{n * 7919 % 10007}\n" for n in range(60_000)))
    words = command("sql_bench", "mirror", "import", "--from", "tables", "--to", "disk/m.duckdb")
    disk = small_disk("400k")
    full = ran(words, tmp_path)
    assert full.returncode == 1 and b"the disk is full" in full.stderr and b"t.csv" not in full.stderr, full.stderr
    assert [path.name for path in disk.iterdir() if not path.name.endswith(".lock")] == []
    small_disk("20m")
    assert ran(words, tmp_path).returncode == 0
