"""Options and messages of `run` in both command lines: what is checked, how cells are executed, how a grid ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, TypeVar

import click

from bench_core.cli.options import Command
from bench_core.cli.output import say

if TYPE_CHECKING:
    from bench_core.runs.grid import Cell, Failure, GridResult, Outcome, RemoteWork, Work
    from bench_core.runs.reporter import Reporter

Value = TypeVar("Value")

LOCAL, RAY = "local", "ray"


def verbose_option(command: Command) -> Command:
    """`-v`, given to the command as `is_verbose`."""
    return click.option("--verbose", "-v", "is_verbose", is_flag=True, help="Report each stage as it is done.")(command)


def grid_options(command: Command) -> Command:
    """`--executor`, `--check` and `-v`."""
    for option in (
        verbose_option,
        click.option("--check", "is_check", is_flag=True, help="Run nothing; say what could not run, and why."),
        click.option(
            "--executor",
            default=LOCAL,
            show_default=True,
            metavar="local|ray[:ADDRESS]",
            callback=_known_executor,
            help="Executor of cells: one at a time, or tasks of a Ray cluster (one is started without ADDRESS).",
        ),
    ):
        command = option(command)
    return command


def _known_executor(context: click.Context, parameter: click.Parameter, value: str) -> str:
    from importlib.util import find_spec

    from bench_core.errors import UserError
    from bench_core.plugins.arguments import did_you_mean

    kind, separator, address = value.partition(":")
    if kind not in (LOCAL, RAY) or (kind == LOCAL and separator) or (separator and not address):
        raise UserError(f"There is no executor {value!r}{did_you_mean(kind, (LOCAL, RAY))}; known are local and ray.")
    if kind == RAY and find_spec("ray") is None:
        raise UserError("--executor ray: ray is not installed; pip install 'biomed-bench[distributed]'.")
    return value


@contextmanager
def ledger_of(executor: str, results_dir: Path) -> Iterator[Path | None]:
    """A folder for what all workers count together, gone when they are done; None where there is one process."""
    if executor == LOCAL:
        yield None
        return
    results_dir.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".ledger-", dir=results_dir.absolute()) as folder:
        yield Path(folder)


@dataclass(frozen=True)
class GridRun:
    """How a grid's cells are run.

    Attributes:
        executor: `local`, `ray` or `ray:ADDRESS`.
        cluster_is_ours: on credentialed data, other nodes of a cluster count as this machine.
    """

    executor: str
    report: Reporter
    cluster_is_ours: bool = False

    def run(
        self, planned: Sequence[Cell | Failure], work: Callable[[], Work[Value]], remote: RemoteWork
    ) -> GridResult[Value]:
        """Report what cannot run, and run the rest.

        Args:
            work: makes what runs cells in this process, or reads what others made.
            remote: the same for other processes, as text.
        """
        from bench_core.runs.grid import Failure, gathered, run_grid

        def execute(cells: Sequence[Cell]) -> Iterator[tuple[Cell, Outcome[Value]]]:
            from bench_core.runs.executors.local import run_locally

            kind, _, address = self.executor.partition(":")
            if kind == LOCAL:
                return run_locally(cells, work(), self.report)
            from bench_core.runs.executors.ray import RayExecutor

            return RayExecutor(address, remote, self.report, self.cluster_is_ours).run(cells, work())

        failures = [item for item in planned if isinstance(item, Failure)]
        if len(planned) > 1:
            for sentence in gathered(failures):
                self.report.always(f"Cannot run: {sentence}")
        return run_grid(planned, execute)


def close_grid(result: GridResult[Value], root: Path) -> None:
    """List what failed, say what was done, and leave with the exit code that goes with it.

    Raises:
        BenchError: the only cell failed as a whole.
    """
    from bench_core.errors import BenchError, UserError
    from bench_core.runs.grid import gathered

    failures = result.failures
    if len(result.outcomes) == 1 and failures and not result.finished:
        raise (UserError if failures[0].is_mistake else BenchError)(failures[0].sentence)
    for sentence in gathered(failure for failure in failures if failure.is_begun):
        say(f"Failed: {sentence}")
    n_there = sum(finished.was_there for finished in result.finished)
    failed = f", {len(failures)} failed" if failures else ""
    say(f"{len(result.finished) - n_there} made, {n_there} already there{failed}; they lie in {root}.")
    if result.exit_code:
        raise click.exceptions.Exit(result.exit_code)


def close_check(planned: Sequence[Cell | Failure], read: Callable[[Cell], None], report: Reporter) -> None:
    """Read what cells read, list what cannot run, and leave with the exit code that a run would have begun with."""
    from bench_core.runs.grid import Cell, Failure, attempt, gathered

    read_once: dict[str, Failure | None] = {}
    failures = []
    for item in planned:
        if isinstance(item, Cell) and item.dataset not in read_once:
            read_once[item.dataset] = attempt(item.dataset, partial(read, item), report, is_begun=False)
        found = item if isinstance(item, Failure) else read_once[item.dataset]
        if found is not None:
            failures.append(Failure(item.label, found.sentence, found.is_mistake))
    for sentence in gathered(failures):
        say(f"Cannot run: {sentence}")
    say(f"Checked: {len(planned) - len(failures)} can run, {len(failures)} cannot; nothing was run.")
    if failures:
        only_mistakes = len(failures) == len(planned) and all(failure.is_mistake for failure in failures)
        raise click.exceptions.Exit(2 if only_mistakes else 1)
