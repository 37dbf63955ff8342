"""What a node must have as this machine has it, without a cluster."""

from __future__ import annotations

import json
import platform
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
from filelock import FileLock

from bench_core.artifacts import file_sha256
from bench_core.errors import UserError
from bench_core.runs.executors import ray_nodes, ray_worker
from bench_core.runs.grid import Finished


@pytest.fixture
def facts(tmp_path, monkeypatch):
    """What a node that is in order says of itself, with what it is asked."""
    monkeypatch.setattr(ray_worker, "_silence", lambda: None)
    monkeypatch.setattr(ray_worker, "version", lambda package: "2.60.0")
    monkeypatch.setattr(ray_nodes, "version", lambda package: "2.60.0")
    folder, mine = tmp_path / "results", tmp_path / "mine.py"
    folder.mkdir()
    (folder / "token").write_text("abc")
    mine.write_text("x = 1\n")
    with FileLock(folder / "lock"):
        said = ray_worker.facts_of(ray_worker.prove("n1", [str(folder)], [str(mine)], str(folder)))
    return said, {str(folder): "abc"}, {str(mine): file_sha256(mine)}


def test_a_node_in_order_is_taken_and_has_shown_that_it_writes(facts):
    said, tokens, files = facts
    ray_nodes.check_facts(said, "node n1", tokens, files)
    assert said.is_lock_seen and all((Path(folder) / "n1").exists() for folder in tokens)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda said: {"python": "3.9.1"}, f"node n1 has Python 3.9.1, and this machine {platform.python_version()}"),
        (lambda said: {"ray": "2.9.0"}, "node n1 has ray 2.9.0"),
        (lambda said: {"suite_sha256": "0"}, "another version of the suite"),
        (lambda said: {"tokens": dict.fromkeys(said.tokens)}, "does not see"),
        (lambda said: {"tokens": dict.fromkeys(said.tokens, "other")}, "does not see"),
        (lambda said: {"files": dict.fromkeys(said.files)}, "does not have"),
        (lambda said: {"files": dict.fromkeys(said.files, "0")}, "has another version of"),
        (lambda said: {"is_lock_seen": False}, "does not see locks"),
    ],
)
def test_a_node_that_differs_is_refused_in_one_sentence(facts, change, message):
    said, tokens, files = facts
    with pytest.raises(UserError, match=message) as caught:
        ray_nodes.check_facts(replace(said, **change(said)), "node n1", tokens, files)
    assert "\n" not in str(caught.value)


def test_a_node_without_the_folder_says_so_and_not_that_a_lock_is_held(tmp_path, monkeypatch):
    monkeypatch.setattr(ray_worker, "_silence", lambda: None)
    monkeypatch.setattr(ray_worker, "version", lambda package: "2.60.0")
    absent = str(tmp_path / "absent")
    said = ray_worker.facts_of(ray_worker.prove("n1", [absent], [absent], str(tmp_path)))
    assert said.tokens == {absent: None} and said.files == {absent: None} and not said.is_lock_seen


class Reporting:
    """Work that says what its user must know, and makes or fails as its text tells."""

    def __init__(self, report):
        self.report = report

    def run(self, text):
        self.report("each stage")
        self.report.always(f"{text} is made again.")
        if text == "bad":
            raise KeyError("k")
        return Finished(None, Path("folder"), was_there=False)


def test_a_worker_returns_a_folder_or_a_sentence_and_what_must_be_known(tmp_path, monkeypatch):
    monkeypatch.setattr(ray_worker, "_silence", lambda: None)
    module = ModuleType("work_of_a_test")
    module.open_work = lambda settings, report: Reporting(report)
    monkeypatch.setitem(sys.modules, "work_of_a_test", module)
    monkeypatch.chdir(tmp_path)

    def run(text):
        return json.loads(ray_worker.run_cell(str(tmp_path), "", "work_of_a_test:open_work", "{}", "label", text))

    made = {"folder": "folder", "was_there": False, "failures": [], "said": ["good is made again."]}
    assert run("good") == made
    failed = run("bad")
    assert failed["said"] == ["bad is made again."] and "KeyError" in failed["sentence"] and not failed["is_mistake"]
