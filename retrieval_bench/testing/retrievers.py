"""The contract of retrievers, as tests: subclass `RetrieverContract`, or run `retrieval-bench doctor --retriever …`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from bench_core.identity import canonical_json
from retrieval_bench.pipeline.search import search_all
from retrieval_bench.types import Corpus, Document, Query, Retriever, Run

_TEXTS = (
    "Metformin lowers hepatic glucose output and is first-line in type 2 diabetes.",
    "Lactic acidosis is a rare harm of metformin in severe renal impairment.",
    "An acute attack of gout follows crystals of monosodium urate in the joint.",
    "Allopurinol inhibits xanthine oxidase and lowers serum urate.",
    "Amoxicillin treats otitis media in children.",
    "Atrial fibrillation raises the risk of stroke; anticoagulation lowers it.",
)
_N_EQUAL = 12


class RetrieverContract:
    """What every retriever holds. A subclass gives `create`, which returns a new, equal retriever at each call."""

    def create(self) -> Retriever:
        """A new retriever, always with the same arguments."""
        raise NotImplementedError

    def test_describe_is_json_and_the_same_for_equal_retrievers(self) -> None:
        one, other = self.create(), self.create()
        first, second = one.describe(), other.describe()
        assert first.name, "describe().name is empty"
        assert canonical_json(first.as_json()) == canonical_json(second.as_json()), (
            "two retrievers made with the same arguments describe themselves differently"
        )

    def test_every_query_is_answered_once_with_known_documents(self) -> None:
        with TemporaryDirectory() as folder:
            run = _fresh_run(self.create(), contract_corpus(), _queries(), 3, Path(folder))
        assert set(run) == {query.query_id for query in _queries()}

    def test_queries_may_find_nothing_be_empty_or_repeat_words(self) -> None:
        queries = [Query("empty", ""), Query("unknown", "zzzyx qqqwv"), Query("repeated", "urate urate urate urate")]
        with TemporaryDirectory() as folder:
            _fresh_run(self.create(), contract_corpus(), queries, 3, Path(folder))

    def test_k_may_exceed_the_corpus(self) -> None:
        with TemporaryDirectory() as folder:
            run = _fresh_run(self.create(), contract_corpus(), _queries(), 10_000, Path(folder))
        longest, n_documents = max(len(ranking) for ranking in run.values()), len(contract_corpus())
        assert longest <= n_documents, f"a list holds {longest} documents of a corpus of {n_documents}"

    def test_an_opened_index_ranks_like_a_fresh_one(self) -> None:
        with TemporaryDirectory() as folder:
            fresh = _fresh_run(self.create(), contract_corpus(), _queries(), 5, Path(folder))
            opened = self.create()
            opened.open(contract_corpus(), Path(folder))
            again = search_all(opened, contract_corpus(), _queries(), 5)
        assert fresh == again, "after open() the ranking differs from the one after index()"

    def test_a_smaller_k_cuts_the_same_ranking(self) -> None:
        with TemporaryDirectory() as folder:
            retriever = self.create()
            long = _fresh_run(retriever, contract_corpus(), _queries(), len(contract_corpus()), Path(folder))
            for k in (1, 2, 4):
                short = search_all(retriever, contract_corpus(), _queries(), k)
                for query_id, ranking in long.items():
                    assert list(short[query_id]) == list(ranking)[:k], (
                        f"at k={k} query {query_id} is ranked {_ids(short[query_id])}, which is not the beginning of "
                        f"{_ids(ranking)}"
                    )

    def test_ties_at_the_cut_are_not_cut_arbitrarily(self) -> None:
        text = _TEXTS[3]
        equal = Corpus([Document(f"same-{number:02d}", text) for number in range(_N_EQUAL)])
        query = [Query("q", "What inhibits xanthine oxidase and lowers urate?")]
        with TemporaryDirectory() as folder:
            retriever = self.create()
            whole = _fresh_run(retriever, equal, query, _N_EQUAL, Path(folder))["q"]
            short = search_all(retriever, equal, query, 3)["q"]
        assert list(short) == list(whole)[:3], (
            f"{_N_EQUAL} equal documents at k=3 gave {_ids(short)} where {_ids(whole)[:3]} come first: search() cut a "
            "tie; return every document that ties with the k-th"
        )

    def test_the_order_of_queries_changes_nothing(self) -> None:
        with TemporaryDirectory() as folder:
            retriever = self.create()
            forward = _fresh_run(retriever, contract_corpus(), _queries(), 4, Path(folder))
            backward = search_all(retriever, contract_corpus(), list(reversed(_queries())), 4)
        assert {**forward} == {**backward}, "the ranking of a query depends on the queries searched before it"


def contract_corpus() -> Corpus:
    """The few documents that stages are tried on."""
    return Corpus([Document(f"d{number}", text) for number, text in enumerate(_TEXTS)])


def _queries() -> list[Query]:
    return [
        Query("gout", "What lowers urate after an attack of gout?"),
        Query("diabetes", "first-line drug of type 2 diabetes"),
        Query("stroke", "preventing stroke in atrial fibrillation"),
    ]


def _fresh_run(retriever: Retriever, corpus: Corpus, queries: Sequence[Query], k: int, index_dir: Path) -> Run:
    retriever.index(corpus, index_dir)
    return search_all(retriever, corpus, queries, k)


def _ids(ranking: Sequence[tuple[str, float]]) -> list[str]:
    return [doc_id for doc_id, _ in ranking]
