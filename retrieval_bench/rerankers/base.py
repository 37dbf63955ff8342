"""The family of rerankers, and what a reranker of your own need not write: its description."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench_core.errors import UserError
from bench_core.identity import Json
from bench_core.llm.stage_models import LanguageModelSettings, with_model
from bench_core.plugins.described import Described
from bench_core.plugins.registry import Family, StageSpec
from retrieval_bench.types import Candidates, Description, Reranker

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
)


class RerankerBase(Described):
    """Base of rerankers: write `rerank`.

    The description is the constructor's arguments, to which the suite adds a hash of the source you wrote, so that a
    changed argument or a changed line is another system. Override `describe` to leave out what cannot change results.
    """

    def describe(self) -> Description:
        """Class name and arguments; the suite adds a hash of the source."""
        return Description(type(self).__name__, search={"class": type(self).__name__, "arguments": self.arguments()})

    def rerank(self, batch: Sequence[Candidates]) -> Sequence[Sequence[float]]:
        """See `retrieval_bench.types.Reranker`.

        Raises:
            UserError: the class does not say how.
        """
        raise UserError(f"{type(self).__name__} has no method rerank(batch); write it.")

    def recorded(self) -> Mapping[str, Json]:
        """What is worth recording and changes nothing: device, batch size, threads."""
        return {}

    def notes(self) -> Sequence[str]:
        """What a reader of the figures should know, after `rerank`: whole sentences, shown under every table."""
        return ()


def create_reranker(spec: StageSpec, models: LanguageModelSettings | None = None, dataset_id: str = "") -> Reranker:
    """The reranker a user names.

    Args:
        dataset_id: what is searched; for one whose model has an instruction for it.
        models: for one that asks a language model.

    Raises:
        UserError: no such class or argument, or the class is no reranker.
    """
    stage = with_model(RERANKERS, spec, models or LanguageModelSettings())
    created: Reranker = RERANKERS.create(
        stage.spec, client=stage.client, n_at_once=stage.n_at_once, dataset_id=dataset_id
    )
    for method in ("describe", "rerank"):
        if not callable(getattr(created, method, None)):
            name = type(created).__name__
            raise UserError(
                f"{spec.name}: {name} is no reranker, it has no method {method}; derive it from RerankerBase."
            )
    return created
