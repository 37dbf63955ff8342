"""What makes a user's class another system: its arguments, the files they name, and every line its user wrote."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bench_core.errors import UserError
from bench_core.plugins.described import Described, user_source


class Example(Described):
    def __init__(self, depth: int = 3, path: str = "", *, corpus=None) -> None:
        self.depth, self.path = depth, path


def test_arguments_are_taken_with_their_defaults_and_without_what_is_injected():
    assert Example(5, corpus=["x"]).arguments() == {"depth": 5, "path": ""}


def test_an_argument_that_names_a_file_is_its_content(tmp_path: Path):
    one, other = tmp_path / "a", tmp_path / "b"
    one.write_text("same")
    other.write_text("same")
    assert Example(path=str(one)).arguments() == Example(path=str(other)).arguments()
    other.write_text("changed")
    assert Example(path=str(one)).arguments() != Example(path=str(other)).arguments()


def test_an_argument_json_cannot_hold_is_refused():
    with pytest.raises(UserError, match=r"write describe\(\)"):
        Example(depth=object()).arguments()  # type: ignore[arg-type]


FILES = {
    "mine.py": "from base import Base\nimport tables as t\n\n\nclass Mine(Base):\n    value = t.VALUE\n",
    "base.py": "from helper import help_me\n\n\nclass Base:\n    pass\n",
    "helper.py": "import json\n\n\ndef help_me():\n    return 1\n",
    "tables.py": "VALUE = 1\n",
}


def source_of(folder: Path) -> str:
    """The hash in a process of its own: modules are imported once."""
    program = (
        "from bench_core.plugins.described import user_source\n"
        "from bench_core.plugins.protocols import Contract\n"
        "from bench_core.plugins.registry import Family, StageSpec\n"
        "from bench_core.plugins.stage import Stage, StageBase\n"
        "family = Family('x', {}, 'no.group', Contract(Stage, StageBase, {}, 'no:tests'))\n"
        f"print(user_source(family.create(StageSpec('{folder / 'mine.py'}:Mine'))))"
    )
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()


def test_the_source_covers_the_file_its_bases_and_its_neighbours(tmp_path: Path):
    for name, content in FILES.items():
        (tmp_path / name).write_text(content)
    before = source_of(tmp_path)
    assert len(before) == 64
    for name, content in FILES.items():
        (tmp_path / name).write_text(content + "# changed\n")
        assert source_of(tmp_path) != before, name
        (tmp_path / name).write_text(content)
    assert source_of(tmp_path) == before


def test_the_suites_own_classes_have_none():
    from retrieval_bench.retrievers.bm25 import Bm25

    assert user_source(Bm25()) is None


def test_a_subclass_of_a_built_in_has_one():
    from retrieval_bench.retrievers.base import full_description
    from retrieval_bench.retrievers.bm25 import Bm25

    class Mine(Bm25):
        pass

    assert Mine().describe() == Bm25().describe()
    assert full_description(Mine()) != full_description(Bm25())
