"""What a retriever of your own need not write: its description, and opening what lives in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from bench_core.described import Described
from bench_core.identity import Json
from bench_core.registry import Family
from retrieval_bench.types import Corpus, Description, Query, RankedList

RETRIEVERS = Family(
    kind="retriever",
    builtins={
        "bm25": "retrieval_bench.retrievers.bm25:Bm25",
        "bm25-qs": "retrieval_bench.retrievers.bm25:Bm25QuerySide",
        "dense": "retrieval_bench.retrievers.dense:Dense",
    },
    group="retrieval_bench.retrievers",
)


class RetrieverBase(Described):
    """Base of retrievers: write `index` and `search`; write `open` too if `index` writes to its folder.

    The description is the constructor's arguments and a hash of the source file the class stands in, so that a changed
    argument or a changed line is another system. Override `describe` to leave out what cannot change results.
    """

    def describe(self) -> Description:
        """Class name, arguments and source hash."""
        return Description(type(self).__name__, index=self.source_and_arguments())

    def index(self, corpus: Corpus, index_dir: Path) -> None:
        """See `retrieval_bench.types.Retriever`."""
        raise NotImplementedError

    def open(self, corpus: Corpus, index_dir: Path) -> None:
        """Index again: right for whatever lives in memory alone."""
        self.index(corpus, index_dir)

    def search(self, queries: Sequence[Query], k: int) -> Iterable[RankedList]:
        """See `retrieval_bench.types.Retriever`."""
        raise NotImplementedError

    def recorded(self) -> Mapping[str, Json]:
        """What is worth recording and changes nothing: device, batch size, threads."""
        return {}
