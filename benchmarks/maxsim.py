"""Exact MaxSim against RAGatouille (PLAID) over the same checkpoint: index, search, and how far the two agree."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import click
from measure import ratio_table, seconds_in_turns

from retrieval_bench.datasets.dataset import load_dataset
from retrieval_bench.retrievers.late_interaction import LateInteraction
from retrieval_bench.retrievers.ragatouille import Ragatouille, overlap
from retrieval_bench.types import RankedList


@click.command()
@click.option("--model", required=True, type=click.Path(exists=True, file_okay=False), help="A ColBERT checkpoint.")
@click.option("--dataset", default="demo/evidence", show_default=True)
@click.option("-k", "k", default=100, show_default=True)
@click.option("--runs", "n_runs", default=3, show_default=True)
def main(model: str, dataset: str, k: int, n_runs: int) -> None:
    """Compare late-interaction with ragatouille."""
    loaded = load_dataset(dataset)
    with tempfile.TemporaryDirectory() as exact_dir, tempfile.TemporaryDirectory() as plaid_dir:
        exact, plaid = LateInteraction(model=model), Ragatouille(model)
        exact.index(loaded.corpus, Path(exact_dir))
        plaid.index(loaded.corpus, Path(plaid_dir))

        def all_of(retriever: LateInteraction | Ragatouille) -> Sequence[RankedList]:
            return list(retriever.search(loaded.queries, k))

        shares = {cutoff: overlap(all_of(plaid), all_of(exact), cutoff) for cutoff in (10, k)}
        agreement = ", ".join(f"{share:.4f} of the {cutoff} best" for cutoff, share in shares.items())
        candidates = {"ragatouille": lambda: all_of(plaid), "ours, exact": lambda: all_of(exact)}
        title = f"Search of {len(loaded.corpus)} documents with {len(loaded.queries)} queries, k = {k}"
        note = f"PLAID finds {agreement} of exact MaxSim."
        click.echo(ratio_table(title, seconds_in_turns(candidates, n_runs), [note]).render("markdown"))


if __name__ == "__main__":
    main()
