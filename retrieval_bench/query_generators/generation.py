"""A query generator as a user names it, with its model and its search tool."""

from __future__ import annotations

from dataclasses import dataclass

from bench_core.data_use import Reach
from bench_core.errors import UserError
from bench_core.llm.caching import Remembering
from bench_core.llm.stage_models import LanguageModelSettings, with_model
from bench_core.plugins.reach import reach_of
from bench_core.plugins.registry import StageSpec, takes_injected
from bench_core.plugins.requirements import Requirements, all_of
from retrieval_bench.datasets.card import DatasetCard
from retrieval_bench.query_generators.base import QUERY_GENERATORS, QueryGenerator
from retrieval_bench.query_generators.replayed import Replay
from retrieval_bench.query_generators.search_tool import CorpusSearch
from retrieval_bench.retrievers.base import create_retriever


@dataclass(frozen=True)
class Generation:
    """A generator with what it works with."""

    generator: QueryGenerator
    n_at_once: int = 1
    client: Remembering | None = None
    search: CorpusSearch | None = None

    @property
    def reaches(self) -> tuple[Reach, ...]:
        """Where its parts send queries and documents."""
        model = () if self.client is None else (self.client.reach,)
        search = () if self.search is None else (self.search.reach,)
        return (reach_of(self.generator), *model, *search)

    @property
    def requires(self) -> Requirements:
        """What it occupies while it works."""
        return all_of(part.requires for part in self._parts)

    @property
    def _parts(self) -> list[QueryGenerator | Remembering | CorpusSearch]:
        return [part for part in (self.generator, self.client, self.search) if part is not None]


def create_generation(spec: StageSpec, card: DatasetCard, settings: LanguageModelSettings) -> Generation:
    """The generator a user names, with its model and what it searches with.

    Without a model, and where the dataset brings texts of the method, those are replayed.

    Raises:
        UserError: no such generator, model or argument; or a model is needed and none is named.
    """
    cls = QUERY_GENERATORS.own(spec.name)
    stage = with_model(QUERY_GENERATORS, spec, settings)
    rest = dict(stage.spec.arguments)
    if takes_injected(cls, "client") and stage.client is None:
        texts = card.generated_texts(spec.name)
        if texts is None:
            brings_none = f"; {card.dataset_id} brings no texts of it to replay" if card.dataset_id else ""
            raise UserError(
                f"query generator {spec.name} needs a language model: add ,llm=hf:FOLDER or ,llm=http://HOST/v1#MODEL, "
                f"or --generator-model{brings_none}."
            )
        return Generation(Replay(str(texts), spec.name, rest.get("lexical", ""), rest.get("dense", "")))
    search = None
    if takes_injected(cls, "search"):
        search = CorpusSearch(create_retriever(StageSpec.parse(rest.pop("search", "bm25")), card))
    without_search = StageSpec(spec.name, tuple(rest.items()))
    generator = QUERY_GENERATORS.create(without_search, client=stage.client, search=search, card=card)
    return Generation(generator, stage.n_at_once, stage.client, search)
