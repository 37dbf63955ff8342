"""`generate` and `execute`: single stages of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench_core.cli.options import language_model_options, permission_options, results_option
from bench_core.cli.output import print_line, say
from sql_bench.cli.options import database_options, dataset_option, generators_option

if TYPE_CHECKING:
    from bench_core.data_use import Permission
    from bench_core.llm.stage_models import LanguageModelSettings
    from sql_bench.pipeline.bench import Bench
    from sql_bench.pipeline.generate import System


def _stage_options(command: Callable[..., None]) -> Callable[..., None]:
    """What both stages are told."""
    for option in (
        results_option,
        permission_options,
        language_model_options,
        database_options,
        generators_option,
        dataset_option,
    ):
        command = option(command)
    return command


@click.command()
@_stage_options
def generate(**told: Any) -> None:
    """Write predictions.jsonl for each generator; asks only for what is missing."""
    from sql_bench.pipeline.generate import generate as generate_predictions

    for bench, system in _systems(**told):
        folder, _ = generate_predictions(bench, system)
        print_line(str(folder.path))


@click.command()
@_stage_options
def execute(**told: Any) -> None:
    """Write executions.jsonl for each generator; runs only what is missing."""
    from sql_bench.pipeline.execute import execute_predictions
    from sql_bench.pipeline.generate import generate as generate_predictions

    for bench, system in _systems(**told):
        folder, predictions = generate_predictions(bench, system)
        with bench.in_dialect(system.generator.dialect) as spoken:
            executed, _ = execute_predictions(spoken, folder, predictions, frozenset())
        print_line(str(executed.path))


def _systems(
    dataset: str,
    generators: Sequence[str],
    models: LanguageModelSettings,
    permission: Permission,
    results_dir: Path,
    **database: Any,
) -> Iterator[tuple[Bench, System]]:
    """The systems that are named, one after the other, over a database that is open meanwhile."""
    from bench_core.runs.reporter import Reporter
    from sql_bench.pipeline.workbench import DatabaseChoice, named_systems, open_bench

    choice, reporter = DatabaseChoice(**database), Reporter(say, is_verbose=True)
    with open_bench(dataset, choice, results_dir, reporter, permission) as bench:
        for system in named_systems(bench, {name: name for name in generators}, models):
            yield bench, system
