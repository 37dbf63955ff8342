"""Contract tests of SQL generators, comparators and backends, for built-in and user classes."""

from sql_bench.testing.contracts import BackendContract, ComparatorContract, EmptyDatabase, GeneratorContract

__all__ = ["BackendContract", "ComparatorContract", "EmptyDatabase", "GeneratorContract"]
