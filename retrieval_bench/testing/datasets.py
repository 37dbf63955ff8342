"""The contract of dataset sources, as tests: subclass `DatasetSourceContract`, or `retrieval-bench doctor SOURCE`."""

from __future__ import annotations

from bench_core.plugins.contracts import unique
from bench_core.plugins.source_contract import SourceContract
from retrieval_bench.datasets.dataset import Dataset
from retrieval_bench.types import Document, Query


class DatasetSourceContract(SourceContract[Dataset]):
    """What every dataset source holds. A subclass gives `create`, and perhaps `names`."""

    def scored_by(self, dataset: Dataset) -> tuple[str, str]:
        """The judgments."""
        return "judgments", dataset.qrels_sha256

    def test_documents_and_queries_have_ids_of_their_own(self) -> None:
        for dataset in self.loaded():
            assert len(dataset.corpus), f"{dataset.card.dataset_id} has no documents"
            assert dataset.queries, f"{dataset.card.dataset_id} has no queries"
            unique("doc_id", dataset.corpus.doc_ids)
            unique("query_id", (query.query_id for query in dataset.queries))
            assert all(isinstance(document, Document) for document in dataset.corpus), "a document is no Document"
            assert all(isinstance(query, Query) for query in dataset.queries), "a query is no Query"

    def test_judgments_are_of_known_queries_and_whole_numbers(self) -> None:
        for dataset in self.loaded():
            dataset.check()
            levels = {type(level) for judged in dataset.qrels.values() for level in judged.values()}
            assert levels <= {int}, f"{dataset.card.dataset_id}: a relevance is {levels - {int}}; give whole numbers"
