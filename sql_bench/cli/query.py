"""`query`: one guarded statement."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench_core.cli.options import format_option
from bench_core.cli.output import print_table, say
from bench_core.results.tables import Format
from sql_bench.cli.options import (
    database_options,
)

if TYPE_CHECKING:
    pass

_PATH = click.Path(path_type=Path)


@click.command()
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
    from sql_bench.generators.dialect_names import check_dialect
    from sql_bench.mirror.mirror import open_mirror
    from sql_bench.pipeline.workbench import DatabaseChoice, open_backend
    from sql_bench.reports.query import query_table

    choice, as_of = DatabaseChoice(**database), None
    if dialect:
        check_dialect(dialect)
    if dataset:
        loaded = load_dataset(dataset)
        opened, own_dialect = mirror_of(loaded, choice.mirror_path, choice.mirrors_dir, say, say), loaded.card.dialect
        as_of = loaded.card.as_of
    elif choice.mirror_path:
        opened, own_dialect = open_mirror(choice.mirror_path), "duckdb"
    else:
        raise UserError("Give --dataset NAME or --mirror FILE to say what the statement is run on.")
    with open_backend(opened, dialect or own_dialect, as_of) as backend:
        print_table(query_table(sql, backend, choice.limits), form)
