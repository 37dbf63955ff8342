"""A progress line on standard error, only on a terminal, erased when the work is done.

Blocks within blocks share the line: it names each, outermost first, and its bar is the innermost one's.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from bench_core.characters import printable

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

Item = TypeVar("Item")

_BETWEEN = " · "


@dataclass(eq=False)
class Step:
    """One of the blocks under way.

    Attributes:
        total: how much there is to do; None where nobody knows.
    """

    title: str
    total: float | None = None
    done: float = 0


class _Line:
    """The line of this process; several threads may move it."""

    def __init__(self) -> None:
        self._steps: list[Step] = []
        self._bar: tuple[Progress, TaskID] | None = None
        self._lock = threading.RLock()

    def begin(self, step: Step) -> None:
        with self._lock:
            self._steps.append(step)
            if self._bar is None:
                self._bar = _started()
            self._show()

    def end(self, step: Step) -> None:
        with self._lock:
            self._steps.remove(step)
            if self._steps:
                self._show()
            elif self._bar is not None:
                self._bar[0].stop()
                self._bar = None

    def show(self) -> None:
        with self._lock:
            self._show()

    def _show(self) -> None:
        if self._bar is None or not self._steps:
            return
        bar, task = self._bar
        inner = self._steps[-1]
        title = printable(_BETWEEN.join(step.title for step in self._steps))
        bar.update(task, description=title, total=inner.total, completed=inner.done)


_LINE = _Line()


def _started() -> tuple[Progress, TaskID]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
    from rich.table import Column

    title = TextColumn(
        "{task.description}", markup=False, table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis")
    )
    bar = Progress(
        SpinnerColumn(), title, BarColumn(bar_width=20), MofNCompleteColumn(),
        console=Console(stderr=True), transient=True, expand=True,
    )  # fmt: skip
    bar.start()
    return bar, bar.add_task("")


@contextmanager
def step(title: str, total: float | None = None) -> Iterator[Step]:
    """Show that a block is under way; its `Step` can be moved and renamed."""
    block = Step(title, total)
    if not sys.stderr.isatty():
        yield block
        return
    _LINE.begin(block)
    try:
        yield block
    finally:
        _LINE.end(block)


def move(block: Step, done: float, title: str = "") -> None:
    """Show how much of a block is done, and another title where one is given."""
    block.done, block.title = done, title or block.title
    _LINE.show()


def progress(items: Iterable[Item], title: str, total: int | None = None) -> Iterator[Item]:
    """Pass items through, with a bar."""
    if total is None and isinstance(items, Sized):
        total = len(items)
    with step(title, total) as block:
        for number, item in enumerate(items, start=1):
            yield item
            move(block, number)


@contextmanager
def working(title: str) -> Iterator[None]:
    """A moving sign while something of unknown length runs."""
    with step(title):
        yield
