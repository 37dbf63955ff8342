"""The contract of query generators, and the base class of those that send a prompt and read an answer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from bench_core.identity import Json
from bench_core.llm.chat import Usage
from bench_core.plugins.registry import Family
from bench_core.plugins.requirements import Requirements
from bench_core.plugins.stage import Stage, StageBase
from retrieval_bench.query_generators.combination import Combination
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


class QueryGenerator(Stage, Protocol):
    """Writes for one query at a time. Thread-safe: several queries are under way at once."""

    def describe(self) -> Description:
        """What its texts depend on, in `search`; `index` stays empty."""

    def generate(self, query: Query) -> GeneratedQuery:
        """What is searched with instead of the query; never raises for a model that does not answer."""


class QueryGeneratorBase(StageBase, ABC):
    """Base of query generators: write `generate`.

    The description is the constructor's arguments, to which the suite adds a hash of the source you wrote, so that a
    changed argument or a changed line is another system. Override `describe` to leave out what cannot change results.
    """

    def describe(self) -> Description:
        """Class name and arguments; the suite adds a hash of the source."""
        return Description(type(self).__name__, search={"class": type(self).__name__, "arguments": self.arguments()})

    @abstractmethod
    def generate(self, query: Query) -> GeneratedQuery:
        """See `QueryGenerator`."""


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
    protocol=QueryGenerator,
    base=QueryGeneratorBase,
)
