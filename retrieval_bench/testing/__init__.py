"""Contracts of stages, as tests for the suite's own and for yours."""

from retrieval_bench.testing.datasets import DatasetSourceContract
from retrieval_bench.testing.query_generators import QueryGeneratorContract
from retrieval_bench.testing.rerankers import RerankerContract
from retrieval_bench.testing.retrievers import RetrieverContract, contract_corpus

__all__ = [
    "DatasetSourceContract",
    "QueryGeneratorContract",
    "RerankerContract",
    "RetrieverContract",
    "contract_corpus",
]
