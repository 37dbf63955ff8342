"""Options that several commands of `sql-bench` share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

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
