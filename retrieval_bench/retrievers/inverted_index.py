"""An inverted index in numpy arrays: for each term the documents that hold it, and how often."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from bench_core.artifacts import HashedFile
from bench_core.errors import BadFile
from retrieval_bench.analysis.numbered_texts import ChunkAnalyzer, NumberedTexts
from retrieval_bench.analysis.on_all_cores import numbered_texts
from retrieval_bench.retrievers.chunk_terms import ChunkTerms

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Int32s = NDArray[np.int32]
    Int64s = NDArray[np.int64]

FORMAT_VERSION = 1
"""Raised whenever the files change, so that an index of an older form is made again instead of opened."""

_ARRAYS = ("term_starts", "rows", "frequencies", "lengths")
_VOCABULARY_FILE = "vocabulary.txt"
_TERMS_A_BLOCK = 1 << 22
"""Terms sorted at once: about 100 MB of working memory."""


@dataclass(frozen=True)
class InvertedIndex:
    """The postings of a corpus; row `i` is its document `i`.

    Attributes:
        term_numbers: the number of each term, from 0 in the order of first appearance.
        term_starts: (n_terms + 1,) int64; the postings of term `t` stand from `term_starts[t]` to `term_starts[t + 1]`.
        rows: (n_postings,) int32, ascending within a term.
        frequencies: (n_postings,) int32, how often the term stands in the document.
        lengths: (n_documents,) int32, the number of terms in each document, repeats included.
    """

    term_numbers: Mapping[str, int]
    term_starts: Int64s
    rows: Int32s
    frequencies: Int32s
    lengths: Int32s

    @classmethod
    def of_texts(
        cls,
        texts: Iterable[str],
        analyzer: ChunkAnalyzer,
        terms_a_block: int = _TERMS_A_BLOCK,
        n_processes: int | None = None,
    ) -> InvertedIndex:
        """Index texts.

        Args:
            terms_a_block: bounds memory and changes nothing else.
            n_processes: see `numbered_texts`; changes nothing else either.

        Raises:
            BenchError: a process that took part was killed.
        """
        import numpy as np

        term_numbers: dict[str, int] = {}
        lengths: list[Int32s] = [np.zeros(0, dtype=np.int32)]
        postings: list[_Postings] = []
        n_documents = 0
        with closing(numbered_texts(texts, analyzer, n_processes)) as numbered, _collector_paused():
            for block in _blocks(numbered, term_numbers, terms_a_block):
                postings.append(_postings(block, n_documents))
                lengths.append(block.lengths)
                n_documents += len(block.lengths)
        return cls(term_numbers, *_joined(postings, len(term_numbers)), np.concatenate(lengths))

    def postings(self, term_number: int) -> tuple[Int32s, Int32s]:
        """The rows that hold a term, and how often each does."""
        span = slice(self.term_starts[term_number], self.term_starts[term_number + 1])
        return self.rows[span], self.frequencies[span]

    def write(self, index_dir: Path) -> None:
        """Write the arrays as .npy and the terms as lines of UTF-8 text; no term holds a line break."""
        import numpy as np

        for name in _ARRAYS:
            with HashedFile(index_dir / f"{name}.npy") as file:
                np.save(file, getattr(self, name), allow_pickle=False)
        with HashedFile(index_dir / _VOCABULARY_FILE) as file:
            file.write("\n".join(self.term_numbers).encode())
        _HELD[_state(index_dir)] = self

    @classmethod
    def read(cls, index_dir: Path) -> InvertedIndex:
        """Open what `write` wrote; the arrays stay on disk and are read where they are used.

        What this process wrote and still holds is handed on instead, since another retriever may search it too.

        Raises:
            BadFile: a file is missing or broken, or they are not of one index.
        """
        path = index_dir / _VOCABULARY_FILE
        try:
            held = _HELD.get(_state(index_dir))
            if held is not None:
                return held
            terms = path.read_bytes().decode().split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise BadFile(path, f"expected the terms of an index ({error}); delete the index folder") from error
        term_numbers = {term: number for number, term in enumerate(terms) if term}
        arrays = [_mapped(index_dir / f"{name}.npy") for name in _ARRAYS]
        if len(arrays[0]) != len(term_numbers) + 1 or not arrays[0][-1] == len(arrays[1]) == len(arrays[2]):
            raise BadFile(index_dir, "expected files of one index, but their sizes differ; delete the index folder")
        return cls(term_numbers, *arrays)


_State = tuple[tuple[int, ...], ...]
# Indexes that this process wrote, as long as a retriever holds them, by the state of their files, which renaming the
# folder leaves as it is.
_HELD: WeakValueDictionary[_State, InvertedIndex] = WeakValueDictionary()


def _state(index_dir: Path) -> _State:
    names = [_VOCABULARY_FILE, *(f"{name}.npy" for name in _ARRAYS)]
    states = [(index_dir / name).stat() for name in names]
    return tuple((state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns) for state in states)


def _mapped(path: Path) -> NDArray[Any]:
    import numpy as np

    try:
        mapped: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise BadFile(path, f"expected an array of an index ({error}); delete the index folder") from error
    return mapped.view(np.ndarray)  # slices of a memmap are ten times as slow to make


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Leave Python's collector of reference cycles off: among many texts, which make none, its searches take time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@dataclass(frozen=True)
class _Block:
    """Documents in the order of the corpus: the numbers of all their terms, and how many each document has.

    Attributes:
        terms: (n_terms,) int32.
        lengths: (n_documents,) int32.
    """

    terms: Int32s
    lengths: Int32s


def _blocks(
    numbered: Iterable[tuple[int, NumberedTexts]], term_numbers: dict[str, int], terms_a_block: int
) -> Iterator[_Block]:
    """Join what was numbered, a new term getting the next number; in blocks of at least so many terms but the last."""
    chunk_terms: dict[int, ChunkTerms] = {}
    some: list[_Block] = []
    n_terms = 0
    for source, texts in numbered:
        terms, lengths = chunk_terms.setdefault(source, ChunkTerms(term_numbers)).of_texts(texts)
        some.append(_Block(terms, lengths))
        n_terms += len(terms)
        if n_terms >= terms_a_block:
            yield _one_block(some)
            some, n_terms = [], 0
    if some:
        yield _one_block(some)


def _one_block(blocks: Sequence[_Block]) -> _Block:
    import numpy as np

    terms, lengths = ([getattr(block, name) for block in blocks] for name in ("terms", "lengths"))
    return _Block(np.concatenate(terms), np.concatenate(lengths))


@dataclass(frozen=True)
class _Postings:
    """Postings ordered by term and then by row: three (n_postings,) int32 arrays."""

    terms: Int32s
    rows: Int32s
    frequencies: Int32s


def _postings(block: _Block, first_row: int) -> _Postings:
    """Count each term in each document: rows ascend already, and stay so within a term."""
    import numpy as np

    n_documents, order = len(block.lengths), _stable_order(block.terms)
    rows = np.repeat(np.arange(first_row, first_row + n_documents, dtype=np.int32), block.lengths)[order]
    terms = block.terms[order]
    is_first = np.append(True, (terms[1:] != terms[:-1]) | (rows[1:] != rows[:-1]))[: len(terms)]
    firsts = np.flatnonzero(is_first)
    frequencies = np.diff(np.append(firsts, len(terms))).astype(np.int32)
    return _Postings(terms[firsts], rows[firsts], frequencies)


def _stable_order(terms: Int32s) -> NDArray[np.intp]:
    """The places of terms, by term and then by place: by 16 bits at a time, which numpy sorts without comparisons."""
    import numpy as np

    order = np.argsort((terms & 0xFFFF).astype(np.uint16), kind="stable")
    high = (terms >> 16).astype(np.uint16)
    return order[np.argsort(high[order], kind="stable")] if high.any() else order


def _joined(blocks: Sequence[_Postings], n_terms: int) -> tuple[Int64s, Int32s, Int32s]:
    """The postings of all blocks by term: their starts, rows and frequencies.

    Blocks follow the corpus, so each writes behind what earlier ones have for a term, and no sorting is needed.
    """
    import numpy as np

    counts = [np.bincount(block.terms, minlength=n_terms) for block in blocks]
    term_starts = np.append(0, np.cumsum(sum(counts, np.zeros(n_terms, dtype=np.int64)))).astype(np.int64)
    rows = np.empty(term_starts[-1], dtype=np.int32)
    frequencies = np.empty_like(rows)
    next_free = term_starts[:-1].copy()
    for block, count in zip(blocks, counts, strict=True):
        starts_in_block = np.cumsum(count) - count
        places = np.arange(len(block.terms)) + (next_free - starts_in_block)[block.terms]
        rows[places] = block.rows
        frequencies[places] = block.frequencies
        next_free += count
    return term_starts, rows, frequencies
