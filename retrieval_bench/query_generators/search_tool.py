"""A retriever of the suite as a tool of generators."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from bench_core.data_use import Reach
from bench_core.errors import BenchError
from bench_core.identity import Json
from bench_core.plugins.reach import reach_of
from bench_core.plugins.requirements import Requirements
from retrieval_bench.rankings.topk import canonical_order, without
from retrieval_bench.retrievers.base import full_description
from retrieval_bench.retrievers.index_store import prepare_index
from retrieval_bench.types import Corpus, Document, Excluded, Query, Retriever


class CorpusSearch:
    """Searches one corpus; several threads may use it, one search at a time."""

    def __init__(self, retriever: Retriever) -> None:
        self.retriever = retriever
        self._documents: dict[str, Document] = {}
        self._excluded: Excluded = {}
        self._lock = threading.Lock()

    def describe(self) -> Mapping[str, Json]:
        """The retriever's description."""
        return full_description(self.retriever).as_json()

    @property
    def is_remote(self) -> bool | None:
        """As the retriever."""
        return self.retriever.is_remote

    @property
    def reach(self) -> Reach:
        """Where the retriever sends texts."""
        return reach_of(self.retriever)

    @property
    def requires(self) -> Requirements:
        """As the retriever."""
        return self.retriever.requires

    def open(
        self,
        corpus: Corpus,
        dataset_id: str,
        indexes_dir: Path,
        warn: Callable[[str], None],
        excluded: Excluded = MappingProxyType({}),
    ) -> None:
        """Make it ready: open the retriever's index, or write it.

        Args:
            warn: told of files of the index that are damaged.
            excluded: documents that are not shown for a query.
        """
        self._excluded = excluded
        prepare_index(self.retriever, corpus, dataset_id, indexes_dir, warn)
        self._documents = {document.doc_id: document for document in corpus}

    def search(self, text: str, k: int, query_id: str = "") -> Sequence[Document]:
        """The k best documents, best first.

        Args:
            query_id: the query that it is searched for: its excluded documents are left out.

        Raises:
            BenchError: the retriever gave no list.
        """
        excluded = self._excluded.get(query_id, frozenset())
        with self._lock:
            found = list(self.retriever.search([Query("search", text)], k + len(excluded)))
        if len(found) != 1:
            raise BenchError(f"{type(self.retriever).__name__} returned {len(found)} lists for one query.")
        return [self._documents[doc_id] for doc_id, _ in canonical_order(without(found[0], excluded), k)]
