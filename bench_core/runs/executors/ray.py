"""Cells as tasks of a Ray cluster: they go as text, and a folder or one sentence comes back.

Ray schedules and reports what was lost; which cells may run at once, and that a lost one is done once more, is decided
here. What a cell leaves is on the file system that all nodes share, where locks keep two from writing one folder.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from bench_core.errors import UserError
from bench_core.machine.progress import move, step
from bench_core.runs.executors import ray_worker
from bench_core.runs.executors.ray_nodes import most_of_a_node, nodes, prove_nodes, refused
from bench_core.runs.grid import Cell, Failure, Finished, Outcome, RemoteWork, Schedule, Value, Work, attempt
from bench_core.runs.reporter import Reporter

_LOOK_S = 5.0
"""How often it is looked whether there are still nodes that could run what waits."""
_REACHED_S = 10.0
_N_TRIES = 2
_STORE_BYTES = 100_000_000
"""Little more than Ray's least: only texts come and go."""


@dataclass(frozen=True)
class _UnderWay:
    """A cell that was sent, for the how manieth time, and what its task asks of a node."""

    cell: Cell
    n_tries: int
    cpus: float
    gpus: float


class RayExecutor:
    """Runs cells on a cluster.

    Args:
        address: of a running cluster; empty: one of this machine alone is started, and stopped at the end.
        remote: how workers make what runs cells.
        cluster_is_ours: texts of credentialed data may go to other nodes.
    """

    def __init__(self, address: str, remote: RemoteWork, report: Reporter, cluster_is_ours: bool = False) -> None:
        self._address, self._remote, self._report = address, remote, report
        self._cluster_is_ours = cluster_is_ours

    def run(self, cells: Sequence[Cell], work: Work[Value]) -> Iterator[tuple[Cell, Outcome[Value]]]:
        """Run cells; yield each with its outcome as it ends.

        Args:
            cells: in the order of `bench_core.runs.grid.in_order`.
            work: reads what workers have left.

        Raises:
            UserError: there is no such cluster; or a node lacks something, or has it otherwise than this process.
        """
        with _connected(self._address):
            left_out = refused(cells, self._cluster_is_ours)
            yield from left_out
            allowed = [cell for cell in cells if cell not in {cell for cell, _ in left_out}]
            if allowed:
                prove_nodes(self._remote.folders, allowed)
                yield from self._run(allowed, work)

    def _run(self, cells: Sequence[Cell], work: Work[Value]) -> Iterator[tuple[Cell, Outcome[Value]]]:
        import ray

        schedule = Schedule(list(cells))
        under_way: dict[Any, _UnderWay] = {}
        n_ended = 0
        try:
            with step("", len(cells)) as line:
                while schedule.waiting or under_way:
                    for cell in schedule.ready():
                        schedule.begin(cell)
                        under_way |= self._sent(cell, 1)
                    names = ", ".join(sent.cell.label for sent in under_way.values())
                    move(line, n_ended, f"{n_ended} of {len(cells)}: {names}")
                    ended, _ = ray.wait(list(under_way), num_returns=1, timeout=_LOOK_S)
                    for task in ended or _without_a_node(under_way):
                        sent = under_way.pop(task)
                        outcome = self._outcome(task, sent, work)
                        if outcome is None:
                            under_way |= self._sent(sent.cell, sent.n_tries + 1)
                            continue
                        schedule.end(sent.cell, outcome if isinstance(outcome, Failure) else None)
                        found = [(sent.cell, outcome), *schedule.doomed()]
                        n_ended += len(found)
                        yield from found
        finally:
            for task in under_way:
                ray.cancel(task, force=True)
            work.close()

    def _sent(self, cell: Cell, n_tries: int) -> dict[Any, _UnderWay]:
        """The task of a cell that is now Ray's to place."""
        import ray

        cpus, gpus = most_of_a_node(nodes())
        takes_gpu = cell.requires.gpu == "needed" or (cell.requires.gpu == "useful" and gpus >= 1.0)
        sent = _UnderWay(cell, n_tries, min(float(cell.requires.n_cpus), max(cpus, 1.0)), float(takes_gpu))
        task = ray.remote(ray_worker.run_cell).options(num_cpus=sent.cpus, num_gpus=sent.gpus, max_retries=0)
        here = str(Path.cwd()), os.environ.get("OMP_NUM_THREADS", "")
        settings = self._remote.target, self._remote.settings
        return {task.remote(*here, *settings, cell.label, cell.text): sent}

    def _outcome(self, task: Any, sent: _UnderWay, work: Work[Value]) -> Outcome[Value] | None:
        """What became of a cell; None where its worker was lost and it is to be done once more."""
        import ray

        cell, n_tries = sent.cell, sent.n_tries
        try:
            content = json.loads(ray.get(task, timeout=0))
        except ray.exceptions.RayError as error:  # GetTimeoutError: the nodes that could run it are gone
            lost = type(error).__name__
            ray.cancel(task, force=True)
            if n_tries < _N_TRIES and nodes():
                self._report(f"{cell.label}: its worker was lost ({lost}); it is done once more.")
                return None
            why = f"its worker was lost {n_tries} times ({lost})" if nodes() else "no node of the cluster is left"
            return Failure(cell.label, f"{why}; what is finished is kept, and the next run resumes it.", False)
        for sentence in content["said"]:
            self._report.always(sentence)
        if "sentence" in content:
            return Failure(cell.label, content["sentence"], content["is_mistake"])
        folder = Path(content["folder"])
        # What a lost worker went on to finish was not there before.
        was_there = content["was_there"] and n_tries == 1
        if was_there:
            self._report(f"{cell.label}: there already, skipped.")
        else:
            self._report.made(f"{cell.label}: made.")
        failures = tuple(Failure(**failure) for failure in content["failures"])
        value = attempt(cell.label, partial(work.read, cell.text, folder, failures), self._report)
        return value if isinstance(value, Failure) else Finished(value, folder, was_there, failures)


@contextmanager
def _connected(address: str) -> Iterator[None]:
    """Be the driver of a cluster; one that is started here ends with the block, and its logs with it."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # before the import, and for what is started
    import ray

    with ExitStack() as stack:
        # Ray prints what it has to say of dead workers on standard output, which is the table's.
        stack.enter_context(redirect_stdout(stack.enter_context(Path(os.devnull).open("w"))))
        try:
            if address:
                _check_reachable(address)
                ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
            else:
                # Ray's files are everybody's to read, so they lie in a folder that is not.
                logs = tempfile.mkdtemp(prefix="ray-")
                stack.callback(shutil.rmtree, logs, ignore_errors=True)
                ray.init(
                    address="local",
                    include_dashboard=False,
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                    object_store_memory=_STORE_BYTES,
                    _temp_dir=logs,
                )
        except (ConnectionError, RuntimeError, ValueError, OSError) as error:
            reason = " ".join(str(error).split())[:300].rstrip(".")
            raise UserError(f"--executor ray{f':{address}' if address else ''}: {reason}.") from error
        stack.callback(ray.shutdown)
        yield


def _check_reachable(address: str) -> None:
    """Refuse an address at which nothing listens: Ray itself would try for minutes.

    Raises:
        OSError: nothing does. What is no HOST:PORT (`auto`, `ray://…`) is left to Ray.
    """
    host, separator, port = address.rpartition(":")
    if separator and port.isdecimal() and "/" not in host:
        socket.create_connection((host, int(port)), timeout=_REACHED_S).close()


def _without_a_node(under_way: dict[Any, _UnderWay]) -> list[Any]:
    """Tasks that no node which is left has the processors or GPUs for."""
    cpus, gpus = most_of_a_node(nodes())
    return [task for task, sent in under_way.items() if sent.cpus > cpus or sent.gpus > gpus]
