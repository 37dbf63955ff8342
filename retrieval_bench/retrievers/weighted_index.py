"""Weighted terms of texts: rows appended on disk in batches, and the postings made of them.

| file                         | holds                                                                |
|------------------------------|----------------------------------------------------------------------|
| `terms.bin`, `weights.bin`   | the terms of one row after another, int32, and their weights, float32 |
| `counts.bin`                 | how many terms each row has, int32; written last                      |
| `term_starts.npy`, `rows.npy`, `weights.npy` | the same by term: `WeightedIndex`                     |
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench_core.artifacts import append_synced, folder_written_whole

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Int32s = NDArray[np.int32]
    Int64s = NDArray[np.int64]
    Float32s = NDArray[np.float32]

# Entries of rows sorted at once while postings are made: about 150 MB of working memory.
_ENTRIES_A_BLOCK = 1 << 22


@dataclass(frozen=True)
class TermWeights:
    """Rows of weighted terms, one after another.

    Attributes:
        counts: (n_rows,) int32, terms of each row.
        terms: (n_entries,) int32, ascending in a row.
        weights: (n_entries,) float32.
    """

    counts: Int32s
    terms: Int32s
    weights: Float32s

    @classmethod
    def of_dense(cls, vectors: Float32s, top_terms: int = 0) -> TermWeights:
        """What is not zero of vectors (n_rows, n_terms).

        Args:
            top_terms: keep so many of each row's heaviest terms, of equal ones the one with the lower number; 0: all.
        """
        import numpy as np

        if 0 < top_terms < vectors.shape[1]:
            order = np.argsort(-vectors, axis=1, kind="stable")[:, :top_terms]
            kept = np.zeros_like(vectors)
            np.put_along_axis(kept, order, np.take_along_axis(vectors, order, axis=1), axis=1)
            vectors = kept
        rows, terms = np.nonzero(vectors)
        counts = np.bincount(rows, minlength=len(vectors))
        return cls(counts.astype(np.int32), terms.astype(np.int32), vectors[rows, terms].astype(np.float32))


class RowsOnDisk:
    """Rows of weighted terms in a folder, little-endian: appended in batches, cut to whole ones, read in blocks."""

    def __init__(self, folder: Path) -> None:
        self._counts_path = folder / "counts.bin"
        self._entry_paths = folder / "terms.bin", folder / "weights.bin"

    def __len__(self) -> int:
        """Rows that are there as a whole."""
        return self._counts_path.stat().st_size // 4 if self._counts_path.exists() else 0

    @property
    def counts(self) -> Int32s:
        """(n_rows,) terms of each row."""
        import numpy as np

        if not self._counts_path.exists():
            return np.zeros(0, dtype=np.int32)
        return np.fromfile(self._counts_path, dtype="<i4", count=len(self))

    @property
    def is_whole(self) -> bool:
        """Whether both files of entries hold what the counts say."""
        n_bytes = 4 * int(self.counts.sum())
        return all(path.exists() and path.stat().st_size == n_bytes for path in self._entry_paths)

    def append(self, rows: TermWeights) -> None:
        """Add rows; they are on disk when this returns."""
        terms_path, weights_path = self._entry_paths
        append_synced(terms_path, rows.terms.astype("<i4").tobytes())
        append_synced(weights_path, rows.weights.astype("<f4").tobytes())
        append_synced(self._counts_path, rows.counts.astype("<i4").tobytes())

    def cut(self, n_rows: int) -> None:
        """Drop what stands behind the first `n_rows`."""
        n_entries = int(self.counts[:n_rows].sum())
        for path, n in ((self._counts_path, n_rows), *((path, n_entries) for path in self._entry_paths)):
            if path.exists():
                os.truncate(path, 4 * n)

    def blocks(self, entries_a_block: int = _ENTRIES_A_BLOCK) -> Iterator[tuple[int, TermWeights]]:
        """All rows in order, as (number of the first row, rows with about so many entries)."""
        import numpy as np

        counts = self.counts
        ends = np.cumsum(counts, dtype=np.int64)
        first, n_read = 0, 0
        while first < len(counts):
            stop = max(int(np.searchsorted(ends, n_read + entries_a_block, side="right")), first + 1)
            n = int(ends[stop - 1]) - n_read
            terms, weights = (
                np.fromfile(path, dtype=kind, count=n, offset=4 * n_read)
                for path, kind in zip(self._entry_paths, ("<i4", "<f4"), strict=True)
            )
            yield first, TermWeights(counts[first:stop], terms, weights)
            first, n_read = stop, n_read + n


@dataclass(frozen=True)
class WeightedIndex:
    """Rows by term, read from disk where they are used.

    Attributes:
        n_rows: all rows, those without a term too.
        term_starts: (n_terms + 1,) int64; the postings of term `t` stand from `term_starts[t]` to `term_starts[t + 1]`.
        rows: (n_postings,) int32, ascending within a term.
        weights: (n_postings,) float32.
    """

    n_rows: int
    term_starts: Int64s
    rows: Int32s
    weights: Float32s

    @classmethod
    def of_rows(cls, rows: RowsOnDisk, folder: Path) -> WeightedIndex:
        """The index in a folder; made of the rows where it is not there, or not theirs."""
        index = cls._read(len(rows), folder)
        if index is None or index.term_starts[-1] != rows.counts.sum(dtype="int64"):
            with folder_written_whole(folder) as temporary:
                _write(rows, temporary)
            index = cls._read(len(rows), folder)
            assert index is not None
        return index

    @classmethod
    def _read(cls, n_rows: int, folder: Path) -> WeightedIndex | None:
        import numpy as np

        try:
            arrays = [
                np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False).view(np.ndarray)
                for name in ("term_starts", "rows", "weights")
            ]
        except (OSError, ValueError):  # not there, or torn: it is made again
            return None
        return cls(n_rows, *arrays) if arrays[0][-1] == len(arrays[1]) == len(arrays[2]) else None

    def scores(self, query: Float32s) -> NDArray[np.float64]:
        """The inner product of each row with a query's weights (n_terms,): (n_rows,) float64.

        Terms are added in ascending order, so that equal rows have equal scores.
        """
        import numpy as np

        scores = np.zeros(self.n_rows)
        for term in np.flatnonzero(query[: len(self.term_starts) - 1]).tolist():
            span = slice(self.term_starts[term], self.term_starts[term + 1])
            scores[self.rows[span]] += np.float64(query[term]) * self.weights[span].astype(np.float64)
        return scores


def _write(rows: RowsOnDisk, folder: Path) -> None:
    """Go through the rows twice: count each term, then put each entry behind those of earlier rows."""
    import numpy as np

    totals = np.zeros(0, dtype=np.int64)
    for _, block in rows.blocks():
        counts = np.bincount(block.terms, minlength=len(totals))
        counts[: len(totals)] += totals
        totals = counts
    term_starts = np.append(0, np.cumsum(totals)).astype(np.int64)
    np.save(folder / "term_starts.npy", term_starts, allow_pickle=False)
    shape = (int(term_starts[-1]),)
    row_file = np.lib.format.open_memmap(folder / "rows.npy", mode="w+", dtype=np.int32, shape=shape)
    weight_file = np.lib.format.open_memmap(folder / "weights.npy", mode="w+", dtype=np.float32, shape=shape)
    next_free = term_starts[:-1].copy()
    for first_row, block in rows.blocks():
        numbers = np.repeat(np.arange(first_row, first_row + len(block.counts), dtype=np.int32), block.counts)
        by_term = np.argsort(block.terms, kind="stable")
        terms = block.terms[by_term]
        counts = np.bincount(terms, minlength=len(totals))
        places = np.arange(len(terms)) + (next_free - (np.cumsum(counts) - counts))[terms]
        row_file[places], weight_file[places] = numbers[by_term], block.weights[by_term]
        next_free += counts
    row_file.flush()
    weight_file.flush()
