"""BM25, plain and with a weighted query, over one of two engines: our exact one, or Lucene."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from bench_core.errors import UserError
from retrieval_bench.retrievers.base import RetrieverBase
from retrieval_bench.retrievers.bm25_engine import Engine, Weighting
from retrieval_bench.types import Corpus, Description, Query, RankedList

EngineName = Literal["exact", "lucene"]


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
    is_remote = False
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
        doc_id_of = self._doc_ids.__getitem__
        for query in queries:
            rows, scores = self._engine.best(query.text, k)
            yield RankedList(query.query_id, scores, list(map(doc_id_of, rows.tolist())))


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
    from retrieval_bench.retrievers.exact_bm25 import ExactEngine

    return ExactEngine(weighting)
