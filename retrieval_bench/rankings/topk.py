"""Canonical order and cut of ranked lists, the only place that orders (docs/rules/ordering.md O1 to O4).

The order is trec_eval's: scores as 32-bit floats, best first, and of equal scores the greater doc_id first
(trec_eval's form_res_rels.c compares ids as bytes; Python compares code points, which for UTF-8 is the same order).
Rounding comes before the cut: two scores that are one float32 are a tie, and the tie decides who stays.
"""

from __future__ import annotations

from collections.abc import Collection

from bench_core.errors import BenchError
from retrieval_bench.types import RankedList


def canonical_order(ranked: RankedList, k: int) -> list[tuple[str, float]]:
    """The k best (doc_id, score) of a list, best first.

    Of a document given twice the better score counts. Scores are float32 values.

    Raises:
        BenchError: a score is NaN.
    """
    import numpy as np

    doc_ids, scores = ranked.doc_ids, ranked.scores
    if np.isnan(scores).any():
        doc_id = doc_ids[int(np.flatnonzero(np.isnan(scores))[0])]
        raise BenchError(
            f"The score of document {doc_id} for query {ranked.query_id} is NaN; a score must be a number."
        )
    if len(scores) > k > 0:
        threshold = np.partition(scores, len(scores) - k)[len(scores) - k]
        # More than k documents are kept where they tie with the k-th, and k distinct ones where some come twice.
        kept = np.flatnonzero(scores >= threshold).tolist()
        if len({doc_ids[i] for i in kept}) >= k:
            doc_ids, scores = [doc_ids[i] for i in kept], scores[kept]
    ordered = sorted(zip(scores.tolist(), doc_ids, strict=True), reverse=True)
    if len(set(doc_ids)) == len(doc_ids):
        return [(doc_id, score) for score, doc_id in ordered[:k]]
    best: dict[str, float] = {}
    for score, doc_id in ordered:
        best.setdefault(doc_id, score)
    return list(best.items())[:k]


def without(ranked: RankedList, doc_ids: Collection[str]) -> RankedList:
    """A list without some documents."""
    if not doc_ids:
        return ranked
    kept = [place for place, doc_id in enumerate(ranked.doc_ids) if doc_id not in doc_ids]
    return RankedList(ranked.query_id, ranked.scores[kept], [ranked.doc_ids[place] for place in kept])
