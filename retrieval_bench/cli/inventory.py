"""`list`, `show` and `doctor`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench_core.cli.options import format_option
from bench_core.cli.output import print_table
from bench_core.results.tables import Format

if TYPE_CHECKING:
    pass

_PATH = click.Path(path_type=Path)


KINDS = ("datasets", "retrievers", "rerankers", "generators", "fusions", "models", "measures")


@click.command("list")
@click.argument("kind", type=click.Choice([*KINDS, "all"]), default="all")
@format_option
def list_command(kind: str, form: Format) -> None:
    """List datasets, stages, models and measures, and what each needs."""
    from retrieval_bench.reports.inventory import inventory_table

    print_table(inventory_table(kind), form)


@click.command()
@click.argument("name")
@format_option
def show(name: str, form: Format) -> None:
    """Show a dataset, a retriever with its arguments, or the folder of a run."""
    from retrieval_bench.reports.inventory import details_table

    print_table(details_table(name), form)


@click.command()
@click.option("--retriever", "-r", "retriever", help="Check this retriever or reranker against its contract.")
@click.option(
    "--parameter", "-p", "parameters", multiple=True, metavar="KEY=VALUE", help="An argument of it; repeatable."
)
@format_option
def doctor(retriever: str | None, parameters: Sequence[str], form: Format) -> None:
    """Say what can run here and what to install for the rest; or check a stage of your own, point by point."""
    from bench_core.plugins.registry import StageSpec
    from retrieval_bench.reports.inventory import contract_table, machine_table

    if retriever is None:
        print_table(machine_table(), form)
        return
    checked, n_failed = contract_table(StageSpec.parse(retriever, parameters))
    print_table(checked, form)
    if n_failed:
        raise SystemExit(1)
