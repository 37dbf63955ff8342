"""Combine a query and the text generated for it into the input of a search.

The defaults are R2MED's (arXiv 2505.14558, its code):

| model     | method      | lexical                                    | dense                               |
|-----------|-------------|--------------------------------------------|-------------------------------------|
| ordinary  | `hyde`      | the generated text alone                   | mean of both embeddings             |
| ordinary  | `query2doc` | the query twice, nothing between; the text | one string, `[SEP]` between the two |
| ordinary  | `lamer`     | the query, the text                        | mean of both embeddings             |
| reasoning | any         | the answer alone                           | mean of query's and answer's        |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bench_core.errors import UserError
from bench_core.plugins.arguments import did_you_mean
from retrieval_bench.types import Query, QueryPart

LEXICAL: Mapping[str, Callable[[str, str], str]] = {
    "generated": lambda query, generated: generated,
    "query-generated": lambda query, generated: f"{query} {generated}",
    # R2MED joins the two copies without a space, so that the last and the first word become one token.
    "query-query-generated": lambda query, generated: f"{query}{query} {generated}",
    # L. Wang et al., "Query2doc", EMNLP 2023, section 2: the query five times.
    "query-five-times-generated": lambda query, generated: f"{' '.join([query] * 5)} {generated}",
    "query": lambda query, generated: query,
}
"""What a lexical retriever searches with, by name."""

DENSE: Mapping[str, Callable[[str, str], tuple[QueryPart, ...]]] = {
    "mean": lambda query, generated: (QueryPart(query), QueryPart(generated, "generated")),
    "joined": lambda query, generated: (QueryPart(f"{query}[SEP]{generated}"),),
    "generated": lambda query, generated: (QueryPart(generated, "generated"),),
    "query": lambda query, generated: (QueryPart(query),),
}
"""What encoders embed, by name; several parts are averaged."""


@dataclass(frozen=True)
class Combination:
    """A pair of rules.

    Raises:
        UserError: there is no rule of that name.
    """

    lexical: str
    dense: str

    def __post_init__(self) -> None:
        for what, name, known in (("lexical", self.lexical, LEXICAL), ("dense", self.dense, DENSE)):
            if name not in known:
                raise UserError(
                    f"There is no {what} combination {name!r}{did_you_mean(name, known)}; known are {', '.join(known)}."
                )

    def of(self, query: Query, generated: str) -> Query:
        """The query that is searched with."""
        lexical = LEXICAL[self.lexical](query.text, generated)
        return Query(query.query_id, lexical, DENSE[self.dense](query.text, generated))


R2MED: Mapping[str, Combination] = {
    "hyde": Combination("generated", "mean"),
    "query2doc": Combination("query-query-generated", "joined"),
    "lamer": Combination("query-generated", "mean"),
}
"""Rules of methods whose model answers without reasoning aloud."""

R2MED_REASONING = Combination("generated", "mean")
"""The rule of every method whose model reasons; what is generated is the answer part."""
