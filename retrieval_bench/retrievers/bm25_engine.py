"""The interface of BM25's engines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from bench_core.identity import Json

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Found = tuple[NDArray[np.intp], NDArray[np.float32]]


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
