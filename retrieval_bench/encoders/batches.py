"""Plan batches from the lengths of texts alone, and halve those that exceed memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from bench_core.errors import BadFile, BenchError, UserError
from bench_core.machine.progress import progress
from retrieval_bench.encoders.encoder import Encoder, OutOfMemory
from retrieval_bench.types import Role

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Encoded = TypeVar("Encoded")

_ORDER, _ENDS = "order.npy", "batch_ends.npy"


@dataclass(frozen=True)
class BatchPlan:
    """Texts of like length together, the longest first, so that one that does not fit shows at the start.

    The same texts in the same batches give the same bytes; a plan is therefore stored, and a resume replays it.

    Attributes:
        order: (n_texts,) int64, the number of the text that comes first, second, …
        ends: (n_batches,) int64, where in `order` each batch ends.
    """

    order: NDArray[np.int64]
    ends: NDArray[np.int64]

    @classmethod
    def of_lengths(cls, lengths: NDArray[np.int64], batch_size: int, tokens_a_batch: int) -> BatchPlan:
        """Fill batches up to `batch_size` texts, or as many as stay under `tokens_a_batch` with their padding."""
        import numpy as np

        order = np.argsort(-lengths, kind="stable").astype(np.int64)
        ends: list[int] = []
        start = 0
        while start < len(order):
            longest = max(int(lengths[order[start]]), 1)
            start = min(start + min(batch_size, max(tokens_a_batch // longest, 1)), len(order))
            ends.append(start)
        return cls(order, np.array(ends, dtype=np.int64))

    def batches_from(self, n_done: int) -> Iterator[NDArray[np.int64]]:
        """The numbers of the texts of each batch, after the `n_done` texts of the first batches.

        Raises:
            BenchError: no batch ends there.
        """
        starts = [0, *self.ends[:-1].tolist()] if len(self.ends) else []
        if n_done not in starts and n_done != len(self.order):
            raise BenchError(f"The batch plan has no batch that begins at text {n_done}; delete the index folder.")
        for start, end in zip(starts, self.ends.tolist(), strict=True):
            if start >= n_done:
                yield self.order[start:end]

    def whole(self, n_rows: int) -> int:
        """How many texts the batches hold that lie wholly within the first `n_rows`."""
        import numpy as np

        n_batches = int(np.searchsorted(self.ends, n_rows, side="right"))
        return int(self.ends[n_batches - 1]) if n_batches else 0

    def write(self, folder: Path) -> None:
        """Write the plan; `batch_ends.npy` comes last, so that a folder that has it has all of it."""
        import io

        import numpy as np

        from bench_core.artifacts import write_atomically

        for name, array in ((_ORDER, self.order), (_ENDS, self.ends)):
            buffer = io.BytesIO()
            np.save(buffer, array, allow_pickle=False)
            write_atomically(folder / name, buffer.getvalue())

    @classmethod
    def read(cls, folder: Path) -> BatchPlan | None:
        """The plan in a folder; None where none was finished.

        Raises:
            BadFile: the files are broken.
        """
        import numpy as np

        if not (folder / _ENDS).is_file():
            return None
        try:
            return cls(*(np.load(folder / name, allow_pickle=False) for name in (_ORDER, _ENDS)))
        except (OSError, ValueError) as error:
            raise BadFile(folder, f"expected a batch plan ({error}); delete the index folder") from error


@dataclass(frozen=True)
class Batching:
    """How many texts are encoded at once: bounded in number, and in tokens with their padding.

    Attributes:
        batch_size: the most texts encoded at once.
        tokens_a_batch: the most tokens encoded at once, padding included.
    """

    batch_size: int = 32
    tokens_a_batch: int = 16_384

    def __post_init__(self) -> None:
        """Refuse batches of nothing.

        Raises:
            UserError: a bound below 1.
        """
        for name, value in vars(self).items():
            if value < 1:
                raise UserError(f"{name}={value} does not fit: it must be at least 1.")


@dataclass
class PlannedEncoding:
    """Documents encoded by a plan that is stored: an interrupted call is resumed, a batch that is too large split.

    Attributes:
        n_split: batches that did not fit into memory and were encoded in parts.
    """

    plan: BatchPlan
    texts: Sequence[str]
    n_split: int = 0

    @classmethod
    def in_folder(
        cls,
        folder: Path,
        texts: Sequence[str],
        lengths: Callable[[Sequence[str]], NDArray[np.int64]],
        batching: Batching,
    ) -> PlannedEncoding:
        """The encoding begun in a folder, or a new one, whose plan is written there.

        Args:
            lengths: gives what each text costs to encode, (n_texts,).
        """
        plan = BatchPlan.read(folder)
        if plan is None:
            plan = BatchPlan.of_lengths(lengths(texts), batching.batch_size, batching.tokens_a_batch)
            plan.write(folder)
        return cls(plan, texts)

    def batches(self, encode: Callable[[Sequence[str]], Encoded], n_done: int) -> Iterator[list[Encoded]]:
        """What each batch is encoded to, after the `n_done` texts of the first batches: in one piece, if it fits."""
        left = list(self.plan.batches_from(n_done))
        for numbers in progress(left, "encode", total=len(left)):
            pieces = list(split_on_out_of_memory(encode, [self.texts[number] for number in numbers.tolist()]))
            self.n_split += len(pieces) > 1
            yield pieces


def split_on_out_of_memory(encode: Callable[[Sequence[str]], Encoded], texts: Sequence[str]) -> Iterator[Encoded]:
    """Encode a batch; where it does not fit, its halves, and so on.

    Raises:
        BenchError: a single text does not fit.
    """
    try:
        yield encode(texts)
        return
    except OutOfMemory as error:
        if len(texts) == 1:
            raise BenchError(
                f"A text of {len(texts[0])} characters does not fit into the device's memory by itself; give a smaller "
                "model, a device with more memory, or device=cpu."
            ) from error
    half = len(texts) // 2
    yield from split_on_out_of_memory(encode, texts[:half])
    yield from split_on_out_of_memory(encode, texts[half:])


def encode_in_batches(encoder: Encoder, texts: Sequence[str], role: Role, batch_size: int) -> NDArray[np.float32]:
    """(n_texts, dim) float32 of a list that is small enough to be held at once, as queries are.

    Queries are encoded one length after another, not in the order given: the order of queries changes nothing.
    """
    import numpy as np

    by_length = sorted(range(len(texts)), key=lambda number: (-len(texts[number]), texts[number]))
    pieces: list[NDArray[np.float32]] = []
    for start in range(0, len(texts), batch_size):
        batch = [texts[number] for number in by_length[start : start + batch_size]]
        pieces.extend(split_on_out_of_memory(lambda some: encoder.encode(some, role), batch))
    vectors = np.concatenate(pieces)
    back = np.empty_like(vectors)
    back[by_length] = vectors
    return back
