"""`score`, `table` and `compare`: scored runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench_core.cli.options import (
    format_option,
    language_model_options,
    permission_options,
    permutations_option,
    results_option,
)
from bench_core.cli.output import print_table
from bench_core.cli.scored import scored_on
from bench_core.results.tables import Format
from sql_bench.cli.options import (
    comparator_option,
    database_options,
    dataset_option,
    generators_option,
)
from sql_bench.cli.running import Where, run_all, say_failures

if TYPE_CHECKING:
    from bench_core.data_use import Permission
    from bench_core.llm.stage_models import LanguageModelSettings

_PATH = click.Path(path_type=Path)


@click.command()
@dataset_option
@click.option(
    "--predictions", "predictions_path", required=True, help="A file of predictions, or the name of an embedded one."
)
@comparator_option
@database_options
@click.option("--dialect", help="The dialect of the predictions by sqlglot's name [default: the dataset's].")
@click.option("--per-question", "view", flag_value="questions", help="One row a question instead of the totals.")
@click.option(
    "--disagreements", "view", flag_value="disagreements", help="Differences between the comparators, by kind."
)
@language_model_options
@permission_options
@results_option
@format_option
def score(
    dataset: str,
    predictions_path: str,
    comparators: Sequence[str],
    dialect: str | None,
    view: str | None,
    models: LanguageModelSettings,
    permission: Permission,
    results_dir: Path,
    form: Format,
    **database: Any,
) -> None:
    """Score predictions made elsewhere: JSON lines of `question_id` with `response` (a model's reply) or `sql`, a JSON
    list, CSV, BIRD's or Spider's form, or a folder of .sql files.
    """
    from sql_bench.generators.prediction_files.reading import name_of
    from sql_bench.reports.tables import disagreements_table, per_question_table, scores_table

    tables = {None: scores_table, "questions": per_question_table, "disagreements": disagreements_table}
    written = f",dialect={dialect}" if dialect else ""
    systems = {name_of(Path(predictions_path)): f"replay,path={predictions_path}{written}"}
    scored, failures = run_all(dataset, systems, comparators, Where(results_dir, models, permission), database)
    say_failures(failures)
    if scored:
        print_table(tables[view](scored), form)
    if failures:
        raise click.exceptions.Exit(2 if not scored and all(failure.is_mistake for failure in failures) else 1)


@click.command()
@click.option("--dataset", "-d", "dataset", help="Only the runs on demo/NAME or dir:PATH, or as a table names it.")
@results_option
@format_option
def table(dataset: str | None, results_dir: Path, form: Format) -> None:
    """Print the table of all scored runs in the results folder."""
    from sql_bench.datasets.dataset import load_dataset
    from sql_bench.pipeline.bench import KIND
    from sql_bench.pipeline.stored_verdicts import stored_systems
    from sql_bench.reports.tables import scores_table

    where = results_dir, KIND, dataset, load_dataset
    scored = scored_on(stored_systems(results_dir), *where, "scored run", "sql-bench run")
    print_table(scores_table(scored), form)


@click.command()
@dataset_option
@click.option("--baseline", "-b", help="The generator the others are compared with [default: the best of them].")
@generators_option
@click.option("--comparator", "-c", "comparator", default="answer", show_default=True, help="Comparator of results.")
@permutations_option
@database_options
@language_model_options
@permission_options
@results_option
@format_option
def compare(
    dataset: str,
    baseline: str | None,
    generators: Sequence[str],
    comparator: str,
    n_permutations: int,
    models: LanguageModelSettings,
    permission: Permission,
    results_dir: Path,
    form: Format,
    **database: Any,
) -> None:
    """Compare generators with a baseline or the best of them, question by question.

    Differences with their intervals, wins, losses, a paired randomisation test and intervals of ranks; questions with
    a label `template` are resampled by template.
    """
    from bench_core.errors import BenchError, UserError
    from bench_core.results.comparison import compare as compare_scores
    from bench_core.results.comparison_table import comparison_table
    from bench_core.runs.grid import gathered
    from sql_bench.scoring.metrics import EX

    names = [*([baseline] if baseline else []), *generators]
    if len(set(names)) < len(names):
        raise UserError("A system cannot be compared with itself; name each one once.")
    where = Where(results_dir, models, permission)
    scored, failures = run_all(dataset, {name: name for name in names}, [comparator], where, database)
    if failures:
        raise BenchError(" ".join(gathered(failures)))
    comparison = compare_scores(scored, EX, scored[0] if baseline else None, n_permutations)
    print_table(comparison_table(comparison, EX), form)
