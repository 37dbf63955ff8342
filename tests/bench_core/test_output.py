"""Printing where a terminal or its user's setting takes less than we have to say."""

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from bench_core.cli.group import BenchGroup
from bench_core.cli.output import print_line, print_table
from bench_core.errors import UserError
from bench_core.plugins.loading import class_of
from bench_core.results.tables import Column, Table

ROOT = Path(__file__).parents[2]
PRINTS = """
from bench_core.cli.output import print_table, say
from bench_core.results.tables import Column, Table
say("a message – with a dash, and a \\x1b[2J")
print_table(Table("±SE – of 急性", [Column("a", "±SE")], [["–"]], ["a note …"]), "rich")
say("the end")
"""


def run(shell: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    everything = {**os.environ, "PYTHONPATH": str(ROOT), "PRINTS": PRINTS, **environment}
    command = f'{sys.executable} -c "$PRINTS" {shell}'
    return subprocess.run(["bash", "-c", command], capture_output=True, env=everything, check=False)


@click.group(cls=BenchGroup)
def commands() -> None:
    """Commands."""


@commands.command()
@click.option("--fails", is_flag=True)
def noisy(fails: bool) -> None:
    """Prints as a class of a user's may."""
    print("noise")
    if fails:
        raise UserError("It has failed.")
    print_line("a result")
    print_table(Table("A title", [Column("a", "a")], [["a value"]]), "csv")


@commands.command()
@click.argument("name")
def exits(name: str) -> None:
    """Makes a class of a user's."""
    class_of(name)()


def test_a_users_class_does_not_end_a_command_without_a_word(tmp_path):
    (tmp_path / "mine.py").write_text("import sys\n\nclass Mine:\n    def __init__(self): sys.exit(0)\n")
    done = CliRunner().invoke(commands, ["exits", f"{tmp_path}/mine.py:Mine"])
    assert done.exit_code == 1 and f"Error: {tmp_path}/mine.py, line 4: SystemExit: 0" in done.stderr


def test_standard_output_is_the_results_alone():
    """What a user's class prints would be in the midst of JSON."""
    done = CliRunner().invoke(commands, ["noisy"])
    assert (done.stdout, done.stderr) == ("a result\na\na value\n", "noise\n")
    done = CliRunner().invoke(commands, ["noisy", "--fails"])
    assert (done.stdout, done.stderr, done.exit_code) == ("", "noise\nError: It has failed.\n", 2)
    assert "Prints as a class" in CliRunner().invoke(commands, ["noisy", "--help"]).stdout


def test_a_closed_standard_error_ends_nothing():
    result = run("2>&-")
    assert result.returncode == 0 and "±SE" in result.stdout.decode()


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_signs_that_an_encoding_lacks_are_replaced_by_others_of_their_width(encoding):
    result = run("", PYTHONIOENCODING=encoding)
    assert result.returncode == 0, result.stderr
    assert "a message - with a dash" in result.stderr.decode(encoding)
    title, _, rule, row, note = result.stdout.decode(encoding).splitlines()
    assert title.endswith("SE - of ??") and set(rule) == {"-"} and row.strip() == "-" and note == "a note ~"


def test_nothing_that_a_terminal_acts_on_is_in_a_message():
    result = run("")
    assert b"\x1b" not in result.stderr and b"\\x1b[2J" in result.stderr
    assert result.stderr.endswith(b"the end\n"), "lines stay lines"


@pytest.mark.slow
def test_a_command_runs_to_its_end_with_standard_error_closed(tmp_path):
    command = "from retrieval_bench.cli.main import main; main()"
    arguments = "run -d demo/ehr -r bm25 --verbose --format csv"
    result = subprocess.run(
        ["bash", "-c", f"{sys.executable} -c '{command}' {arguments} 2>&-"],
        capture_output=True, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False,
    )  # fmt: skip
    assert result.returncode == 0 and result.stdout.startswith(b"dataset,system,")
