"""The family of retrievers, and the base class for one of your own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bench_core.plugins.described import user_source
from bench_core.plugins.protocols import Contract
from bench_core.plugins.registry import Family, StageSpec
from bench_core.plugins.returns import Returned, json_object, kind_of, true_or_false
from bench_core.plugins.stage import StageBase
from retrieval_bench.datasets.card import UNKNOWN, DatasetCard
from retrieval_bench.types import Corpus, DescribedStage, Description, Query, RankedList, Retriever


class RetrieverBase(StageBase, ABC):
    """Base of retrievers: write `index` and `search`; write `open` too if `index` writes to its folder.

    The description is the constructor's arguments, to which the suite adds a hash of the source you wrote, so that a
    changed argument or a changed line is another system. Override `describe` to leave out what cannot change results.
    """

    if TYPE_CHECKING:

        @property
        def pointwise(self) -> bool:
            """See `retrieval_bench.types.Retriever`."""

        @property
        def resumes_indexing(self) -> bool:
            """See `retrieval_bench.types.Retriever`."""

    else:
        pointwise = True
        resumes_indexing = False

    def describe(self) -> Description:
        """Class name and arguments; the suite adds a hash of the source."""
        return Description(type(self).__name__, index=self.described_by_class())

    @abstractmethod
    def index(self, corpus: Corpus, index_dir: Path) -> None:
        """See `retrieval_bench.types.Retriever`."""

    def open(self, corpus: Corpus, index_dir: Path) -> None:
        """Index again: right for whatever lives in memory alone."""
        self.index(corpus, index_dir)

    @abstractmethod
    def search(self, queries: Sequence[Query], k: int) -> Iterable[RankedList]:
        """See `retrieval_bench.types.Retriever`."""


def described(found: Returned) -> Description:
    """The check of `describe`: a name, and mappings that JSON can hold."""
    value = found.value
    if not isinstance(value, Description):
        raise found.unfit(f"returned {kind_of(value)}; return Description(name, index={{…}}, search={{…}})")
    if not isinstance(value.name, str) or not value.name:
        raise found.unfit(
            f"returned a Description whose name is {kind_of(value.name)}; give a text that is not empty, runs are "
            "filed under it"
        )
    for name, part in (("index", value.index), ("search", value.search)):
        json_object(replace(found, value=part, where=f"{found.where}, as its {name},"))
    return value


def ranked_lists(found: Returned) -> Iterator[RankedList]:
    """The check of `search`: ranked lists, each checked when it comes."""
    if not isinstance(found.value, Iterable) or isinstance(found.value, str | Mapping):
        raise found.unfit(f"returned {kind_of(found.value)}; return or yield one RankedList a query")
    return _each_checked(found)


def _each_checked(found: Returned) -> Iterator[RankedList]:
    for item in found.value:
        if not isinstance(item, RankedList):
            raise found.unfit(f"yielded {kind_of(item)}; yield RankedList(query_id, scores)")
        yield item


RETRIEVERS = Family(
    kind="retriever",
    builtins={
        "bm25": "retrieval_bench.retrievers.bm25:Bm25",
        "bm25-qs": "retrieval_bench.retrievers.bm25:Bm25QuerySide",
        "dense": "retrieval_bench.retrievers.dense:Dense",
        "exact-match": "retrieval_bench.retrievers.exact_match:ExactMatch",
        "late-interaction": "retrieval_bench.retrievers.late_interaction:LateInteraction",
        "ragatouille": "retrieval_bench.retrievers.ragatouille:Ragatouille",
        "random": "retrieval_bench.retrievers.random_order:RandomOrder",
        "splade": "retrieval_bench.retrievers.splade:Splade",
    },
    group="retrieval_bench.retrievers",
    used="retrieval-bench run -r {}",
    contract=Contract(
        protocol=Retriever,
        base=RetrieverBase,
        returns={
            "describe": described,
            "search": ranked_lists,
            "pointwise": true_or_false,
            "resumes_indexing": true_or_false,
        },
        tests="retrieval_bench.testing:RetrieverContract",
    ),
)


def create_retriever(spec: StageSpec, card: DatasetCard = UNKNOWN) -> Retriever:
    """The retriever a user names.

    Args:
        card: of what it will search; given to a class that takes it.

    Raises:
        UserError: no such class or argument, or the class is no retriever.
    """
    created: Retriever = RETRIEVERS.create(spec, card=card)
    return created


def full_description(stage: DescribedStage) -> Description:
    """A stage's description with a hash of what its user wrote, which is part of every identity."""
    description, source = stage.describe(), user_source(stage)
    if source is None:
        return description
    if hasattr(stage, "index"):
        return replace(description, index={**description.index, "user_source": source})
    return replace(description, search={**description.search, "user_source": source})
