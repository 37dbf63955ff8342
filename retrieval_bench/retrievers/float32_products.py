"""Float32 inner products of many vectors, by the fastest library this process has.

numpy and torch each bring a BLAS of their own, and one of them may know the processor where the other falls back to a
kernel that is many times as slow. Which of them multiplies is measured once, for some milliseconds. It changes no
result: products only propose, within a bound of error that holds for any order of summation, and a library that is not
within it (TensorFloat-32 or bfloat16 in place of float32) is not taken.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    Float32s = NDArray[np.float32]
    Int64s = NDArray[np.int64]
    Product = Callable[[Float32s, Float32s, Float32s], None]
    """Writes the inner products of queries (n_queries, dim) and vectors (n, dim) to the third, (n_queries, n)."""

FLOAT32_ROUNDING = 2.0**-24
"""A float32 inner product of n terms is within n · 2^-24 · |a| · |b| of the true one, summed in whatever order
(N. Higham, "Accuracy and Stability of Numerical Algorithms", 2002, section 3.1; to first order)."""

# The shape that is timed: large enough for all threads to take part, done in a few milliseconds.
_TIMED_QUERIES, _TIMED_VECTORS, _TIMED_DIM, _TIMED_TURNS = 256, 2048, 384, 3
# The most neighbours FAISS finds on a GPU.
_GREATEST_K_ON_GPU = 2048
# What torch multiplies at once on a GPU: 256 MB of products for 1,024 queries.
_VECTORS_ON_GPU_AT_ONCE = 1 << 16


def numpy_product(queries: Float32s, vectors: Float32s, out: Float32s) -> None:
    """The product by numpy's BLAS."""
    import numpy as np

    np.matmul(queries, vectors.T, out=out)


def torch_product(queries: Float32s, vectors: Float32s, out: Float32s) -> None:
    """The product by torch's, on the processor."""
    import torch

    torch.matmul(torch.from_numpy(queries), torch.from_numpy(vectors).T, out=torch.from_numpy(out))


@cache
def fastest_product() -> Product:
    """The one that took least time here; torch's only where something else has imported it, which takes seconds."""
    import numpy as np

    candidates: list[Product] = [numpy_product, *([torch_product] if "torch" in sys.modules else [])]
    generator = np.random.default_rng(0)
    queries = generator.standard_normal((_TIMED_QUERIES, _TIMED_DIM), dtype=np.float32)
    vectors = generator.standard_normal((_TIMED_VECTORS, _TIMED_DIM), dtype=np.float32)
    seconds = [
        _seconds(product, queries, vectors) if product is numpy_product or is_float32(product) else np.inf
        for product in candidates
    ]
    return candidates[int(np.argmin(seconds))]


def is_float32(product: Product) -> bool:
    """Whether products are as near to the true ones as float32 numbers allow, tried on random vectors."""
    import numpy as np

    generator = np.random.default_rng(1)
    queries, vectors = (generator.standard_normal((_TIMED_QUERIES, _TIMED_DIM), dtype=np.float32) for _ in range(2))
    found = np.empty((len(queries), len(vectors)), dtype=np.float32)
    product(queries, vectors, found)
    true = queries.astype(np.float64) @ vectors.astype(np.float64).T
    lengths = [np.linalg.norm(some, axis=1).astype(np.float64) for some in (queries, vectors)]
    bound = FLOAT32_ROUNDING * _TIMED_DIM * np.outer(*lengths)
    return bool((np.abs(found - true) <= bound).all())


def _seconds(product: Product, queries: Float32s, vectors: Float32s) -> float:
    """The least of some turns, after one that starts the library's threads."""
    import numpy as np

    out = np.empty((len(queries), len(vectors)), dtype=np.float32)
    least = np.inf
    for turn in range(_TIMED_TURNS + 1):
        start = time.perf_counter()
        product(queries, vectors, out)
        if turn:
            least = min(least, time.perf_counter() - start)
    return float(least)


def nearest_on_gpu(queries: Float32s, vectors: Float32s, n: int) -> tuple[Float32s, Int64s] | None:
    """The n greatest inner products of each query on a GPU: scores and rows (n_queries, n), best first.

    None where there is no GPU for it: FAISS's where it sees one, else torch's.
    """
    import numpy as np

    if n_gpus() and n <= _GREATEST_K_ON_GPU:
        import faiss

        found: Any = faiss.knn_gpu(_gpu_resources(), queries, vectors, n, metric=faiss.METRIC_INNER_PRODUCT)
        return found[0], found[1].astype(np.int64)
    if not _torch_multiplies_on_gpu():
        return None
    return nearest_by_torch(queries, vectors, n, "cuda")


def nearest_by_torch(queries: Float32s, vectors: Float32s, n: int, device: str) -> tuple[Float32s, Int64s]:
    """The same on any device of torch's."""
    import torch

    with torch.inference_mode():
        asking = _on(queries, device)
        scores = torch.empty((len(queries), 0), device=device)
        rows = torch.empty((len(queries), 0), dtype=torch.int64, device=device)
        for start in range(0, len(vectors), _VECTORS_ON_GPU_AT_ONCE):
            products = asking @ _on(vectors[start : start + _VECTORS_ON_GPU_AT_ONCE], device).T
            some, numbers = products.topk(min(n, products.shape[1]), dim=1)
            scores, chosen = torch.cat([scores, some], dim=1).topk(min(n, scores.shape[1] + some.shape[1]), dim=1)
            rows = torch.cat([rows, numbers + start], dim=1).gather(1, chosen)
    return scores.cpu().numpy(), rows.cpu().numpy()


def _on(vectors: Float32s, device: str) -> torch.Tensor:
    import torch

    return torch.from_numpy(vectors).to(device)


@cache
def _torch_multiplies_on_gpu() -> bool:
    """Whether something has imported torch, and it has a GPU whose products are float32 ones."""
    torch: Any = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return False

    def product(queries: Float32s, vectors: Float32s, out: Float32s) -> None:
        out[...] = (_on(queries, "cuda") @ _on(vectors, "cuda").T).cpu().numpy()

    return is_float32(product)


def n_gpus() -> int:
    """The number of CUDA devices FAISS can use: 0 for a CPU build, and for a GPU build on a machine without one."""
    try:
        import faiss
    except ImportError:
        return 0
    return int(getattr(faiss, "get_num_gpus", lambda: 0)())


@cache
def _gpu_resources() -> Any:
    """FAISS's working memory on the GPU, made once."""
    import faiss

    return faiss.StandardGpuResources()
