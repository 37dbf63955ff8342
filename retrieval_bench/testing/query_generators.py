"""The contract of query generators, as tests: subclass `QueryGeneratorContract`, or `retrieval-bench doctor STAGE`."""

from __future__ import annotations

from bench_core.identity import canonical_json
from bench_core.machine.threads import in_threads
from retrieval_bench.query_generators.base import GeneratedQuery, QueryGenerator
from retrieval_bench.types import Query

_QUERIES = (
    Query("gout", "What lowers urate after an attack of gout?"),
    Query("diabetes", "first-line drug of type 2 diabetes"),
    Query("braces", "{query} and {passages} are no fields here, 50 % of them"),
    Query("empty", ""),
)


class QueryGeneratorContract:
    """What every query generator holds. A subclass gives `create`, and perhaps other queries."""

    queries: tuple[Query, ...] = _QUERIES

    def create(self) -> QueryGenerator:
        """A new generator, always with the same arguments."""
        raise NotImplementedError

    def test_describe_is_json_and_the_same_for_equal_generators(self) -> None:
        one, other = self.create(), self.create()
        first, second = one.describe(), other.describe()
        assert first.name, "describe().name is empty"
        assert not first.index, "describe().index is not empty; a generator has no index, all goes to search"
        assert canonical_json(first.as_json()) == canonical_json(second.as_json()), (
            "two generators made with the same arguments describe themselves differently"
        )

    def test_each_query_gets_a_text_of_its_own(self) -> None:
        for query, generated in zip(self.queries, self._generated(), strict=True):
            assert isinstance(generated, GeneratedQuery), (
                f"query {query.query_id} got {type(generated).__name__}; return GeneratedQuery"
            )
            assert generated.query_id == query.query_id, f"asked {query.query_id}, the text is for {generated.query_id}"

    def test_a_text_is_there_exactly_when_the_status_is_ok(self) -> None:
        for generated in self._generated():
            assert (generated.status == "ok") == bool(generated.text.strip()), (
                f"query {generated.query_id}: the status is {generated.status!r} and the text {generated.text!r:.40}"
            )

    def test_what_is_searched_with_keeps_the_query_id(self) -> None:
        for query, generated in zip(self.queries, self._generated(), strict=True):
            if generated.status == "ok":
                searched = generated.combination.of(query, generated.text)
                assert searched.query_id == query.query_id and searched.encoded_parts

    def test_queries_under_way_at_once_change_nothing(self) -> None:
        generator = self.create()
        alone = [generator.generate(query).text for query in self.queries]
        coming = dict(in_threads(generator.generate, list(self.queries), len(self.queries)))
        together = [coming[query].text for query in self.queries]
        assert together == alone, "several queries at once got other texts than one at a time"

    def _generated(self) -> list[GeneratedQuery]:
        generator = self.create()
        return [generator.generate(query) for query in self.queries]
