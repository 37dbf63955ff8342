"""`sql-bench`: questions to SQL to results to scores. Each command imports what it needs when it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from bench_core.cli.group import BenchGroup
from bench_core.cli.options import format_option, results_option
from bench_core.cli.output import print_table, say
from bench_core.results.tables import Format

if TYPE_CHECKING:
    from sql_bench.pipeline.compare import ScoredSystem

Command = TypeVar("Command", bound=Callable[..., Any])
_PATH = click.Path(path_type=Path)

dataset_option = click.option("--dataset", "-d", "dataset", required=True, help="demo/NAME or dir:PATH.")
generator_option = click.option(
    "--generator",
    "-g",
    "generators",
    multiple=True,
    help="A name (gold, replay,path=FILE) or path/to/file.py:Class; arguments as ,key=value; repeatable.",
)
generators_option = click.option(
    "--generator", "-g", "generators", multiple=True, required=True, help="As for `run`; repeatable."
)
comparator_option = click.option(
    "--comparator",
    "-c",
    "comparators",
    multiple=True,
    help="answer (default), exact, biomedsql or your own; repeatable.",
)


def database_options(command: Command) -> Command:
    """Where the tables are, and the bounds on a statement."""
    for option in (
        click.option(
            "--mirror", "mirror_path", type=_PATH, help="A mirror to run on instead of the dataset's own tables."
        ),
        click.option(
            "--mirrors",
            "mirrors_dir",
            type=click.Path(file_okay=False, path_type=Path),
            default=Path("indexes/mirrors"),
            show_default=True,
            help="Folder that imported mirrors are kept in.",
        ),
        click.option("--timeout", "timeout_s", type=click.FloatRange(min=0.1), help="Seconds for one statement."),
        click.option("--memory", "memory_mb", type=click.IntRange(min=64), help="MiB of memory for one statement."),
        click.option("--max-rows", type=click.IntRange(min=1), help="Rows of a result; more is a resource_limit."),
    ):
        command = option(command)
    return command


@click.group(cls=BenchGroup)
@click.version_option(package_name="biomed-bench", prog_name="sql-bench")
def main() -> None:
    """Run questions to SQL, execute it on guarded mirrors, and compare results."""


@main.command("list")
@click.argument("kind", type=click.Choice(["datasets", "generators", "comparators", "all"]), default="all")
@format_option
def list_command(kind: str, form: Format) -> None:
    """List datasets, generators and comparators, and what each needs."""
    from sql_bench.reports.inventory import inventory_table

    print_table(inventory_table(kind), form)


@main.command()
@click.argument("name")
@format_option
def show(name: str, form: Format) -> None:
    """Show a dataset with its questions, a mirror with its tables, or the folder of a run."""
    from sql_bench.reports.inventory import details_table

    print_table(details_table(name), form)


@main.group()
def mirror() -> None:
    """Import tables into a DuckDB mirror, and check mirrors."""


@mirror.command("import")
@click.option("--from", "source_dir", type=_PATH, required=True, help="Folder of CSV or Parquet files, one a table.")
@click.option("--to", "mirror_path", type=_PATH, required=True, help="The mirror to write, NAME.duckdb.")
@click.option("--schema", "schema_path", type=_PATH, help="YAML file of column types [default: found in the files].")
@format_option
def import_command(source_dir: Path, mirror_path: Path, schema_path: Path | None, form: Format) -> None:
    """Import a folder of tables, typed and verified; an older mirror of that name is replaced."""
    from sql_bench.mirror.importing import import_folder
    from sql_bench.mirror.schema import load_schema
    from sql_bench.reports.inventory import mirror_table

    schema = load_schema(schema_path) if schema_path else None
    imported = import_folder(
        source_dir, mirror_path, schema, lambda step: say(f"importing {step.table} ({step.number} of {step.n_tables})")
    )
    print_table(mirror_table(imported), form)


@mirror.command()
@click.argument("mirror_path", type=_PATH, metavar="MIRROR")
def verify(mirror_path: Path) -> None:
    """Read every row of a mirror and say whether it still holds what was imported."""
    from bench_core.errors import BenchError
    from sql_bench.mirror.verifying import verify_mirror

    found = verify_mirror(mirror_path)
    if found.differences:
        raise BenchError(f"{mirror_path}: {' '.join(found.differences)}")
    say(f"{mirror_path}: all {len(found.mirror.tables)} tables are as they were imported.")


@mirror.command()
@dataset_option
@database_options
@click.option("--all", "all_rows", is_flag=True, help="List every question, not only those whose gold did not run.")
@results_option
@format_option
def golds(dataset: str, all_rows: bool, results_dir: Path, form: Format, **database: Any) -> None:
    """Run the gold SQL of a dataset on a mirror: which statements run, and why each other one does not."""
    from sql_bench.pipeline.workbench import DatabaseChoice, open_bench
    from sql_bench.reports.tables import golds_table

    with open_bench(dataset, DatabaseChoice(**database), results_dir, say) as bench:
        print_table(golds_table(bench, all_rows), form)


@main.command()
@dataset_option
@generators_option
@database_options
@results_option
def generate(dataset: str, generators: Sequence[str], results_dir: Path, **database: Any) -> None:
    """Write predictions.jsonl for each generator; asks only for what is missing."""
    from sql_bench.pipeline.run import generate as generate_predictions
    from sql_bench.pipeline.workbench import DatabaseChoice, make_systems, open_bench

    with open_bench(dataset, DatabaseChoice(**database), results_dir, say) as bench:
        for system in make_systems(bench.dataset, {name: name for name in generators}):
            folder, _ = generate_predictions(bench, system)
            click.echo(str(folder.path))


@main.command()
@dataset_option
@generators_option
@database_options
@results_option
def execute(dataset: str, generators: Sequence[str], results_dir: Path, **database: Any) -> None:
    """Write executions.jsonl for each generator; runs only what is missing."""
    from sql_bench.pipeline.run import execute_predictions
    from sql_bench.pipeline.run import generate as generate_predictions
    from sql_bench.pipeline.workbench import DatabaseChoice, make_systems, open_bench

    with open_bench(dataset, DatabaseChoice(**database), results_dir, say) as bench:
        for system in make_systems(bench.dataset, {name: name for name in generators}):
            folder, predictions = generate_predictions(bench, system)
            executed, _ = execute_predictions(bench, folder, predictions, frozenset())
            click.echo(str(executed.path))


@main.command()
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
    print_table(scores_table(_run(dataset, systems, comparators, results_dir, database)), form)


@main.command()
@dataset_option
@click.option(
    "--predictions", "predictions_path", required=True, help="A file of predictions, or the name of an embedded one."
)
@comparator_option
@database_options
@click.option("--per-question", "view", flag_value="questions", help="One row a question instead of the totals.")
@click.option("--disagreements", "view", flag_value="disagreements", help="Where the comparators differ, by kind.")
@results_option
@format_option
def score(
    dataset: str,
    predictions_path: str,
    comparators: Sequence[str],
    view: str | None,
    results_dir: Path,
    form: Format,
    **database: Any,
) -> None:
    """Score a file of predictions made elsewhere: `question_id` with `response` (model text) or `sql`."""
    from sql_bench.reports.tables import disagreements_table, per_question_table, scores_table

    tables = {None: scores_table, "questions": per_question_table, "disagreements": disagreements_table}
    name = Path(predictions_path).name.removesuffix(".gz").removesuffix(".jsonl")
    systems = {name: f"replay,path={predictions_path}"}
    scored = _run(dataset, systems, comparators, results_dir, database)
    print_table(tables[view](scored), form)


@main.command()
@click.option("--dataset", "-d", "dataset", help="Only the runs on this dataset.")
@results_option
@format_option
def table(dataset: str | None, results_dir: Path, form: Format) -> None:
    """Print the table of all scored runs in the results folder."""
    from bench_core.errors import UserError
    from sql_bench.pipeline.compare import stored_systems
    from sql_bench.reports.tables import scores_table

    scored = [system for system in stored_systems(results_dir) if dataset is None or system.dataset_id == dataset]
    if not scored:
        where = f"{results_dir} on {dataset}" if dataset else f"{results_dir}"
        raise UserError(f"There is no scored run in {where}; make one with `sql-bench run`.")
    print_table(scores_table(scored), form)


@main.command()
@dataset_option
@click.option("--baseline", "-b", required=True, help="The generator the others are compared with.")
@generators_option
@click.option("--comparator", "-c", "comparator", default="answer", show_default=True, help="How results are compared.")
@click.option(
    "--permutations",
    "n_permutations",
    type=click.IntRange(min=100),
    default=100_000,
    show_default=True,
    help="Resamplings.",
)
@database_options
@results_option
@format_option
def compare(
    dataset: str,
    baseline: str,
    generators: Sequence[str],
    comparator: str,
    n_permutations: int,
    results_dir: Path,
    form: Format,
    **database: Any,
) -> None:
    """Compare generators with a baseline, question by question: wins, losses and a paired randomisation test."""
    from bench_core.errors import UserError
    from sql_bench.reports.tables import comparison_table

    if len({baseline, *generators}) <= len(generators):
        raise UserError("A system cannot be compared with itself; name each one once.")
    systems = {name: name for name in (baseline, *generators)}
    first, *others = _run(dataset, systems, [comparator], results_dir, database)
    print_table(comparison_table(first, others, n_permutations), form)


@main.command()
@click.argument("sql")
@click.option("--dataset", "-d", "dataset", help="Run on this dataset's mirror, in its dialect.")
@click.option("--dialect", help="The dialect of the statement [default: the dataset's, else duckdb].")
@database_options
@format_option
def query(sql: str, dataset: str | None, dialect: str | None, form: Format, **database: Any) -> None:
    """Run one guarded statement on a mirror and print its rows: the path that predictions take."""
    from bench_core.errors import UserError
    from sql_bench.databases.mirrors import mirror_of
    from sql_bench.datasets.dataset import load_dataset
    from sql_bench.datasets.folder import check_dialect
    from sql_bench.mirror.mirror import open_mirror
    from sql_bench.pipeline.workbench import DatabaseChoice, open_backend
    from sql_bench.reports.query import query_table

    choice = DatabaseChoice(**database)
    if dialect:
        check_dialect(dialect)
    if dataset:
        loaded = load_dataset(dataset)
        opened, own_dialect = mirror_of(loaded, choice.mirror_path, choice.mirrors_dir, say), loaded.card.dialect
    elif choice.mirror_path:
        opened, own_dialect = open_mirror(choice.mirror_path), "duckdb"
    else:
        raise UserError("Give --dataset NAME or --mirror FILE to say what the statement is run on.")
    with open_backend(opened, dialect or own_dialect) as backend:
        print_table(query_table(sql, backend, choice.limits), form)


@main.command()
@click.option("--generator", "-g", "generator", help="Check this generator against the contract.")
@click.option("--comparator", "-c", "comparator", help="Check this comparator against the contract.")
@format_option
def doctor(generator: str | None, comparator: str | None, form: Format) -> None:
    """Say what can run here and what to install for the rest; or check a class of your own, point by point."""
    from sql_bench.reports.inventory import contract_table, machine_table

    if generator is None and comparator is None:
        print_table(machine_table(), form)
        return
    checked, n_failed = contract_table(generator, comparator)
    print_table(checked, form)
    if n_failed:
        raise SystemExit(1)


def _run(
    dataset: str, systems: Mapping[str, str], comparators: Sequence[str], results_dir: Path, database: Mapping[str, Any]
) -> list[ScoredSystem]:
    from sql_bench.pipeline.workbench import DatabaseChoice, open_bench, run_systems

    with open_bench(dataset, DatabaseChoice(**database), results_dir, say) as bench:
        return run_systems(bench, systems, comparators)
