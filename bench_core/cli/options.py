"""Options that commands of both command lines share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from bench_core.results.tables import FORMATS

Command = TypeVar("Command", bound=Callable[..., Any])


def format_option(command: Command) -> Command:
    """`--format`, given to the command as `form`."""
    return click.option(
        "--format", "form", type=click.Choice(FORMATS), default="rich", show_default=True, help="Form of the table."
    )(command)


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
