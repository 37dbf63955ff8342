"""The search stage: an index is opened or made, and a retriever answers every query, held to its contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from bench_core.errors import BenchError
from bench_core.machine.progress import progress, working
from bench_core.plugins.places import place_of
from bench_core.plugins.returns import Returned
from retrieval_bench.pipeline.making import RunInMaking
from retrieval_bench.pipeline.system import FirstStage
from retrieval_bench.rankings.topk import canonical_order, without
from retrieval_bench.retrievers.base import ranked_lists
from retrieval_bench.retrievers.index_store import prepare_index
from retrieval_bench.types import Corpus, Excluded, Query, RankedList, Retriever, Run


def search(making: RunInMaking, system: FirstStage) -> Run:
    """What a retriever finds for a dataset's queries."""
    dataset, retriever, manifest = making.dataset, system.retriever, making.manifest
    dataset_id = dataset.card.dataset_id
    with manifest.phase("index"), working(f"index {dataset_id} for {system.label}"):
        index_dir, was_there = prepare_index(
            retriever, dataset.corpus, dataset.card.indexed_as, making.indexes_dir, making.tell.always
        )
    done = "opened" if was_there else "indexed"
    making.tell(f"{system.label} on {dataset_id}: {done} {len(dataset.corpus)} documents.")
    with manifest.phase("search"):
        run = search_all(retriever, dataset.corpus, dataset.queries, making.k, dataset.excluded)
    if system.is_approximate:
        manifest.notes.append(f"{system.label} is approximate: its ranking may differ from the exact one.")
    manifest.notes.extend(f"{system.label} on {dataset_id}: {note}" for note in retriever.notes())
    manifest.recorded.update({**retriever.recorded(), "index": index_dir.name, "index_reused": was_there})
    return run


_NOTHING: Excluded = MappingProxyType({})


def search_all(
    retriever: Retriever, corpus: Corpus, queries: Sequence[Query], k: int, excluded: Excluded = _NOTHING
) -> Run:
    """Search and order: every query once, in the order given, its list canonical and cut to k.

    Args:
        excluded: documents that are left out, whatever the retriever: it is asked for as many more, so that k stay.

    Raises:
        BenchError: what came back is no ranked list; a query was answered twice, not at all or without being asked; a
            document is not in the corpus.
    """
    name = type(retriever).__name__
    where = f"{place_of(type(retriever), 'search')}{name}"
    known = set(corpus.doc_ids)
    found: dict[str, list[tuple[str, float]]] = {query.query_id: [] for query in queries}
    answered: set[str] = set()
    depth = k + max((len(excluded.get(query.query_id, ())) for query in queries), default=0)
    lists = ranked_lists(Returned(retriever.search(queries, depth), (queries, depth), f"{name}.search"))
    for ranked in progress(lists, f"search {name}", total=len(queries)):
        _check_asked(ranked, where, found, answered)
        try:
            ranking = canonical_order(without(ranked, excluded.get(ranked.query_id, frozenset())), k)
        except BenchError as error:
            raise BenchError(f"{where}: {error}") from error
        doc_ids = [doc_id for doc_id, _ in ranking]
        if not known.issuperset(doc_ids):
            unknown = next(doc_id for doc_id in doc_ids if doc_id not in known)
            hint = "the corpus has no such id" if isinstance(unknown, str) else "ids are text"
            raise BenchError(f"{where} returned document {unknown!r} for query {ranked.query_id}; {hint}.")
        found[ranked.query_id] = ranking
        answered.add(ranked.query_id)
    unanswered = [query_id for query_id in found if query_id not in answered]
    if unanswered:
        raise BenchError(
            f"{where} returned no list for query {unanswered[0]} ({len(unanswered)} in all); return an empty one where "
            "nothing is found."
        )
    return found


def _check_asked(ranked: RankedList, where: str, asked: Mapping[str, object], answered: set[str]) -> None:
    if ranked.query_id not in asked:
        raise BenchError(f"{where} returned a list for query {ranked.query_id}, which was not asked.")
    if ranked.query_id in answered:
        raise BenchError(f"{where} returned two lists for query {ranked.query_id}; return one.")
