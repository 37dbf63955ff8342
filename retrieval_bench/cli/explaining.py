"""`explain`: what a run found for a query, from stored results alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from bench_core.cli.options import format_option, results_option
from bench_core.cli.output import print_explanation, print_table, say
from bench_core.cli.scored import scored_on
from bench_core.results.tables import Format
from retrieval_bench.cli.options import DATASET_HELP


@click.command()
@click.argument("query", required=False)
@click.option("--dataset", "-d", "dataset", help=f"{DATASET_HELP}, or as a table names it.")
@click.option(
    "--retriever",
    "-r",
    "retrievers",
    multiple=True,
    help="A system, as a table names it, or its folder or hash; twice: the first against the second.",
)
@click.option(
    "--worst", "n_worst", type=click.IntRange(min=1), help="List so many queries with the lowest score or gain."
)
@click.option("--measure", "-m", "measure_text", default="ndcg@10", show_default=True, help="The measure of --worst.")
@click.option(
    "-k", "k", type=click.IntRange(min=1), default=10, show_default=True, help="Documents that are looked at."
)
@results_option
@format_option
def explain(
    query: str | None,
    dataset: str | None,
    retrievers: Sequence[str],
    n_worst: int | None,
    measure_text: str,
    k: int,
    results_dir: Path,
    form: Format,
) -> None:
    """Explain what a system found for a query, from stored results: text searched with, ranks of relevant documents.

    With a second --retriever, also what the first gained and lost against it. Nothing is searched.
    """
    from bench_core.data_use import is_credentialed
    from bench_core.errors import UserError
    from bench_core.results.choosing import chosen_system
    from retrieval_bench.datasets.dataset import load_dataset
    from retrieval_bench.reports.explanation import RetrievalExplainer, StoredRun
    from retrieval_bench.scoring.measures import Measure
    from retrieval_bench.scoring.scored_runs import KIND, stored_runs

    if (query is None) == (n_worst is None):
        raise UserError("Give a QUERY to explain, or --worst N to list queries.")
    if len(retrievers) > 2:
        raise UserError(
            f"--retriever is given {len(retrievers)} times; one system is explained, or held against another."
        )
    measure = Measure.parse(measure_text)
    where = results_dir, KIND, dataset, load_dataset
    runs = scored_on(stored_runs(results_dir), *where, "complete run", "retrieval-bench run")
    root = results_dir / KIND
    chosen = [chosen_system(name, runs, root, "--retriever", say) for name in (retrievers or (None,))]
    if len({(run.dataset, run.content) for run in chosen}) > 1:
        raise UserError("The two systems were run on different datasets; name one by --dataset.")
    loaded = load_dataset(dataset or chosen[0].dataset)
    if is_credentialed(loaded.card.access):
        say(f"{loaded.card.dataset_id} is credentialed: what is printed holds its text.")
    first, second = StoredRun(chosen[0]), StoredRun(chosen[1]) if len(chosen) > 1 else None
    explainer = RetrievalExplainer(loaded, first, second, k)
    if query is not None:
        print_explanation(explainer.explanation(query), form)
    else:
        print_table(explainer.worst(n_worst or 0, measure), form)
