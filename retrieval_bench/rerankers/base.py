"""The family of rerankers, and the base class for one of your own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from bench_core.llm.stage_models import LanguageModelSettings, with_model
from bench_core.plugins.registry import Family, StageSpec
from bench_core.plugins.stage import StageBase
from retrieval_bench.datasets.card import UNKNOWN, DatasetCard
from retrieval_bench.types import Candidates, Description, Reranker


class RerankerBase(StageBase, ABC):
    """Base of rerankers: write `rerank`.

    The description is the constructor's arguments, to which the suite adds a hash of the source you wrote, so that a
    changed argument or a changed line is another system. Override `describe` to leave out what cannot change results.
    """

    def describe(self) -> Description:
        """Class name and arguments; the suite adds a hash of the source."""
        return Description(type(self).__name__, search={"class": type(self).__name__, "arguments": self.arguments()})

    @abstractmethod
    def rerank(self, batch: Sequence[Candidates]) -> Sequence[Sequence[float]]:
        """See `retrieval_bench.types.Reranker`."""


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
    protocol=Reranker,
    base=RerankerBase,
)


def create_reranker(
    spec: StageSpec, models: LanguageModelSettings | None = None, card: DatasetCard = UNKNOWN
) -> Reranker:
    """The reranker a user names.

    Args:
        card: of what is searched; given to a class that takes it.
        models: for one that asks a language model.

    Raises:
        UserError: no such class or argument, or the class is no reranker.
    """
    stage = with_model(RERANKERS, spec, models or LanguageModelSettings())
    created: Reranker = RERANKERS.create(stage.spec, client=stage.client, n_at_once=stage.n_at_once, card=card)
    return created
