"""Learned sparse retrieval: a language model weights the terms of its vocabulary, an inverted index sums them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench_core.errors import BadFile, UserError
from bench_core.identity import Json
from bench_core.machine.model_files import ModelOptions
from bench_core.plugins.requirements import Requirements, of_devices
from retrieval_bench.encoders.batches import Batching, BatchPlan, PlannedEncoding
from retrieval_bench.encoders.query_vectors import query_vectors
from retrieval_bench.encoders.term_encoder import PACKAGED_MODEL, TermEncoder, missing_requirement
from retrieval_bench.retrievers.base import RetrieverBase
from retrieval_bench.retrievers.distinct_texts import DistinctTexts
from retrieval_bench.retrievers.index_store import DERIVED
from retrieval_bench.retrievers.weighted_index import RowsOnDisk, TermWeights, WeightedIndex
from retrieval_bench.types import Corpus, Description, Query, RankedList

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_FORMAT = 2
"""Raised whenever the index changes, so that one of an older form is made again instead of opened."""

# Queries whose vectors are held at once: 25 MB at a vocabulary of 30,522 terms.
_QUERIES_AT_ONCE = 64


class Splade(RetrieverBase):
    """SPLADE: queries and documents as weighted terms, compared by their inner product.

    score(q, d) = Σ_t w(t, q) · w(t, d), w(t, x) = max_i ln(1 + max(0, logit(t, i))) over the tokens i of x, or as the
    model's own configuration says. Source: T. Formal et al., "SPLADE v2", 2021 (arXiv 2109.10086), section 3. Scores
    are sums of 64-bit numbers, rounded once to 32 bits; documents that share no term with a query are left out.

    Args:
        model: `splade-tiny` (packaged), a folder, or a model id of the Hugging Face hub: whatever SparseEncoder of
            sentence-transformers loads.
        max_length: tokens of a text that are read; 0: as many as the model takes.
        top_terms: keep only so many of a document's heaviest terms (approximate); 0: all.
        tokens_a_batch: the most tokens encoded at once, padding included; each takes 120 KB at a vocabulary of 30,522.
    """

    resumes_indexing = True
    is_remote = False

    def __init__(
        self,
        model: str = PACKAGED_MODEL,
        max_length: int = 0,
        top_terms: int = 0,
        batching: Batching = Batching(tokens_a_batch=4096),
        options: ModelOptions = ModelOptions(),
    ) -> None:
        for name, value in (("max_length", max_length), ("top_terms", top_terms)):
            if value < 0:
                raise UserError(f"retriever splade: {name}={value} does not fit: it must be at least 0.")
        self.top_terms, self._device = top_terms, options.device
        self._batching = batching
        self._encoder = TermEncoder(model, options.revision, max_length, options.device)
        self._n_split = 0

    @staticmethod
    def missing_requirement() -> str:
        """What to install before this can run, or the empty string."""
        return missing_requirement()

    def describe(self) -> Description:
        """The model, how much of a text it reads, and what is kept of a document."""
        index: dict[str, Json] = {"kind": "term-weights", "format": _FORMAT, "top_terms": self.top_terms or None}
        return Description(
            "splade",
            index={**index, "encoder": dict(self._encoder.describe("document"))},
            search={"similarity": "dot"},
            approximate=self.top_terms > 0,
        )

    @property
    def requires(self) -> Requirements:
        """The devices of its model."""
        return of_devices(self._device)

    def recorded(self) -> Mapping[str, Json]:
        """Batches and device."""
        batches: dict[str, Json] = {**asdict(self._batching), "n_split_batches": self._n_split}
        return {**batches, **self._encoder.recorded()}

    def index(self, corpus: Corpus, index_dir: Path) -> None:
        """Encode the corpus, going on where an earlier call was interrupted; documents of one text are encoded once."""
        distinct = DistinctTexts.of(corpus)
        encoding = PlannedEncoding.in_folder(index_dir, distinct.texts, self._encoder.lengths, self._batching)
        rows = RowsOnDisk(index_dir)
        rows.cut(encoding.plan.whole(len(rows)))
        for pieces in encoding.batches(partial(self._encoder.encode, role="document"), len(rows)):
            for piece in pieces:
                rows.append(TermWeights.of_dense(piece, self.top_terms))
        self._n_split = encoding.n_split
        self._use(distinct, index_dir)

    def open(self, corpus: Corpus, index_dir: Path) -> None:
        """Open the postings; they are made of the encoded documents where they are not there yet.

        Raises:
            BadFile: the index is broken, or one of another corpus.
        """
        self._use(DistinctTexts.of(corpus), index_dir)

    def _use(self, distinct: DistinctTexts, index_dir: Path) -> None:
        plan, rows = BatchPlan.read(index_dir), RowsOnDisk(index_dir)
        if plan is None or not len(plan.order) == len(rows) == len(distinct.texts):
            found = f"expected the term weights of {len(distinct.texts)} texts and found {len(rows)}"
            raise BadFile(index_dir, f"{found}; delete the index folder")
        if not rows.is_whole:
            raise BadFile(index_dir, "expected files of one index, but their sizes differ; delete the index folder")
        self._index = WeightedIndex.of_rows(rows, index_dir / DERIVED / "postings")
        self._documents = distinct.of_rows(plan.order)

    def search(self, queries: Sequence[Query], k: int) -> Iterator[RankedList]:
        """The k best documents of each query and all that tie with the k-th; queries of like length together."""
        by_length = sorted(queries, key=_length_and_text)
        for start in range(0, len(by_length), _QUERIES_AT_ONCE):
            some = by_length[start : start + _QUERIES_AT_ONCE]
            for query, vector in zip(some, query_vectors(self._encoder, some, self._batching.batch_size), strict=True):
                yield self._best(query.query_id, self._index.scores(vector), k)

    def _best(self, query_id: str, sums: NDArray[np.float64], k: int) -> RankedList:
        import numpy as np

        scores = sums.astype(np.float32)
        rows = np.flatnonzero(scores)
        if len(rows) > k:
            found = scores[rows]
            rows = rows[found >= np.partition(found, -k)[-k]]
        return self._documents.ranked(query_id, rows, scores[rows])


def _length_and_text(query: Query) -> tuple[int, list[str], str]:
    """Any order will do that depends on the query alone."""
    texts = [part.text for part in query.encoded_parts]
    return sum(map(len, texts)), texts, query.query_id
