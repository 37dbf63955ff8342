"""Dense retrieval: vectors from a model, candidates from float32 products or FAISS, cosine similarity in float64."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from bench_core.errors import UserError
from bench_core.identity import Json
from bench_core.machine.environment import parse_bytes
from bench_core.plugins.requirements import Requirements, of_devices
from retrieval_bench.datasets.card import UNKNOWN, DatasetCard
from retrieval_bench.encoders.batches import Batching
from retrieval_bench.encoders.corpus_vectors import CorpusVectors, Similarity, prepare
from retrieval_bench.encoders.encoder import Encoder
from retrieval_bench.encoders.models import PACKAGED_MODEL, EncoderOptions, create_encoder, rules_of
from retrieval_bench.encoders.query_vectors import query_vectors
from retrieval_bench.encoders.row_file import Precision
from retrieval_bench.rankings.topk import without
from retrieval_bench.retrievers.approximate_search import ApproximateSearch, Factory, recall
from retrieval_bench.retrievers.base import RetrieverBase
from retrieval_bench.retrievers.distinct_texts import DistinctTexts
from retrieval_bench.retrievers.exact_search import ExactSearch
from retrieval_bench.retrievers.float32_products import n_gpus
from retrieval_bench.retrievers.index_store import DERIVED
from retrieval_bench.types import Corpus, Description, Query, RankedList
from retrieval_bench.upstream.r2med import upstream_prefixes

if TYPE_CHECKING:
    from retrieval_bench.retrievers.approximate_search import Found

# Raised when the files below an index folder change their form.
_FORMAT = 3


class Dense(RetrieverBase):
    """Embeddings compared by cosine similarity, searched exactly or with any FAISS index.

    Args:
        model: a name of the registry (`retrieval-bench list models`), a folder, or a model id of the Hugging Face hub.
        similarity: `cosine`, as R2MED scores every model, or `dot`, the inner product of the outputs as they come.
        factory: `Flat` is exact; any other string of FAISS's index factory (`HNSW32`, `IVF4096,PQ48`) is approximate,
            and its recall against exact search is shown.
        search_parameters: FAISS's, for an approximate index: `nprobe=16`, `efSearch=64`.
        precision: what the embeddings are stored as.
        batching: how many texts are encoded at once.
        memory: what searching the embeddings may take; larger ones are read from disk in blocks.
        encoder: what else is said about the model.
        instructions: `own`, worded by this suite; or `upstream`, those of R2MED's code, which
            `retrieval-bench import-upstream r2med` takes from your clone of it.
        identical_ids: whether a document that has the query's own id stays in its ranking; by default as the dataset's
            card says.
        card: of what is searched: its task words the model's instruction.
    """

    resumes_indexing = True

    def __init__(
        self,
        model: str = PACKAGED_MODEL,
        similarity: Similarity = "cosine",
        factory: str = "Flat",
        search_parameters: str = "",
        precision: Precision = "float32",
        batching: Batching = Batching(),
        memory: str = "1GB",
        encoder: EncoderOptions = EncoderOptions(),
        instructions: Literal["own", "upstream"] = "own",
        identical_ids: Literal["keep", "drop"] | None = None,
        *,
        card: DatasetCard = UNKNOWN,
    ) -> None:
        self.similarity, self.precision = similarity, precision
        self.factory = Factory(factory, search_parameters)
        if self.factory.is_exact and search_parameters:
            raise UserError("retriever dense: search_parameters= are for an approximate index; name one with factory=.")
        self._batching, self._options = batching, encoder
        self._memory, self._memory_bytes = memory, parse_bytes(memory)
        self._model, self._card = model, card
        imports = instructions == "upstream"
        self._prefixes = upstream_prefixes(rules_of(model, encoder.rules), card.instructions_as) if imports else None
        if identical_ids == "keep" and card.identical_ids == "drop":
            raise UserError(
                f"retriever dense: {card.dataset_id} leaves documents with the query's id out of every ranking; say "
                f"identical_ids=keep {'behind the dataset' if 'identical_ids' in card.options else 'on its card'}."
            )
        of_card = "drop" if card.identical_ids == "drop-dense" else "keep"
        self._drops_identical_ids = (identical_ids or of_card) == "drop"
        self._split_note = self._recall_note = ""

    @staticmethod
    def missing_requirement() -> str:
        """What to install before this can run, or the empty string."""
        missing = [name for name in ("torch", "sentence_transformers", "faiss") if find_spec(name) is None]
        return f"{', '.join(missing)} not installed; pip install 'biomed-bench[dense]'" if missing else ""

    def unset_key(self) -> str:
        """That of the endpoint which serves the model."""
        return self._options.unset_key()

    def describe(self) -> Description:
        """The model and what it does with each kind of text, the similarity, and the FAISS index."""
        return Description(
            "dense",
            index={
                "kind": "embeddings",
                "format": _FORMAT,
                "encoder": dict(self._encoder.describe("document")),
                "similarity": self.similarity,
                "precision": self.precision,
            },
            search={
                "query": dict(self._encoder.describe("query")),
                "generated": dict(self._encoder.describe("generated")),
                "factory": self.factory.text,
                "search_parameters": self.factory.search,
                **({"identical_ids": "drop"} if self._drops_identical_ids else {}),
            },
            approximate=not self.factory.is_exact,
        )

    @property
    def requires(self) -> Requirements:
        """The devices of its model."""
        return of_devices(self._options.device)

    def recorded(self) -> Mapping[str, Json]:
        """Batches, memory, and what the encoder ran on."""
        return {
            "batch_size": self._batching.batch_size,
            "tokens_a_batch": self._batching.tokens_a_batch,
            "memory_bytes": self._memory_bytes,
            "faiss_gpus": n_gpus(),
            **self._encoder.recorded(),
        }

    def notes(self) -> Sequence[str]:
        """Recall of an approximate index, batches that had to be split, and what is searched on which device."""
        device_note = "" if self.factory.is_exact else _device_note()
        notes = (self._split_note, self._recall_note, self._memory_note(), device_note)
        own = [note for note in notes if note]
        return [*own, *self._encoder.notes()]

    def _memory_note(self) -> str:
        if "_exact" not in self.__dict__ or self._exact.is_held:
            return ""
        n_rows = len(self._exact.vectors.rows)
        return f"{n_rows} embeddings did not fit into memory={self._memory} and were read from disk in blocks."

    @property
    def is_remote(self) -> bool | None:
        """As the encoder."""
        return self._encoder.is_remote

    def index(self, corpus: Corpus, index_dir: Path) -> None:
        """Encode the corpus, going on where an earlier call was interrupted; documents of one text are encoded once."""
        if not self.factory.is_exact:
            self.factory.check(self._encoder.encode(["dimensions"], "document").shape[1])
        distinct = DistinctTexts.of(corpus)
        vectors = CorpusVectors.encode(
            self._encoder, distinct.texts, index_dir, self.similarity, self.precision, self._batching
        )
        if vectors.n_split:
            self._split_note = (
                f"{vectors.n_split} batches did not fit into memory and were encoded in parts; their vectors may "
                "differ from those of whole batches in the last digits."
            )
        self._use(distinct, vectors, index_dir)

    def open(self, corpus: Corpus, index_dir: Path) -> None:
        """Open the embeddings, and the FAISS index made of them; that is made where it is not there yet.

        Raises:
            BadFile: they are broken, or those of another corpus.
        """
        distinct = DistinctTexts.of(corpus)
        self._use(distinct, CorpusVectors.read(index_dir, len(distinct.texts)), index_dir)

    def _use(self, distinct: DistinctTexts, vectors: CorpusVectors, index_dir: Path) -> None:
        self._documents = distinct.of_rows(vectors.texts)
        self._exact = ExactSearch(vectors, self._memory_bytes)
        if not self.factory.is_exact:
            self._approximate = ApproximateSearch(vectors, self.factory, index_dir / DERIVED)

    def search(self, queries: Sequence[Query], k: int) -> Iterator[RankedList]:
        """The k nearest documents of each query, and for exact search all that tie with the k-th."""
        if not queries:
            return
        n = k + self._drops_identical_ids
        embeddings = prepare(query_vectors(self._encoder, queries, self._batching.batch_size), self.similarity)
        found: Iterable[Found] = self._exact.search(embeddings, n)
        if not self.factory.is_exact:
            approximate = list(self._approximate.search(embeddings, n))
            share = recall(approximate, list(found), n)
            self._recall_note = f"{self.factory.text} finds {share:.4f} of the exact {k} best (recall against Flat)."
            found = approximate
        for query, (rows, scores) in zip(queries, found, strict=True):
            ranked = self._documents.ranked(query.query_id, rows, scores)
            yield without(ranked, {query.query_id}) if self._drops_identical_ids else ranked

    @cached_property
    def _encoder(self) -> Encoder:
        missing = self.missing_requirement()
        if missing:
            raise UserError(f"retriever dense: {missing}.")
        return create_encoder(self._model, self._options, self._card, self._prefixes)


def _device_note() -> str:
    """Says so where vectors are made on a GPU and an approximate index is searched without one."""
    import torch

    if not torch.cuda.is_available() or n_gpus():
        return ""
    return (
        "torch sees a GPU and FAISS does not: the index is searched on the processor (the extra gpu brings faiss-gpu)."
    )
