"""The main job as the README opens with it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from killing import kill_before
from on_terminal import command_on_terminal, what_stays

REPOSITORY = Path(__file__).resolve().parent.parent
SCRIPT = REPOSITORY / "run_all.sh"
TITLES = ("Retrieval", "Text to SQL")
# Each is reached by the call after a kill at the one before it: a part done is skipped.
KILLED_BEFORE = [
    (r"/retrieval/.*/manifest\.json$", 1),
    (r"/retrieval/.*/per_query\.csv$", 2),
    (r"/sql/.*/predictions\.jsonl$", 2),
    (r"/sql/.*/verdicts\.answer\.jsonl$", 1),
]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([SCRIPT, *arguments], capture_output=True, text=True, check=False)


def test_help_explains_the_options():
    result = run("--help")
    assert result.returncode == 0
    assert all(option in result.stdout for option in ("--results", "--format", "--help"))


def test_an_unknown_option_is_the_users_mistake():
    result = run("--resluts", "x")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == "Error: unknown option --resluts; ./run_all.sh --help lists them.\n"


@pytest.mark.slow
@pytest.mark.skipif(not (REPOSITORY / ".venv" / ".ready").exists(), reason="run_all.sh would set up .venv first")
class TestMainJob:
    @pytest.fixture(scope="class")
    def results(self):
        # A short path: the closing lines name it, and are counted on terminals of 80 columns.
        with tempfile.TemporaryDirectory(prefix="r") as folder:
            yield Path(folder) / "results"

    @pytest.fixture(scope="class")
    def first(self, results):
        result = run("--results", str(results))
        assert result.returncode == 0, result.stderr
        return result

    def test_both_tables_are_printed(self, first):
        for system in ("bm25", "bm25-qs", "dense", "gold", "careful", "hasty"):
            assert f" {system} " in first.stdout
        assert "Traceback" not in first.stderr

    def test_every_artefact_is_under_results(self, first, results):
        names = {path.name for path in results.rglob("*") if path.is_file()}
        assert names >= {
            "manifest.json", "run.trec.gz", "scores.json", "per_query.csv", "predictions.jsonl", "executions.jsonl",
            "verdicts.answer.jsonl", "scores.answer.json", "per_question.answer.csv",
        }  # fmt: skip

    def test_a_second_call_redoes_nothing_says_so_and_prints_the_same_bytes(self, first, results):
        stamps = {path: path.stat().st_mtime_ns for path in results.rglob("*") if path.is_file()}
        second = run("--results", str(results))
        assert second.stdout == first.stdout
        assert stamps == {path: path.stat().st_mtime_ns for path in results.rglob("*") if path.is_file()}
        closing = [line for line in second.stderr.splitlines() if "already there" in line]
        assert len(closing) == 2 and all(line.startswith("0 made, ") and "failed" not in line for line in closing)
        assert len(second.stderr.splitlines()) <= 10

    @pytest.mark.parametrize("width", [80, 120])
    def test_on_a_terminal_a_second_call_writes_ten_lines_beside_the_tables(self, first, results, width):
        lines = what_stays(command_on_terminal([str(SCRIPT), "--results", str(results)], width, REPOSITORY))
        beside = [line for line in lines if not line.startswith((" ", "─")) and line not in TITLES]
        assert len(beside) <= 10, beside

    def test_killed_at_any_point_the_next_call_completes_with_the_same_tables(self, first, tmp_path):
        command = [SCRIPT, "--results", str(tmp_path / "results")]
        for file, nth in KILLED_BEFORE:
            kill_before(file, command, tmp_path / "watcher", nth)
        finished = run("--results", str(tmp_path / "results"))
        assert finished.returncode == 0, finished.stderr
        assert finished.stdout == first.stdout
