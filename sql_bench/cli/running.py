"""`run`: systems on a dataset, compared and counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench_core.cli.options import format_option, results_option
from bench_core.cli.output import print_table, say
from bench_core.results.tables import Format
from sql_bench.cli.options import (
    comparator_option,
    database_options,
    generator_option,
)

if TYPE_CHECKING:
    from sql_bench.pipeline.compare import ScoredSystem

_PATH = click.Path(path_type=Path)


@click.command()
@click.option("--dataset", "-d", "dataset", help="demo/NAME or dir:PATH.")
@generator_option
@comparator_option
@click.option("--experiment", "-e", type=_PATH, help="YAML file that names a dataset, systems and comparators.")
@database_options
@results_option
@format_option
def run(
    dataset: str | None,
    generators: Sequence[str],
    comparators: Sequence[str],
    experiment: Path | None,
    results_dir: Path,
    form: Format,
    **database: Any,
) -> None:
    """Generate, execute, compare and count; print the table.

    What is there already and whole is not made again.
    """
    from bench_core.errors import UserError
    from bench_core.runs.config import load_config
    from sql_bench.pipeline.experiment import SqlExperiment
    from sql_bench.reports.tables import scores_table

    systems: Mapping[str, str] = {name: name for name in generators}
    if experiment is not None:
        if dataset or generators or comparators:
            raise UserError("Give either --experiment or --dataset, --generator and --comparator, not both.")
        grid = load_config(experiment, SqlExperiment)
        dataset, systems, comparators = grid.dataset, grid.systems, grid.comparators
    if not dataset or not systems:
        raise UserError("Give --dataset and --generator, or --experiment FILE.")
    print_table(scores_table(run_all(dataset, systems, comparators, results_dir, database)), form)


def run_all(
    dataset: str, systems: Mapping[str, str], comparators: Sequence[str], results_dir: Path, database: Mapping[str, Any]
) -> list[ScoredSystem]:
    """Run systems on a dataset, by all comparators."""
    from bench_core.runs.reporter import Reporter
    from sql_bench.pipeline.workbench import DatabaseChoice, open_bench, run_systems

    with open_bench(dataset, DatabaseChoice(**database), results_dir, Reporter(say, is_verbose=True)) as bench:
        return run_systems(bench, systems, comparators)
