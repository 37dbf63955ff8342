"""Values that flow through the retrieval half, and the contracts of its stages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from bench_core.identity import Json, content_hash
from bench_core.plugins.stage import Stage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True)
class Document:
    """One retrievable unit; `text` is what is indexed (see `retrieval_bench.datasets.text`)."""

    doc_id: str
    text: str


Role = Literal["document", "query", "generated"]
"""What a text is to an encoder: a document, a user's query, or what a language model wrote for one."""


@dataclass(frozen=True, slots=True)
class QueryPart:
    """A piece of a query that encoders embed by itself."""

    text: str
    role: Role = "query"
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Query:
    """One information need, in the words a retriever searches with.

    Attributes:
        text: what lexical retrievers, rerankers and plug-ins that know no parts read.
        parts: what encoders read: the weighted mean of the parts' embeddings is the query's. Empty: the text alone.
    """

    query_id: str
    text: str
    parts: tuple[QueryPart, ...] = ()

    @property
    def encoded_parts(self) -> tuple[QueryPart, ...]:
        """The parts an encoder embeds; never empty."""
        return self.parts or (QueryPart(self.text),)


@dataclass(frozen=True)
class Corpus:
    """The documents of a dataset, in file order, each doc_id once."""

    documents: Sequence[Document]

    def __iter__(self) -> Iterator[Document]:
        return iter(self.documents)

    def __len__(self) -> int:
        return len(self.documents)

    @cached_property
    def doc_ids(self) -> list[str]:
        """The ids in corpus order: row `i` of an index is document `doc_ids[i]`."""
        return [document.doc_id for document in self.documents]

    @cached_property
    def sha256(self) -> str:
        """A hash of all ids and texts in order; two corpora with one hash index alike."""
        return content_hash(text for document in self.documents for text in (document.doc_id, document.text))


class RankedList:
    """What a retriever found for one query: doc_ids and float32 scores, in any order, ties and repeats allowed.

    Args:
        query_id: the query it answers.
        scores: a mapping doc_id -> score; or, with `doc_ids`, an array of scores of the same length.
        doc_ids: the documents, where `scores` is an array.
    """

    __slots__ = ("doc_ids", "query_id", "scores")

    query_id: str
    doc_ids: Sequence[str]
    scores: NDArray[np.float32]

    def __init__(
        self, query_id: str, scores: Mapping[str, float] | ArrayLike, doc_ids: Sequence[str] | None = None
    ) -> None:
        import numpy as np

        self.query_id = query_id
        if isinstance(scores, Mapping):
            self.doc_ids = list(scores)
            _refuse_no_numbers(query_id, list(scores.values()))
            self.scores = np.fromiter(scores.values(), dtype=np.float32, count=len(scores))
        else:
            self.doc_ids = [] if doc_ids is None else doc_ids
            _refuse_no_numbers(query_id, scores)
            self.scores = np.asarray(scores, dtype=np.float32)
        if self.scores.ndim != 1:
            raise ValueError(f"query {query_id}: scores must be one row of numbers, not {self.scores.ndim}-dimensional")
        if len(self.doc_ids) != len(self.scores):
            raise ValueError(
                f"query {query_id}: {len(self.doc_ids)} doc_ids but {len(self.scores)} scores; give each document one"
            )

    def __len__(self) -> int:
        return len(self.doc_ids)


def _refuse_no_numbers(query_id: str, scores: ArrayLike) -> None:
    """Refuse texts and None, which numpy would read as numbers and as NaN."""
    import numpy as np

    given = np.asarray(scores)
    if given.dtype.kind not in "USO":
        return
    for score in given.ravel().tolist():
        if score is None or isinstance(score, str | bytes):
            raise ValueError(f"query {query_id}: {score!r} is given as a score; give each document a number")


@dataclass(frozen=True)
class Description:
    """Everything that changes a retriever's results, and nothing that does not (batch size, device, threads, paths).

    Attributes:
        name: the family, as users name it (`bm25`, `dense`).
        index: what `Retriever.index` writes depends on; its hash names the folder under `indexes/`.
        search: what only `Retriever.search` depends on; with `index` it is the system's part of a run's identity.
        approximate: whether the ranking may differ from the exact one; tables say so.
    """

    name: str
    index: Mapping[str, Json] = field(default_factory=dict)
    search: Mapping[str, Json] = field(default_factory=dict)
    approximate: bool = False

    def as_json(self) -> dict[str, Json]:
        """The description as it enters identities and manifests."""
        return {
            "name": self.name,
            "index": dict(self.index),
            "search": dict(self.search),
            "approximate": self.approximate,
        }


class DescribedStage(Protocol):
    """Anything that says what its results depend on."""

    def describe(self) -> Description: ...


class Retriever(Stage, Protocol):
    """The first stage. Any object with these four methods is one; `RetrieverBase` supplies two of them."""

    @property
    def pointwise(self) -> bool:
        """Whether a document's score for a query depends on no other document that is asked for beside it."""

    @property
    def resumes_indexing(self) -> bool:
        """Whether `index` resumes what a killed call of it left in the folder, instead of getting an empty one."""

    def describe(self) -> Description: ...

    def index(self, corpus: Corpus, index_dir: Path) -> None:
        """Write to the empty folder `index_dir` what `open` needs, and be ready to search."""

    def open(self, corpus: Corpus, index_dir: Path) -> None:
        """Load what `index` wrote for this corpus, perhaps in another process."""

    def search(self, queries: Sequence[Query], k: int) -> Iterable[RankedList]:
        """One list a query, each query exactly once, perhaps empty.

        A list holds the k best documents *and every other that ties with the k-th*, or more; `topk` makes the order.
        """


@dataclass(frozen=True)
class Candidates:
    """The input of a reranker: a query and the documents a first stage found for it, best first."""

    query: Query
    documents: Sequence[Document]


class Reranker(Stage, Protocol):
    """The second stage: scores a query's candidates together or one by one. `RerankerBase` supplies `describe`."""

    def describe(self) -> Description:
        """What changes its scores, in `search`; `index` stays empty."""

    def rerank(self, batch: Sequence[Candidates]) -> Sequence[Sequence[float]]:
        """For each element of the batch one score a document, in the order of the documents; greater is better."""


Qrels = Mapping[str, Mapping[str, int]]
"""query_id -> doc_id -> relevance (0 = judged not relevant)."""

Excluded = Mapping[str, frozenset[str]]
"""query_id -> doc_ids that no ranking of the query may hold; queries without any may be missing."""

Run = Mapping[str, Sequence[tuple[str, float]]]
"""query_id -> (doc_id, score) in canonical order, best first."""
