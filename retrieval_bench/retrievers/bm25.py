"""BM25: its parameters and the two engines that score it, our exact one and Lucene."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from bench_core.errors import BadFile, UserError
from bench_core.identity import Json
from retrieval_bench.analysis.lucene_english import LuceneEnglishAnalyzer
from retrieval_bench.retrievers.base import RetrieverBase
from retrieval_bench.retrievers.inverted_index import FORMAT_VERSION, InvertedIndex
from retrieval_bench.types import Corpus, Description, Query, RankedList

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Found = tuple[NDArray[np.intp], NDArray[np.float32]]

EngineName = Literal["exact", "lucene"]


@dataclass(frozen=True)
class Weighting:
    """How terms are weighted.

    Attributes:
        k1: how slowly a term's weight saturates with its frequency.
        b: how much a long text's frequencies are discounted.
        query: a query's term counts as often as it stands there, or is weighted as a document's is.
    """

    k1: float
    b: float
    query: Literal["frequency", "bm25"]


class Engine(Protocol):
    """What indexes texts and finds the best of them by BM25."""

    notes: Sequence[str]
    """What a reader of its figures should know."""

    def describe(self) -> dict[str, Json]:
        """What its index depends on."""

    def index(self, texts: Iterable[str], index_dir: Path) -> None:
        """Write what `open` needs, and be ready to search."""

    def open(self, n_documents: int, index_dir: Path) -> None:
        """Load what `index` wrote.

        Raises:
            BadFile: it is broken, or of another number of documents.
        """

    def best(self, text: str, k: int) -> Found:
        """The rows of the k best documents and of all that tie with the k-th, and their scores, which are above 0."""


class Bm25(RetrieverBase):
    """BM25 with Lucene's default English analysis.

    score(q, d) = Σ_t tf(t, q) · w(t, d), with
    w(t, x) = idf(t) · tf(t, x) / (tf(t, x) + k1 · (1 − b + b · |x| / avgdl)) and
    idf(t) = ln(1 + (N − df(t) + 0.5) / (df(t) + 0.5)).
    Source: S. Robertson and H. Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009, section 3.4,
    without the constant factor k1 + 1 and with Lucene's idf, which is never negative (BM25Similarity).

    Args:
        k1: how slowly a term's weight saturates with its frequency.
        b: how much a long document's frequencies are discounted, from 0 (not at all) to 1 (in proportion).
        engine: `exact` sums 64-bit numbers and rounds once; `lucene` is Lucene itself, through Pyserini's Java archive,
            which keeps document lengths in one byte.
    """

    name = "bm25"
    query_weights: Literal["frequency", "bm25"] = "frequency"

    def __init__(self, k1: float = 0.9, b: float = 0.4, engine: EngineName = "exact") -> None:  # Anserini's defaults
        if not 0 <= k1 < math.inf:
            raise UserError(f"retriever {self.name}: k1={k1} does not fit: it must be a number of at least 0.")
        if not 0 <= b <= 1:
            raise UserError(f"retriever {self.name}: b={b} does not fit: it must be between 0 and 1.")
        self.k1 = k1
        self.b = b
        self._engine = _create_engine(engine, Weighting(k1, b, self.query_weights))

    def describe(self) -> Description:
        """The index depends on the engine alone, so that every k1, b and weighting searches the same one."""
        return Description(
            self.name,
            index=self._engine.describe(),
            search={"k1": self.k1, "b": self.b, "query_weights": self.query_weights},
        )

    def notes(self) -> Sequence[str]:
        """What the engine has to say of its figures."""
        return self._engine.notes

    def index(self, corpus: Corpus, index_dir: Path) -> None:
        """See `retrieval_bench.types.Retriever`."""
        self._doc_ids = corpus.doc_ids
        self._engine.index((document.text for document in corpus), index_dir)

    def open(self, corpus: Corpus, index_dir: Path) -> None:
        """See `retrieval_bench.types.Retriever`.

        Raises:
            BadFile: the index is broken, or one of another corpus.
        """
        self._doc_ids = corpus.doc_ids
        self._engine.open(len(corpus), index_dir)

    def search(self, queries: Sequence[Query], k: int) -> Iterator[RankedList]:
        """See `retrieval_bench.types.Retriever`; documents without a term of the query are left out."""
        for query in queries:
            rows, scores = self._engine.best(query.text, k)
            yield RankedList(query.query_id, scores, [self._doc_ids[row] for row in rows.tolist()])


class Bm25QuerySide(Bm25):
    """BM25 with the query weighted like a document, as R2MED's baseline is.

    score(q, d) = Σ_t w(t, q) · w(t, d), with w of `Bm25`, |q| counted over the terms that the corpus has, and avgdl the
    corpus's. So idf counts twice, and a term's frequency in the query saturates. Source: how R2MED (arXiv 2505.14558)
    evaluates BM25.

    Args:
        k1: how slowly a term's weight saturates with its frequency.
        b: how much a long text's frequencies are discounted, from 0 (not at all) to 1 (in proportion).
        engine: `exact` or `lucene`, as for `bm25`.
    """

    name = "bm25-qs"
    query_weights = "bm25"


def _create_engine(name: EngineName, weighting: Weighting) -> Engine:
    if name == "lucene":
        from retrieval_bench.retrievers.lucene import LuceneEngine

        return LuceneEngine(weighting)
    return ExactEngine(weighting)


class ExactEngine:
    """An inverted index over numpy arrays: no score is approximated and no tie is cut.

    Scores are sums of 64-bit numbers, rounded once to 32 bits; document lengths are exact.
    """

    notes: Sequence[str] = ()

    def __init__(self, weighting: Weighting) -> None:
        self._weighting = weighting
        self.analyzer = LuceneEnglishAnalyzer()

    def describe(self) -> dict[str, Json]:
        """The form of the files and the analyzer."""
        return {"kind": "inverted-index", "format": FORMAT_VERSION, "analyzer": self.analyzer.describe()}

    def index(self, texts: Iterable[str], index_dir: Path) -> None:
        """See `Engine`."""
        index = InvertedIndex.of_texts(texts, self.analyzer)
        index.write(index_dir)
        self._use(index)

    def open(self, n_documents: int, index_dir: Path) -> None:
        """See `Engine`."""
        index = InvertedIndex.read(index_dir)
        if len(index.lengths) != n_documents:
            found = f"expected an index of {n_documents} documents and found one of {len(index.lengths)}"
            raise BadFile(index_dir, f"{found}; delete the index folder")
        self._use(index)

    def _use(self, index: InvertedIndex) -> None:
        self._index = index
        average_length = float(index.lengths.mean()) or 1.0  # where all are empty, nothing is ever scored
        k1, b = self._weighting.k1, self._weighting.b
        # k1 · (1 − b + b · |x| / avgdl), the part of w(t, x) that depends on |x| alone, is linear in it.
        self._offset, self._slope = k1 * (1 - b), k1 * b / average_length
        saturations = self._offset + self._slope * index.lengths.astype("float64")
        # tf / (tf + saturation) of every posting, and its row in numpy's own index type: every search needs both.
        self._rows = index.rows.astype("intp")
        self._impacts = index.frequencies / (index.frequencies + saturations[self._rows])

    def best(self, text: str, k: int) -> Found:
        """See `Engine`."""
        import numpy as np

        scores = self._scores(text).astype(np.float32)
        rows = _best(scores, k)
        return rows, scores[rows]

    def _scores(self, text: str) -> NDArray[np.float64]:
        """The score of every document: (n_documents,) float64, 0 where no term is shared."""
        import numpy as np

        numbers, n_documents = self._index.term_numbers, len(self._index.lengths)
        frequencies = Counter(numbers[term] for term in self.analyzer.tokens(text) if term in numbers)
        scores = np.zeros(n_documents)
        for number, frequency in frequencies.items():
            span = slice(*self._index.term_starts[number : number + 2].tolist())
            n_with = span.stop - span.start
            idf = math.log(1 + (n_documents - n_with + 0.5) / (n_with + 0.5))
            factor = idf * self._query_weight(frequency, idf, frequencies.total())
            np.add.at(scores, self._rows[span], factor * self._impacts[span])
        return scores

    def _query_weight(self, frequency: int, idf: float, query_length: int) -> float:
        """What a document's weight of a term is multiplied by; lengths count the terms that the corpus has."""
        if self._weighting.query == "frequency":
            return frequency
        return idf * frequency / (frequency + self._offset + self._slope * query_length)


def _best(scores: NDArray[np.float32], k: int) -> NDArray[np.intp]:
    """The rows of the k best scores above zero and of all that tie with the k-th."""
    import numpy as np

    bound = _bound(scores, k)
    rows = np.flatnonzero(scores >= bound) if bound > 0 else np.flatnonzero(scores)
    if len(rows) <= k:
        return rows
    candidates = scores[rows]
    best: NDArray[np.intp] = rows[candidates >= np.partition(candidates, -k)[-k]]
    return best


def _bound(scores: NDArray[np.float32], k: int) -> float:
    """A score that the k-th best is not below: the k-th best of many groups' maxima, or 0 for a small corpus.

    Maxima are found a hundred times as fast as all scores are partitioned, and few scores pass them.
    """
    import numpy as np

    n_groups = 8 * k  # enough that few of the k best share a group
    depth = len(scores) // n_groups
    if depth < 2:
        return 0.0
    maxima = scores[: depth * n_groups].reshape(depth, n_groups).max(axis=0)
    return float(np.partition(maxima, -k)[-k])
