"""Create the generator a user names, and generate for all queries of a dataset."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from bench_core.errors import UserError
from bench_core.identity import canonical_json
from bench_core.llm.caching import Remembering
from bench_core.llm.chat import Usage
from bench_core.llm.stage_models import LanguageModelSettings, with_model
from bench_core.machine.progress import progress
from bench_core.machine.threads import in_threads
from bench_core.plugins.registry import StageSpec
from bench_core.plugins.requirements import Requirements, all_of
from bench_core.plugins.stage import any_remote
from retrieval_bench.datasets.card import DatasetCard
from retrieval_bench.query_generators.base import QUERY_GENERATORS, GeneratedQuery, QueryGenerator
from retrieval_bench.query_generators.replayed import Replay
from retrieval_bench.query_generators.search_tool import CorpusSearch
from retrieval_bench.retrievers.base import create_retriever
from retrieval_bench.types import Query

SPENDING_CAP = "spending cap"


@dataclass(frozen=True)
class Generation:
    """A generator with what it works with."""

    generator: QueryGenerator
    n_at_once: int = 1
    client: Remembering | None = None
    search: CorpusSearch | None = None

    @property
    def is_remote(self) -> bool | None:
        """Whether queries or documents leave this machine; None: not said."""
        return any_remote(part.is_remote for part in self._parts)

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
    parameters = inspect.signature(QUERY_GENERATORS.load(spec.name)).parameters
    stage = with_model(QUERY_GENERATORS, spec, settings)
    rest = dict(stage.spec.arguments)
    if "client" in parameters and stage.client is None:
        texts = card.generated_texts(spec.name)
        if texts is None:
            brings_none = f"; {card.dataset_id} brings no texts of it to replay" if card.dataset_id else ""
            raise UserError(
                f"query generator {spec.name} needs a language model: add ,llm=hf:FOLDER or ,llm=http://HOST/v1#MODEL, "
                f"or --generator-model{brings_none}."
            )
        return Generation(Replay(str(texts), spec.name, rest.get("lexical", ""), rest.get("dense", "")))
    search = None
    if "search" in parameters:
        search = CorpusSearch(create_retriever(StageSpec.parse(rest.pop("search", "bm25")), card))
    without_search = StageSpec(spec.name, tuple(rest.items()))
    generator = QUERY_GENERATORS.create(without_search, client=stage.client, search=search, card=card)
    return Generation(generator, stage.n_at_once, stage.client, search)


def generate_all(generation: Generation, queries: Sequence[Query]) -> list[GeneratedQuery]:
    """What is generated for each query, in their order; once the spending cap is reached the rest is not begun."""
    found: dict[str, GeneratedQuery] = {}
    capped: GeneratedQuery | None = None
    coming = in_threads(generation.generator.generate, queries, generation.n_at_once, _is_capped)
    for query, generated in progress(coming, "generate", total=len(queries)):
        found[query.query_id] = generated
        capped = generated if _is_capped(generated) else capped
    if capped is not None:
        rest = GeneratedQuery("", "", capped.combination, SPENDING_CAP)
        return [found.get(query.query_id, replace(rest, query_id=query.query_id)) for query in queries]
    return [found[query.query_id] for query in queries]


def _is_capped(generated: GeneratedQuery) -> bool:
    return generated.status == SPENDING_CAP


def generated_lines(generated: Sequence[GeneratedQuery]) -> str:
    """The texts of a run as JSON lines, in the order of the queries."""
    return "".join(canonical_json(asdict(item)) + "\n" for item in generated)


def missing_note(generated: Sequence[GeneratedQuery], what: str) -> str:
    """How many queries have no text, and why; the empty string where all have one."""
    why = Counter(item.status for item in generated if item.status != "ok")
    if not why:
        return ""
    reasons = ", ".join(f"{n} {status}" for status, n in sorted(why.items()))
    return (
        f"{what}: {why.total()} of {len(generated)} queries have no generated text ({reasons}); they were not searched "
        "and count 0. The next run asks for them again."
    )


def total_usage(generated: Sequence[GeneratedQuery]) -> Usage:
    """Tokens of all queries, as far as they were counted."""
    return Usage(
        sum(item.usage.prompt_tokens or 0 for item in generated),
        sum(item.usage.completion_tokens or 0 for item in generated),
    )
