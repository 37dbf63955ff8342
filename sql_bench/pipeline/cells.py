"""Cells of the text-to-SQL half: what can be seen of a system without running it, and how one is made."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from bench_core.data_use import NO_PERMISSION, Permission, is_credentialed
from bench_core.errors import UserError
from bench_core.identity import Json, canonical_json, identity_hash
from bench_core.llm.stage_models import LanguageModelSettings
from bench_core.plugins.described import user_files, user_source
from bench_core.plugins.reach import reach_of
from bench_core.results.scores import ItemScores
from bench_core.runs.grid import Cell, Failure, Finished
from bench_core.runs.manifest import RunFolder
from bench_core.runs.planning import PlannerBase
from bench_core.runs.reporter import Reporter
from sql_bench.databases.mirrors import check_tables, read_tables
from sql_bench.datasets.dataset import SqlDataset, load_dataset
from sql_bench.mirror.mirror import open_mirror
from sql_bench.pipeline.bench import Bench
from sql_bench.pipeline.execute import execute_golds
from sql_bench.pipeline.run import compared_label, needed_variants, run_system
from sql_bench.pipeline.stored_verdicts import stored_system
from sql_bench.pipeline.workbench import DatabaseChoice, make_comparators, make_systems, open_bench

WORK = "sql_bench.pipeline.cells:open_work"
"""What another process makes its work with (`bench_core.runs.executors.ray`)."""


@dataclass(frozen=True)
class CellSettings:
    """What holds for all cells of a grid; written as text it makes the same work in another process.

    Attributes:
        store_dir: where language models' answers are kept.
        ledger_dir: where several processes count requests and money together; None: this one counts by itself.
    """

    results_dir: Path
    database: DatabaseChoice
    store_dir: Path
    generator_model: str = ""
    permission: Permission = NO_PERMISSION
    comparators: tuple[str, ...] = ()
    ledger_dir: Path | None = None

    def as_text(self) -> str:
        """Canonical JSON."""
        content = {name: _plain(value) for name, value in asdict(self).items()}
        return canonical_json(
            {**content, "database": {name: _plain(value) for name, value in asdict(self.database).items()}}
        )

    @classmethod
    def of_text(cls, text: str) -> CellSettings:
        """What `as_text` wrote."""
        content: dict[str, Any] = json.loads(text)
        database = content["database"]
        mirror_path = Path(database["mirror_path"]) if database["mirror_path"] else None
        choice = DatabaseChoice(
            **{**database, "mirror_path": mirror_path, "mirrors_dir": Path(database["mirrors_dir"])}
        )
        return cls(
            Path(content["results_dir"]),
            choice,
            Path(content["store_dir"]),
            content["generator_model"],
            Permission.of_json(content["permission"]),
            tuple(content["comparators"]),
            Path(content["ledger_dir"]) if content["ledger_dir"] else None,
        )

    def models(self) -> LanguageModelSettings:
        """How generators ask language models."""
        return LanguageModelSettings(self.store_dir, self.generator_model, self.ledger_dir)


def _plain(value: Any) -> Json:
    return str(value) if isinstance(value, Path) else value


@dataclass(frozen=True)
class Order:
    """What is to be made, as text.

    Attributes:
        name: what tables call the system.
        generator: with its arguments; None: only the gold statements are run, for all systems on the dataset.
    """

    dataset: str
    name: str
    generator: str | None

    @property
    def label(self) -> str:
        """What messages call it."""
        return f"{self.name} on {self.dataset}"

    def as_text(self) -> str:
        """Canonical JSON."""
        return canonical_json(asdict(self))

    @classmethod
    def of_text(cls, text: str) -> Order:
        """What `as_text` wrote."""
        return cls(**json.loads(text))


class Planner(PlannerBase[Order, SqlDataset]):
    """Looks at what a grid asks for, before its first cell and without running a statement."""

    def __init__(self, settings: CellSettings, report: Reporter) -> None:
        super().__init__(settings.permission, report)
        self._settings = settings

    def read(self, cell: Cell) -> None:
        """Read the tables as well (`--check`).

        Raises:
            BenchError: what is wrong with them.
        """
        dataset, database = self.datasets[cell.dataset], self._settings.database
        if isinstance(dataset, SqlDataset):
            read_tables(dataset, database.mirror_path, database.mirrors_dir)

    def opened(self, name: str) -> SqlDataset:
        """See `PlannerBase`."""
        dataset = load_dataset(name)
        _ = dataset.questions  # they are read, and faults in them found
        if self._settings.database.mirror_path is not None:
            open_mirror(self._settings.database.mirror_path)
        else:
            check_tables(dataset)
        return dataset

    def cell(self, order: Order, dataset: SqlDataset) -> Cell:
        """See `PlannerBase`."""
        comparators, models = make_comparators(self._settings.comparators), self._settings.models()
        (system,) = make_systems(dataset, {order.name: str(order.generator)}, models)
        card, parts = dataset.card, (*system.reaches, *map(reach_of, comparators.values()))
        self.check_use(order.label, card.dataset_id, card.access, parts)
        described: dict[str, Json] = {
            "system": dict(system.generator.describe()),
            "user_source": user_source(system.generator),
        }
        golds = f"gold SQL of {order.dataset}"
        missing = system.generator.missing_requirement()
        if missing:
            raise UserError(f"{order.label}: {missing}.")
        models.check()
        name = str(system.generator.describe()["class"])
        runs = RunFolder.of_identity(self._settings.results_dir / "sql", card.dataset_id, name, {})
        self.check_keys(order.label, (system.generator, *comparators.values()), runs)
        closed = is_credentialed(card.access)
        return Cell(
            label=order.label,
            dataset=order.dataset,
            text=order.as_text(),
            makes=f"predictions {order.dataset} {identity_hash(described)}",
            parts=(
                Cell(
                    golds,
                    order.dataset,
                    Order(order.dataset, "", None).as_text(),
                    makes=golds,
                    is_credentialed=closed,
                ),
            ),
            files=tuple(
                sorted({path for stage in (system.generator, *comparators.values()) for path in user_files(stage)})
            ),
            requires=system.requires,
            is_credentialed=closed,
        )


class SqlWork:
    """Makes cells, holding one dataset with its database at a time."""

    def __init__(self, settings: CellSettings, report: Reporter) -> None:
        self._settings, self._report = settings, report
        self._models = settings.models()
        self._comparators = make_comparators(settings.comparators)
        self._held: tuple[str, Bench, ExitStack] | None = None

    def run(self, text: str) -> Finished[list[ItemScores]]:
        """See `bench_core.runs.grid.Work`; the value of gold executions alone is empty."""
        order = Order.of_text(text)
        bench, n_made = self._bench(order.dataset), self._report.n_made
        if order.generator is None:
            execute_golds(bench, needed_variants(self._comparators.values()))
            return Finished([], bench.root, self._report.n_made == n_made)
        (system,) = make_systems(bench.dataset, {order.name: order.generator}, self._models)
        found = run_system(bench, system, self._comparators)
        return Finished(found.scores, found.folder, self._report.n_made == n_made, found.failures)

    def read(self, text: str, folder: Path, failures: Sequence[Failure]) -> list[ItemScores]:
        """See `bench_core.runs.grid.Work`."""
        order = Order.of_text(text)
        if order.generator is None:
            return []
        failed = {failure.label for failure in failures}
        dataset_id = load_dataset(order.dataset).card.dataset_id
        return [
            replace(stored_system(folder, name), system=order.name)
            for name in self._comparators
            if compared_label(order.name, dataset_id, name) not in failed
        ]

    def close(self) -> None:
        """See `bench_core.runs.grid.Work`."""
        if self._held is not None:
            self._held[2].close()
            self._held = None

    def _bench(self, name: str) -> Bench:
        if self._held is None or self._held[0] != name:
            self.close()
            opened, settings = ExitStack(), self._settings
            bench = opened.enter_context(
                open_bench(name, settings.database, settings.results_dir, self._report, settings.permission)
            )
            self._held = name, bench, opened
        return self._held[1]


def open_work(settings: str, report: Reporter) -> SqlWork:
    """The work of settings that another process wrote as text."""
    return SqlWork(CellSettings.of_text(settings), report)
