"""Tables of both command lines on terminals of four widths: no line too long, no row broken, the headline there."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parent))
from on_terminal import on_terminal, without_styles

WIDTHS = (80, *(pytest.param(width, marks=pytest.mark.slow) for width in (100, 120)), 200)
SYSTEMS = ["bm25", "bm25-qs", "rrf(bm25, bm25-qs)", "rrf(bm25, bm25-qs, bm25,k1=1.2,b=0.75),k=30"]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with runs of both halves on the embedded data."""
    from retrieval_bench.cli.main import main as retrieval
    from sql_bench.cli.main import main as sql

    folder = tmp_path_factory.mktemp("both")
    places = ["--results", str(folder / "results")]
    named = [text for system in SYSTEMS for text in ("-r", system)]
    for command, arguments in (
        (retrieval, ["-d", "demo/qa", "-d", "demo/ehr", *named, "--indexes", str(folder / "indexes")]),
        (sql, ["-d", "demo/biomed", "-g", "gold", "-g", "replay,path=hasty", "-c", "answer", "-c", "biomedsql",
               "--mirrors", str(folder / "mirrors")]),
    ):  # fmt: skip
        result = CliRunner().invoke(command, ["run", *arguments, *places])
        assert result.exit_code == 0, result.stderr
    return folder


COMMANDS = {
    "retrieval table": ("retrieval_bench", ["table"], ["dataset", "system", "nDCG@10"]),
    "retrieval compare": (
        "retrieval_bench",
        ["compare", "-d", "demo/qa", *(text for system in SYSTEMS for text in ("-r", system)), "--indexes", "indexes"],
        ["system", "nDCG@10", "difference", "p (Holm)"],
    ),
    "sql compare": (
        "sql_bench",
        ["compare", "-d", "demo/biomed", "-g", "gold", "-g", "replay,path=hasty", "--mirrors", "mirrors"],
        ["system", "EX %", "difference", "p (Holm)"],
    ),
    "retrieval runs": ("retrieval_bench", ["runs", "list"], ["dataset", "system", "status", "hash"]),
    "retrieval list": ("retrieval_bench", ["list"], ["name", "summary", "status"]),
    "sql table": ("sql_bench", ["table"], ["dataset", "system", "EX %"]),
    "sql runs": ("sql_bench", ["runs", "list"], ["dataset", "system", "status", "hash"]),
    "sql list": ("sql_bench", ["list"], ["name", "summary", "status"]),
}


@pytest.mark.slow
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("command", COMMANDS)
def test_no_line_is_too_long_and_no_row_is_broken(results, command, width):
    module, arguments, headers = COMMANDS[command]
    lines = without_styles(on_terminal(module, arguments, width, results)).splitlines()
    assert max(map(len, lines)) <= width
    rule = next(number for number, line in enumerate(lines) if line.startswith("──"))
    head = " ".join(lines[:rule])
    assert all(word in head for header in headers for word in header.split())
    n_rows = sum(line.startswith(" ") for line in lines[rule + 1 :])
    assert n_rows == len(rows_of(module, arguments, results)), "one line a row"


def rows_of(module: str, arguments: list[str], folder: Path) -> list[object]:
    from importlib import import_module

    main = import_module(f"{module}.cli.main").main
    with_results = [] if arguments == ["list"] else ["--results", str(folder / "results")]
    arguments = [str(folder / text) if text in ("indexes", "mirrors") else text for text in arguments]
    result = CliRunner().invoke(main, [*arguments, *with_results, "--format", "json"])
    content: list[object] = json.loads(result.stdout)["rows"]
    return content


@pytest.mark.slow
def test_a_wide_table_has_all_columns_and_whole_texts(results):
    narrow = without_styles(on_terminal("retrieval_bench", ["runs", "list"], 80, results))
    wide = without_styles(on_terminal("retrieval_bench", ["runs", "list", "--wide"], 80, results))
    assert "…" in narrow and "Not shown for want of room" in narrow and "folder" not in narrow.splitlines()[1]
    assert "…" not in wide and SYSTEMS[-1] in wide and "folder" in wide.splitlines()[1]


@pytest.mark.slow
def test_columns_are_those_that_are_asked_for(results):
    text = without_styles(on_terminal("sql_bench", ["runs", "list", "--columns", "hash8,system"], 80, results))
    assert re.split(r"\s+", text.splitlines()[1].strip()) == ["hash", "system"]


def test_elsewhere_than_on_a_terminal_nothing_is_left_out(results):
    from retrieval_bench.cli.main import main

    arguments = ["runs", "list", "--results", str(results / "results")]
    outputs = [CliRunner(env={"COLUMNS": columns}).invoke(main, arguments).stdout for columns in ("40", "200")]
    assert outputs[0] == outputs[1] and SYSTEMS[-1] in outputs[0] and "folder" in outputs[0]
