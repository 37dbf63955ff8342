"""Texts as numbers: which pieces between spaces they hold, and which terms the pieces are.

Everything here is done by Python alone, so that a process that only does this starts in a twentieth of a second.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from typing import Protocol

from retrieval_bench.analysis.lucene_english import chunks

CHUNKS_REMEMBERED = 1_000_000
"""What a corpus of some 100 MB asks for, and about 150 MB of memory for short strings."""

ENCODING = "utf-8", "surrogatepass"
"""How text passes between processes: whatever a JSON file can hold."""


class ChunkAnalyzer(Protocol):
    """What makes terms of a text's chunks."""

    def terms_of_chunks(self, some: Sequence[str]) -> Sequence[Sequence[str]]:
        """The terms of each of some `chunks` of texts."""


@dataclass(frozen=True)
class NumberedTexts:
    """Some texts, after others; numbers are those of one `ChunkNumbers`.

    Attributes:
        starts_again: chunks are numbered from 0 again; terms are not.
        chunks: of each text, one after another, the numbers of its chunks.
        lengths: the number of chunks of each text.
        new_terms: terms that no text before had, in the order of their numbers.
        counts: how many terms each chunk has that no text before had, in the order of their numbers.
        terms: the numbers of those terms, one chunk after another.
    """

    starts_again: bool
    chunks: array[int]
    lengths: array[int]
    new_terms: Sequence[str]
    counts: array[int]
    terms: array[int]

    def to_bytes(self) -> bytes:
        """For another process of this machine."""
        words = "\n".join(self.new_terms).encode(*ENCODING)
        arrays = self.chunks, self.lengths, self.counts, self.terms
        head = array("q", [self.starts_again, len(self.new_terms), *map(len, arrays)])
        return b"".join([head.tobytes(), *(numbers.tobytes() for numbers in arrays), words])

    @classmethod
    def from_bytes(cls, data: bytes) -> NumberedTexts:
        """What `to_bytes` made."""
        view, head = memoryview(data), array("q")
        n_head = 6 * head.itemsize
        head.frombytes(view[:n_head])
        starts_again, n_new_terms, *lengths = head
        ends = list(accumulate((4 * length for length in lengths), initial=n_head))
        arrays = [array("i") for _ in lengths]
        for numbers, start, end in zip(arrays, ends, ends[1:], strict=False):
            numbers.frombytes(view[start:end])
        words = str(view[ends[-1] :], *ENCODING)
        return cls(bool(starts_again), arrays[0], arrays[1], words.split("\n") if n_new_terms else [], *arrays[2:])


class _Numbers(dict[str, int]):
    """A number for each key, from 0 in the order of first use.

    Attributes:
        new: keys that were used first since somebody took the list away.
    """

    def __init__(self) -> None:
        super().__init__()
        self.new: list[str] = []

    def __missing__(self, key: str) -> int:
        number = self[key] = len(self)
        self.new.append(key)
        return number

    def take_new(self) -> list[str]:
        """The keys that are new since the last call."""
        new, self.new = self.new, []
        return new


class ChunkNumbers:
    """Numbers chunks and terms from 0 in the order of their first appearance.

    A chunk is analysed once, as long as no more than `limit` of them are known: then chunks are forgotten, and terms
    are not. So a corpus takes as long as its distinct chunks, and memory is bounded but for the terms.
    """

    def __init__(self, analyzer: ChunkAnalyzer, limit: int = CHUNKS_REMEMBERED) -> None:
        self._analyzer, self._limit = analyzer, limit
        self._chunks, self._terms = _Numbers(), _Numbers()

    def number(self, texts: Sequence[str]) -> NumberedTexts:
        """The next texts."""
        starts_again = len(self._chunks) > self._limit
        if starts_again:
            self._chunks.clear()
        numbers, lengths = array("i"), array("i")
        for text in texts:
            n_before = len(numbers)
            numbers.extend(map(self._chunks.__getitem__, chunks(text)))
            lengths.append(len(numbers) - n_before)
        found = self._analyzer.terms_of_chunks(self._chunks.take_new())
        terms = array("i", map(self._terms.__getitem__, chain.from_iterable(found)))
        return NumberedTexts(starts_again, numbers, lengths, self._terms.take_new(), array("i", map(len, found)), terms)
