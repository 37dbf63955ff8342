"""`list`, `show` and `doctor`, for a half that says what it has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench_core.cli.options import format_option, results_option
from bench_core.cli.output import print_table
from bench_core.results.tables import Format

if TYPE_CHECKING:
    from bench_core.plugins.registry import StageSpec
    from bench_core.results.doctor import MachineWords
    from bench_core.results.inventory import FamilyWords, Kind

KindsLoader = Callable[[Path], "Sequence[Kind]"]
"""Imports what a half has and gives its kinds; takes the results folder, whose runs can be shown too."""


def list_command(plurals: Sequence[str], load: KindsLoader) -> click.Command:
    """`list`, for kinds of these plurals."""

    @click.command("list")
    @click.argument("kind", type=click.Choice([*plurals, "all"]), default="all")
    @format_option
    def command(kind: str, form: Format) -> None:
        """List what can be named, and what each needs; `show` explains every name."""
        from bench_core.results.inventory import inventory_table

        kinds = [known for known in load(Path("results")) if known.plural in plurals]
        print_table(inventory_table([known for known in kinds if kind in (known.plural, "all")]), form)

    return command


def show_command(load: KindsLoader, examples: str) -> click.Command:
    """`show`, for whatever the kinds know."""

    @click.command(help=f"Explain a name: {examples}. Whatever `list` and a table name can be given.")
    @click.argument("name")
    @results_option
    @format_option
    def show(name: str, results_dir: Path, form: Format) -> None:
        from bench_core.results.inventory import details_table

        print_table(details_table(load(results_dir), name), form)

    return show


def print_machine(words: MachineWords, families: Sequence[FamilyWords], form: Format) -> None:
    """Print what can run here."""
    from bench_core.results.doctor import machine_table

    print_table(machine_table(words, families), form)


def print_contracts(specs: Sequence[StageSpec], families: Sequence[FamilyWords], form: Format) -> None:
    """Print the points of the contracts of stages.

    Raises:
        SystemExit: with code 1, where one does not hold.
    """
    from bench_core.results.doctor import contract_table

    table, n_failed = contract_table(specs, families)
    print_table(table, form)
    if n_failed:
        raise SystemExit(1)
