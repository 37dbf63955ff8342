"""`mirror`: tables imported, verified, and gold SQL tried on them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench_core.cli.group import SectionedGroup
from bench_core.cli.options import format_option, results_option
from bench_core.cli.output import print_table, say
from bench_core.results.tables import Format
from sql_bench.cli.options import (
    database_options,
    dataset_option,
)

if TYPE_CHECKING:
    pass

_PATH = click.Path(path_type=Path)


@click.group(cls=SectionedGroup)
def mirror() -> None:
    """Import tables into a DuckDB mirror, and check mirrors."""


@mirror.command("import")
@click.option("--from", "source_dir", type=_PATH, required=True, help="Folder of CSV or Parquet files, one a table.")
@click.option("--to", "mirror_path", type=_PATH, required=True, help="The mirror to write, NAME.duckdb.")
@click.option("--schema", "schema_path", type=_PATH, help="YAML file of column types [default: found in the files].")
@click.option("--credentialed", is_flag=True, help="The tables are: only you may read the mirror.")
@format_option
def import_command(
    source_dir: Path, mirror_path: Path, schema_path: Path | None, credentialed: bool, form: Format
) -> None:
    """Import a folder of tables, typed and verified; an older mirror of that name is replaced.

    Only you may read a mirror of a dataset's own tables/ whose dataset.yaml says that access is credentialed.
    """
    from bench_core.data_use import readable_by_its_owner_only
    from sql_bench.datasets.folder import access_of_tables
    from sql_bench.mirror.importing import import_folder
    from sql_bench.mirror.schema import load_schema
    from sql_bench.reports.inventory import mirror_table

    schema = load_schema(schema_path) if schema_path else None
    with readable_by_its_owner_only("credentialed" if credentialed else access_of_tables(source_dir)):
        imported = import_folder(
            source_dir,
            mirror_path,
            schema,
            lambda step: say(f"importing {step.table} ({step.number} of {step.n_tables})"),
        )
    print_table(mirror_table(imported), form)


@mirror.command()
@click.argument("mirror_path", type=_PATH, metavar="MIRROR")
def verify(mirror_path: Path) -> None:
    """Read every row of a mirror, and report whether it still holds what was imported."""
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
    from bench_core.runs.reporter import Reporter
    from sql_bench.pipeline.workbench import DatabaseChoice, open_bench
    from sql_bench.reports.tables import golds_table

    with open_bench(dataset, DatabaseChoice(**database), results_dir, Reporter(say, is_verbose=True)) as bench:
        print_table(golds_table(bench, all_rows), form)
