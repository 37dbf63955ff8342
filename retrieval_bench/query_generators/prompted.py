"""Generators with one prompt and one answer, with or without passages retrieved beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from bench_core.errors import UserError
from bench_core.identity import Json
from bench_core.llm.chat import ChatClient, ChatRequest, Message, NoAnswer, Sampling
from bench_core.llm.reasoning import answer_part, is_reasoning_model, problem_of
from bench_core.plugins.requirements import Requirements, all_of
from retrieval_bench.datasets.card import DatasetCard
from retrieval_bench.query_generators.base import GeneratedQuery, QueryGeneratorBase, SearchTool
from retrieval_bench.query_generators.combination import R2MED, R2MED_REASONING, Combination
from retrieval_bench.query_generators.prompts import load_prompt
from retrieval_bench.types import Description, Query


@dataclass(frozen=True)
class PromptOptions:
    """How a model is prompted, and what becomes of its text.

    Attributes:
        prompt: a prompt file of the user's; `upstream`: R2MED's, imported; empty: the suite's own for the method and
            the dataset's task.
        temperature: how freely tokens are drawn (R2MED: 0.7 for open models).
        top_p: only the likeliest tokens that together have this probability are drawn from (R2MED: 0.8 for GPT-4o,
            with temperature 0.8); by default all.
        seed: where drawing begins (R2MED: 42).
        max_tokens: the most tokens of an answer, reasoning included (R2MED: 10,240).
        lexical: the combination for lexical retrieval by name; empty: R2MED's for the method.
        dense: that for encoders.
    """

    prompt: str = ""
    temperature: float = 0.7
    top_p: float | None = None
    seed: int = 42
    max_tokens: int = 10_240
    lexical: str = ""
    dense: str = ""


class Prompted(QueryGeneratorBase):
    """What generators with a prompt share.

    Args:
        options: how the model is prompted.
    """

    method: ClassVar[str]
    fields: ClassVar[frozenset[str]] = frozenset({"query"})
    n_passages: ClassVar[int] = 0

    def __init__(
        self,
        options: PromptOptions = PromptOptions(),
        *,
        client: ChatClient,
        card: DatasetCard,
        search: SearchTool | None,
    ) -> None:
        if self.n_passages and search is None:
            raise UserError(f"{self.method} shows the model what a search found; give it one.")
        self._prompt = load_prompt(self.method, card.task, options.prompt, self.fields, card.instructions_as)
        self._sampling = Sampling(
            temperature=options.temperature, top_p=options.top_p, seed=options.seed, max_tokens=options.max_tokens
        )
        self._client, self._search = client, search
        self._model = str(client.describe().get("model", ""))
        default = R2MED_REASONING if is_reasoning_model(self._model) else R2MED.get(self.method, R2MED_REASONING)
        self._combination = Combination(options.lexical or default.lexical, options.dense or default.dense)

    def describe(self) -> Description:
        """Prompt, model, sampling, combination, and for methods that search what they search with."""
        settings: dict[str, Json] = {
            "client": dict(self._client.describe()),
            "prompt_sha256": self._prompt.sha256,
            "sampling": self._sampling.describe(),
            "combination": {"lexical": self._combination.lexical, "dense": self._combination.dense},
        }
        if self.n_passages and self._search is not None:
            settings["search"] = {**self._search.describe(), "n_passages": self.n_passages}
        return Description(self.method, search=settings)

    @property
    def is_remote(self) -> bool | None:
        """As the model; what is searched speaks for itself."""
        return self._client.is_remote

    @property
    def requires(self) -> Requirements:
        """As the model, and what is searched."""
        return all_of(part.requires for part in (self._client, self._search) if part is not None)

    @property
    def shows_passages(self) -> bool:
        """Whether the prompt holds what a search found."""
        return "passages" in self.fields

    def first_request(self, query: Query) -> ChatRequest:
        """What the model is asked for a query to begin with."""
        return ChatRequest((Message("user", self._prompt.filled(self._values(query))),), self._sampling)

    def generate(self, query: Query) -> GeneratedQuery:
        """Ask the model once."""
        try:
            response = self._client.complete(self.first_request(query))
        except NoAnswer as error:
            return GeneratedQuery(query.query_id, "", self._combination, status=error.status)
        answer = answer_part(response.text, self._model)
        status = problem_of(response, self._model) or "ok"
        return GeneratedQuery(
            query.query_id,
            answer.text if status == "ok" else "",
            self._combination,
            status,
            reasoning="\n".join(filter(None, (response.reasoning, answer.reasoning))),
            usage=response.usage,
            seconds=response.seconds,
        )

    def _values(self, query: Query) -> Mapping[str, str]:
        return {"query": query.text}


class Hyde(Prompted):
    """A passage as it might answer the query (L. Gao et al., "Precise Zero-Shot Dense Retrieval", ACL 2023)."""

    method = "hyde"


class Query2Doc(Prompted):
    """A passage written after worked examples (L. Wang et al., "Query2doc", EMNLP 2023)."""

    method = "query2doc"


class Reasoning(Prompted):
    """A model that thinks first; what it concludes is searched with."""

    method = "reasoning"


# R2MED cuts each passage it shows to this many words.
_WORDS_OF_A_PASSAGE = 512


class LameR(Prompted):
    """A passage written with a first search's results in view (T. Shen et al., "LameR", ACL 2024)."""

    method = "lamer"
    fields = frozenset({"query", "passages"})
    n_passages = 10  # R2MED shows BM25's ten best

    def _values(self, query: Query) -> Mapping[str, str]:
        assert self._search is not None
        found = self._search.search(query.text, self.n_passages, query.query_id)
        cut = (" ".join(document.text.split()[:_WORDS_OF_A_PASSAGE]) for document in found)
        passages = "\n".join(f"[{number}] {text}" for number, text in enumerate(cut, start=1))
        return {"query": query.text, "passages": passages}
