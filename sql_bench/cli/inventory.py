"""`list`, `show` and `doctor`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench_core.cli.options import format_option
from bench_core.cli.output import print_table
from bench_core.results.tables import Format

if TYPE_CHECKING:
    pass

_PATH = click.Path(path_type=Path)


@click.command("list")
@click.argument("kind", type=click.Choice(["datasets", "generators", "comparators", "all"]), default="all")
@format_option
def list_command(kind: str, form: Format) -> None:
    """List datasets, generators and comparators, and what each needs."""
    from sql_bench.reports.inventory import inventory_table

    print_table(inventory_table(kind), form)


@click.command()
@click.argument("name")
@format_option
def show(name: str, form: Format) -> None:
    """Show a dataset with its questions, a mirror with its tables, or the folder of a run."""
    from sql_bench.reports.inventory import details_table

    print_table(details_table(name), form)


@click.command()
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
