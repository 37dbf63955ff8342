"""`list`, `show`, `doctor` and `runs`, with the words of this half."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench_core.cli.inventory import list_command as make_list_command
from bench_core.cli.inventory import print_contracts, print_machine, show_command
from bench_core.cli.options import format_option
from bench_core.cli.runs import runs_group
from bench_core.results.tables import Format

if TYPE_CHECKING:
    from bench_core.results.inventory import Kind

KINDS = ("datasets", "generators", "comparators", "measures", "verdicts", "dialects")


def _kinds(results_dir: Path) -> Sequence[Kind]:
    from sql_bench.reports.inventory import kinds

    return kinds(results_dir)


list_command = make_list_command(KINDS, _kinds)
show = show_command(
    _kinds, "a dataset, a mirror, a stage with its arguments, a measure, a verdict, a dialect, a class of yours, a run"
)
runs = runs_group("sql")


@click.command()
@click.argument("stages", metavar="[STAGE|DATASET]…", nargs=-1)
@click.option("--generator", "-g", "generator", help="A generator to check, as the argument.")
@click.option("--comparator", "-c", "comparator", help="A comparator to check, as the argument.")
@click.option("--dataset", "-d", "dataset", help="A dataset to check, as the argument.")
@format_option
def doctor(
    stages: Sequence[str], generator: str | None, comparator: str | None, dataset: str | None, form: Format
) -> None:
    """Report what can run here and what to install for the rest; or check stages and datasets by their contracts."""
    from bench_core.plugins.registry import StageSpec
    from sql_bench.reports.inventory import contract_families, machine_words, stage_families

    specs = [StageSpec.parse(text) for text in (*stages, generator, comparator, dataset) if text]
    if specs:
        print_contracts(specs, contract_families(), form)
    else:
        print_machine(machine_words(), stage_families(), form)
