"""`fetch`, `import-upstream` and `index`: data and indexes before any run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench_core.cli.options import permission_options
from bench_core.cli.output import print_line, say
from retrieval_bench.cli.options import (
    dataset_option,
    indexes_option,
    parameter_option,
    retriever_option,
)

if TYPE_CHECKING:
    from bench_core.data_use import Permission

_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("dataset")
@click.option(
    "--qrels",
    "qrels_dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("qrels"),
    show_default=True,
    help="Folder the judgments are written to in TREC form.",
)
def fetch(dataset: str, qrels_dir: Path) -> None:
    """Download a dataset (r2med/biology, or r2med for all eight), check it, and write its judgments."""
    from retrieval_bench.datasets.r2med import fetch as fetch_sets

    for path in fetch_sets(dataset, qrels_dir, say):
        print_line(str(path))


@click.command("import-upstream")
@click.argument("benchmark", type=click.Choice(["r2med"]))
@click.argument("clone", type=click.Path(exists=True, file_okay=False, path_type=Path))
def import_upstream(benchmark: str, clone: Path) -> None:
    """Take instruction and prompt tables from your own clone of a benchmark's code, which is read and never run.

    They are then used by dense,instructions=upstream and hyde,prompt=upstream.
    """
    from retrieval_bench.upstream.r2med import import_r2med

    report = import_r2med(clone)
    for line in report.found:
        say(line)
    for line in report.missing:
        say(f"Not found: {line}")
    print_line(str(report.path))


@click.command()
@dataset_option
@retriever_option
@parameter_option
@permission_options
@indexes_option
def index(dataset: str, retriever: str, parameters: Sequence[str], permission: Permission, indexes_dir: Path) -> None:
    """Write a retriever's index of a dataset, where it is not there yet."""
    from bench_core.data_use import check, check_local_classes, readable_by_its_owner_only
    from bench_core.machine.progress import working
    from bench_core.plugins.registry import StageSpec
    from retrieval_bench.datasets.dataset import load_dataset
    from retrieval_bench.pipeline.system import FirstStage
    from retrieval_bench.retrievers.base import create_retriever
    from retrieval_bench.retrievers.index_store import prepare_index

    loaded = load_dataset(dataset)
    dataset_id, spec = loaded.card.dataset_id, StageSpec.parse(retriever, parameters)
    created = create_retriever(spec, loaded.card)
    reaches = FirstStage(str(spec), created).reaches
    check_local_classes(reaches, permission)
    check(str(spec), dataset_id, loaded.card.access, reaches, permission)
    with readable_by_its_owner_only(loaded.card.access), working(f"indexing {dataset_id}"):
        folder, was_there = prepare_index(created, loaded.corpus, loaded.card.indexed_as, indexes_dir, say)
    done = "is there already" if was_there else f"written: {len(loaded.corpus)} documents"
    say(f"{spec} on {dataset_id}: the index {done}.")
    print_line(str(folder))
