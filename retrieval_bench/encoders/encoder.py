"""The contract of encoders: models that make vectors, and the retrievers that search with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from bench_core.identity import Json
from retrieval_bench.types import Role

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class OutOfMemory(Exception):
    """A batch did not fit into the memory of its device; a smaller one may."""


class Encoder(Protocol):
    """One vector a text. Batches are planned by the caller: an encoder encodes what it is given at once."""

    def describe(self, role: Role) -> Mapping[str, Json]:
        """What the vectors of texts of this role depend on: weights, pooling, lengths, the role's instruction."""

    def recorded(self) -> Mapping[str, Json]:
        """What is worth recording and changes nothing: device, precision of the computation."""

    @property
    def is_remote(self) -> bool | None:
        """Whether texts leave this machine; None: not said."""

    def notes(self) -> Sequence[str]:
        """What a reader of the figures should know, after encoding: whole sentences."""

    def lengths(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """(n_texts,) what each text costs to encode as a document: its tokens after truncation."""

    def encode(self, texts: Sequence[str], role: Role) -> NDArray[np.float32]:
        """(n_texts, dim) float32, as the model gives them: normalised only where the model itself does that.

        Raises:
            OutOfMemory: the batch is too large for the device.
            BenchError: the model or its endpoint failed.
        """
