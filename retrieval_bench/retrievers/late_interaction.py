"""Late interaction: a vector a token, and the sum over the query's tokens of the best match in a document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

from bench_core.errors import UserError
from bench_core.identity import Json
from bench_core.machine.environment import parse_bytes
from bench_core.machine.model_files import ModelOptions
from bench_core.plugins.requirements import Requirements, of_devices
from retrieval_bench.encoders.batches import Batching
from retrieval_bench.encoders.models import PACKAGED_MODEL
from retrieval_bench.encoders.row_file import Precision
from retrieval_bench.encoders.token_encoder import TokenEncoder, query_matrices
from retrieval_bench.encoders.token_store import TokenStore
from retrieval_bench.retrievers.base import RetrieverBase
from retrieval_bench.retrievers.distinct_texts import DistinctTexts
from retrieval_bench.retrievers.max_sim import MaxSimSearch
from retrieval_bench.types import Corpus, Description, Query, RankedList

# Raised when the files below an index folder change their form.
_FORMAT = 2


class LateInteraction(RetrieverBase):
    """Exact MaxSim over token vectors: ColBERT's checkpoints, and plain encoders.

    score(q, d) = Σ_i max_j q_i · d_j over the token vectors of query and document, each of length 1. Source: O. Khattab
    and M. Zaharia, "ColBERT", 2020 (arXiv 2004.12832). A query's parts are concatenated, a part's vectors times its
    weight; what a model wrote for a query is encoded as a document.

    Args:
        model: `minilm` (packaged) or another model of the registry, a folder, or a hub id. With a file
            `artifact.metadata` it is a checkpoint in ColBERT's format: marker tokens, queries filled up with mask
            tokens, no punctuation in documents, a projection. Any other is a plain encoder: its last layer is taken.
        query_max_len, doc_max_len: tokens that stay, special ones included; without: as the checkpoint says.
        precision: what token vectors are stored as; scores are those of what is stored.
        memory: what searching may take; the token vectors are read from disk in blocks.
    """

    resumes_indexing = True
    is_remote = False

    def __init__(
        self,
        model: str = PACKAGED_MODEL,
        query_max_len: int | None = None,
        doc_max_len: int | None = None,
        precision: Precision = "float16",
        batching: Batching = Batching(),
        memory: str = "1GB",
        options: ModelOptions = ModelOptions(),
    ) -> None:
        for name, value in (("query_max_len", query_max_len), ("doc_max_len", doc_max_len)):
            # The least that a query or document in ColBERT's format is: begin, marker, one token, end.
            if value is not None and value < 4:
                raise UserError(f"retriever late-interaction: {name}={value} does not fit: it must be at least 4.")
        self.precision: Precision = precision
        self._batching = batching
        self._memory_bytes = parse_bytes(memory)
        self._model, self._revision, self._device = model, options.revision, options.device
        self._lengths = query_max_len, doc_max_len
        self._n_split = 0

    @staticmethod
    def missing_requirement() -> str:
        """What to install before this can run, or the empty string."""
        missing = [name for name in ("torch", "transformers") if find_spec(name) is None]
        return f"{', '.join(missing)} not installed; pip install 'biomed-bench[dense]'" if missing else ""

    def describe(self) -> Description:
        """The checkpoint, what it does with texts, and the precision of the store."""
        return Description(
            "late-interaction",
            index={
                "kind": "tokens",
                "format": _FORMAT,
                "encoder": self._encoder.describe(is_query=False),
                "precision": self.precision,
            },
            search={"query": self._encoder.describe(is_query=True), "generated_as": "document"},
        )

    @property
    def requires(self) -> Requirements:
        """The devices of its model."""
        return of_devices(self._device)

    def recorded(self) -> Mapping[str, Json]:
        """Batches, memory and device."""
        return {
            "batch_size": self._batching.batch_size,
            "tokens_a_batch": self._batching.tokens_a_batch,
            "memory_bytes": self._memory_bytes,
            "device": self._encoder.device,
        }

    def notes(self) -> Sequence[str]:
        """Batches that had to be split."""
        if not self._n_split:
            return ()
        return (
            f"{self._n_split} batches did not fit into memory and were encoded in parts; their vectors may differ from "
            "those of whole batches in the last digits.",
        )

    def index(self, corpus: Corpus, index_dir: Path) -> None:
        """Encode the corpus, going on where an earlier call was interrupted; documents of one text are encoded once."""
        distinct = DistinctTexts.of(corpus)
        store = TokenStore.encode(self._encoder, distinct.texts, index_dir, self.precision, self._batching)
        self._n_split = store.n_split
        self._use(distinct, store)

    def open(self, corpus: Corpus, index_dir: Path) -> None:
        """Open the token vectors.

        Raises:
            BadFile: they are broken, or those of another corpus.
        """
        distinct = DistinctTexts.of(corpus)
        self._use(distinct, TokenStore.read(index_dir, len(distinct.texts)))

    def _use(self, distinct: DistinctTexts, store: TokenStore) -> None:
        self._documents, self._store = distinct.of_rows(store.texts), store

    def search(self, queries: Sequence[Query], k: int) -> Iterator[RankedList]:
        """The k best documents of each query and all that tie with the k-th."""
        if not queries:
            return
        matrices = query_matrices(self._encoder, queries, self._batching.batch_size)
        search = MaxSimSearch(self._store, self._memory_bytes, self._encoder.device)
        for query, (rows, scores) in zip(queries, search.search(matrices, k), strict=True):
            yield self._documents.ranked(query.query_id, rows, scores)

    @cached_property
    def _encoder(self) -> TokenEncoder:
        missing = self.missing_requirement()
        if missing:
            raise UserError(f"retriever late-interaction: {missing}.")
        return TokenEncoder(self._model, self._revision, *self._lengths, self._device)
