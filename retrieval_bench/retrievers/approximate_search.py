"""Approximate search with any index FAISS can build from a factory string (`HNSW32`, `IVF4096,PQ48`).

The index is made from the vectors on disk a block at a time and kept beside them, so that it is quick to make again and
the vectors are encoded once for all of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench_core.artifacts import move_synced
from bench_core.errors import BenchError, UserError
from bench_core.identity import identity_hash
from bench_core.machine.progress import progress
from bench_core.runs.manifest import slug
from retrieval_bench.encoders.corpus_vectors import CorpusVectors
from retrieval_bench.retrievers.float32_products import n_gpus

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Float32s = NDArray[np.float32]
    Int64s = NDArray[np.int64]
    Found = tuple[Int64s, Float32s]

# What is added at once shapes a graph, what is trained on shapes centroids: both are fixed, so that the same vectors
# give the same index whatever memory there is. FAISS itself trains on at most 256 vectors a centroid
# (ClusteringParameters.max_points_per_centroid), at 384 dimensions 1,024 centroids' worth of these bytes.
_BLOCK_BYTES = 1 << 26
_TRAINING_BYTES = 1 << 28
# Graph indexes depend on the order in which threads insert; with one thread the same vectors give the same graph.
_GRAPHS = ("HNSW", "NSG")


@dataclass(frozen=True)
class Factory:
    """An index as FAISS's factory names it, and the parameters it is searched with.

    Attributes:
        text: `HNSW32`, `IVF256,Flat`, …
        search: FAISS's search parameters, as `nprobe=16` or `efSearch=64`; empty: the index's own.
    """

    text: str
    search: str = ""

    @property
    def is_exact(self) -> bool:
        """Whether this is brute force, which `ExactSearch` does without an index."""
        return self.text == "Flat"

    def check(self, dim: int) -> None:
        """Try the factory and the parameters, before vectors are made for them.

        Raises:
            UserError: FAISS does not know them, or not for vectors of so many dimensions.
        """
        _set_search_parameters(_empty_index(self.text, dim), self.search)


class ApproximateSearch:
    """A FAISS index over a corpus's vectors, opened or, where it is not there yet, made.

    The vectors are never held at once, but FAISS holds its index: HNSW needs more memory than the vectors, PQ far less.

    Raises:
        UserError: FAISS knows no such factory string or search parameter, or has too few vectors to train it.
    """

    def __init__(self, vectors: CorpusVectors, factory: Factory, derived_dir: Path) -> None:
        import faiss

        self._vectors = vectors
        name = f"{slug(factory.text)}--{identity_hash([factory.text, faiss.__version__])[:8]}.faiss"
        path = derived_dir / name
        index = self._read(path)
        if index is None:
            derived_dir.mkdir(parents=True, exist_ok=True)
            index = self._build(factory.text, path)
        self.on_gpu = n_gpus() > 0
        self._index: Any = _on_gpus(index) if self.on_gpu else index
        _set_search_parameters(self._index, factory.search)

    def search(self, queries: Float32s, k: int) -> Iterator[Found]:
        """For each row of `queries` (n_queries, dim) what the index finds: rows (n,) and scores (n,), n <= k."""
        import numpy as np

        n = min(k, len(self._vectors.rows))
        scores, rows = self._index.search(np.ascontiguousarray(queries, dtype=np.float32), n)
        for query_rows, query_scores in zip(rows, scores, strict=True):
            there = query_rows >= 0  # -1 stands where fewer were found
            yield query_rows[there].astype(np.int64), query_scores[there]

    def _read(self, path: Path) -> Any:
        """The index made earlier; None where there is none, or its file is broken and must be made again."""
        import faiss

        if not path.is_file():
            return None
        try:
            index = faiss.read_index(str(path))
        except RuntimeError:
            return None
        return index if (index.ntotal, index.d) == (len(self._vectors.rows), self._vectors.rows.dim) else None

    def _build(self, text: str, path: Path) -> Any:
        import faiss

        rows = self._vectors.rows
        index = _empty_index(text, rows.dim)
        block_rows = max(_BLOCK_BYTES // (4 * rows.dim), 1)
        with _threads_for(text):
            if not index.is_trained:
                self._train(index, text)
            n_blocks = -(-len(rows) // block_rows)
            for _, block in progress(rows.blocks(block_rows), f"build {text}", total=n_blocks):
                index.add(block)
        temporary = path.with_suffix(".partial")
        faiss.write_index(index, str(temporary))
        move_synced(temporary, path)
        return index

    def _train(self, index: Any, text: str) -> None:
        """Train on rows spread evenly over the file: it is ordered by length, and its beginning is no fair sample."""
        import numpy as np

        rows = self._vectors.rows
        n = min(max(_TRAINING_BYTES // (4 * rows.dim), 1), len(rows))
        sample = rows.take(np.linspace(0, len(rows) - 1, n).astype(np.int64))
        try:
            index.train(sample)
        except RuntimeError as error:
            raise UserError(
                f"FAISS cannot train {text!r} on {len(rows)} vectors ({_cause(error)}); name fewer centroids, or "
                "HNSW32, which needs no training."
            ) from error


def recall(found: Sequence[Found], exact: Sequence[Found], k: int) -> float:
    """The share of the exact k best that the approximate search found too, as a mean over queries.

    Of those that tie with the k-th any will do, as many as there are places for.

    Args:
        found: of each query at most k rows.
        exact: of each query the k best and all that tie with the k-th, as `ExactSearch` gives them.
    """
    import numpy as np

    shares = []
    for (rows, _), (exact_rows, scores) in zip(found, exact, strict=True):
        n = min(k, len(scores))
        better = scores > np.partition(scores, len(scores) - n)[len(scores) - n]
        n_tied = len(np.intersect1d(rows, exact_rows[~better]))
        n_found = len(np.intersect1d(rows, exact_rows[better])) + min(n_tied, n - int(better.sum()))
        shares.append(n_found / n)
    return float(np.mean(shares))


def _empty_index(text: str, dim: int) -> Any:
    import faiss

    try:
        return faiss.index_factory(dim, text, faiss.METRIC_INNER_PRODUCT)
    except RuntimeError as error:
        raise UserError(
            f"FAISS cannot make an index {text!r} of {dim} dimensions ({_cause(error)}); write for example HNSW32 or "
            "IVF256,Flat."
        ) from error


@contextmanager
def _threads_for(text: str) -> Iterator[None]:
    """One thread while a graph is built, so that it comes out the same each time."""
    import faiss

    before = faiss.omp_get_max_threads()
    if any(name in text for name in _GRAPHS):
        faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def _set_search_parameters(index: Any, text: str) -> None:
    import faiss

    if not text:
        return
    space: Callable[[], Any] = faiss.GpuParameterSpace if n_gpus() else faiss.ParameterSpace
    try:
        space().set_index_parameters(index, text)
    except RuntimeError as error:
        raise UserError(
            f"FAISS does not take the search parameters {text!r} for this index ({_cause(error)}); write for example "
            "nprobe=16 for IVF or efSearch=64 for HNSW."
        ) from error


def _on_gpus(index: Any) -> Any:
    import faiss

    try:
        return faiss.index_cpu_to_all_gpus(index)
    except RuntimeError as error:
        raise BenchError(
            f"FAISS cannot put this index on the GPU ({_cause(error)}); hide the GPU with CUDA_VISIBLE_DEVICES= to "
            "search on the processor."
        ) from error


def _cause(error: Exception) -> str:
    """What FAISS says, without the place in its source."""
    return re.split(r"\.cpp:\d+: ", str(error).strip())[-1].rstrip(".")
