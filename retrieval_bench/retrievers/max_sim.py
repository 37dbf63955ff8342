"""Exact MaxSim over token vectors on disk, in bounded memory: score(q, d) = Σ_i max_j q_i · d_j.

Source: O. Khattab and M. Zaharia, "ColBERT", 2020 (arXiv 2004.12832), equation 3. A float32 product of whole blocks
proposes; where a document may belong to the k best, the tokens that may be a maximum are multiplied again in float64,
each pair in the same way wherever it stands. The corpus is read once for all queries that fit into the memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval_bench.encoders.token_store import TokenBlock, TokenStore
from retrieval_bench.retrievers.float32_products import FLOAT32_ROUNDING

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    Float32s = NDArray[np.float32]
    Int64s = NDArray[np.int64]

# Query vectors multiplied at once: beyond this a product of matrices is not faster (2 to 64 cores).
_QUERY_TOKENS_AT_ONCE = 512
# Queries may take an eighth of the memory, a block with all that is computed of it a quarter. A larger block than this
# is not faster: its products no longer fit into a processor's cache.
_SHARE_OF_QUERIES, _SHARE_OF_A_BLOCK = 8, 4
_GREATEST_BLOCK_BYTES = 1 << 26
# Pairs of vectors multiplied at once in float64, in numbers: 32 MB for each side.
_NUMBERS_DECIDED_AT_ONCE = 1 << 22


@dataclass(frozen=True)
class MaxSimSearch:
    """The rows of a token store, searched by MaxSim.

    Args:
        store: what is searched.
        memory_bytes: what queries and blocks of the store may take, on the device too.
        device: torch's name.
    """

    store: TokenStore
    memory_bytes: int
    device: str

    def search(self, queries: Sequence[Float32s], k: int) -> Iterator[tuple[Int64s, Float32s]]:
        """For each query (n_tokens, dim) the rows of the k best texts and all that tie with the k-th.

        Yields:
            Row numbers (n,) int64 and scores (n,) float32, in no order, n >= min(k, n_rows).
        """
        for some in self._affordable(queries):
            yield from self._search_some(some, k)

    def _affordable(self, queries: Sequence[Float32s]) -> Iterator[Sequence[Float32s]]:
        """Queries one after another, in groups that may be held at once."""
        start = n_bytes = 0
        for number, query in enumerate(queries):
            if number > start and n_bytes + query.nbytes > self.memory_bytes // _SHARE_OF_QUERIES:
                yield queries[start:number]
                start, n_bytes = number, 0
            n_bytes += query.nbytes
        if start < len(queries):
            yield queries[start:]

    def _search_some(self, queries: Sequence[Float32s], k: int) -> list[tuple[Int64s, Float32s]]:
        import torch

        best = [_Best(k) for _ in queries]
        groups = list(_groups(queries, self.device))
        with torch.inference_mode():
            for stored in self.store.blocks(self._tokens_a_block(groups)):
                block = _Block.of(stored, self.device)
                for group in groups:
                    _search_block(block, group, best[group.first : group.first + group.n_queries])
        return [(found.rows, found.scores) for found in best]

    def _tokens_a_block(self, groups: Sequence[_Group]) -> int:
        """How many token vectors, with their padding, are worked on at once."""
        n_columns = max(len(group.tokens) for group in groups)
        n_of_a_query = max(column.stop - column.start for group in groups for column in group.columns)
        # Vectors as stored, in order, and widened; products with all queries; those of one query, compared and listed.
        bytes_a_token = 12 * self.store.tokens.dim + 4 * n_columns + 48 * n_of_a_query
        n_bytes = min(self.memory_bytes // _SHARE_OF_A_BLOCK, _GREATEST_BLOCK_BYTES)
        return int(max(n_bytes // bytes_a_token, 1))


class _Best:
    """The best rows of one query so far: k, and all that tie with the k-th.

    Attributes:
        least: what a score must reach to be among them.
    """

    def __init__(self, k: int) -> None:
        import numpy as np

        self.k, self.least = k, -np.inf
        self.scores = np.zeros(0, dtype=np.float32)
        self.rows = np.zeros(0, dtype=np.int64)

    def offer(self, scores: Float32s, rows: Int64s) -> None:
        import numpy as np

        self.scores, self.rows = np.concatenate([self.scores, scores]), np.concatenate([self.rows, rows])
        if len(self.scores) >= self.k:
            self.least = float(np.partition(self.scores, -self.k)[-self.k])
            kept = self.scores >= self.least
            self.scores, self.rows = self.scores[kept], self.rows[kept]


@dataclass(frozen=True)
class _Group:
    """The vectors of some queries, one after another.

    Attributes:
        first: the number of the first query.
        tokens: (n_tokens, dim) float32.
        owners: (n_tokens,) which query of the group each vector belongs to.
        columns: where the vectors of each query stand.
        lengths: (n_tokens,) the length of each vector.
    """

    first: int
    tokens: torch.Tensor
    owners: torch.Tensor
    columns: Sequence[slice]
    lengths: torch.Tensor

    @property
    def n_queries(self) -> int:
        return len(self.columns)


def _groups(queries: Sequence[Float32s], device: str) -> Iterator[_Group]:
    """Queries one after another, as many in a group as are multiplied at once."""
    import numpy as np
    import torch

    first = 0
    while first < len(queries):
        ends = np.cumsum([len(query) for query in queries[first : first + _QUERY_TOKENS_AT_ONCE]])
        n = max(int(np.searchsorted(ends, _QUERY_TOKENS_AT_ONCE, side="right")), 1)
        some, stops = queries[first : first + n], ends[:n].tolist()
        tokens = torch.from_numpy(np.concatenate(some)).to(device)
        owners = torch.arange(n).repeat_interleave(torch.tensor([len(query) for query in some])).to(device)
        columns = [slice(start, stop) for start, stop in zip([0, *stops[:-1]], stops, strict=True)]
        yield _Group(first, tokens, owners, columns, torch.linalg.vector_norm(tokens, dim=1))
        first += n


@dataclass(frozen=True)
class _Block:
    """Rows of the store side by side.

    Attributes:
        first: the number of the first row.
        tokens: (n_rows, longest, dim) float32; a shorter row ends in its last vector again, which changes no maximum.
        greatest_length: that of the longest vector.
    """

    first: int
    tokens: torch.Tensor
    greatest_length: float

    @classmethod
    def of(cls, stored: TokenBlock, device: str) -> _Block:
        import torch

        lengths = torch.from_numpy(stored.lengths).long()
        starts = lengths.cumsum(0) - lengths
        places = torch.minimum(torch.arange(int(lengths.max())), lengths[:, None] - 1) + starts[:, None]
        tokens = torch.from_numpy(stored.tokens).to(device)[places.to(device)].float()
        return cls(stored.first, tokens, float(torch.linalg.vector_norm(tokens, dim=2).max()))


def _search_block(block: _Block, group: _Group, best: Sequence[_Best]) -> None:
    """Offer each query the rows of a block that may be among its best."""
    import numpy as np
    import torch

    n_rows, longest, dim = block.tokens.shape
    products = (block.tokens.view(-1, dim) @ group.tokens.T).view(n_rows, longest, -1)
    greatest = products.amax(dim=1)
    proposed = torch.zeros(n_rows, group.n_queries, device=greatest.device).index_add_(1, group.owners, greatest)
    # By how much a product may be wrong; and a sum of them, which is rounded at each addition too.
    error = FLOAT32_ROUNDING * dim * block.greatest_length * group.lengths
    n_terms = torch.bincount(group.owners)
    errors = torch.zeros(group.n_queries, device=error.device).index_add_(0, group.owners, error) * (1 + n_terms / dim)
    least = torch.tensor([found.least for found in best], device=proposed.device)
    # The last term is the rounding of the score itself, and of this sum.
    possible = (proposed + errors + 4 * FLOAT32_ROUNDING * proposed.abs() >= least).cpu().numpy()
    for query in np.flatnonzero(possible.any(axis=0)).tolist():
        rows, columns = np.flatnonzero(possible[:, query]), group.columns[query]
        chosen = torch.from_numpy(rows).to(products.device)
        least_near = greatest[:, columns][chosen] - 2 * error[columns]
        near = products[:, :, columns][chosen] >= least_near[:, None, :]
        scores = _exact_scores(block.tokens, chosen, group.tokens[columns], near)
        best[query].offer(scores.cpu().numpy(), rows + block.first)


def _exact_scores(tokens: torch.Tensor, rows: torch.Tensor, query: torch.Tensor, near: torch.Tensor) -> torch.Tensor:
    """MaxSim in float64, rounded once: (len(rows),) float32.

    Args:
        tokens: (n_rows, longest, dim).
        rows: which of them.
        query: (n_tokens, dim).
        near: (len(rows), longest, n_tokens): which products may be the greatest of their row and query vector.
    """
    import torch

    greatest = torch.full((len(rows), len(query)), -torch.inf, dtype=torch.float64, device=query.device)
    for pairs in torch.split(near.nonzero(), _NUMBERS_DECIDED_AT_ONCE // query.shape[1] + 1):
        row, token, word = pairs.unbind(1)
        exact = (tokens[rows[row], token].double() * query[word].double()).sum(dim=1)
        greatest.view(-1).scatter_reduce_(0, row * len(query) + word, exact, "amax")
    return greatest.sum(dim=1).float()
