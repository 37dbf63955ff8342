"""A random order of documents: the lowest floor."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from retrieval_bench.retrievers.base import RetrieverBase
from retrieval_bench.types import Corpus, Description, Query, RankedList

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_VERSION = 1
"""Raised whenever a score changes."""

# A float32 holds 24 bits: so many equally likely scores are exact.
_SCORE_BITS = 24


class RandomOrder(RetrieverBase):
    """Every document in random order: the floor that any system should be above.

    The score of a document is a hash of the seed, the query_id and the doc_id, evenly spread over [0, 1): it depends
    neither on the other documents nor on the process.

    Args:
        seed: another one gives another order.
    """

    is_remote = False

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def describe(self) -> Description:
        """The seed; nothing is indexed."""
        return Description("random", search={"seed": self.seed, "version": _VERSION})

    def index(self, corpus: Corpus, index_dir: Path) -> None:
        """Hash the ids; nothing is written."""
        import numpy as np

        self._doc_ids = corpus.doc_ids
        self._hashes = np.fromiter(map(_hash, self._doc_ids), dtype=np.uint64, count=len(self._doc_ids))

    def search(self, queries: Sequence[Query], k: int) -> Iterator[RankedList]:
        """Every document of the corpus, whatever k is."""
        import numpy as np

        for query in queries:
            key = np.uint64(_hash(f"{self.seed} {query.query_id}"))
            bits = _mixed(self._hashes ^ key) >> np.uint64(64 - _SCORE_BITS)
            yield RankedList(query.query_id, bits.astype(np.float32) / np.float32(2**_SCORE_BITS), self._doc_ids)


def _hash(text: str) -> int:
    """64 bits of a text."""
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


def _mixed(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Each number as another that depends on all its bits.

    The finaliser of SplitMix64 with its constants (G. Steele, D. Lea, C. Flood, "Fast Splittable Pseudorandom Number
    Generators", OOPSLA 2014, figure 15, where it is called mix64variant13).
    """
    import numpy as np

    mixed = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
