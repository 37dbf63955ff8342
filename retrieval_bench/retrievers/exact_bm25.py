"""The suite's engine of BM25: exact scores over an inverted index of numpy arrays."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench_core.errors import BadFile
from bench_core.identity import Json
from retrieval_bench.analysis.lucene_english import LuceneEnglishAnalyzer
from retrieval_bench.retrievers.bm25_engine import Weighting
from retrieval_bench.retrievers.inverted_index import FORMAT_VERSION, InvertedIndex

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from retrieval_bench.retrievers.bm25_engine import Found


class ExactEngine:
    """BM25 in which no score is approximated and no tie is cut.

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
        """See `retrieval_bench.retrievers.bm25_engine.Engine`."""
        index = InvertedIndex.of_texts(texts, self.analyzer)
        index.write(index_dir)
        self._use(index)

    def open(self, n_documents: int, index_dir: Path) -> None:
        """See `retrieval_bench.retrievers.bm25_engine.Engine`."""
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
        """See `retrieval_bench.retrievers.bm25_engine.Engine`."""
        import numpy as np

        scores = self._scores(text).astype(np.float32)
        rows = _best(scores, k)
        return rows, scores[rows]

    def _scores(self, text: str) -> NDArray[np.float64]:
        """The score of every document: (n_documents,) float64, 0 where no term is shared."""
        import numpy as np

        numbers, n_documents = self._index.term_numbers, len(self._index.lengths)
        frequencies = Counter([numbers[term] for term in self.analyzer.tokens(text) if term in numbers])
        query_length = frequencies.total()
        rows, weights = [], []
        for number, frequency in frequencies.items():
            start, stop = self._index.term_starts[number : number + 2].tolist()
            n_with = stop - start
            idf = math.log(1 + (n_documents - n_with + 0.5) / (n_with + 0.5))
            rows.append(self._rows[start:stop])
            weights.append(idf * self._query_weight(frequency, idf, query_length) * self._impacts[start:stop])
        if not rows:
            return np.zeros(n_documents)
        # One after another, so that each document's sum is made in the order of the query's terms.
        sums = np.bincount(np.concatenate(rows), np.concatenate(weights), n_documents)
        return sums.astype(np.float64, copy=False)

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
