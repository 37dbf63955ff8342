"""Lucene's own BM25 through the Java archive of Pyserini, and its differences from the exact one.

Lucene is asked directly and not through Pyserini's searcher, which changes scores to break ties. The index, the query
and the similarity are those that Anserini and Pyserini make.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench_core.characters import whole_characters
from bench_core.errors import BadFile, UserError
from bench_core.identity import Json
from retrieval_bench.analysis.lucene_runtime import missing_requirement, start_lucene
from retrieval_bench.types import Run

if TYPE_CHECKING:
    from retrieval_bench.retrievers.bm25_engine import Found, Weighting

_FORMAT = 1
"""Raised whenever the index changes, so that one of an older form is made again instead of opened."""

_FIELD = "contents"
# Constructors, which pyjnius does not find by itself among several with as many arguments.
_FIELD_OF_TEXT = "(Ljava/lang/String;Ljava/lang/CharSequence;Lorg/apache/lucene/index/IndexableFieldType;)V"
_SEARCHER_OF_READER = "(Lorg/apache/lucene/index/IndexReader;)V"
# Documents asked for beyond the k best, so that a tie at the cut is seen without asking again.
_MARGIN = 32
# Lucene refuses a query of more than 1,024 distinct terms by default; generated texts have more.
_MOST_TERMS = 1 << 20

_LENGTHS_NOTE = (
    "engine=lucene keeps a document's length in one byte (above 40 terms it is rounded down, by less than an eighth) "
    "and leaves documents without a term out of N and avgdl."
)
# Made by tests/retrieval_bench/test_lucene.py with Pyserini 1.6.0 at k1=0.9, b=0.4.
_MEASURED_NOTES = {
    "frequency": "Against engine=exact its nDCG@10 was 0.66515 instead of 0.66718 on Medlars and 0.33121 instead of "
    "0.33149 on NFCorpus, and no document of the first 100 moved by more than 12 ranks.",
    "bm25": "It counts a query's terms even where no document has them. Against engine=exact its nDCG@10 was 0.65176 "
    "instead of 0.64708 on Medlars and 0.31948 instead of 0.31898 on NFCorpus, and no document of the first 100 moved "
    "by more than 14 ranks.",
}


class LuceneEngine:
    """BM25 in Lucene: 32-bit arithmetic, and document lengths rounded to what one byte can tell apart.

    Raises:
        UserError: Pyserini or a Java runtime is missing.
    """

    def __init__(self, weighting: Weighting) -> None:
        problem = missing_requirement()
        if problem:
            raise UserError(f"engine=lucene cannot run here: {problem}.")
        self._weighting = weighting
        self.notes: Sequence[str] = (_LENGTHS_NOTE, _MEASURED_NOTES[weighting.query])

    def describe(self) -> dict[str, Json]:
        """The version of Pyserini, whose archive brings Lucene and the analyzer."""
        return {"kind": "lucene-index", "format": _FORMAT, "pyserini": version("pyserini")}

    def index(self, texts: Iterable[str], index_dir: Path) -> None:
        """Write one Lucene segment in which a document's number is its place in the corpus."""
        java = _java()
        config = java("org.apache.lucene.index.IndexWriterConfig")(_analyzer(java))
        # It joins neighbours only, so that documents stay in order.
        config.setMergePolicy(java("org.apache.lucene.index.LogDocMergePolicy")())
        writer = java("org.apache.lucene.index.IndexWriter")(_directory(java, index_dir), config)
        field = java("org.apache.lucene.document.Field")(_FIELD, "", _frequencies_only(java), signature=_FIELD_OF_TEXT)
        document = java("org.apache.lucene.document.Document")()
        document.add(field)
        n_documents = 0
        for text in texts:
            field.setStringValue(whole_characters(text))
            writer.addDocument(document)
            n_documents += 1
        writer.forceMerge(1)
        writer.close()
        self.open(n_documents, index_dir)

    def open(self, n_documents: int, index_dir: Path) -> None:
        """See `retrieval_bench.retrievers.bm25_engine.Engine`."""
        java = _java()
        from jnius import JavaException

        try:
            reader = java("org.apache.lucene.index.DirectoryReader").open(_directory(java, index_dir))
        except JavaException as error:
            cause = error.innermessage or error.classname
            raise BadFile(index_dir, f"expected a Lucene index ({cause}); delete the index folder") from error
        if reader.maxDoc() != n_documents:
            found = f"expected an index of {n_documents} documents and found one of {reader.maxDoc()}"
            raise BadFile(index_dir, f"{found}; delete the index folder")
        similarity = java("org.apache.lucene.search.similarities.BM25Similarity")
        self._searcher = java("org.apache.lucene.search.IndexSearcher")(reader, signature=_SEARCHER_OF_READER)
        self._searcher.setMaxClauseCount(_MOST_TERMS)
        self._searcher.setSimilarity(similarity(self._weighting.k1, self._weighting.b))
        self._n_documents = n_documents
        self._analyzer = _analyzer(java)
        self._queries = self._query_generator(java, reader)
        self._as_json = java("com.fasterxml.jackson.databind.ObjectMapper")()

    def _query_generator(self, java: Any, reader: Any) -> Any:
        if self._weighting.query == "frequency":
            return java("io.anserini.search.query.BagOfWordsQueryGenerator")()
        made = java("io.anserini.search.query.QuerySideBm25QueryGenerator")
        return made(self._weighting.k1, self._weighting.b, reader)

    def best(self, text: str, k: int) -> Found:
        """See `retrieval_bench.retrievers.bm25_engine.Engine`."""
        import numpy as np

        query = self._queries.buildQuery(_FIELD, self._analyzer, whole_characters(text))
        n_asked = k + _MARGIN
        while True:
            rows, scores = self._first(query, n_asked)
            if len(scores) < n_asked or scores[-1] < scores[k - 1]:
                break
            n_asked *= 4
        n_kept = int(np.count_nonzero(scores >= scores[k - 1])) if len(scores) > k else len(scores)
        return rows[:n_kept], scores[:n_kept]

    def _first(self, query: Any, n: int) -> Found:
        """Lucene's n best, best first, and of equal ones the first in the corpus."""
        import numpy as np

        found = self._searcher.search(query, min(n, max(self._n_documents, 1)))
        # One string crosses from Java instead of an object a document; a float is written so that it reads back alike.
        listed = json.loads(self._as_json.writeValueAsString(found))["scoreDocs"]
        rows = np.array([item["doc"] for item in listed], dtype=np.intp)
        return rows, np.array([item["score"] for item in listed], dtype=np.float32)


@dataclass(frozen=True)
class Difference:
    """How far two rankings of the same queries differ.

    Attributes:
        greatest_rank_difference: of any document that both have.
        n_other_order: queries whose first ten documents are not the same in the same order.
        n_other_documents: queries whose first ten documents are not the same ones.
        greatest_score_difference: relative, of any document that both have.
    """

    greatest_rank_difference: int
    n_other_order: int
    n_other_documents: int
    greatest_score_difference: float

    @classmethod
    def between(cls, exact: Run, other: Run) -> Difference:
        """Compare two runs; only queries that both have count."""
        ranks, scores, order, documents = 0, 0.0, 0, 0
        for query_id in exact.keys() & other.keys():
            mine, theirs = exact[query_id], other[query_id]
            places = {doc_id: (rank, score) for rank, (doc_id, score) in enumerate(theirs)}
            for rank, (doc_id, score) in enumerate(mine):
                if doc_id in places:
                    ranks = max(ranks, abs(rank - places[doc_id][0]))
                    scores = max(scores, abs(score - places[doc_id][1]) / max(abs(score), 1e-30))
            first, second = _head(mine), _head(theirs)
            order += first != second
            documents += set(first) != set(second)
        return cls(ranks, order, documents, scores)


def _head(ranking: Sequence[tuple[str, float]]) -> list[str]:
    return [doc_id for doc_id, _ in ranking[:10]]


def _java() -> Any:
    """The function from a Java class's name to the class, once the machine runs."""
    start_lucene()
    from jnius import autoclass

    return autoclass


def _analyzer(java: Any) -> Any:
    return java("io.anserini.analysis.DefaultEnglishAnalyzer").newDefaultInstance()


def _directory(java: Any, index_dir: Path) -> Any:
    path = java("java.nio.file.Paths").get(str(index_dir.resolve()))
    return java("org.apache.lucene.store.FSDirectory").open(path)


def _frequencies_only(java: Any) -> Any:
    """Anserini's field type: terms and their frequencies, with the length, and without positions."""
    kind = java("org.apache.lucene.document.FieldType")()
    kind.setTokenized(True)
    kind.setIndexOptions(java("org.apache.lucene.index.IndexOptions").DOCS_AND_FREQS)
    return kind
