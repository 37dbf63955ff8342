"""Vectors of a corpus on disk: encoded in the order of a stored plan, a batch at a time, and resumed after a kill.

| file              | holds                                                                   |
|-------------------|-------------------------------------------------------------------------|
| `order.npy`       | which text each row belongs to (`BatchPlan`)                            |
| `batch_ends.npy`  | which texts are encoded together                                        |
| `vectors.bin`     | the rows, ready for the inner product                                   |
| `vectors.json`    | their dimension, precision and greatest length; written when all is done |
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from bench_core.artifacts import read_json, write_json
from bench_core.errors import BadFile, BenchError
from retrieval_bench.encoders.batches import Batching, BatchPlan, PlannedEncoding
from retrieval_bench.encoders.encoder import Encoder
from retrieval_bench.encoders.row_file import Precision, RowFile

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Similarity = Literal["cosine", "dot"]

_ROWS, _SHAPE, _WIDTH = "vectors.bin", "vectors.json", "dim.json"
# Rows read at once where all are gone through: 64 MB at 1,024 dimensions.
_ROWS_A_BLOCK = 1 << 14


@dataclass(frozen=True)
class CorpusVectors:
    """A corpus as vectors.

    Attributes:
        rows: (n_rows, dim), in the order of the plan.
        texts: (n_rows,) int64, the number of the text of each row.
        greatest_norm: the length of the longest row, by which rounding errors are bounded.
        n_split: batches that did not fit into memory and were encoded in parts.
    """

    rows: RowFile
    texts: NDArray[np.int64]
    greatest_norm: float
    n_split: int = 0

    @classmethod
    def encode(
        cls,
        encoder: Encoder,
        texts: Sequence[str],
        folder: Path,
        similarity: Similarity,
        precision: Precision,
        batching: Batching,
    ) -> CorpusVectors:
        """Encode texts into a folder; what an earlier call finished there is not encoded again.

        Raises:
            BenchError: the model fails, or gives a vector that is no direction (not finite; zero, for cosine).
        """
        encoding = PlannedEncoding.in_folder(folder, texts, encoder.lengths, batching)
        plan = encoding.plan
        rows = _rows_so_far(folder, precision)
        n_done = plan.whole(len(rows)) if rows else 0
        if rows:
            rows.cut(n_done)
        for pieces in encoding.batches(partial(encoder.encode, role="document"), n_done):
            for piece in pieces:
                prepared = prepare(piece, similarity)
                if rows is None:
                    write_json(folder / _WIDTH, piece.shape[1])
                    rows = RowFile(folder / _ROWS, piece.shape[1], precision)
                rows.append(prepared)
        if rows is None:
            raise BenchError("There is no text to encode.")
        greatest_norm = _greatest_norm(rows)
        shape = {"dim": rows.dim, "precision": precision, "n_rows": len(rows), "greatest_norm": greatest_norm}
        write_json(folder / _SHAPE, shape)
        return cls(rows, plan.order, greatest_norm, encoding.n_split)

    @classmethod
    def read(cls, folder: Path, n_texts: int) -> CorpusVectors:
        """What `encode` wrote.

        Raises:
            BadFile: the files are missing, broken or of another corpus.
        """
        plan = BatchPlan.read(folder)
        try:
            shape = read_json(folder / _SHAPE)
            rows = RowFile(folder / _ROWS, shape["dim"], shape["precision"])
        except (FileNotFoundError, KeyError, TypeError) as error:
            raise BadFile(folder, f"expected the vectors of a corpus ({error}); delete the index folder") from error
        if plan is None or not len(rows) == len(plan.order) == n_texts:
            found = f"expected vectors of {n_texts} texts and found {len(rows)}"
            raise BadFile(folder, f"{found}; delete the index folder")
        return cls(rows, plan.order, shape["greatest_norm"])


def prepare(vectors: NDArray[np.float32], similarity: Similarity) -> NDArray[np.float32]:
    """Vectors (n, dim) whose inner product is the similarity: for cosine each divided by its length.

    Raises:
        BenchError: a number that is not finite, or for cosine a vector without a direction.
    """
    import numpy as np

    if not np.isfinite(vectors).all():
        raise BenchError("The model gave a vector that holds NaN or infinity; a lower precision may be the reason.")
    if similarity == "dot":
        return np.ascontiguousarray(vectors, dtype=np.float32)
    norms = np.sqrt(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64))
    if not norms.all():
        raise BenchError("The model gave a vector of zeros, which has no cosine; use similarity=dot or another model.")
    prepared: NDArray[np.float32] = (vectors / norms[:, None]).astype(np.float32)
    return prepared


def _rows_so_far(folder: Path, precision: Precision) -> RowFile | None:
    """The rows an interrupted call left, if it came as far as the first."""
    return RowFile(folder / _ROWS, read_json(folder / _WIDTH), precision) if (folder / _WIDTH).is_file() else None


def _greatest_norm(rows: RowFile) -> float:
    import numpy as np

    greatest = 0.0
    for _, block in rows.blocks(_ROWS_A_BLOCK):
        greatest = max(greatest, float(np.einsum("ij,ij->i", block, block, dtype=np.float64).max()))
    return math.sqrt(greatest)
