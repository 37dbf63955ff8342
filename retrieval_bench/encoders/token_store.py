"""Token vectors of a corpus on disk: encoded in the order of a stored plan, a batch at a time, read in blocks.

| file                            | holds                                                                        |
|---------------------------------|------------------------------------------------------------------------------|
| `order.npy`, `batch_ends.npy`   | which text each row belongs to, and which are encoded together (`BatchPlan`) |
| `tokens.bin`                    | the token vectors of one row after another                                   |
| `lengths.bin`                   | how many vectors each row has, int32; written after them                     |
| `tokens.json`                   | dimension and precision                                                      |
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from bench_core.artifacts import append_synced, read_json, write_json
from bench_core.errors import BadFile, BenchError
from retrieval_bench.encoders.batches import Batching, BatchPlan, PlannedEncoding
from retrieval_bench.encoders.row_file import Precision, RowFile
from retrieval_bench.types import Role

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_TOKENS, _LENGTHS, _SHAPE = "tokens.bin", "lengths.bin", "tokens.json"


class EncodesTokens(Protocol):
    """What a store asks of an encoder (`TokenEncoder`)."""

    def lengths(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """(n_texts,) what each text costs to encode."""

    def encode(self, texts: Sequence[str], role: Role) -> list[NDArray[np.float32]]:
        """(n_tokens, dim) of each text, at least one token."""


@dataclass(frozen=True)
class TokenBlock:
    """Some rows of a store.

    Attributes:
        first: the number of the first row.
        lengths: (n_rows,) int32, vectors of each row.
        tokens: (sum of lengths, dim), as they are stored.
    """

    first: int
    lengths: NDArray[np.int32]
    tokens: NDArray[Any]


@dataclass(frozen=True)
class TokenStore:
    """Texts as token vectors.

    Attributes:
        tokens: (n_tokens, dim), row after row.
        lengths: (n_rows,) int32, vectors of each row; rows of like length stand together.
        texts: (n_rows,) int64, the number of the text of each row.
        n_split: batches that did not fit into memory and were encoded in parts.
    """

    tokens: RowFile
    lengths: NDArray[np.int32]
    texts: NDArray[np.int64]
    n_split: int = 0

    @classmethod
    def encode(
        cls, encoder: EncodesTokens, texts: Sequence[str], folder: Path, precision: Precision, batching: Batching
    ) -> TokenStore:
        """Encode texts into a folder; what an earlier call finished there is not encoded again.

        Raises:
            BenchError: the model fails, or there is no text.
        """
        import numpy as np

        encoding = PlannedEncoding.in_folder(folder, texts, encoder.lengths, batching)
        plan = encoding.plan
        n_done = _cut_to_whole_batches(folder, plan)
        for pieces in encoding.batches(partial(encoder.encode, role="document"), n_done):
            matrices = [matrix for piece in pieces for matrix in piece]
            if not (folder / _SHAPE).is_file():
                write_json(folder / _SHAPE, {"dim": matrices[0].shape[1], "precision": precision})
            _tokens_in(folder).append(np.concatenate(matrices))
            _append_lengths(folder, np.array([len(matrix) for matrix in matrices]))
        if not len(plan.order):
            raise BenchError("There is no text to encode.")
        return cls(_tokens_in(folder), _lengths_in(folder), plan.order, encoding.n_split)

    @classmethod
    def read(cls, folder: Path, n_texts: int) -> TokenStore:
        """What `encode` wrote.

        Raises:
            BadFile: the files are missing, broken or of another corpus.
        """
        plan = BatchPlan.read(folder)
        try:
            tokens = _tokens_in(folder)
        except (FileNotFoundError, KeyError, TypeError) as error:
            raise BadFile(
                folder, f"expected the token vectors of a corpus ({error}); delete the index folder"
            ) from error
        lengths = _lengths_in(folder)
        if plan is None or not len(lengths) == len(plan.order) == n_texts:
            found = f"expected token vectors of {n_texts} texts and found {len(lengths)}"
            raise BadFile(folder, f"{found}; delete the index folder")
        if len(tokens) != lengths.sum(dtype="int64"):
            found = f"expected {lengths.sum(dtype='int64')} token vectors and found {len(tokens)}"
            raise BadFile(folder, f"{found}; delete the index folder")
        return cls(tokens, lengths, plan.order)

    def blocks(self, tokens_a_block: int) -> Iterator[TokenBlock]:
        """All rows in order, as many at once as stay under `tokens_a_block` when all are as long as the longest."""
        import numpy as np

        first = first_token = 0
        while first < len(self.lengths):
            window = self.lengths[first : first + tokens_a_block]
            padded = np.maximum.accumulate(window) * np.arange(1, len(window) + 1, dtype=np.int64)
            lengths = window[: max(int(np.searchsorted(padded, tokens_a_block, side="right")), 1)]
            n_tokens = int(lengths.sum())
            kind = np.dtype(self.tokens.precision).newbyteorder("<")
            start_bytes = first_token * self.tokens.row_bytes
            flat = np.fromfile(self.tokens.path, dtype=kind, count=n_tokens * self.tokens.dim, offset=start_bytes)
            yield TokenBlock(first, lengths, flat.reshape(-1, self.tokens.dim))
            first, first_token = first + len(lengths), first_token + n_tokens


def _tokens_in(folder: Path) -> RowFile:
    shape = read_json(folder / _SHAPE)
    return RowFile(folder / _TOKENS, shape["dim"], shape["precision"])


def _lengths_in(folder: Path) -> NDArray[np.int32]:
    import numpy as np

    path = folder / _LENGTHS
    n_whole = path.stat().st_size // 4 if path.exists() else 0
    return np.fromfile(path, dtype="<i4", count=n_whole) if n_whole else np.zeros(0, dtype=np.int32)


def _append_lengths(folder: Path, lengths: NDArray[np.int64]) -> None:
    append_synced(folder / _LENGTHS, lengths.astype("<i4").tobytes())


def _cut_to_whole_batches(folder: Path, plan: BatchPlan) -> int:
    """Drop what a kill left of a batch; the number of rows that stay."""
    if not (folder / _SHAPE).is_file():
        return 0
    lengths, tokens = _lengths_in(folder), _tokens_in(folder)
    n_rows = plan.whole(len(lengths))
    tokens.cut(int(lengths[:n_rows].sum(dtype="int64")))
    if (folder / _LENGTHS).exists():
        os.truncate(folder / _LENGTHS, 4 * n_rows)
    return n_rows
