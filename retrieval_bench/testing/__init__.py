"""Contracts of stages, as tests for the suite's own and for yours."""

from retrieval_bench.testing.rerankers import RerankerContract
from retrieval_bench.testing.retrievers import RetrieverContract

__all__ = ["RerankerContract", "RetrieverContract"]
