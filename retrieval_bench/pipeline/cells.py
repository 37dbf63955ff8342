"""Cells of the retrieval half: what can be seen of a system on a dataset without its corpus, and how one is made."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench_core.data_use import NO_PERMISSION, Permission, is_credentialed
from bench_core.errors import UserError
from bench_core.identity import Json, canonical_json, identity_hash
from bench_core.llm.stage_models import LanguageModelSettings
from bench_core.plugins.described import user_files
from bench_core.plugins.stage import Stage
from bench_core.results.scores import ItemScores
from bench_core.runs.grid import Cell, Failure, Finished
from bench_core.runs.manifest import RunFolder
from bench_core.runs.planning import PlannerBase
from bench_core.runs.reporter import Reporter
from retrieval_bench.datasets.dataset import Dataset, load_dataset
from retrieval_bench.pipeline.run import Workspace, make_run, run_system
from retrieval_bench.pipeline.system import FirstStage, Fused, Generated, Reranked, Setting, System, create_system
from retrieval_bench.retrievers.base import full_description
from retrieval_bench.scoring.measures import Measure
from retrieval_bench.scoring.scored_runs import KIND, stored_run
from retrieval_bench.types import Retriever

WORK = "retrieval_bench.pipeline.cells:open_work"
"""What another process makes its work with (`bench_core.runs.executors.ray`)."""


@dataclass(frozen=True)
class CellSettings:
    """What holds for all cells of a grid; written as text it makes the same work in another process.

    Attributes:
        store_dir: where language models' answers are kept.
        measures: scored besides the default ones.
        ledger_dir: where several processes count requests and money together; None: this one counts by itself.
    """

    results_dir: Path
    indexes_dir: Path
    store_dir: Path
    generator_model: str = ""
    permission: Permission = NO_PERMISSION
    measures: tuple[str, ...] = ()
    ledger_dir: Path | None = None

    def as_text(self) -> str:
        """Canonical JSON."""
        return canonical_json({name: _plain(value) for name, value in asdict(self).items()})

    @classmethod
    def of_text(cls, text: str) -> CellSettings:
        """What `as_text` wrote."""
        content: dict[str, Any] = json.loads(text)
        paths = {
            name: Path(content[name]) if content[name] is not None else None
            for name in ("results_dir", "indexes_dir", "store_dir", "ledger_dir")
        }
        permission = Permission.of_json(content["permission"])
        return cls(**{**content, **paths, "permission": permission, "measures": tuple(content["measures"])})

    def models(self) -> LanguageModelSettings:
        """How stages ask language models."""
        return LanguageModelSettings(self.store_dir, self.generator_model, self.ledger_dir)

    def workspace(self, report: Reporter) -> Workspace:
        """Where runs go."""
        return Workspace(self.results_dir, self.indexes_dir, report, self.permission)


def _plain(value: Any) -> Json:
    return str(value) if isinstance(value, Path) else value


@dataclass(frozen=True)
class Order:
    """What is to be made, as text.

    Attributes:
        parameters: further `key=value` arguments of each retriever.
        k: how many documents of each query stay; None: as many as the dataset asks for.
        is_part: only the run is made, for others that are made of it, and it is not scored.
    """

    dataset: str
    system: str
    parameters: tuple[str, ...] = ()
    k: int | None = None
    is_part: bool = False

    @property
    def label(self) -> str:
        """What messages call it."""
        return f"{self.system} on {self.dataset}"

    def as_text(self) -> str:
        """Canonical JSON."""
        return canonical_json(asdict(self))

    @classmethod
    def of_text(cls, text: str) -> Order:
        """What `as_text` wrote."""
        content: dict[str, Any] = json.loads(text)
        return cls(**{**content, "parameters": tuple(content["parameters"])})


class Planner(PlannerBase[Order, Dataset]):
    """Looks at what a grid asks for, before its first cell and without any corpus."""

    def __init__(self, settings: CellSettings, report: Reporter) -> None:
        super().__init__(settings.permission, report)
        self._settings = settings

    def read(self, cell: Cell) -> None:
        """Read the corpus as well (`--check`).

        Raises:
            BenchError: what is wrong with it.
        """
        load_dataset(cell.dataset).check()  # loaded apart: a plan's datasets are kept, and a corpus must not be

    def opened(self, name: str) -> Dataset:
        """See `PlannerBase`."""
        dataset = load_dataset(name)
        _ = (
            dataset.qrels,
            dataset.excluded,
        )  # queries, judgments and what is excluded are read, and faults in them found
        return dataset

    def cell(self, order: Order, dataset: Dataset) -> Cell:
        """See `PlannerBase`."""
        card, models = dataset.card, self._settings.models()
        system = create_system(order.system, Setting(card, order.parameters, models))
        self.check_use(system.label, card.dataset_id, card.access, system.reaches)
        check_installed(system)
        models.check()
        runs = RunFolder.of_identity(self._settings.results_dir / KIND, card.dataset_id, system.name, {})
        self.check_keys(system.label, stages_of(system), runs)
        return _cell_of(order, system, dataset, order.k or dataset.card.k)


def check_installed(system: System) -> None:
    """Refuse a system of which a stage needs what is not installed.

    Raises:
        UserError: says what to install.
    """
    for stage in stages_of(system):
        missing = stage.missing_requirement()
        if missing:
            raise UserError(f"{system.label}: {missing}.")


def retrievers_of(system: System) -> Iterator[Retriever]:
    """The retrievers of a system, those that a generator searches with among them."""
    if isinstance(system, FirstStage):
        yield system.retriever
    elif isinstance(system, Fused):
        for part in system.of:
            yield from retrievers_of(part)
    else:
        if isinstance(system, Generated) and system.generation.search is not None:
            yield system.generation.search.retriever
        yield from retrievers_of(system.over)


def stages_of(system: System) -> Iterator[Stage]:
    """All stages of a system: retrievers, then what stands before and behind them."""
    yield from retrievers_of(system)
    yield from _others_of(system)


def _others_of(system: System) -> Iterator[Stage]:
    if isinstance(system, Fused):
        for part in system.of:
            yield from _others_of(part)
    elif isinstance(system, Reranked):
        yield from _others_of(system.over)
        yield system.reranker
    elif isinstance(system, Generated):
        yield system.generation.generator
        yield from _others_of(system.over)


def _cell_of(order: Order, system: System, dataset: Dataset, k: int) -> Cell:
    return Cell(
        label=f"{system.label} on {order.dataset}",
        dataset=order.dataset,
        text=order.as_text(),
        makes=f"run {order.dataset} {identity_hash({'system': system.describe(), 'k': k})}",
        parts=tuple(_parts(order, system, dataset, k)),
        shares=frozenset(_shared(system, dataset)),
        files=tuple(sorted({path for stage in stages_of(system) for path in user_files(stage)})),
        requires=system.requires,
        is_credentialed=is_credentialed(dataset.card.access),
    )


def _parts(order: Order, system: System, dataset: Dataset, k: int) -> Iterator[Cell]:
    """The runs a system is made of that stand in folders of their own.

    Below a generator none does that others could share: what is searched there are its own queries.
    """
    if isinstance(system, Reranked):
        yield _part(order, system.over, dataset, max(k, system.depth))
    elif isinstance(system, Fused):
        for part in system.of:
            yield _part(order, part, dataset, k)


def _part(order: Order, system: System, dataset: Dataset, k: int) -> Cell:
    # Its label carries the parameters that were given apart.
    return _cell_of(Order(order.dataset, system.label, (), k, is_part=True), system, dataset, k)


def _shared(system: System, dataset: Dataset) -> Iterator[str]:
    """Keys of the indexes that a system searches, and of the texts that it lets a model write."""
    for retriever in retrievers_of(system):
        yield f"index {dataset.card.indexed_as} {identity_hash(dict(full_description(retriever).index))}"
    if isinstance(system, Generated):
        described = full_description(system.generation.generator).as_json()
        yield f"texts {dataset.card.dataset_id} {identity_hash(described)}"


class RetrievalWork:
    """Makes cells, holding one dataset at a time."""

    def __init__(self, settings: CellSettings, report: Reporter) -> None:
        self._settings, self._report = settings, report
        self._models = settings.models()
        self._measures = [Measure.parse(text) for text in settings.measures]
        self._held: tuple[str, Dataset] | None = None

    def run(self, text: str) -> Finished[ItemScores | None]:
        """See `bench_core.runs.grid.Work`; the value of a part is None."""
        order = Order.of_text(text)
        dataset = self._dataset(order.dataset)
        system = create_system(order.system, Setting(dataset.card, order.parameters, self._models))
        k, workspace = order.k or dataset.card.k, self._settings.workspace(self._report)
        n_made = self._report.n_made
        if order.is_part:
            folder = make_run(dataset, system, k, workspace).folder
            return Finished(None, folder.path, self._report.n_made == n_made)
        scored = run_system(dataset, system, k, workspace, self._measures)
        return Finished(scored, scored.kept_in, self._report.n_made == n_made)

    def read(self, text: str, folder: Path, failures: Sequence[Failure]) -> ItemScores | None:
        """See `bench_core.runs.grid.Work`."""
        return None if Order.of_text(text).is_part else stored_run(folder)

    def close(self) -> None:
        """See `bench_core.runs.grid.Work`."""
        self._held = None

    def _dataset(self, name: str) -> Dataset:
        if self._held is None or self._held[0] != name:
            self._held = None  # before the next is read: two corpora may not fit
            self._held = name, load_dataset(name)
        return self._held[1]


def open_work(settings: str, report: Reporter) -> RetrievalWork:
    """The work of settings that another process wrote as text."""
    return RetrievalWork(CellSettings.of_text(settings), report)
