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

KINDS = ("datasets", "retrievers", "rerankers", "generators", "fusions", "models", "measures")


def _kinds(results_dir: Path) -> Sequence[Kind]:
    from retrieval_bench.reports.inventory import kinds

    return kinds(results_dir)


list_command = make_list_command(KINDS, _kinds)
show = show_command(_kinds, "a dataset, a stage with its arguments, a model, a measure, a class of yours, a run")
runs = runs_group("retrieval")


@click.command()
@click.argument("stages", metavar="[STAGE|DATASET]…", nargs=-1)
@click.option("--retriever", "-r", "retriever", help="A stage to check, as the argument; takes --parameter.")
@click.option(
    "--parameter", "-p", "parameters", multiple=True, metavar="KEY=VALUE", help="An argument of it; repeatable."
)
@click.option("--dataset", "-d", "dataset", help="A dataset to check, as the argument.")
@format_option
def doctor(
    stages: Sequence[str], retriever: str | None, parameters: Sequence[str], dataset: str | None, form: Format
) -> None:
    """Report what can run here and what to install for the rest; or check stages and datasets by their contracts."""
    from bench_core.plugins.registry import StageSpec
    from retrieval_bench.reports.inventory import contract_families, machine_words, stage_families

    specs = [StageSpec.parse(text) for text in (*stages, dataset) if text]
    specs += [StageSpec.parse(retriever, parameters)] if retriever else []
    if specs:
        print_contracts(specs, contract_families(), form)
    else:
        print_machine(machine_words(), stage_families(), form)
