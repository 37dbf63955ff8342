"""Exact inner-product search over vectors on disk, to the last bit, in bounded memory.

A product of matrices can give equal vectors scores that differ in their last bit by where they stand, and another
library's differ from it again. It proposes; a float64 product, the same arithmetic for every row, decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, chain, pairwise, repeat
from typing import TYPE_CHECKING

from bench_core.machine.threads import n_usable_cores
from retrieval_bench.encoders.corpus_vectors import CorpusVectors
from retrieval_bench.retrievers.float32_products import FLOAT32_ROUNDING, fastest_product, nearest_on_gpu

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Float32s = NDArray[np.float32]
    Int64s = NDArray[np.int64]

# Candidates beyond k that are proposed at first; doubled until the k-th score is clear of what was not proposed.
_MARGIN = 32
# A block is read, widened to float32 and searched: with what that needs beside it, a quarter of the memory allowed.
_SHARE_OF_A_BLOCK = 4
_MOST_QUERIES_AT_ONCE = 1024
# Vectors multiplied at once: the products with 1,024 queries are 32 MB, and partly still in the processor's cache when
# the best of them are taken (benchmarks/dense_search.py).
_VECTORS_OF_A_PRODUCT = 8192
_GROUPS_OF_N = 8
_MOST_THREADS = 8


@dataclass(frozen=True)
class ExactSearch:
    """The rows of a matrix, searched by inner product.

    Args:
        vectors: rows on disk; they are held where they take no more than half of `memory_bytes`, else read in blocks.
        memory_bytes: what vectors and candidates may take.
    """

    vectors: CorpusVectors
    memory_bytes: int

    @cached_property
    def is_held(self) -> bool:
        """Whether all vectors stay in memory, or are read from disk at each search."""
        return 2 * len(self.vectors.rows) * self.vectors.rows.dim * 4 <= self.memory_bytes

    @cached_property
    def _held(self) -> Float32s:
        return self.vectors.rows.read(0, len(self.vectors.rows))

    def search(self, queries: Float32s, k: int) -> Iterator[tuple[Int64s, Float32s]]:
        """For each row of `queries` (n_queries, dim) the rows of the k best vectors and all that tie with the k-th.

        Yields:
            Row numbers (n,) int64 and scores (n,) float32, in no order, n >= min(k, n_documents).
        """
        import numpy as np

        n_rows = len(self.vectors.rows)
        # Where every row is scored for every query, those scores take no more than an eighth of the memory.
        affordable = self.memory_bytes // (8 * 4 * n_rows) if k + _MARGIN >= n_rows else _MOST_QUERIES_AT_ONCE
        n_at_once = max(min(_MOST_QUERIES_AT_ONCE, affordable), 1)
        n_threads = min(n_usable_cores(), _MOST_THREADS)
        with ThreadPoolExecutor(n_threads) as threads:
            for start in range(0, len(queries), n_at_once):
                some = np.ascontiguousarray(queries[start : start + n_at_once], dtype=np.float32)
                yield from self._search_some(some, k, n_threads, threads)

    def _search_some(
        self, queries: Float32s, k: int, n_threads: int, threads: Executor
    ) -> list[tuple[Int64s, Float32s]]:
        import numpy as np

        found: dict[int, tuple[Int64s, Float32s]] = {}
        n_proposed = k + _MARGIN
        while len(found) < len(queries):
            numbers = np.array([number for number in range(len(queries)) if number not in found])
            asking = queries[numbers]
            if n_proposed >= len(self.vectors.rows):
                found.update(zip(numbers.tolist(), self._score_everything(asking), strict=True))
                break
            parts = np.array_split(asking, min(n_threads, len(asking)))  # one after another
            proposed = self._propose(parts, n_proposed, threads)
            decided = threads.map(self._decide, parts, proposed, repeat(k))
            for number, result in zip(numbers.tolist(), chain.from_iterable(decided), strict=True):
                if result is not None:
                    found[number] = result
            n_proposed *= 2
        return [found[number] for number in range(len(queries))]

    def _decide(self, queries: Float32s, best: _Best, k: int) -> list[tuple[Int64s, Float32s] | None]:
        """The rows of each query that may be among the k best, with scores; None: too few were proposed to tell."""
        import numpy as np

        proposed, rows = best.in_order()
        errors = self._greatest_errors(queries)
        # What is proposed this far below the k-th is neither among the k best nor ties with them.
        n_in_reach = (proposed >= (proposed[:, k - 1] - 3 * errors)[:, None]).sum(axis=1)
        beyond = proposed[:, -1] + errors  # what was not proposed can be no better
        decided: list[tuple[Int64s, Float32s] | None] = []
        for place, query in enumerate(queries):
            in_reach = rows[place, : n_in_reach[place]]
            exact = exact_scores(self._take(in_reach), query)
            kth = np.partition(exact, len(exact) - k)[len(exact) - k]
            decided.append((in_reach, exact) if kth > beyond[place] else None)
        return decided

    def _greatest_errors(self, queries: Float32s) -> NDArray[np.float64]:
        """How far the proposed scores of each query may be from the true ones (n_queries,)."""
        import numpy as np

        norms = np.linalg.norm(queries, axis=1).astype(np.float64)
        errors: NDArray[np.float64] = FLOAT32_ROUNDING * queries.shape[1] * self.vectors.greatest_norm * norms
        return errors

    def _propose(self, parts: Sequence[Float32s], n: int, threads: Executor) -> list[_Best]:
        """The n best of all rows by their float32 products with some queries, part by part."""
        import numpy as np

        best = [_Best(len(part), n) for part in parts]
        queries = np.concatenate(parts)
        for first_row, block in self._blocks():
            found = nearest_on_gpu(queries, block, min(n, len(block)))
            if found:
                for one, part in zip(best, _slices(best), strict=True):
                    one.offer(found[0][part], found[1][part] + first_row)
            else:
                _offer_products(best, queries, block, first_row, threads)
            del block  # before the next one is read
        return best

    def _score_everything(self, queries: Float32s) -> list[tuple[Int64s, Float32s]]:
        import numpy as np

        scores = np.empty((len(queries), len(self.vectors.rows)), dtype=np.float32)
        for first_row, block in self._blocks():
            for number, query in enumerate(queries):
                scores[number, first_row : first_row + len(block)] = exact_scores(block, query)
            del block
        rows = np.arange(scores.shape[1], dtype=np.int64)
        return [(rows, row) for row in scores]

    def _blocks(self) -> Iterator[tuple[int, Float32s]]:
        if self.is_held:
            yield 0, self._held
            return
        row_bytes = 4 * self.vectors.rows.dim
        yield from self.vectors.rows.blocks(max(self.memory_bytes // _SHARE_OF_A_BLOCK // row_bytes, 1))

    def _take(self, rows: Int64s) -> Float32s:
        return self._held.take(rows, axis=0) if self.is_held else self.vectors.rows.take(rows)


def exact_scores(vectors: Float32s, query: Float32s) -> Float32s:
    """Inner products (n,) of vectors (n, dim) with a query in float64, rounded once.

    One dot product a row, alike wherever the row stands; a matrix product need not be.
    """
    import numpy as np

    products: NDArray[np.float64] = np.vecdot(vectors, query, dtype=np.float64)
    return products.astype(np.float32)


def _offer_products(
    best: Sequence[_Best], queries: Float32s, vectors: Float32s, first_row: int, threads: Executor
) -> None:
    """Offer vectors by their float32 products with the queries, some vectors after others.

    The library multiplies for all queries at once, with threads of its own; what is good enough is then found for a
    part of the queries in each of ours.
    """
    import numpy as np

    product, parts = fastest_product(), _slices(best)
    room = np.empty(len(queries) * min(len(vectors), _VECTORS_OF_A_PRODUCT), dtype=np.float32)
    for start in range(0, len(vectors), _VECTORS_OF_A_PRODUCT):
        some = vectors[start : start + _VECTORS_OF_A_PRODUCT]
        scores = room[: len(queries) * len(some)].reshape(len(queries), len(some))
        product(queries, some, scores)
        offered = [
            threads.submit(one.offer_products, scores[part], first_row + start)
            for one, part in zip(best, parts, strict=True)
        ]
        for done in offered:
            done.result()


def _slices(parts: Sequence[_Best]) -> list[slice]:
    """Where the queries of each part stand among all."""
    ends = list(accumulate((len(part.scores) for part in parts), initial=0))
    return [slice(start, end) for start, end in pairwise(ends)]


class _Best:
    """The n best rows so far of each of several queries.

    Attributes:
        n: how many are kept.
        scores: (n_queries, m) float32, in no order; m is n when so many have been offered.
        rows: (n_queries, m) int64.
    """

    def __init__(self, n_queries: int, n: int) -> None:
        import numpy as np

        self.n = n
        self.scores = np.empty((n_queries, 0), dtype=np.float32)
        self.rows = np.empty((n_queries, 0), dtype=np.int64)

    def offer(self, scores: Float32s, rows: Int64s) -> None:
        """Add rows (n_queries, any number) with their scores, and keep the best."""
        import numpy as np

        self.scores = np.concatenate([self.scores, scores], axis=1)
        self.rows = np.concatenate([self.rows, rows], axis=1)
        n_over = self.scores.shape[1] - self.n
        if n_over > 0:
            kept = np.argpartition(self.scores, n_over, axis=1)[:, n_over:]
            self.scores = np.take_along_axis(self.scores, kept, axis=1)
            self.rows = np.take_along_axis(self.rows, kept, axis=1)

    def offer_products(self, scores: Float32s, first_row: int) -> None:
        """Add the rows from `first_row` on with their scores (n_queries, n_rows); only what may be kept is sorted."""
        import numpy as np

        least = self._least(scores)
        if least is None:
            rows = np.arange(first_row, first_row + scores.shape[1])
            return self.offer(scores, np.broadcast_to(rows, scores.shape))
        # In one dimension: in two, numpy looks at every element by itself.
        passing = np.flatnonzero(scores >= least[:, None])
        queries, columns = np.divmod(passing, scores.shape[1])
        counts = np.bincount(queries, minlength=len(scores))
        # Side by side, filled up with what is never kept.
        places = np.arange(len(passing)) - np.repeat(np.cumsum(counts) - counts, counts)
        few = np.full((len(scores), counts.max()), -np.inf, dtype=np.float32)
        rows = np.zeros(few.shape, dtype=np.int64)
        few[queries, places], rows[queries, places] = scores.ravel()[passing], first_row + columns
        return self.offer(few, rows)

    def _least(self, scores: Float32s) -> Float32s | None:
        """What a score must reach to be among the n best (n_queries,); None where nothing can be left out.

        The n-th best so far; before there are so many, the n-th best of the maxima of many groups of the scores, of
        which as many scores are no worse.
        """
        import numpy as np

        if self.scores.shape[1] == self.n:
            least: Float32s = self.scores.min(axis=1)
            return least
        n_groups = _GROUPS_OF_N * self.n  # enough that few of the n best share a group
        depth = scores.shape[1] // n_groups
        if depth < 2:
            return None
        maxima = scores[:, : depth * n_groups].reshape(len(scores), depth, n_groups).max(axis=1)
        return np.partition(maxima, n_groups - self.n, axis=1)[:, n_groups - self.n]

    def in_order(self) -> tuple[Float32s, Int64s]:
        """Scores and rows, best first."""
        import numpy as np

        order = np.argsort(-self.scores, axis=1, kind="stable")
        return np.take_along_axis(self.scores, order, axis=1), np.take_along_axis(self.rows, order, axis=1)
