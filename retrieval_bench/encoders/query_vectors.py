"""Query vectors: the mean of the embeddings of a query's parts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from retrieval_bench.encoders.batches import encode_in_batches
from retrieval_bench.encoders.encoder import Encoder
from retrieval_bench.types import Query

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def query_vectors(encoder: Encoder, queries: Sequence[Query], batch_size: int) -> NDArray[np.float32]:
    """(n_queries, dim) float32: the weighted mean of each query's parts, of the outputs as they come.

    The mean comes before any normalisation, as R2MED does it (arXiv 2505.14558, its code for generated queries).
    """
    import numpy as np

    parts = [(row, part) for row, query in enumerate(queries) for part in query.encoded_parts]
    sums: NDArray[np.float64] | None = None
    weights = np.zeros(len(queries))
    for role in dict.fromkeys(part.role for _, part in parts):
        chosen = [(row, part) for row, part in parts if part.role == role]
        vectors = encode_in_batches(encoder, [part.text for _, part in chosen], role, batch_size)
        if sums is None:
            sums = np.zeros((len(queries), vectors.shape[1]))
        for (row, part), vector in zip(chosen, vectors, strict=True):
            sums[row] += part.weight * vector.astype(np.float64)
            weights[row] += part.weight
    if sums is None:
        return np.zeros((0, 0), dtype=np.float32)
    means: NDArray[np.float32] = (sums / weights[:, None]).astype(np.float32)
    return means
