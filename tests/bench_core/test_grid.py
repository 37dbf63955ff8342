"""Grids with cells that only write down that they were made."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bench_core.errors import BenchError, UserError
from bench_core.runs.executors.local import run_locally
from bench_core.runs.grid import Cell, Failure, Finished, Schedule, gathered, in_order, run_grid
from bench_core.runs.reporter import silent


def cell(name, *parts, dataset="d", shares=()):
    return Cell(f"{name} on {dataset}", dataset, name, f"run {dataset} {name}", parts, frozenset(shares))


@dataclass
class FakeWork:
    """Makes what it is given; fails as it is told."""

    fails: dict[str, BaseException] = field(default_factory=dict)
    made: list[str] = field(default_factory=list)
    is_closed: bool = False

    def run(self, text):
        self.made.append(text)
        if text in self.fails:
            raise self.fails[text]
        return Finished(f"value of {text}", Path(text), was_there=False)

    def read(self, text, folder, failures):
        raise AssertionError("nothing was made elsewhere")

    def close(self):
        self.is_closed = True


def run(planned, **fails):
    work = FakeWork(fails)
    result = run_grid(planned, lambda cells: run_locally(cells, work, silent()))
    assert work.is_closed == any(isinstance(item, Cell) for item in planned)
    return result, work.made


def test_cells_come_by_dataset_and_parts_before_wholes():
    bm25, dense = cell("bm25"), cell("dense")
    whole = cell("rrf", bm25, dense)
    wanted = [whole, cell("x", dataset="e"), cell("bm25"), cell("dense")]
    assert [(item.dataset, item.text) for item in in_order(wanted)] == [
        ("d", "bm25"), ("d", "dense"), ("d", "rrf"), ("e", "x"),
    ]  # fmt: skip


def test_a_part_that_several_share_becomes_a_cell_and_one_of_a_single_whole_does_not():
    both = [cell("rrf1", cell("bm25"), cell("dense")), cell("rrf2", cell("bm25"), cell("splade"))]
    assert [item.text for item in in_order(both)] == ["bm25", "rrf1", "rrf2"]
    deep = [cell("a", cell("rrf", cell("bm25"))), cell("b", cell("rrf", cell("bm25")))]
    assert [item.text for item in in_order(deep)] == ["bm25", "rrf", "a", "b"]


def test_outcomes_come_in_the_order_asked_for_and_without_the_parts_made_for_others():
    planned = [cell("rrf1", cell("bm25")), Failure("no on d", "There is no such system.", True, False),
               cell("rrf2", cell("bm25")), cell("x", dataset="e")]  # fmt: skip
    result, made = run(planned)
    assert made == ["bm25", "rrf1", "rrf2", "x"]
    values = [getattr(outcome, "value", "failed") for outcome in result.outcomes]
    assert values == ["value of rrf1", "failed", "value of rrf2", "value of x"]


@pytest.mark.parametrize("error", [KeyError("k"), SystemExit(3), MemoryError(), RecursionError(), BenchError("Oh.")])
def test_whatever_a_cell_raises_is_its_failure_and_the_others_go_on(error):
    result, made = run([cell("bad"), cell("good")], bad=error)
    assert made == ["bad", "good"] and result.exit_code == 1
    (failure,) = result.failures
    assert failure.label == "bad on d" and failure.is_begun and "\n" not in failure.sentence


def test_ctrl_c_is_nobodys_failure():
    work = FakeWork({"bad": KeyboardInterrupt()})
    with pytest.raises(KeyboardInterrupt):
        run_grid([cell("bad"), cell("good")], lambda cells: run_locally(cells, work, silent()))
    assert work.made == ["bad"] and work.is_closed


def test_a_whole_is_not_begun_where_its_part_failed_and_says_which():
    wanted = [cell("rrf1", cell("bad")), cell("rrf2", cell("bad")), cell("over", cell("rrf1", cell("bad"))), cell("ok")]
    result, made = run(wanted, bad=KeyError("k"))
    assert made == ["bad", "ok"] and len(result.failures) == 3
    assert all(failure.sentence.startswith("bad on d: ") for failure in result.failures)


def test_an_index_of_a_cell_that_failed_is_anothers_to_make():
    result, made = run([cell("bm25", shares=["index"]), cell("bm25-qs", shares=["index"])], bm25=KeyError("k"))
    assert made == ["bm25", "bm25-qs"] and len(result.finished) == 1


def test_nothing_that_two_would_make_is_begun_twice_at_once():
    first, second, other = cell("a", shares=["index"]), cell("b", shares=["index"]), cell("c")
    part = cell("p")
    whole = cell("w", cell("p"))
    schedule = Schedule([first, second, other, part, whole])
    assert schedule.ready() == [first, other, part]
    for item in (first, other, part):
        schedule.begin(item)
    assert schedule.ready() == []
    schedule.end(part, None)
    assert schedule.ready() == [whole]
    schedule.end(first, None)
    assert schedule.ready() == [second, whole]
    third = cell("d", shares=["index"])
    schedule.waiting.append(third)
    assert schedule.ready() == [second, whole, third], "what is there can be used by all"


def test_the_exit_code_says_whether_something_could_run_and_whose_fault_it_was():
    mistake = Failure("no on d", "There is no such system.", True, False)
    assert run([cell("a")])[0].exit_code == 0
    assert run([cell("a"), mistake])[0].exit_code == 1
    assert run([mistake, mistake])[0].exit_code == 2
    assert run([cell("a"), mistake], a=UserError("There is no such file."))[0].exit_code == 2
    assert run([cell("a"), mistake], a=KeyError("k"))[0].exit_code == 1


def test_failures_for_one_reason_are_one_line():
    failures = [Failure(f"{name} on d", "There is no d.", True) for name in "abcde"]
    assert gathered(failures[:1]) == ["a on d: There is no d."]
    assert gathered(failures[:3]) == ["a on d, b on d and c on d: There is no d."]
    assert gathered(failures) == ["a on d, b on d and 3 more: There is no d."]
    assert gathered([Failure("a on d", "a on d: 3 of 3 have no text.", False)]) == ["a on d: 3 of 3 have no text."]
