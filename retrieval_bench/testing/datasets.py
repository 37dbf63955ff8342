"""The contract of dataset sources, as tests: subclass `DatasetSourceContract`, or `retrieval-bench doctor SOURCE`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench_core.identity import canonical_json
from bench_core.plugins.contracts import unique
from retrieval_bench.datasets.dataset import Dataset, DatasetSource
from retrieval_bench.types import Document, Query


class DatasetSourceContract:
    """What every dataset source holds. A subclass gives `create`.

    Attributes:
        names: datasets to load, each what stands behind `source/`; none: all that the source has cards of.
    """

    names: Sequence[str] = ()

    def create(self) -> DatasetSource:
        """A new source, always with the same arguments."""
        raise NotImplementedError

    def test_cards_have_ids_of_their_own_and_say_what_they_are(self) -> None:
        cards = self.create().cards()
        unique("dataset_id", (card.dataset_id for card in cards))
        for card in cards:
            assert card.summary, f"the card of {card.dataset_id} has no summary"
            assert card.k >= 1, f"the card of {card.dataset_id} has k={card.k}"

    def test_documents_and_queries_have_ids_of_their_own(self) -> None:
        for dataset in self._loaded():
            assert len(dataset.corpus), f"{dataset.card.dataset_id} has no documents"
            assert dataset.queries, f"{dataset.card.dataset_id} has no queries"
            unique("doc_id", dataset.corpus.doc_ids)
            unique("query_id", (query.query_id for query in dataset.queries))
            assert all(isinstance(document, Document) for document in dataset.corpus), "a document is no Document"
            assert all(isinstance(query, Query) for query in dataset.queries), "a query is no Query"

    def test_judgments_are_of_known_queries_and_whole_numbers(self) -> None:
        for dataset in self._loaded():
            dataset.check()
            levels = {type(level) for judged in dataset.qrels.values() for level in judged.values()}
            assert levels <= {int}, f"{dataset.card.dataset_id}: a relevance is {levels - {int}}; give whole numbers"

    def test_a_dataset_is_the_same_whenever_it_is_loaded(self) -> None:
        for one, other in zip(self._loaded(), self._loaded(), strict=True):
            assert canonical_json(one.identity) == canonical_json(other.identity), (
                f"{one.card.dataset_id} has another identity when it is loaded again: its order or content changes"
            )
            assert one.qrels_sha256 == other.qrels_sha256, f"{one.card.dataset_id} has other judgments each time"

    def _loaded(self) -> Iterator[Dataset]:
        source = self.create()
        names = self.names or [card.dataset_id.partition("/")[2] for card in source.cards()]
        assert names, "the source has no cards; name a dataset of it, as file.py:Class/NAME"
        return (source.load(name) for name in names)
