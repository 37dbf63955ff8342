"""`retrieval-bench`: index, search and score medical corpora. Each command imports what it needs when it runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench_core.cli.group import BenchGroup
from bench_core.cli.options import format_option, results_option
from bench_core.cli.output import print_table, say
from bench_core.results.tables import Format
from retrieval_bench.cli.cache import cache
from retrieval_bench.cli.options import (
    DATASET_HELP,
    SYSTEM_HELP,
    allow_remote_option,
    cache_option,
    dataset_option,
    generator_model_option,
    indexes_option,
    parameter_option,
    retriever_option,
)

if TYPE_CHECKING:
    from bench_core.errors import BenchError
    from retrieval_bench.scoring.measures import Measure
    from retrieval_bench.scoring.scored_runs import ScoredRun

_PATH = click.Path(path_type=Path)

measure_option = click.option(
    "--measure", "-m", "measure_texts", multiple=True, metavar="NAME[@K]", help="A measure, as ndcg@10; repeatable."
)


@click.group(cls=BenchGroup)
@click.version_option(package_name="biomed-bench", prog_name="retrieval-bench")
def main() -> None:
    """Index medical corpora, search them, and score runs as trec_eval does."""


main.add_command(cache)


KINDS = ("datasets", "retrievers", "rerankers", "generators", "fusions", "models", "measures")


@main.command("list")
@click.argument("kind", type=click.Choice([*KINDS, "all"]), default="all")
@format_option
def list_command(kind: str, form: Format) -> None:
    """List datasets, stages, models and measures, and what each needs."""
    from retrieval_bench.reports.inventory import inventory_table

    print_table(inventory_table(kind), form)


@main.command()
@click.argument("name")
@format_option
def show(name: str, form: Format) -> None:
    """Show a dataset, a retriever with its arguments, or the folder of a run."""
    from retrieval_bench.reports.inventory import details_table

    print_table(details_table(name), form)


@main.command()
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
        click.echo(str(path))


@main.command("import-upstream")
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
    click.echo(str(report.path))


@main.command()
@dataset_option
@retriever_option
@parameter_option
@allow_remote_option
@indexes_option
def index(dataset: str, retriever: str, parameters: Sequence[str], allow_remote: bool, indexes_dir: Path) -> None:
    """Write a retriever's index of a dataset, or say that it is there."""
    from bench_core.machine.progress import working
    from bench_core.plugins.registry import StageSpec
    from retrieval_bench.data_use import check_data_use, readable_by_its_owner_only
    from retrieval_bench.datasets.dataset import load_dataset
    from retrieval_bench.pipeline.system import FirstStage
    from retrieval_bench.retrievers.base import create_retriever
    from retrieval_bench.retrievers.index_store import prepare_index

    loaded = load_dataset(dataset)
    dataset_id, spec = loaded.card.dataset_id, StageSpec.parse(retriever, parameters)
    created = create_retriever(spec, dataset_id)
    check_data_use(loaded.card, FirstStage(str(spec), created), allow_remote)
    with readable_by_its_owner_only(loaded.card), working(f"indexing {dataset_id}"):
        folder, was_there = prepare_index(created, loaded.corpus, loaded.card.indexed_as, indexes_dir)
    done = "is there already" if was_there else f"written: {len(loaded.corpus)} documents"
    say(f"{spec} on {dataset_id}: the index {done}.")
    click.echo(str(folder))


@main.command()
@click.option("--dataset", "-d", "datasets", multiple=True, help=f"{DATASET_HELP}; repeatable.")
@click.option("--retriever", "-r", "retrievers", multiple=True, help=f"{SYSTEM_HELP} Repeatable.")
@parameter_option
@click.option("--fuse", "fused", multiple=True, metavar="SYSTEM", help="A system to fuse with the other --fuse ones.")
@click.option("--method", default="rrf", show_default=True, help="How they are fused; arguments as ,key=value.")
@click.option("--rerank", "rerankers", multiple=True, help="Order each of these systems anew; repeatable.")
@click.option("--depth", type=click.IntRange(min=1), help="Documents a reranker sees [default: 100].")
@click.option("--keep", type=click.Choice(["reranked", "all"]), help="What stays beside them [default: reranked].")
@generator_model_option
@cache_option
@allow_remote_option
@click.option(
    "--experiment", "-e", type=_PATH, help="YAML file of datasets and systems; --dataset replaces its datasets."
)
@click.option("-k", "k", type=click.IntRange(min=1), help="Documents kept for each query [default: the dataset's own].")
@measure_option
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
    generator_model: str,
    cache_dir: Path | None,
    allow_remote: bool,
    experiment: Path | None,
    k: int | None,
    measure_texts: Sequence[str],
    results_dir: Path,
    indexes_dir: Path,
    form: Format,
) -> None:
    """Search every dataset with every system, score the runs, print the table.

    Systems are those of --retriever, the fusion of the --fuse ones, and with --rerank each of these reranked as well.
    What is there already and whole is not made again. Where one system fails, the others go on.
    """
    from bench_core.errors import BenchError, UserError
    from bench_core.runs.config import load_config
    from retrieval_bench.pipeline.experiment import RetrievalExperiment
    from retrieval_bench.pipeline.system import system_texts
    from retrieval_bench.reports.tables import scores_table

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
    measures = _measures(measure_texts)
    where = _Where(results_dir, indexes_dir, cache_dir, allow_remote)
    runs, failures = [], []
    for outcome in _outcomes(pairs, parameters, generator_model, k, where, measures):
        if not isinstance(outcome, BenchError):
            runs.append(outcome)
            continue
        if len(pairs) == 1:
            raise outcome
        failures.append(outcome)
        say(f"Failed: {outcome}")
    if runs:
        print_table(scores_table(runs, measures), form)
    if failures:
        raise BenchError(f"{len(failures)} of {len(pairs)} runs failed, as told above; the others are kept.")


@main.command()
@click.option("--run", "run_path", type=_PATH, required=True, help="A TREC run file, gzipped or not.")
@click.option("--qrels", "qrels_path", type=_PATH, help="A TREC or BEIR qrels file, gzipped or not.")
@click.option("--dataset", "-d", "dataset", help="Score against a dataset's judgments instead.")
@click.option("-k", "k", type=click.IntRange(min=1), help="Cut the run to its k best before scoring.")
@measure_option
@click.option("--per-query", is_flag=True, help="One row a query instead of the means.")
@format_option
def score(
    run_path: Path,
    qrels_path: Path | None,
    dataset: str | None,
    k: int | None,
    measure_texts: Sequence[str],
    per_query: bool,
    form: Format,
) -> None:
    """Score any TREC run, ours or not, with trec_eval's figures."""
    from bench_core.errors import UserError
    from retrieval_bench.datasets.dataset import load_dataset
    from retrieval_bench.rankings.trec import read_qrels
    from retrieval_bench.reports.tables import per_query_table, scores_table
    from retrieval_bench.scoring.measures import DEFAULT_MEASURES
    from retrieval_bench.scoring.score import check_same_collection
    from retrieval_bench.scoring.score import score as score_run
    from retrieval_bench.scoring.scored_runs import ScoredRun, read_canonical_run

    if (qrels_path is None) == (dataset is None):
        raise UserError("Give either --qrels FILE or --dataset NAME to say what the run is scored against.")
    measures = _measures(measure_texts, DEFAULT_MEASURES)
    qrels = read_qrels(qrels_path) if qrels_path is not None else load_dataset(str(dataset)).qrels
    ranked = {query_id: ranking[:k] for query_id, ranking in read_canonical_run(run_path).items()}
    name = str(dataset) if qrels_path is None else qrels_path.name
    check_same_collection(ranked, qrels)
    scored = ScoredRun(name, run_path.name, run_path.parent, score_run(ranked, qrels, measures))
    print_table(per_query_table(scored) if per_query else scores_table([scored], measures), form)


@main.command()
@click.option("--dataset", "-d", "dataset", help="Only the runs on this dataset.")
@measure_option
@results_option
@format_option
def table(dataset: str | None, measure_texts: Sequence[str], results_dir: Path, form: Format) -> None:
    """Print the table of all complete runs in the results folder."""
    from bench_core.errors import UserError
    from retrieval_bench.reports.tables import scores_table
    from retrieval_bench.scoring.scored_runs import stored_runs

    runs = [run for run in stored_runs(results_dir) if dataset is None or run.dataset_id == dataset]
    if not runs:
        where = f"{results_dir} on {dataset}" if dataset else f"{results_dir}"
        raise UserError(f"There is no complete run in {where}; make one with `retrieval-bench run`.")
    print_table(scores_table(runs, _measures(measure_texts)), form)


@main.command()
@dataset_option
@click.option("--baseline", "-b", required=True, help=f"The system the others are compared with. {SYSTEM_HELP}")
@click.option("--retriever", "-r", "retrievers", multiple=True, required=True, help="A system to compare; repeatable.")
@click.option("--measure", "-m", "measure_text", default="ndcg@10", show_default=True, help="The measure compared.")
@click.option("-k", "k", type=click.IntRange(min=1), help="Documents kept for each query [default: the dataset's own].")
@click.option(
    "--permutations",
    "n_permutations",
    type=click.IntRange(min=100),
    default=100_000,
    show_default=True,
    help="Resamplings.",
)
@generator_model_option
@cache_option
@allow_remote_option
@results_option
@indexes_option
@format_option
def compare(
    dataset: str,
    baseline: str,
    retrievers: Sequence[str],
    measure_text: str,
    k: int | None,
    n_permutations: int,
    generator_model: str,
    cache_dir: Path | None,
    allow_remote: bool,
    results_dir: Path,
    indexes_dir: Path,
    form: Format,
) -> None:
    """Compare systems with a baseline, query by query: wins, losses and a paired randomisation test."""
    from bench_core.errors import BenchError
    from retrieval_bench.reports.tables import comparison_table
    from retrieval_bench.scoring.measures import Measure

    measure = Measure.parse(measure_text)
    pairs = [(dataset, text) for text in (baseline, *retrievers)]
    where = _Where(results_dir, indexes_dir, cache_dir, allow_remote)
    runs = []
    for outcome in _outcomes(pairs, (), generator_model, k, where, [measure]):
        if isinstance(outcome, BenchError):
            raise outcome
        runs.append(outcome)
    print_table(comparison_table(runs[0], runs[1:], measure, n_permutations), form)


@main.command()
@dataset_option
@click.option("--retriever", "-r", "retriever", required=True, help="A system that generates, as 'hyde > bm25'.")
@click.option("--measure", "-m", "measure_text", default="ndcg@10", show_default=True, help="The measure compared.")
@generator_model_option
@cache_option
@allow_remote_option
@results_option
@indexes_option
@format_option
def gains(
    dataset: str,
    retriever: str,
    measure_text: str,
    generator_model: str,
    cache_dir: Path | None,
    allow_remote: bool,
    results_dir: Path,
    indexes_dir: Path,
    form: Format,
) -> None:
    """Show query by query what generation changed, what it brought, and what a gained point has cost."""
    from bench_core.llm.stage_models import LanguageModelSettings, default_store_dir
    from retrieval_bench.datasets.dataset import load_dataset
    from retrieval_bench.pipeline.run import Workspace
    from retrieval_bench.pipeline.system import Setting, create_system
    from retrieval_bench.reports.gains import gains_table
    from retrieval_bench.scoring.measures import Measure

    loaded = load_dataset(dataset)
    models = LanguageModelSettings(cache_dir or default_store_dir(), generator_model)
    system = create_system(retriever, Setting(loaded.card.dataset_id, (), models))
    workspace = Workspace(results_dir, indexes_dir, say, allow_remote)
    print_table(gains_table(loaded, system, loaded.card.k, workspace, Measure.parse(measure_text)), form)


@main.command()
@click.option("--retriever", "-r", "retriever", help="Check this retriever or reranker against its contract.")
@click.option(
    "--parameter", "-p", "parameters", multiple=True, metavar="KEY=VALUE", help="An argument of it; repeatable."
)
@format_option
def doctor(retriever: str | None, parameters: Sequence[str], form: Format) -> None:
    """Say what can run here and what to install for the rest; or check a stage of your own, point by point."""
    from bench_core.plugins.registry import StageSpec
    from retrieval_bench.reports.inventory import contract_table, machine_table

    if retriever is None:
        print_table(machine_table(), form)
        return
    checked, n_failed = contract_table(StageSpec.parse(retriever, parameters))
    print_table(checked, form)
    if n_failed:
        raise SystemExit(1)


def _measures(texts: Sequence[str], default: Sequence[Measure] | None = None) -> list[Measure]:
    from retrieval_bench.scoring.measures import TABLE_MEASURES, Measure

    return [Measure.parse(text) for text in texts] or list(default or TABLE_MEASURES)


@dataclass(frozen=True)
class _Where:
    """Folders, and what may leave this machine."""

    results_dir: Path
    indexes_dir: Path
    cache_dir: Path | None
    allow_remote: bool


def _outcomes(
    pairs: Sequence[tuple[str, str]],
    parameters: Sequence[str],
    generator_model: str,
    k: int | None,
    where: _Where,
    measures: Sequence[Measure],
) -> Iterator[ScoredRun | BenchError]:
    """Run pairs of a dataset and a system, in order; what fails for another reason than the user's mistake is given."""
    from bench_core.errors import BenchError, UserError
    from bench_core.llm.stage_models import LanguageModelSettings, default_store_dir
    from retrieval_bench.datasets.dataset import load_dataset
    from retrieval_bench.pipeline.run import Workspace, run_system
    from retrieval_bench.pipeline.system import Setting, create_system

    models = LanguageModelSettings(where.cache_dir or default_store_dir(), generator_model)
    workspace = Workspace(where.results_dir, where.indexes_dir, say, where.allow_remote)
    for name, text in pairs:  # a misspelt system is told before the first corpus is read
        create_system(text, Setting(name, parameters, models))
    loaded: str | None = None
    for name, text in pairs:
        if name != loaded:  # one corpus is held at a time
            dataset, loaded = load_dataset(name), name
        system = create_system(text, Setting(dataset.card.dataset_id, parameters, models))
        try:
            yield run_system(dataset, system, k or dataset.card.k, workspace, measures)
        except UserError:
            raise
        except BenchError as error:
            yield error
