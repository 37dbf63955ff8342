"""Exact dense search against a plain matrix product, by itself and with the selection of the best."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

import click
import numpy as np
from measure import ratio_table, seconds_in_turns

from bench_core.machine.environment import parse_bytes
from retrieval_bench.encoders.corpus_vectors import CorpusVectors
from retrieval_bench.encoders.row_file import RowFile
from retrieval_bench.retrievers.exact_search import ExactSearch

# Queries multiplied at once by the plain product: few enough for their scores to stay in the processor's cache.
_BLOCK = 256


@click.command()
@click.option("--documents", "n_documents", default=60_000, show_default=True)
@click.option("--queries", "n_queries", default=1000, show_default=True)
@click.option("--dimensions", "dim", default=384, show_default=True)
@click.option("-k", "k", default=100, show_default=True)
@click.option("--memory", default="1GB", show_default=True, help="Memory the search may use.")
@click.option("--runs", "n_runs", default=5, show_default=True)
def main(n_documents: int, n_queries: int, dim: int, k: int, memory: str, n_runs: int) -> None:
    """Compare ExactSearch with numpy on random unit vectors."""
    generator = np.random.default_rng(0)
    documents, queries = (
        _unit(generator.standard_normal((n, dim), dtype=np.float32)) for n in (n_documents, n_queries)
    )
    with tempfile.TemporaryDirectory() as folder:
        rows = RowFile(Path(folder) / "vectors.bin", dim, "float32")
        rows.append(documents)
        search = ExactSearch(CorpusVectors(rows, np.arange(n_documents), 1.0), parse_bytes(memory))

        def product() -> None:
            for start in range(0, n_queries, _BLOCK):
                queries[start : start + _BLOCK] @ documents.T

        def product_and_selection() -> None:
            for start in range(0, n_queries, _BLOCK):
                scores = queries[start : start + _BLOCK] @ documents.T
                best = np.argpartition(scores, n_documents - k, axis=1)[:, -k:]
                np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1)

        candidates = {
            "matrix product and selection": product_and_selection,
            "matrix product alone": product,
            "ours (exact, ties kept)": lambda: _consume(search.search(queries, k)),
        }
        kind = "held in memory" if search.is_held else "read from disk"
        title = f"{n_documents} vectors of {dim} dimensions ({kind}), {n_queries} queries, k = {k}"
        click.echo(ratio_table(title, seconds_in_turns(candidates, n_runs), []).render("markdown"))


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _consume(items: Iterable[object]) -> None:
    for _ in items:
        pass


if __name__ == "__main__":
    main()
