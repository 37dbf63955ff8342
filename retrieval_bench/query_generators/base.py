"""The contract of query generators, and the base class of those that send a prompt and read an answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from bench_core.identity import Json
from bench_core.llm.chat import NoAnswer, Usage
from bench_core.llm.conversation import Step
from bench_core.plugins.protocols import Contract
from bench_core.plugins.registry import Family
from bench_core.plugins.requirements import Requirements
from bench_core.plugins.returns import Returned, kind_of, some_text, text
from bench_core.plugins.stage import Stage, StageBase
from retrieval_bench.query_generators.combination import Combination
from retrieval_bench.retrievers.base import described
from retrieval_bench.types import Description, Document, Query


class SearchTool(Protocol):
    """A retriever of the suite over the dataset's corpus, as generators use it."""

    def describe(self) -> Mapping[str, Json]:
        """What its results depend on."""

    @property
    def is_remote(self) -> bool | None:
        """Whether what is searched for leaves this machine; None: not said."""

    @property
    def requires(self) -> Requirements:
        """What it occupies while it searches."""

    def search(self, text: str, k: int, query_id: str = "") -> Sequence[Document]:
        """The k best documents, best first; not those that the dataset excludes for the query it is searched for."""


@dataclass(frozen=True)
class GeneratedQuery:
    """What was written for a query.

    Attributes:
        text: what the search gets; empty where there is none.
        status: `ok`, or in a few words why there is nothing.
        reasoning: what came before the answer.
        combination: how text and query are put together.
        trace: the steps, where there was more than one.
    """

    query_id: str
    text: str
    combination: Combination
    status: str = "ok"
    reasoning: str = ""
    trace: tuple[Step, ...] = ()
    usage: Usage = field(default_factory=Usage)
    seconds: float = 0.0


class QueryGenerator(Stage, Protocol):
    """Writes for one query at a time. Thread-safe: several queries are under way at once."""

    def describe(self) -> Description:
        """What its texts depend on, in `search`; `index` stays empty."""

    def generate(self, query: Query) -> GeneratedQuery:
        """What is searched with instead of the query; never raises for a model that does not answer."""


class QueryGeneratorBase(StageBase):
    """Base of query generators: write `write`, or `generate` for more than a text.

    A class that names `client` behind a `*` in its constructor is given the language model that its user names, and one
    that names `search` a retriever over the dataset's corpus. The description is the constructor's arguments, model and
    search, to which the suite adds a hash of the source you wrote, so that a changed argument or a changed line is
    another system. Override `describe` to leave out what cannot change results.
    """

    combination = Combination("query-generated", "mean")
    """How the text and the query are put together, for lexical retrieval and for encoders."""

    def describe(self) -> Description:
        """Class name, arguments, model and search; the suite adds a hash of the source."""
        return Description(type(self).__name__, search=self.described_by_class())

    def write(self, query: Query) -> str:
        """The text to search with for a query.

        Raises:
            NoAnswer: there is none this time, and the next run asks again.
        """
        raise NotImplementedError(f"{type(self).__name__} has neither write(query) nor generate(query)")

    def generate(self, query: Query) -> GeneratedQuery:
        """See `QueryGenerator`: what `write` returns, or why a model gave no answer."""
        try:
            text = self.write(query)
        except NoAnswer as error:
            return GeneratedQuery(query.query_id, "", self.combination, error.status)
        return GeneratedQuery(query.query_id, text, self.combination, "ok" if text.strip() else "empty")


def written(found: Returned) -> str:
    """The check of `write`: a text, and not an empty one for a query that has words."""
    (query,) = found.arguments
    if not query.text.strip():
        return text(found)
    return some_text(
        found,
        f"query {query.query_id}",
        "return query.text where there is nothing to add, or raise bench_core.llm.chat.NoAnswer(status, why) where a "
        "model gave no answer",
    )


def combined(found: Returned) -> Combination:
    """The check of `combination`."""
    if not isinstance(found.value, Combination):
        raise found.unfit(f"is {kind_of(found.value)}; write combination = Combination(lexical, dense)")
    return found.value


def generated_query(found: Returned) -> GeneratedQuery:
    """The check of `generate`: what was written for the query that was asked."""
    value, (query,) = found.value, found.arguments
    if not isinstance(value, GeneratedQuery):
        raise found.unfit(f"returned {kind_of(value)}; return GeneratedQuery(query.query_id, text, combination)")
    if value.query_id != query.query_id:
        raise found.unfit(
            f"returned the GeneratedQuery of query {value.query_id} where {query.query_id} was asked; give it "
            "query.query_id"
        )
    if not isinstance(value.text, str) or not isinstance(value.status, str):
        raise found.unfit(
            f"gave query {query.query_id} a GeneratedQuery whose text is {kind_of(value.text)} and whose status is "
            f"{kind_of(value.status)}; both must be texts"
        )
    combined(replace(found, value=value.combination, where=f"{found.where}: its combination"))
    if value.status == "ok" and not value.text.strip():
        raise found.unfit(
            f"gave query {query.query_id} a GeneratedQuery with an empty text and the status ok; give a text, or say "
            "in status why there is none"
        )
    return value


QUERY_GENERATORS = Family(
    kind="query generator",
    builtins={
        "hyde": "retrieval_bench.query_generators.prompted:Hyde",
        "query2doc": "retrieval_bench.query_generators.prompted:Query2Doc",
        "lamer": "retrieval_bench.query_generators.prompted:LameR",
        "reasoning": "retrieval_bench.query_generators.prompted:Reasoning",
        "search-o1": "retrieval_bench.query_generators.searching:SearchO1",
        "search-r1": "retrieval_bench.query_generators.searching:SearchR1",
        "replay": "retrieval_bench.query_generators.replayed:Replay",
    },
    group="retrieval_bench.query_generators",
    used="retrieval-bench run -r '{} > bm25'",
    contract=Contract(
        protocol=QueryGenerator,
        base=QueryGeneratorBase,
        returns={"describe": described, "generate": generated_query, "write": written, "combination": combined},
        tests="retrieval_bench.testing:QueryGeneratorContract",
        one_of=("write", "generate"),
    ),
)
