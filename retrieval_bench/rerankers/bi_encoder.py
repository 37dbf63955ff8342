"""Rerank by a dense model's embeddings, made for the candidates alone, without an index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

from bench_core.identity import Json
from bench_core.plugins.requirements import Requirements, of_devices
from retrieval_bench.datasets.card import UNKNOWN, DatasetCard
from retrieval_bench.encoders.batches import encode_in_batches
from retrieval_bench.encoders.corpus_vectors import prepare
from retrieval_bench.encoders.encoder import Encoder
from retrieval_bench.encoders.models import PACKAGED_MODEL, EncoderOptions, create_encoder
from retrieval_bench.rerankers.base import RerankerBase
from retrieval_bench.retrievers.exact_search import exact_scores
from retrieval_bench.types import Candidates, Description


class BiEncoder(RerankerBase):
    """Cosine of query and document under a dense model, as `dense` ranks.

    Args:
        model: as of the retriever `dense`: a name of the registry, a folder, or a hub id.
        batch_size: texts encoded at once.
        encoder: what else is said about the model, as of `dense`.
        card: of what is searched: its task words the model's instruction.
    """

    def __init__(
        self,
        model: str = PACKAGED_MODEL,
        batch_size: int = 32,
        encoder: EncoderOptions = EncoderOptions(),
        *,
        card: DatasetCard = UNKNOWN,
    ) -> None:
        self._model, self._batch_size, self._card = model, batch_size, card
        self._options = encoder

    def unset_key(self) -> str:
        """That of the endpoint which serves the model."""
        return self._options.unset_key()

    def describe(self) -> Description:
        """What the model does with queries and with documents."""
        roles = {"query": self._encoder.describe("query"), "document": self._encoder.describe("document")}
        return Description("bi-encoder", search={role: dict(described) for role, described in roles.items()})

    @property
    def is_remote(self) -> bool | None:
        """As the encoder."""
        return self._encoder.is_remote

    @property
    def requires(self) -> Requirements:
        """The devices of its model."""
        return of_devices(self._options.device)

    def recorded(self) -> Mapping[str, Json]:
        """What the encoder ran on."""
        return {"batch_size": self._batch_size, **self._encoder.recorded()}

    def rerank(self, batch: Sequence[Candidates]) -> Sequence[Sequence[float]]:
        """Cosines; the original query is encoded, whatever the first stage searched with."""
        texts = [document.text for candidates in batch for document in candidates.documents]
        if not texts:
            return [[] for _ in batch]
        documents = prepare(encode_in_batches(self._encoder, texts, "document", self._batch_size), "cosine")
        queries = [candidates.query.text for candidates in batch]
        vectors = prepare(encode_in_batches(self._encoder, queries, "query", self._batch_size), "cosine")
        scores: list[list[float]] = []
        start = 0
        for query, candidates in zip(vectors, batch, strict=True):
            end = start + len(candidates.documents)
            scores.append(exact_scores(documents[start:end], query).tolist())
            start = end
        return scores

    @cached_property
    def _encoder(self) -> Encoder:
        return create_encoder(self._model, self._options, self._card)
