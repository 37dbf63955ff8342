"""`run`: systems on datasets, scored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench_core.cli.grids import GridRun, close_check, close_grid, grid_options, ledger_of
from bench_core.cli.options import (
    cluster_option,
    format_option,
    language_model_options,
    permission_options,
    results_option,
)
from bench_core.cli.output import print_table, say
from bench_core.results.tables import Format
from retrieval_bench.cli.options import (
    DATASET_HELP,
    SYSTEM_HELP,
    indexes_option,
    measure_option,
    parameter_option,
    parse_measures,
)

if TYPE_CHECKING:
    from bench_core.data_use import Permission
    from bench_core.errors import BenchError
    from bench_core.llm.stage_models import LanguageModelSettings
    from bench_core.results.scores import ItemScores
    from retrieval_bench.scoring.measures import Measure

_PATH = click.Path(path_type=Path)


@click.command()
@click.option("--dataset", "-d", "datasets", multiple=True, help=f"{DATASET_HELP}; repeatable.")
@click.option("--retriever", "-r", "retrievers", multiple=True, help=f"{SYSTEM_HELP} Repeatable.")
@parameter_option
@click.option("--fuse", "fused", multiple=True, metavar="SYSTEM", help="A system to fuse with the other --fuse ones.")
@click.option("--method", default="rrf", show_default=True, help="Method of fusion; arguments as ,key=value.")
@click.option("--rerank", "rerankers", multiple=True, help="A reranker for each of these systems; repeatable.")
@click.option("--depth", type=click.IntRange(min=1), help="Documents a reranker sees [default: 100].")
@click.option(
    "--keep",
    type=click.Choice(["reranked", "all"]),
    help="Documents that remain [default: reranked].",
)
@language_model_options
@permission_options
@cluster_option
@click.option(
    "--experiment", "-e", type=_PATH, help="YAML file of datasets and systems; --dataset replaces its datasets."
)
@click.option("-k", "k", type=click.IntRange(min=1), help="Documents kept for each query [default: the dataset's own].")
@measure_option
@grid_options
@results_option
@indexes_option
@format_option
def run(
    datasets: Sequence[str],
    retrievers: Sequence[str],
    parameters: Sequence[str],
    fused: Sequence[str],
    method: str,
    rerankers: Sequence[str],
    depth: int | None,
    keep: str | None,
    models: LanguageModelSettings,
    permission: Permission,
    experiment: Path | None,
    k: int | None,
    measure_texts: Sequence[str],
    executor: str,
    is_check: bool,
    is_verbose: bool,
    results_dir: Path,
    indexes_dir: Path,
    form: Format,
) -> None:
    """Search every dataset with every system, score the runs, print the table.

    Systems are those of --retriever, the fusion of the --fuse ones, and with --rerank each of these reranked as well.
    What is there already and whole is not made again. Where one system fails, the others go on.
    """
    from bench_core.errors import UserError
    from bench_core.machine.disk import check_room
    from bench_core.runs.config import load_config
    from bench_core.runs.grid import RemoteWork
    from bench_core.runs.reporter import Reporter
    from retrieval_bench.pipeline.cells import WORK, CellSettings, Order, Planner, RetrievalWork
    from retrieval_bench.pipeline.experiment import RetrievalExperiment
    from retrieval_bench.pipeline.system import system_texts
    from retrieval_bench.reports.tables import scores_table
    from retrieval_bench.scoring.scored_runs import KIND

    systems = system_texts(retrievers, fused, method, rerankers, depth, keep)
    if experiment is not None:
        if systems:
            raise UserError("Systems are named by --experiment or by --retriever, --fuse and --rerank, not by both.")
        loaded = load_config(experiment, RetrievalExperiment)
        pairs = [(name, text) for grid in loaded.grids for name in datasets or grid.datasets for text in grid.systems]
        k = k or loaded.k
    else:
        pairs = [(name, text) for name in datasets for text in systems]
    if not pairs:
        raise UserError("Give --dataset and --retriever (or --fuse), or --experiment FILE.")
    measures = parse_measures(measure_texts)
    settings = CellSettings(
        results_dir, indexes_dir, models.store_dir, models.model, permission, tuple(map(str, measures))
    )
    report = Reporter(say, is_verbose)
    check_room([results_dir, indexes_dir])
    planner = Planner(settings, report)
    planned = planner.plan([Order(name, text, tuple(parameters), k) for name, text in pairs])
    if is_check:
        close_check(planned, planner.read, report)
        return
    with ledger_of(executor, results_dir) as ledger_dir:
        shared = replace(settings, ledger_dir=ledger_dir)
        work = RemoteWork(WORK, shared.as_text(), [results_dir, indexes_dir, settings.store_dir])
        grid_run = GridRun(executor, report, permission.cluster_is_ours)
        result = grid_run.run(planned, lambda: RetrievalWork(settings, report), work)
    runs = [finished.value for finished in result.finished if finished.value is not None]
    if runs:
        print_table(scores_table(runs, measures), form)
    close_grid(result, results_dir / KIND)


@dataclass(frozen=True)
class Where:
    """Folders, language models, and what may leave this machine."""

    results_dir: Path
    indexes_dir: Path
    models: LanguageModelSettings
    permission: Permission


def outcomes(
    pairs: Sequence[tuple[str, str]],
    parameters: Sequence[str],
    k: int | None,
    where: Where,
    measures: Sequence[Measure],
) -> Iterator[ItemScores | BenchError]:
    """Run pairs of a dataset and a system, in order; what fails for another reason than the user's mistake is given."""
    from bench_core.errors import BenchError, UserError
    from bench_core.runs.grid import Failure
    from bench_core.runs.reporter import Reporter
    from retrieval_bench.pipeline.cells import CellSettings, Order, Planner, RetrievalWork

    models, texts = where.models, tuple(map(str, measures))
    settings = CellSettings(
        where.results_dir, where.indexes_dir, models.store_dir, models.model, where.permission, texts
    )
    report = Reporter(say)
    orders = [Order(name, text, tuple(parameters), k) for name, text in pairs]
    for planned in Planner(settings, report).plan(orders):  # a misspelt system is reported before a corpus is read
        if isinstance(planned, Failure):
            raise (UserError if planned.is_mistake else BenchError)(planned.sentence)
    work = RetrievalWork(settings, report)
    for order in orders:
        try:
            scored = work.run(order.as_text()).value
        except UserError:
            raise
        except BenchError as error:
            yield error
        else:
            if scored is not None:
                yield scored
