"""`score`, `table`, `compare` and `gains`: runs and what they score."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench_core.cli.options import (
    format_option,
    language_model_options,
    permission_options,
    permutations_option,
    results_option,
)
from bench_core.cli.output import print_table, say
from bench_core.cli.scored import scored_on
from bench_core.results.tables import Format
from retrieval_bench.cli.options import (
    DATASET_HELP,
    SYSTEM_HELP,
    dataset_option,
    indexes_option,
    measure_option,
    parse_measures,
)
from retrieval_bench.cli.running import Where, outcomes

if TYPE_CHECKING:
    from bench_core.data_use import Permission
    from bench_core.llm.stage_models import LanguageModelSettings

_PATH = click.Path(path_type=Path)


@click.command()
@click.option("--run", "run_path", type=_PATH, required=True, help="A TREC run file, gzipped or not.")
@click.option("--qrels", "qrels_path", type=_PATH, help="A TREC or BEIR qrels file, gzipped or not.")
@click.option("--dataset", "-d", "dataset", help="Score against a dataset's judgments instead.")
@click.option("-k", "k", type=click.IntRange(min=1), help="Cut the run to its k best before scoring.")
@click.option(
    "--relevance-level",
    "-l",
    "level",
    type=click.IntRange(min=1),
    help="The least relevance that counts as relevant [default: the dataset's own, else 1].",
)
@measure_option
@click.option("--per-query", is_flag=True, help="One row a query instead of the means.")
@format_option
def score(
    run_path: Path,
    qrels_path: Path | None,
    dataset: str | None,
    k: int | None,
    level: int | None,
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
    from retrieval_bench.scoring.scored_runs import read_canonical_run, scores_of_run

    if (qrels_path is None) == (dataset is None):
        raise UserError("Give either --qrels FILE or --dataset NAME to say what the run is scored against.")
    measures = parse_measures(measure_texts, DEFAULT_MEASURES)
    judged = load_dataset(dataset) if dataset is not None else None
    qrels = read_qrels(qrels_path) if qrels_path is not None else judged.qrels if judged else {}
    relevant_from = level or (judged.card.relevance_level if judged else 1)
    run = read_canonical_run(run_path, is_ours=False)
    ranked = {query_id: ranking[:k] for query_id, ranking in run.items()}
    name = str(dataset) if qrels_path is None else qrels_path.name
    scored = scores_of_run(ranked, qrels, measures, name, run_path.name, relevant_from)
    print_table(per_query_table(scored) if per_query else scores_table([scored], measures), form)


@click.command()
@click.option(
    "--dataset", "-d", "dataset", help=f"Only the runs on this dataset, {DATASET_HELP}, or as a table names it."
)
@measure_option
@results_option
@format_option
def table(dataset: str | None, measure_texts: Sequence[str], results_dir: Path, form: Format) -> None:
    """Print the table of all complete runs in the results folder."""
    from retrieval_bench.datasets.dataset import load_dataset
    from retrieval_bench.reports.tables import scores_table
    from retrieval_bench.scoring.scored_runs import KIND, stored_runs

    where = results_dir, KIND, dataset, load_dataset
    runs = scored_on(stored_runs(results_dir), *where, "complete run", "retrieval-bench run")
    print_table(scores_table(runs, parse_measures(measure_texts)), form)


@click.command()
@dataset_option
@click.option("--baseline", "-b", help="The system the others are compared with [default: the best of them].")
@click.option(
    "--retriever",
    "-r",
    "retrievers",
    multiple=True,
    required=True,
    help=f"A system to compare. {SYSTEM_HELP} Repeatable.",
)
@click.option("--measure", "-m", "measure_text", default="ndcg@10", show_default=True, help="The measure compared.")
@click.option("-k", "k", type=click.IntRange(min=1), help="Documents kept for each query [default: the dataset's own].")
@permutations_option
@language_model_options
@permission_options
@results_option
@indexes_option
@format_option
def compare(
    dataset: str,
    baseline: str | None,
    retrievers: Sequence[str],
    measure_text: str,
    k: int | None,
    n_permutations: int,
    models: LanguageModelSettings,
    permission: Permission,
    results_dir: Path,
    indexes_dir: Path,
    form: Format,
) -> None:
    """Compare systems with a baseline or the best of them, query by query.

    Differences with their intervals, wins, losses, a paired randomisation test and intervals of ranks.
    """
    from bench_core.errors import BenchError, UserError
    from bench_core.results.comparison import compare as compare_scores
    from bench_core.results.comparison_table import comparison_table
    from retrieval_bench.reports.tables import judgment_notes
    from retrieval_bench.scoring.measures import Measure

    measure = Measure.parse(measure_text)
    texts = [*([baseline] if baseline else []), *retrievers]
    if len(set(texts)) < len(texts):
        raise UserError("A system cannot be compared with itself; name each one once.")
    pairs = [(dataset, text) for text in texts]
    where = Where(results_dir, indexes_dir, models, permission)
    runs = []
    for outcome in outcomes(pairs, (), k, where, [measure]):
        if isinstance(outcome, BenchError):
            raise outcome
        runs.append(outcome)
    comparison = compare_scores(runs, measure.as_shown, runs[0] if baseline else None, n_permutations)
    print_table(comparison_table(comparison, measure.as_shown, judgment_notes(comparison.baseline, runs)), form)


@click.command()
@dataset_option
@click.option("--retriever", "-r", "retriever", required=True, help="A system that generates, as 'hyde > bm25'.")
@click.option("--measure", "-m", "measure_text", default="ndcg@10", show_default=True, help="The measure compared.")
@language_model_options
@permission_options
@results_option
@indexes_option
@format_option
def gains(
    dataset: str,
    retriever: str,
    measure_text: str,
    models: LanguageModelSettings,
    permission: Permission,
    results_dir: Path,
    indexes_dir: Path,
    form: Format,
) -> None:
    """Show query by query what generation changed, what it brought, and what a gained point has cost."""
    from bench_core.data_use import check_local_classes
    from bench_core.runs.reporter import Reporter
    from retrieval_bench.datasets.dataset import load_dataset
    from retrieval_bench.pipeline.run import Workspace
    from retrieval_bench.pipeline.system import Setting, create_system
    from retrieval_bench.reports.gains import gains_table
    from retrieval_bench.scoring.measures import Measure

    loaded = load_dataset(dataset)
    system = create_system(retriever, Setting(loaded.card, (), models))
    check_local_classes(system.reaches, permission)
    workspace = Workspace(results_dir, indexes_dir, Reporter(say, is_verbose=True), permission)
    print_table(gains_table(loaded, system, loaded.card.k, workspace, Measure.parse(measure_text)), form)
