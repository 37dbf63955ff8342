"""A matrix on disk that is appended to in batches of rows and read in blocks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from bench_core.artifacts import append_synced

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Precision = Literal["float32", "float16"]


class RowFile:
    """Rows of numbers one after another, little-endian, without a header: the file's size says how many there are.

    Args:
        path: the file; it need not exist.
        dim: numbers a row.
        precision: what a number is stored as.
    """

    def __init__(self, path: Path, dim: int, precision: Precision) -> None:
        import numpy as np

        self.path, self.dim, self.precision = path, dim, precision
        self._dtype = np.dtype(precision).newbyteorder("<")

    @property
    def row_bytes(self) -> int:
        """The size of a row on disk."""
        return self.dim * self._dtype.itemsize

    def __len__(self) -> int:
        """Whole rows; what a kill left of another does not count."""
        return self.path.stat().st_size // self.row_bytes if self.path.exists() else 0

    def cut(self, n_rows: int) -> None:
        """Drop what stands behind the first `n_rows`."""
        if self.path.exists():
            os.truncate(self.path, n_rows * self.row_bytes)

    def append(self, rows: NDArray[np.float32]) -> None:
        """Add rows (n, dim); they are on disk when this returns."""
        append_synced(self.path, rows.astype(self._dtype).tobytes())

    def read(self, start: int, stop: int) -> NDArray[np.float32]:
        """Rows `start` to `stop` (stop - start, dim) as float32, copied: nothing stays mapped."""
        import numpy as np

        count = max(min(stop, len(self)) - start, 0) * self.dim
        rows = np.fromfile(self.path, dtype=self._dtype, count=count, offset=start * self.row_bytes)
        return rows.reshape(-1, self.dim).astype(np.float32, copy=False)

    def blocks(self, rows_a_block: int) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """All rows in order, as (number of the first row, (n, dim) float32)."""
        n_rows = len(self)
        for start in range(0, n_rows, rows_a_block):
            yield start, self.read(start, min(start + rows_a_block, n_rows))

    def take(self, numbers: NDArray[np.int64]) -> NDArray[np.float32]:
        """Single rows (n, dim) float32, in the order asked for."""
        import numpy as np

        taken = np.empty((len(numbers), self.dim), dtype=np.float32)
        with self.path.open("rb", buffering=0) as file:
            for place, number in enumerate(numbers.tolist()):
                data = os.pread(file.fileno(), self.row_bytes, number * self.row_bytes)
                taken[place] = np.frombuffer(data, dtype=self._dtype)
        return taken
