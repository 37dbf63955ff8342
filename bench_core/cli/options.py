"""Options that commands of both command lines share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import click

from bench_core.cli.output import choose_view, chosen_view
from bench_core.results.tables import FORMATS

Command = TypeVar("Command", bound=Callable[..., Any])


def format_option(command: Command) -> Command:
    """`--format`, given to the command as `form`; `--wide` and `--columns`, to which the tables it prints keep."""
    for option in (
        click.option(
            "--columns",
            metavar="NAME,…",
            callback=_columns_chosen,
            expose_value=False,
            help="Columns to show, by their names in CSV.",
        ),
        click.option(
            "--wide",
            is_flag=True,
            callback=_wide_chosen,
            expose_value=False,
            help="All columns and whole texts, whatever the terminal's width.",
        ),
        click.option(
            "--format", "form", type=click.Choice(FORMATS), default="rich", show_default=True, help="Form of the table."
        ),
    ):
        command = option(command)
    return command


def _wide_chosen(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    choose_view(replace(chosen_view(), wide=value))


def _columns_chosen(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    names = tuple(name for name in (value or "").split(",") if name)
    choose_view(replace(chosen_view(), columns=names))


def results_option(command: Command) -> Command:
    """`--results`, given to the command as `results_dir`."""
    return click.option(
        "--results",
        "results_dir",
        type=click.Path(file_okay=False, path_type=Path),
        default=Path("results"),
        show_default=True,
        help="Folder the runs are kept in.",
    )(command)


def permutations_option(command: Command) -> Command:
    """`--permutations`, given to the command as `n_permutations`."""
    return click.option(
        "--permutations",
        "n_permutations",
        type=click.IntRange(min=100),
        default=100_000,
        show_default=True,
        help="Sign patterns and bootstrap samples; 200 a comparison or more.",
    )(command)
