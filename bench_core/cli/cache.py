"""`cache`: the stored answers of language models, in both command lines."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench_core.cli.group import BenchGroup
from bench_core.cli.options import cache_option, format_option
from bench_core.cli.output import print_line, print_table
from bench_core.data_use import EXPORT_FLAG
from bench_core.results.tables import Format

if TYPE_CHECKING:
    from bench_core.llm.store import ResponseStore

_PATH = click.Path(path_type=Path)


def cache_group(*further: click.Command) -> click.Group:
    """The group `cache` of one half, with the commands that only this half has."""
    group = BenchGroup("cache", help="Look at, pass on and delete the stored answers of language models.")
    for command in (_stats, _export, _import, _prune, *further):
        group.add_command(command)
    return group


@click.command("stats")
@cache_option
@format_option
def _stats(cache_dir: Path | None, form: Format) -> None:
    """Count answers and tokens by model."""
    from bench_core.results.tables import Column, Table

    store = _store(cache_dir)
    columns = [
        Column("model", "model"),
        Column("answers", "answers"),
        Column("prompt_tokens", "prompt tokens"),
        Column("completion_tokens", "completion tokens"),
        Column("credentialed", "of credentialed data"),
    ]
    print_table(Table(f"Answers in {store.root}", columns, [list(row) for row in store.statistics()]), form)


@click.command("export")
@click.argument("archive", type=_PATH)
@click.option("--model", default="", help="Only the answers of this model.")
@click.option(EXPORT_FLAG, "may_be_credentialed", is_flag=True, help="Answers of credentialed data may be among them.")
@cache_option
def _export(archive: Path, model: str, may_be_credentialed: bool, cache_dir: Path | None) -> None:
    """Write the answers to a file, for somebody who has no model."""
    print_line(f"{archive}: {_store(cache_dir).export(archive, model, may_be_credentialed)} answers.")


@click.command("import")
@click.argument("archive", type=_PATH)
@cache_option
def _import(archive: Path, cache_dir: Path | None) -> None:
    """Take over what `cache export` wrote."""
    n_new, n_there = _store(cache_dir).import_archive(archive)
    print_line(f"{archive}: {n_new} new answers, {n_there} were there already.")


@click.command("prune")
@click.option("--model", default="", help="Only the answers of this model.")
@click.confirmation_option(prompt="Delete these answers?")
@cache_option
def _prune(model: str, cache_dir: Path | None) -> None:
    """Delete answers."""
    print_line(f"{_store(cache_dir).prune(model)} answers deleted.")


def _store(cache_dir: Path | None) -> ResponseStore:
    from bench_core.llm.stage_models import default_store_dir
    from bench_core.llm.store import ResponseStore

    return ResponseStore(cache_dir or default_store_dir())
