"""`cache explain`: which requests of a system are answered already."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bench_core.cli.options import format_option, language_model_options
from bench_core.cli.output import print_table
from bench_core.results.tables import Format
from retrieval_bench.cli.options import dataset_option, retriever_option

if TYPE_CHECKING:
    from bench_core.llm.stage_models import LanguageModelSettings


@click.command("explain")
@dataset_option
@retriever_option
@language_model_options
@format_option
def explain(dataset: str, retriever: str, models: LanguageModelSettings, form: Format) -> None:
    """Say for each query whether its answer is stored, and else what the nearest stored one differs in."""
    from bench_core.llm.store import ResponseStore
    from retrieval_bench.datasets.dataset import load_dataset
    from retrieval_bench.pipeline.system import Setting, create_system
    from retrieval_bench.reports.stored_answers import explanation_table

    loaded = load_dataset(dataset)
    system = create_system(retriever, Setting(loaded.card, (), models))
    print_table(explanation_table(loaded, system, ResponseStore(models.store_dir)), form)
