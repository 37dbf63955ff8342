"""`retrieval-bench cache`: the stored answers of language models."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench_core.cli.group import BenchGroup
from bench_core.cli.options import format_option
from bench_core.cli.output import print_table
from bench_core.results.tables import Format
from retrieval_bench.cli.options import cache_option, dataset_option, generator_model_option, retriever_option

if TYPE_CHECKING:
    from bench_core.llm.store import ResponseStore

_PATH = click.Path(path_type=Path)


@click.group(cls=BenchGroup)
def cache() -> None:
    """Look at, pass on and delete the stored answers of language models."""


@cache.command("stats")
@cache_option
@format_option
def cache_stats(cache_dir: Path | None, form: Format) -> None:
    """Count answers and tokens by model."""
    from bench_core.results.tables import Column, Table

    store = _store(cache_dir)
    columns = [Column("model", "model"), Column("answers", "answers")]
    columns += [Column("prompt_tokens", "prompt tokens"), Column("completion_tokens", "completion tokens")]
    print_table(Table(f"Answers in {store.root}", columns, [list(row) for row in store.statistics()]), form)


@cache.command("explain")
@dataset_option
@retriever_option
@generator_model_option
@cache_option
@format_option
def cache_explain(dataset: str, retriever: str, generator_model: str, cache_dir: Path | None, form: Format) -> None:
    """Say for each query whether its answer is stored, and else what the nearest stored one differs in."""
    from bench_core.llm.stage_models import LanguageModelSettings
    from retrieval_bench.datasets.dataset import load_dataset
    from retrieval_bench.pipeline.system import Setting, create_system
    from retrieval_bench.reports.stored_answers import explanation_table

    store, loaded = _store(cache_dir), load_dataset(dataset)
    setting = Setting(loaded.card, (), LanguageModelSettings(store.root, generator_model))
    print_table(explanation_table(loaded, create_system(retriever, setting), store), form)


@cache.command("export")
@click.argument("archive", type=_PATH)
@click.option("--model", default="", help="Only the answers of this model.")
@cache_option
def cache_export(archive: Path, model: str, cache_dir: Path | None) -> None:
    """Write the answers to a file, for somebody who has no model."""
    click.echo(f"{archive}: {_store(cache_dir).export(archive, model)} answers.")


@cache.command("import")
@click.argument("archive", type=_PATH)
@cache_option
def cache_import(archive: Path, cache_dir: Path | None) -> None:
    """Take over what `cache export` wrote."""
    n_new, n_there = _store(cache_dir).import_archive(archive)
    click.echo(f"{archive}: {n_new} new answers, {n_there} were there already.")


@cache.command("prune")
@click.option("--model", default="", help="Only the answers of this model.")
@click.confirmation_option(prompt="Delete these answers?")
@cache_option
def cache_prune(model: str, cache_dir: Path | None) -> None:
    """Delete answers."""
    click.echo(f"{_store(cache_dir).prune(model)} answers deleted.")


def _store(cache_dir: Path | None) -> ResponseStore:
    from bench_core.llm.stage_models import default_store_dir
    from bench_core.llm.store import ResponseStore

    return ResponseStore(cache_dir or default_store_dir())
