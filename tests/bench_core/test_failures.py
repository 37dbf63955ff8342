"""What is shown of an exception, and what a reporter shows and counts."""

from __future__ import annotations

import importlib.util
import sys

import pytest

from bench_core.errors import UserError
from bench_core.plugins.failures import plugin_place, sentence_of
from bench_core.plugins.requirements import Requirements, all_of
from bench_core.runs.reporter import Reporter


def raised(work):
    with pytest.raises(BaseException) as caught:
        work()
    return caught.value


@pytest.fixture
def mine(tmp_path):
    """A module of a user's, as an import of `package.module:Class` brings it."""
    path = tmp_path / "mine_of_a_user.py"
    path.write_text(
        "import json\n\n\ndef outer():\n    return inner()\n\n\ndef inner():\n    return {}['absent']\n\n\n"
        "def below():\n    return json.loads('{')\n\n\ndef lost():\n    open('/nowhere/at/all')\n"
    )
    spec = importlib.util.spec_from_file_location("mine_of_a_user", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["mine_of_a_user"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["mine_of_a_user"]


def test_a_users_exception_names_the_innermost_line_of_theirs(mine):
    assert sentence_of(raised(mine.outer)).startswith(f"{mine.__file__}, line 9: KeyError: 'absent' (set ")
    assert plugin_place(raised(mine.below)) == f"{mine.__file__}, line 13", "the library below is not theirs"
    assert sentence_of(raised(mine.lost)).startswith(f"{mine.__file__}, line 17: FileNotFoundError: ")


def test_the_suites_own_errors_stay_as_they_are_and_are_one_line():
    assert sentence_of(UserError("There is no such thing.")) == "There is no such thing."
    assert sentence_of(FileNotFoundError(2, "No such file", "x.txt")) == "x.txt: No such file."
    assert "\n" not in sentence_of(ValueError("two\nlines"))


def test_a_reporter_counts_what_is_made_and_shows_it_if_asked():
    for is_verbose, shown in ((True, ["a", "b", "c"]), (False, ["c"])):
        seen: list[str] = []
        report = Reporter(seen.append, is_verbose)
        report("a")
        report.made("b")
        report.always("c")
        assert (seen, report.n_made) == (shown, 1)


def test_stages_one_after_another_need_the_most_that_one_of_them_does():
    assert all_of([]) == Requirements(1, "unused")
    assert all_of([Requirements(4), Requirements(1, "needed"), Requirements(2, "useful")]) == Requirements(4, "needed")
