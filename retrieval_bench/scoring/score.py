"""Scoring with ranx so that every figure equals trec_eval's (`trec_eval -c`: all judged queries count).

ranx orders ties by insertion and hashes ids to floats. It gets neither to decide: runs come in canonical order
(`retrieval_bench.rankings.topk`), and documents go in as small whole numbers of our own, in its array form.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench_core.errors import UserError
from retrieval_bench.scoring.compiled import keep_hashes, load_ranx
from retrieval_bench.scoring.measures import Measure
from retrieval_bench.types import Qrels, Run

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TIE_CUTOFF = 10
"""The cut-off at which ties are counted: that of the headline measure, nDCG@10."""

_UNJUDGED = -1.0


@dataclass(frozen=True)
class Scores:
    """What a run scores.

    Attributes:
        per_query: measure -> query_id -> score; every judged query, in sorted order.
        n_missing: judged queries for which the run holds nothing; each scored 0.
        n_unjudged_queries: queries of the run that have no judgments; left out.
        n_ties: queries where equal scores stand on both sides of rank 10, so that doc_id decided who counts.
    """

    per_query: Mapping[Measure, Mapping[str, float]]
    n_missing: int
    n_unjudged_queries: int
    n_ties: int


def score(run: Run, qrels: Qrels, measures: Iterable[Measure], level: int = 1) -> Scores:
    """Score a run whose lists are in canonical order.

    Args:
        level: the least relevance that counts as relevant, for measures that do not say it themselves.

    Raises:
        UserError: no judged query.
    """
    if not qrels:
        raise UserError("There are no judgments to score against.")
    query_ids = sorted(qrels)
    rankings = [run.get(query_id, ()) for query_id in query_ids]
    judged = [qrels[query_id] for query_id in query_ids]
    measures = tuple(measures)
    scored: dict[Measure, list[float]] = {}
    of_ranx = [measure for measure in measures if measure.ranx_name]
    for used in sorted({measure.level_on(level) for measure in of_ranx}):
        at_level = judged if used == 1 else [_relevant_from(used, relevances) for relevances in judged]
        scored |= _ranx_scores(rankings, at_level, [found for found in of_ranx if found.level_on(level) == used])
    for measure in measures:
        if not measure.ranx_name:
            scored[measure] = [_judged_share(*pair, measure.cutoff or 0) for pair in zip(rankings, judged, strict=True)]
    return Scores(
        {measure: dict(zip(query_ids, scored[measure], strict=True)) for measure in measures},
        n_missing=sum(not ranking for ranking in rankings),
        n_unjudged_queries=sum(query_id not in qrels for query_id in run),
        n_ties=sum(_tie_at(ranking, TIE_CUTOFF) for ranking in rankings),
    )


def check_same_collection(run: Run, qrels: Qrels) -> None:
    """Refuse to score a run against the judgments of another collection, which would be 0 throughout.

    Raises:
        UserError: the run is empty, or none of its queries is judged.
    """
    if not run:
        raise UserError("The run is empty; there is nothing to score.")
    if not any(query_id in qrels for query_id in run):
        raise UserError(
            f"None of the run's {len(run)} queries is judged (the run has {next(iter(run))}, the judgments "
            f"{next(iter(qrels), 'none')}); these are not the judgments of this run."
        )


def _relevant_from(level: int, relevances: Mapping[str, int]) -> Mapping[str, int]:
    """Judgments of 1 and 0: relevant, and judged less than that."""
    return {doc_id: int(relevance >= level) for doc_id, relevance in relevances.items()}


def _ranx_scores(
    rankings: Sequence[Sequence[tuple[str, float]]], judged: Sequence[Mapping[str, int]], measures: Sequence[Measure]
) -> dict[Measure, list[float]]:
    if not measures:
        return {}
    evaluate, typed_list, set_num_threads, n_threads = load_ranx()
    # With fewer than ten queries ranx sets numba to one thread and leaves it so.
    set_num_threads(n_threads)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numba, on casts inside ranx
        found = evaluate(
            typed_list([_judgment_array(relevances) for relevances in judged]),
            typed_list([_ranking_array(*pair) for pair in zip(rankings, judged, strict=True)]),
            # The first comes twice: asked for a single measure with a cut-off, ranx raises a KeyError.
            [measure.ranx_name for measure in [measures[0], *measures]],
            return_mean=False,
        )
    keep_hashes()
    return {measure: [float(value) for value in found[measure.ranx_name]] for measure in measures}


def _judgment_array(relevances: Mapping[str, int]) -> NDArray[np.float64]:
    """(n_judged, 2) float64: a document's number and its gain, best first; a negative relevance gains nothing."""
    import numpy as np

    rows = sorted(((max(relevance, 0), number) for number, relevance in enumerate(relevances.values())), reverse=True)
    return np.array([(number, gain) for gain, number in rows], dtype=np.float64).reshape(-1, 2)


def _ranking_array(ranking: Sequence[tuple[str, float]], relevances: Mapping[str, int]) -> NDArray[np.float64]:
    """(n_ranked, 2) float64: a document's number (-1 where it is not judged) and n - rank, which is the order."""
    import numpy as np

    numbers = {doc_id: float(number) for number, doc_id in enumerate(relevances)}
    array = np.full((max(len(ranking), 1), 2), _UNJUDGED)  # an empty ranking is one unjudged document
    for rank, (doc_id, _) in enumerate(ranking):
        array[rank] = numbers.get(doc_id, _UNJUDGED), len(ranking) - rank
    return array


def _judged_share(ranking: Sequence[tuple[str, float]], relevances: Mapping[str, int], cutoff: int) -> float:
    top = ranking[:cutoff]
    return sum(doc_id in relevances for doc_id, _ in top) / len(top) if top else 0.0


def _tie_at(ranking: Sequence[tuple[str, float]], cutoff: int) -> bool:
    return len(ranking) > cutoff and ranking[cutoff - 1][1] == ranking[cutoff][1]
