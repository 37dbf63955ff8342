"""Explain stored answers: each query's first request beside the nearest one that was answered."""

from __future__ import annotations

from bench_core.errors import UserError
from bench_core.identity import identity_hash
from bench_core.llm.store import ResponseStore, made_from
from bench_core.results.tables import Cell, Column, Table
from retrieval_bench.datasets.dataset import Dataset
from retrieval_bench.pipeline.system import Generated, System
from retrieval_bench.query_generators.prompted import Prompted


def explanation_table(dataset: Dataset, system: System, store: ResponseStore) -> Table:
    """One row a query: its key, whether its answer is stored, and else in which fields the nearest one differs.

    Raises:
        UserError: the system asks no language model.
    """
    generator = system.generation.generator if isinstance(system, Generated) else None
    if not isinstance(generator, Prompted) or not isinstance(system, Generated) or system.generation.client is None:
        remedy = "name a generator first, and its model, as in 'hyde,llm=… > bm25' or by --generator-model"
        raise UserError(f"{system.label} asks no language model; {remedy}.")
    if generator.shows_passages:
        raise UserError(f"{generator.method} asks with passages of a search in its prompt; run it to see what it asks.")
    client = system.generation.client.describe()
    rows: list[list[Cell]] = []
    for query in dataset.queries:
        wanted = made_from(client, generator.first_request(query))
        key = identity_hash(wanted)
        if store.get(key) is not None:
            rows.append([query.query_id, key[:12], "stored", ""])
            continue
        nearest = store.nearest(wanted)
        differs = ", ".join(nearest[1]) if nearest else "the store is empty"
        rows.append([query.query_id, key[:12], "not stored", differs])
    columns = [
        Column("query_id", "query"),
        Column("key", "key"),
        Column("state", "state"),
        Column("nearest_differs_in", "nearest differs in"),
    ]
    return Table(f"Answers of {system.label} in {store.root}", columns, rows)
