"""`generate` and `execute`: single stages of a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench_core.cli.options import language_model_options, permission_options, results_option
from bench_core.cli.output import print_line, say
from sql_bench.cli.options import (
    database_options,
    dataset_option,
    generators_option,
)

if TYPE_CHECKING:
    from bench_core.data_use import Permission
    from bench_core.llm.stage_models import LanguageModelSettings

_PATH = click.Path(path_type=Path)


@click.command()
@dataset_option
@generators_option
@database_options
@language_model_options
@permission_options
@results_option
def generate(
    dataset: str,
    generators: Sequence[str],
    models: LanguageModelSettings,
    permission: Permission,
    results_dir: Path,
    **database: Any,
) -> None:
    """Write predictions.jsonl for each generator; asks only for what is missing."""
    from bench_core.runs.reporter import Reporter
    from sql_bench.pipeline.generate import generate as generate_predictions
    from sql_bench.pipeline.workbench import DatabaseChoice, named_systems, open_bench

    choice, reporter = DatabaseChoice(**database), Reporter(say, is_verbose=True)
    with open_bench(dataset, choice, results_dir, reporter, permission) as bench:
        for system in named_systems(bench, {name: name for name in generators}, models):
            folder, _ = generate_predictions(bench, system)
            print_line(str(folder.path))


@click.command()
@dataset_option
@generators_option
@database_options
@language_model_options
@permission_options
@results_option
def execute(
    dataset: str,
    generators: Sequence[str],
    models: LanguageModelSettings,
    permission: Permission,
    results_dir: Path,
    **database: Any,
) -> None:
    """Write executions.jsonl for each generator; runs only what is missing."""
    from bench_core.runs.reporter import Reporter
    from sql_bench.pipeline.execute import execute_predictions
    from sql_bench.pipeline.generate import generate as generate_predictions
    from sql_bench.pipeline.workbench import DatabaseChoice, named_systems, open_bench

    choice, reporter = DatabaseChoice(**database), Reporter(say, is_verbose=True)
    with open_bench(dataset, choice, results_dir, reporter, permission) as bench:
        for system in named_systems(bench, {name: name for name in generators}, models):
            folder, predictions = generate_predictions(bench, system)
            executed, _ = execute_predictions(bench, folder, predictions, frozenset())
            print_line(str(executed.path))
