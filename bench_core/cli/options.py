"""Options that commands of both command lines share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

import click
from click.core import ParameterSource

from bench_core.cli.output import choose_view, chosen_view
from bench_core.data_use import LOCAL_FLAG, REMOTE_FLAG, Permission
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
    names = tuple(name.strip() for name in (value or "").split(",") if name.strip())
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


cache_option = click.option(
    "--cache",
    "cache_dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of language models' answers [default: the user's cache].",
)


def language_model_options(command: Command) -> Command:
    """`--generator-model` and `--cache`, given to the command together as `models`, a `LanguageModelSettings`."""

    @wraps(command)
    def with_models(*, generator_model: str, cache_dir: Path | None, **others: Any) -> Any:
        from bench_core.llm.stage_models import LanguageModelSettings, default_store_dir

        return command(models=LanguageModelSettings(cache_dir or default_store_dir(), generator_model), **others)

    model_option = click.option(
        "--generator-model",
        default="",
        metavar="MODEL",
        help="Language model of stages that name none: hf:ID, openai:MODEL or http://HOST/v1#MODEL.",
    )
    return cast(Command, model_option(cache_option(with_models)))


class CommandLineOnly(click.Option):
    """An option that no environment variable and no configuration of defaults can set."""

    def consume_value(self, ctx: click.Context, opts: Mapping[str, Any]) -> tuple[Any, ParameterSource]:
        """What was typed, else that nothing was."""
        value, source = super().consume_value(ctx, opts)
        typed = source is ParameterSource.COMMANDLINE
        return (value, source) if typed else (() if self.multiple else None, ParameterSource.DEFAULT)


def permission_options(command: Command) -> Command:
    """What a user says about credentialed data, given to the command as `permission`."""

    @wraps(command)
    def with_permission(*, allowed_remote: str | None, local_classes: tuple[str, ...], **others: Any) -> Any:
        return command(permission=Permission(allowed_remote, local_classes), **others)

    remote_option = click.option(
        REMOTE_FLAG,
        "allowed_remote",
        cls=CommandLineOnly,
        allow_from_autoenv=False,
        metavar="'PROVIDER; RETENTION'",
        help="Text of credentialed datasets may go to this provider, which keeps it as said; recorded.",
    )
    local_option = click.option(
        LOCAL_FLAG,
        "local_classes",
        cls=CommandLineOnly,
        allow_from_autoenv=False,
        multiple=True,
        metavar="CLASS",
        help="A class that does not say so keeps text on this machine; recorded, repeatable.",
    )
    return cast(Command, remote_option(local_option(with_permission)))


def cluster_option(command: Command) -> Command:
    """`--cluster-is-ours`, for a command that is given `permission` and may run on several machines."""

    @wraps(command)
    def with_cluster(*, permission: Permission, cluster_is_ours: bool | None, **others: Any) -> Any:
        return command(permission=replace(permission, cluster_is_ours=bool(cluster_is_ours)), **others)

    option = click.option(
        "--cluster-is-ours",
        cls=CommandLineOnly,
        allow_from_autoenv=False,
        is_flag=True,
        help="On credentialed data, the other nodes of a cluster count as this machine; recorded.",
    )
    return cast(Command, option(with_cluster))
