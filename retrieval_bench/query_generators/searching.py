"""Generators that search while they reason: the model queries a retriever of the suite until it concludes."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import ClassVar

from bench_core.errors import UserError
from bench_core.llm.chat import ChatClient, ChatRequest, NoAnswer
from bench_core.llm.conversation import Conversation
from bench_core.llm.reasoning import answer_part
from retrieval_bench.datasets.card import DatasetCard
from retrieval_bench.query_generators.base import GeneratedQuery, SearchTool
from retrieval_bench.query_generators.prompted import Prompted, PromptOptions
from retrieval_bench.query_generators.prompts import load_prompt
from retrieval_bench.types import Description, Query


@dataclass(frozen=True)
class Marks:
    """The words between which a model puts a search, and gets what was found."""

    search: tuple[str, str]
    result: tuple[str, str]


@dataclass(frozen=True)
class SearchBounds:
    """How far a model may search.

    Attributes:
        steps: the most searches for one query.
        seconds: no further search is begun after this time.
        total_tokens: none either after so many generated tokens.
        n_documents: documents a search returns to the model.
        words: words of each that it sees.
    """

    steps: int = 5
    seconds: float = 600.0
    total_tokens: int = 30_720
    n_documents: int = 5
    words: int = 256

    def __post_init__(self) -> None:
        """Refuse a search that finds nothing.

        Raises:
            UserError: a number below 1.
        """
        for name in ("steps", "n_documents", "words"):
            if getattr(self, name) < 1:
                raise UserError(f"{name}={getattr(self, name)} does not fit: it must be at least 1.")


class Searching(Prompted):
    """What search-o1 and search-r1 share.

    Args:
        options: how the model is prompted.
        bounds: how far it may search.
    """

    marks: ClassVar[Marks]
    n_passages = 1  # a search tool is needed

    def __init__(
        self,
        options: PromptOptions = PromptOptions(),
        bounds: SearchBounds = SearchBounds(),
        *,
        client: ChatClient,
        card: DatasetCard,
        search: SearchTool | None,
    ) -> None:
        super().__init__(options, client=client, card=card, search=search)
        self._bounds = bounds
        self._asking = replace(self._sampling, stop=(self.marks.search[1],))
        self._last_word = load_prompt(self.method, "conclude", "", frozenset({"query"}))

    def describe(self) -> Description:
        """As for every prompt, and the bounds of the search."""
        described = super().describe()
        assert self._search is not None
        bounds = {name: getattr(self._bounds, name) for name in ("steps", "seconds", "total_tokens")}
        search = {**self._search.describe(), "n_documents": self._bounds.n_documents, "words": self._bounds.words}
        return replace(
            described,
            search={
                **described.search,
                "bounds": bounds,
                "search": search,
                "conclude_sha256": self._last_word.sha256,
            },
        )

    def first_request(self, query: Query) -> ChatRequest:
        """What the model is asked first; its answer ends where it wants to search."""
        return replace(super().first_request(query), sampling=self._asking)

    def generate(self, query: Query) -> GeneratedQuery:
        """Let the model search as long as the bounds allow, then conclude."""
        conversation = Conversation(self._client, self.first_request(query).messages)
        try:
            text = self._converse(conversation, query)
        except NoAnswer as error:
            return self._generated(query, conversation, "", error.status)
        answer = self._conclusion(text)
        return self._generated(query, conversation, answer, "ok" if answer else "empty")

    def _converse(self, conversation: Conversation, query: Query) -> str:
        """The text in which the model comes to its end."""
        start = time.monotonic()
        for _ in range(self._bounds.steps):
            said = conversation.ask(self._asking)
            wanted = _between(said, *self.marks.search)
            if wanted is None:
                return said
            n_generated = conversation.cost.usage.completion_tokens or 0
            if time.monotonic() - start > self._bounds.seconds or n_generated > self._bounds.total_tokens:
                break
            found = self._found(conversation, query, wanted)
            conversation.tell(f"{self.marks.result[0]}\n{found}\n{self.marks.result[1]}")
        conversation.tell(self._last_word.filled({"query": query.text}))
        return conversation.ask(self._sampling)

    def _found(self, conversation: Conversation, query: Query, wanted: str) -> str:
        """What a search returns to the model."""
        assert self._search is not None
        documents = self._search.search(wanted, self._bounds.n_documents, query.query_id)
        cut = (" ".join(document.text.split()[: self._bounds.words]) for document in documents)
        found = "\n".join(f"[{number}] {text}" for number, text in enumerate(cut, start=1)) or "Nothing was found."
        conversation.note("search", wanted, "\n".join(document.doc_id for document in documents))
        return found

    def _conclusion(self, text: str) -> str:
        return answer_part(text, self._model).text

    def _generated(self, query: Query, conversation: Conversation, text: str, status: str) -> GeneratedQuery:
        return GeneratedQuery(
            query.query_id,
            text if status == "ok" else "",
            self._combination,
            status,
            trace=conversation.steps,
            usage=conversation.cost.usage,
            seconds=conversation.cost.seconds,
        )


class SearchO1(Searching):
    """Search-o1: what is found is first condensed to what helps (X. Li et al., EMNLP 2025, arXiv 2501.05366)."""

    method = "search-o1"
    marks = Marks(
        ("<|begin_search_query|>", "<|end_search_query|>"), ("<|begin_search_result|>", "<|end_search_result|>")
    )

    def _found(self, conversation: Conversation, query: Query, wanted: str) -> str:
        documents = super()._found(conversation, query, wanted)
        condense = load_prompt(self.method, "condense", "", frozenset({"query", "search", "passages"}))
        prompt = condense.filled({"query": query.text, "search": wanted, "passages": documents})
        return conversation.aside(prompt, self._sampling)

    def describe(self) -> Description:
        """As for all that search, and the prompt that condenses."""
        described = super().describe()
        condense = load_prompt(self.method, "condense", "", frozenset({"query", "search", "passages"}))
        return replace(described, search={**described.search, "condense_sha256": condense.sha256})


class SearchR1(Searching):
    """Search-R1: reasoning, searches and the answer stand between marks (B. Jin et al., arXiv 2503.09516)."""

    method = "search-r1"
    marks = Marks(("<search>", "</search>"), ("<information>", "</information>"))

    def _conclusion(self, text: str) -> str:
        # A model that was not trained for it may answer without the marks; then all it says is the answer.
        return _between(text, "<answer>", "</answer>") or answer_part(text, self._model).text


def _between(text: str, begin: str, end: str) -> str | None:
    """What stands behind the last `begin`, up to `end` or to the end of the text (a stop text is not part of it)."""
    if begin not in text:
        return None
    found = text.rpartition(begin)[2].partition(end)[0].strip()
    return found or None
