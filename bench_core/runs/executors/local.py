"""Cells in this process, one at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from bench_core.machine.progress import move, step
from bench_core.runs.grid import Cell, Failure, Outcome, Schedule, Value, Work, attempt
from bench_core.runs.reporter import Reporter


def run_locally(cells: Sequence[Cell], work: Work[Value], report: Reporter) -> Iterator[tuple[Cell, Outcome[Value]]]:
    """Make each cell in turn; yield it with what became of it.

    Args:
        cells: in the order of `bench_core.runs.grid.in_order`.
    """
    schedule = Schedule(list(cells))
    n_ended = 0
    try:
        with step("", len(cells)) as line:
            while schedule.waiting:
                cell = schedule.ready()[0]
                move(line, n_ended, f"{n_ended + 1} of {len(cells)}: {cell.label}")
                schedule.begin(cell)
                outcome = attempt(cell.label, partial(work.run, cell.text), report)
                schedule.end(cell, outcome if isinstance(outcome, Failure) else None)
                ended = [(cell, outcome), *schedule.doomed()]
                n_ended += len(ended)
                yield from ended
    finally:
        work.close()
