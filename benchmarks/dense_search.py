"""Exact dense search against the plain matrix product of the fastest library, and against FAISS."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path

import click
import numpy as np
from measure import kernels, ratio_table, seconds_in_turns

from bench_core.machine.environment import parse_bytes
from retrieval_bench.encoders.corpus_vectors import CorpusVectors
from retrieval_bench.encoders.row_file import RowFile
from retrieval_bench.retrievers.exact_search import ExactSearch
from retrieval_bench.retrievers.float32_products import fastest_product

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
    """Compare ExactSearch on random unit vectors with the product that it cannot do without."""
    generator = np.random.default_rng(0)
    documents, queries = (
        _unit(generator.standard_normal((n, dim), dtype=np.float32)) for n in (n_documents, n_queries)
    )
    with tempfile.TemporaryDirectory() as folder:
        rows = RowFile(Path(folder) / "vectors.bin", dim, "float32")
        rows.append(documents)
        search = ExactSearch(CorpusVectors(rows, np.arange(n_documents), 1.0), parse_bytes(memory))

        products: dict[str, Callable[[], object]] = {"matrix product alone (numpy)": lambda: queries @ documents.T}
        if find_spec("torch"):
            import torch

            by_torch = torch.from_numpy(queries), torch.from_numpy(documents).T
            products["matrix product alone (torch)"] = lambda: by_torch[0] @ by_torch[1]

        def product_and_selection() -> None:
            for start in range(0, n_queries, _BLOCK):
                scores = queries[start : start + _BLOCK] @ documents.T
                best = np.argpartition(scores, n_documents - k, axis=1)[:, -k:]
                np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1)

        candidates: dict[str, Callable[[], object]] = {
            **products,
            "matrix product and selection (numpy)": product_and_selection,
            "ours (exact, ties kept)": lambda: _consume(search.search(queries, k)),
        }
        if find_spec("faiss"):
            import faiss

            candidates["faiss.knn (ties cut by chance)"] = lambda: faiss.knn(
                queries, documents, k, metric=faiss.METRIC_INNER_PRODUCT
            )
        seconds = seconds_in_turns(candidates, n_runs)
        fastest = min(products, key=lambda name: statistics.median(spent.wall for spent in seconds[name]))
        kind = "held in memory" if search.is_held else "read from disk"
        title = f"{n_documents} vectors of {dim} dimensions ({kind}), {n_queries} queries, k = {k}"
        notes = [kernels(), f"Ours multiplies with {fastest_product().__name__.removesuffix('_product')}."]
        in_order = {fastest: seconds[fastest], **seconds}  # the fastest product is what all is compared with
        click.echo(ratio_table(title, in_order, notes).render("markdown"))


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _consume(items: Iterable[object]) -> None:
    for _ in items:
        pass


if __name__ == "__main__":
    main()
