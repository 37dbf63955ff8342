"""The contract of query generators, and the one way most of them work: a prompt, an answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from bench_core.identity import Json
from bench_core.llm.chat import Usage
from bench_core.plugins.registry import Family
from retrieval_bench.query_generators.combination import Combination
from retrieval_bench.types import Description, Document, Query

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
)


class SearchTool(Protocol):
    """A retriever of the suite over the dataset's corpus, as generators use it."""

    def describe(self) -> Mapping[str, Json]:
        """What its results depend on."""

    def search(self, text: str, k: int) -> Sequence[Document]:
        """The k best documents, best first."""


@dataclass(frozen=True)
class Step:
    """One thing a generator did on its way: what it asked of the model or of the search, and what came back."""

    action: Literal["ask", "search"]
    given: str
    returned: str


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


class QueryGenerator(Protocol):
    """Writes for one query at a time. Thread-safe: several queries are under way at once."""

    def describe(self) -> Description:
        """What its texts depend on, in `search`; `index` stays empty."""

    def generate(self, query: Query) -> GeneratedQuery:
        """What is searched with instead of the query; never raises for a model that does not answer."""
