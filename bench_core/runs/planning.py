"""Look at what a grid asks for before its first cell: a cell for each order, or what is wrong with it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Generic, Protocol, TypeVar

from bench_core.data_use import Access, Permission, Reach, check, check_local_classes
from bench_core.errors import UserError
from bench_core.plugins.stage import Stage
from bench_core.runs.grid import Cell, Failure, attempt
from bench_core.runs.manifest import RunFolder
from bench_core.runs.reporter import Reporter


class Ordered(Protocol):
    """What is to be made, as far as both halves have it."""

    @property
    def dataset(self) -> str:
        """The dataset as its user names it."""

    @property
    def label(self) -> str:
        """What messages call it."""


OrderT = TypeVar("OrderT", bound=Ordered)
DatasetT = TypeVar("DatasetT")


class PlannerBase(ABC, Generic[OrderT, DatasetT]):
    """Makes cells of orders. A half supplies how a dataset is opened and what a system's cell is.

    Args:
        permission: what the user says about text of credentialed datasets.
    """

    def __init__(self, permission: Permission, report: Reporter) -> None:
        self._permission, self._report = permission, report
        self.datasets: dict[str, DatasetT | Failure] = {}
        self._reaches: list[Sequence[Reach]] = []

    @abstractmethod
    def opened(self, name: str) -> DatasetT:
        """A dataset, looked at as far as costs little.

        Raises:
            BenchError: what is wrong with it.
        """

    @abstractmethod
    def cell(self, order: OrderT, dataset: DatasetT) -> Cell:
        """The cell of an order; its part is to call `check_use`.

        Raises:
            BenchError: why it cannot be made.
        """

    def plan(self, orders: Sequence[OrderT]) -> list[Cell | Failure]:
        """A cell for each order that can be made for all that is known, and what is wrong with the others.

        Raises:
            UserError: the user says of a class that it keeps text here, and no system has one of that name.
        """
        planned = [self._planned(order) for order in orders]
        if len(self._reaches) == len(orders):  # else a class may be that of a system that could not be made
            check_local_classes([reach for reaches in self._reaches for reach in reaches], self._permission)
        return planned

    def check_use(self, what: str, dataset_id: str, access: Access, reaches: Sequence[Reach]) -> None:
        """Refuse a system that could send text of a credentialed dataset away; see `bench_core.data_use.check`."""
        self._reaches.append(reaches)
        check(what, dataset_id, access, reaches, self._permission)

    @staticmethod
    def check_keys(what: str, stages: Iterable[Stage], runs: RunFolder) -> None:
        """Refuse a system of which a stage needs a key that is not set.

        Where runs of its name are there, one of them may be the whole one that is asked for, and needs no request.

        Args:
            what: the system, as messages begin.
            runs: the folder of any of its runs.

        Raises:
            UserError: names the variable.
        """
        variable = next(filter(None, (stage.unset_key() for stage in stages)), "")
        if variable and not runs.has_one_of_its_name():
            raise UserError(f"{what} needs a key: set {variable}.")

    def _planned(self, order: OrderT) -> Cell | Failure:
        if order.dataset not in self.datasets:  # looked at once for all systems
            self.datasets[order.dataset] = attempt(
                order.dataset, partial(self.opened, order.dataset), self._report, is_begun=False
            )
        dataset = self.datasets[order.dataset]
        if isinstance(dataset, Failure):
            return replace(dataset, label=order.label)
        return attempt(order.label, lambda: self.cell(order, dataset), self._report, is_begun=False)
