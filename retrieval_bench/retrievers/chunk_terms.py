"""From the numbers that one process gave chunks and terms to the terms of an index."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from retrieval_bench.analysis.numbered_texts import NumberedTexts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Int32s = NDArray[np.int32]


class ChunkTerms:
    """What one `ChunkNumbers` has told of its chunks, in the numbers of the index.

    Args:
        term_numbers: of the index; a term it does not have gets the next number. Where several take part and their
            blocks come in the order of the corpus, that is the order of first appearance, as if there were one: what
            each of them has not told before it has not met before.
    """

    def __init__(self, term_numbers: dict[str, int]) -> None:
        self._term_numbers = term_numbers
        self._terms = _Growing()
        self._forget()

    def _forget(self) -> None:
        self._counts, self._starts, self._chunk_terms = _Growing(), _Growing(), _Growing()

    def of_texts(self, texts: NumberedTexts) -> tuple[Int32s, Int32s]:
        """The terms of the next texts, one after another, and how many each text has."""
        import numpy as np

        if texts.starts_again:
            self._forget()
        numbers = self._term_numbers
        self._terms.append(
            np.array([numbers.setdefault(term, len(numbers)) for term in texts.new_terms], dtype=np.int32)
        )
        new_counts = _numbers(texts.counts)
        self._starts.append(self._chunk_terms.length + np.cumsum(new_counts, dtype=np.int32) - new_counts)
        self._counts.append(new_counts)
        self._chunk_terms.append(self._terms.values[_numbers(texts.terms)])

        chunks = _numbers(texts.chunks)
        counts = self._counts.values[chunks]
        ends = np.cumsum(counts)
        before = np.append(0, ends)
        places = np.arange(before[-1]) + np.repeat(self._starts.values[chunks] - before[:-1], counts)
        n_before = before[np.append(0, np.cumsum(_numbers(texts.lengths)))]
        return self._chunk_terms.values[places], np.diff(n_before).astype(np.int32)


class _Growing:
    """A (length,) int32 array that is appended to; its room doubles, so that each number is copied a few times."""

    def __init__(self) -> None:
        import numpy as np

        self._room = np.empty(1 << 10, dtype=np.int32)
        self.length = 0

    @property
    def values(self) -> Int32s:
        """What was appended."""
        return self._room[: self.length]

    def append(self, numbers: Int32s) -> None:
        """Put numbers behind those there are."""
        import numpy as np

        end = self.length + len(numbers)
        if end > len(self._room):
            room = np.empty(2 * end, dtype=np.int32)
            room[: self.length] = self.values
            self._room = room
        self._room[self.length : end] = numbers
        self.length = end


def _numbers(numbers: array[int]) -> Int32s:
    import numpy as np

    return np.frombuffer(numbers, dtype=np.int32)
