"""A grid of cells, each a system on a dataset: parts before wholes, and a failure is its cell's alone."""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from bench_core.plugins.failures import debugging, is_users_mistake, sentence_of
from bench_core.plugins.requirements import Requirements
from bench_core.runs.reporter import Reporter

Value = TypeVar("Value")


@dataclass(frozen=True, eq=False)
class Cell:
    """One piece of work, as text that any process can act on.

    Attributes:
        label: what messages call it, as `bm25 on demo/ehr`.
        dataset: what it reads; cells of one dataset follow each other, so that a process holds one corpus at a time.
        text: what `Work.run` makes it from.
        makes: the key of what it leaves behind: two cells of one key make the same.
        parts: what it is made of, as cells of their own: it cannot be made where one of them has failed.
        shares: keys of what it uses and would make where it is not there (an index, gold executions).
        files: files of the user's own that its classes are written in.
        requires: what it needs of the machine.
        is_credentialed: whether its texts may leave this machine only with the user's word.
    """

    label: str
    dataset: str
    text: str
    makes: str
    parts: tuple[Cell, ...] = ()
    shares: frozenset[str] = frozenset()
    files: tuple[Path, ...] = ()
    requires: Requirements = field(default_factory=Requirements)
    is_credentialed: bool = False

    def all_parts(self) -> Iterator[Cell]:
        """Its parts and theirs, innermost first."""
        for part in self.parts:
            yield from part.all_parts()
            yield part

    @cached_property
    def keys(self) -> frozenset[str]:
        """Everything that it reads or makes and that another cell may too."""
        return frozenset({self.makes, *self.shares}.union(*(part.keys for part in self.parts)))


@dataclass(frozen=True)
class Finished(Generic[Value]):
    """A cell that was made, or was there.

    Attributes:
        value: what the table is made from.
        folder: where it lies.
        was_there: whether nothing had to be made.
        failures: what of it could not be made while the rest was.
    """

    value: Value
    folder: Path
    was_there: bool
    failures: tuple[Failure, ...] = ()


@dataclass(frozen=True)
class Failure:
    """A cell that could not be made, and why, in one sentence.

    Attributes:
        is_mistake: whether what the user typed or brought was wrong.
        is_begun: False where that was seen before any work was done.
    """

    label: str
    sentence: str
    is_mistake: bool
    is_begun: bool = True

    def __str__(self) -> str:
        return self.sentence if self.sentence.startswith(self.label) else f"{self.label}: {self.sentence}"


Outcome = Finished[Value] | Failure


class Work(Protocol[Value]):
    """What a half does with its cells. It may hold a dataset between one cell and the next."""

    def run(self, text: str) -> Finished[Value]:
        """Make a cell from its text, or find it there. Raises what goes wrong."""

    def read(self, text: str, folder: Path, failures: Sequence[Failure]) -> Value:
        """What a cell that another process made has left in its folder.

        Args:
            failures: what of it could not be made (`Finished.failures`).
        """

    def close(self) -> None:
        """Let go of what is held."""


@dataclass(frozen=True)
class RemoteWork:
    """How another process makes the same `Work`, as text.

    Attributes:
        target: `module:function`, called with the settings and a reporter.
        settings: what the function takes.
        folders: what both must see: results, indexes, caches.
    """

    target: str
    settings: str
    folders: Sequence[Path]


def failure_of(label: str, error: BaseException, is_begun: bool = True) -> Failure:
    """An exception as the failure of a cell."""
    return Failure(label, sentence_of(error), is_users_mistake(error), is_begun)


def attempt(label: str, work: Callable[[], Value], report: Reporter, is_begun: bool = True) -> Value | Failure:
    """Do something for a cell; whatever it raises is its failure, as an exception in a user's class may be any."""
    try:
        return work()
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:  # a user's class may also leave by sys.exit()
        if debugging():
            report.always(traceback.format_exc())
        return failure_of(label, error, is_begun)


def in_order(wanted: Sequence[Cell]) -> list[Cell]:
    """The order in which cells are made: by dataset, parts before wholes, else as they were asked for.

    A part that several cells share and that was not asked for becomes a cell of its own: made once, before them.
    """
    asked = {cell.makes for cell in wanted}
    users = Counter(key for cell in wanted for key in {part.makes for part in cell.all_parts()})
    ordered: list[Cell] = []
    placed: set[Cell] = set()

    def place(cell: Cell) -> None:
        if cell in placed:
            return
        placed.add(cell)
        for part in cell.all_parts():
            if part.makes in asked:
                for other in wanted:
                    if other.makes == part.makes:
                        place(other)
            elif users[part.makes] > 1 and all(part.makes != other.makes for other in ordered):
                ordered.append(part)
        ordered.append(cell)

    for dataset in dict.fromkeys(cell.dataset for cell in wanted):
        for cell in wanted:
            if cell.dataset == dataset:
                place(cell)
    return ordered


@dataclass
class Schedule:
    """Which cells can be begun now: no two at once that would make the same thing, and none before its parts.

    Args:
        waiting: the cells, parts before wholes (`in_order`).
    """

    waiting: list[Cell]
    _running: list[Cell] = field(default_factory=list)
    _there: set[str] = field(default_factory=set)
    _failed: dict[str, Failure] = field(default_factory=dict)

    def ready(self) -> list[Cell]:
        """The waiting cells that wait for nothing; each is to be begun by `begin`."""
        claimed = {key for cell in self._running for key in cell.keys - self._there}
        found = []
        for cell in self.waiting:
            keys = cell.keys - self._there
            if not keys & claimed:
                found.append(cell)
            claimed |= keys
        return found

    def begin(self, cell: Cell) -> None:
        """A cell is under way."""
        self.waiting.remove(cell)
        self._running.append(cell)

    def end(self, cell: Cell, failure: Failure | None) -> None:
        """A cell is made or has failed; what it shares with others is there now, or theirs to make."""
        self._running.remove(cell)
        self._there |= cell.keys
        if failure is not None:
            self._failed[cell.makes] = failure

    def doomed(self) -> Iterator[tuple[Cell, Failure]]:
        """Take out the waiting cells of which a part has failed, with what is to be said of them."""
        for cell in list(self.waiting):
            failed = next((self._failed[part.makes] for part in cell.all_parts() if part.makes in self._failed), None)
            if failed is not None:
                self.waiting.remove(cell)
                failure = Failure(cell.label, str(failed), failed.is_mistake)
                self._failed[cell.makes] = failure
                yield cell, failure


@dataclass(frozen=True)
class GridResult(Generic[Value]):
    """What became of the cells that were asked for, in their order."""

    outcomes: Sequence[Outcome[Value]]

    @property
    def finished(self) -> list[Finished[Value]]:
        """What was made or was there."""
        return [outcome for outcome in self.outcomes if isinstance(outcome, Finished)]

    @property
    def failures(self) -> list[Failure]:
        """What was not, parts of finished cells among it."""
        return [
            failure
            for outcome in self.outcomes
            for failure in ([outcome] if isinstance(outcome, Failure) else outcome.failures)
        ]

    @property
    def exit_code(self) -> int:
        """0: all is there; 2: nothing could be, by the user's mistake alone; else 1."""
        if not self.failures:
            return 0
        return 2 if not self.finished and all(failure.is_mistake for failure in self.failures) else 1


Execution = Callable[[Sequence[Cell]], Iterable[tuple[Cell, "Outcome[Value]"]]]
"""What an executor is: cells in the order of `in_order` -> each with its outcome, as they end."""


def run_grid(planned: Sequence[Cell | Failure], execute: Execution[Value]) -> GridResult[Value]:
    """Run the cells that can be run.

    Args:
        planned: what was asked for; a failure where it was seen before that a cell cannot be made.
    """
    cells = [cell for cell in planned if isinstance(cell, Cell)]
    ended: dict[Cell, Outcome[Value]] = {}
    for cell, outcome in execute(in_order(cells)) if cells else ():
        ended[cell] = outcome
    return GridResult([ended[item] if isinstance(item, Cell) else item for item in planned])


def gathered(failures: Iterable[Failure]) -> list[str]:
    """Failures as they are listed: cells that failed for one reason share its sentence."""
    labels: dict[str, list[Failure]] = {}
    for failure in failures:
        labels.setdefault(failure.sentence, []).append(failure)
    return [
        str(found[0]) if len(found) == 1 else f"{_enumerated([failure.label for failure in found])}: {sentence}"
        for sentence, found in labels.items()
    ]


def _enumerated(labels: Sequence[str]) -> str:
    if len(labels) <= 3:
        return f"{', '.join(labels[:-1])} and {labels[-1]}"
    return f"{', '.join(labels[:2])} and {len(labels) - 2} more"
