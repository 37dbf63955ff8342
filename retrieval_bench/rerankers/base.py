"""The family of rerankers, and the base class for one of your own."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any

from bench_core.llm.stage_models import LanguageModelSettings, Modelled, create_with_model
from bench_core.plugins.protocols import Contract
from bench_core.plugins.registry import Family, StageSpec
from bench_core.plugins.returns import Returned, kind_of, with_unfit
from bench_core.plugins.stage import StageBase
from retrieval_bench.datasets.card import UNKNOWN, DatasetCard
from retrieval_bench.retrievers.base import described
from retrieval_bench.types import Candidates, Description, Reranker


class RerankerBase(StageBase, ABC):
    """Base of rerankers: write `rerank`.

    The description is the constructor's arguments, to which the suite adds a hash of the source you wrote, so that a
    changed argument or a changed line is another system. Override `describe` to leave out what cannot change results.
    """

    def describe(self) -> Description:
        """Class name, arguments and model; the suite adds a hash of the source."""
        return Description(type(self).__name__, search=self.described_by_class())

    @abstractmethod
    def rerank(self, batch: Sequence[Candidates]) -> Sequence[Sequence[float]]:
        """See `retrieval_bench.types.Reranker`."""


def score_lists(found: Returned) -> list[list[float]]:
    """The check of `rerank`: a list of finite scores for each of the batch, a score for each of its documents."""
    returned, (batch,) = found.value, found.arguments
    if not isinstance(returned, Sequence) or isinstance(returned, str):
        raise found.unfit(f"returned {kind_of(returned)}; return a list of scores for each of the {len(batch)} queries")
    if len(returned) != len(batch):
        raise found.unfit(
            f"returned {kind_of(returned)} of {len(returned)} where {len(batch)} queries were given; return a list of "
            "scores for each"
        )
    return [_scores_of(candidates, scores, found) for candidates, scores in zip(batch, returned, strict=True)]


def _scores_of(candidates: Candidates, scores: Any, found: Returned) -> list[float]:
    query_id, n_documents = candidates.query.query_id, len(candidates.documents)
    if isinstance(scores, str | bytes) or not isinstance(scores, Iterable):
        raise found.unfit(f"gave query {query_id} {kind_of(scores)}; give it a list of {n_documents} scores")
    given = list(scores)
    values = [_as_number(score) for score in given]
    if None in values:
        wrong = with_unfit(given, lambda score: _as_number(score) is not None)
        raise found.unfit(f"gave query {query_id} {kind_of(scores)}{wrong}; give each document a number as score")
    if len(values) != n_documents:
        raise found.unfit(
            f"gave {len(values)} scores for the {n_documents} documents of query {query_id}; give each document one, "
            "in order"
        )
    finite = [value for value in values if value is not None and math.isfinite(value)]
    if len(finite) != n_documents:
        wrong = with_unfit(values, lambda value: value in finite)
        raise found.unfit(f"gave query {query_id} a list{wrong}; give each document a finite number")
    return finite


def _as_number(score: Any) -> float | None:
    """A score as a number; None for what is none. A text is none, though it may be read as one."""
    try:
        return None if isinstance(score, str | bytes) else float(score)
    except (TypeError, ValueError):
        return None


RERANKERS = Family(
    kind="reranker",
    builtins={
        "bi-encoder": "retrieval_bench.rerankers.bi_encoder:BiEncoder",
        "cross-encoder": "retrieval_bench.rerankers.cross_encoder:CrossEncoder",
        "listwise": "retrieval_bench.rerankers.listwise:Listwise",
        "monobert": "retrieval_bench.rerankers.cross_encoder:MonoBert",
        "monot5": "retrieval_bench.rerankers.monot5:MonoT5",
        "rankllama": "retrieval_bench.rerankers.rankllama:RankLlama",
    },
    group="retrieval_bench.rerankers",
    used="retrieval-bench run -r 'bm25 > {}'",
    contract=Contract(
        protocol=Reranker,
        base=RerankerBase,
        returns={"describe": described, "rerank": score_lists},
        tests="retrieval_bench.testing:RerankerContract",
    ),
)


def create_reranker(
    spec: StageSpec, models: LanguageModelSettings | None = None, card: DatasetCard = UNKNOWN
) -> Reranker:
    """The reranker a user names; see `reranker_with_model`."""
    return reranker_with_model(spec, models or LanguageModelSettings(), card).stage


def reranker_with_model(
    spec: StageSpec, models: LanguageModelSettings, card: DatasetCard = UNKNOWN
) -> Modelled[Reranker]:
    """The reranker a user names, and the language model that it was given.

    Args:
        card: of what is searched; given to a class that takes it.
        models: for one that asks a language model.

    Raises:
        UserError: no such class, argument or model, or the class is no reranker.
    """
    modelled: Modelled[Reranker] = create_with_model(RERANKERS, spec, models, card=card)
    return modelled
