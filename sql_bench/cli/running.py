"""`run`: systems on a dataset, compared and counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench_core.cli.grids import GridRun, close_check, close_grid, grid_options, ledger_of
from bench_core.cli.options import (
    cluster_option,
    format_option,
    language_model_options,
    permission_options,
    results_option,
)
from bench_core.cli.output import print_table, say
from bench_core.results.tables import Format
from sql_bench.cli.options import (
    comparator_option,
    database_options,
    generator_option,
)

if TYPE_CHECKING:
    from bench_core.data_use import Permission
    from bench_core.llm.stage_models import LanguageModelSettings
    from bench_core.results.scores import ItemScores
    from bench_core.runs.grid import Failure

_PATH = click.Path(path_type=Path)


@click.command()
@click.option("--dataset", "-d", "datasets", multiple=True, help="demo/NAME or dir:PATH; repeatable.")
@generator_option
@comparator_option
@click.option(
    "--experiment",
    "-e",
    type=_PATH,
    help="YAML file of datasets, systems and comparators; --dataset and --comparator replace its own.",
)
@database_options
@language_model_options
@permission_options
@cluster_option
@grid_options
@results_option
@format_option
def run(
    datasets: Sequence[str],
    generators: Sequence[str],
    comparators: Sequence[str],
    experiment: Path | None,
    models: LanguageModelSettings,
    permission: Permission,
    executor: str,
    is_check: bool,
    is_verbose: bool,
    results_dir: Path,
    form: Format,
    **database: Any,
) -> None:
    """Generate predictions, execute and compare them, and print the table.

    What is there already and whole is not made again. Where a system or a comparator fails, the others go on.
    """
    from bench_core.errors import UserError
    from bench_core.machine.disk import check_room
    from bench_core.runs.config import load_config
    from bench_core.runs.grid import RemoteWork
    from bench_core.runs.reporter import Reporter
    from sql_bench.pipeline.bench import KIND
    from sql_bench.pipeline.cells import WORK, CellSettings, Order, Planner, SqlWork
    from sql_bench.pipeline.experiment import SqlExperiment
    from sql_bench.pipeline.workbench import DatabaseChoice, usable_comparators
    from sql_bench.reports.tables import scores_table

    if experiment is not None:
        if generators:
            raise UserError("Systems are named by --experiment or by --generator, not by both.")
        loaded = load_config(experiment, SqlExperiment)
        orders = [
            Order(dataset, name, generator)
            for grid in loaded.all_grids
            for dataset in datasets or grid.datasets
            for name, generator in grid.named_systems.items()
        ]
        comparators = comparators or loaded.comparators
    else:
        orders = [Order(dataset, text, text) for dataset in datasets for text in generators]
    if not orders:
        raise UserError("Give --dataset and --generator, or --experiment FILE.")
    report = Reporter(say, is_verbose)
    comparators, unusable = usable_comparators(comparators, report)
    settings = CellSettings(
        results_dir, DatabaseChoice(**database), models.store_dir, models.model, permission, comparators
    )
    written = [results_dir, settings.database.mirrors_dir]
    check_room(written)
    planner = Planner(settings, report)
    planned = [*unusable, *(planner.plan(orders) if comparators else ())]
    if is_check:
        close_check(planned, planner.read, report)
        return
    with ledger_of(executor, results_dir) as ledger_dir:
        work = RemoteWork(WORK, replace(settings, ledger_dir=ledger_dir).as_text(), [*written, settings.store_dir])
        grid_run = GridRun(executor, report, permission.cluster_is_ours)
        result = grid_run.run(planned, lambda: SqlWork(settings, report), work)
    rows = by_dataset_and_comparator([finished.value for finished in result.finished])
    if rows:
        print_table(scores_table(rows), form)
    close_grid(result, results_dir / KIND)


def by_dataset_and_comparator(found: Sequence[Sequence[ItemScores]]) -> list[ItemScores]:
    """The rows of a table out of each system's by all comparators: by dataset, then by comparator, then by system."""
    datasets = dict.fromkeys(system.dataset for systems in found for system in systems)
    comparators = dict.fromkeys(system.rule for systems in found for system in systems)
    return [
        system
        for dataset in datasets
        for comparator in comparators
        for systems in found
        for system in systems
        if (system.dataset, system.rule) == (dataset, comparator)
    ]


@dataclass(frozen=True)
class Where:
    """The results folder, language models, and what may leave this machine."""

    results_dir: Path
    models: LanguageModelSettings
    permission: Permission


def run_all(
    dataset: str, systems: Mapping[str, str], comparators: Sequence[str], where: Where, database: Mapping[str, Any]
) -> tuple[list[ItemScores], list[Failure]]:
    """Run systems on a dataset, by all comparators that can be used.

    Returns:
        The rows of a table, and what could not be compared.

    Raises:
        BenchError: the only comparator cannot be used.
    """
    from bench_core.errors import BenchError, UserError
    from bench_core.runs.reporter import Reporter
    from sql_bench.pipeline.workbench import DatabaseChoice, open_bench, run_systems, usable_comparators

    choice, reporter = DatabaseChoice(**database), Reporter(say)
    usable, unusable = usable_comparators(comparators, reporter)
    if not usable and len(unusable) == 1:
        raise (UserError if unusable[0].is_mistake else BenchError)(unusable[0].sentence)
    if not usable:
        return [], unusable
    with open_bench(dataset, choice, where.results_dir, reporter, where.permission) as bench:
        scored, failures = run_systems(bench, systems, usable, where.models)
    return scored, [*unusable, *failures]


def say_failures(failures: Sequence[Failure]) -> None:
    """List comparators that cannot be used and comparisons that failed."""
    from bench_core.runs.grid import gathered

    for word, is_begun in (("Cannot run", False), ("Failed", True)):
        for sentence in gathered(failure for failure in failures if failure.is_begun is is_begun):
            say(f"{word}: {sentence}")
