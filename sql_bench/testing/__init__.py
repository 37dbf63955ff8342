"""Contract tests of SQL generators, comparators, backends and dataset sources, for built-in and user classes."""

from sql_bench.testing.contracts import BackendContract, ComparatorContract, EmptyDatabase, GeneratorContract
from sql_bench.testing.datasets import DatasetSourceContract

__all__ = ["BackendContract", "ComparatorContract", "DatasetSourceContract", "EmptyDatabase", "GeneratorContract"]
