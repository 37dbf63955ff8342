"""The family of comparators, and how one of your own is named."""

from __future__ import annotations

from bench_core.plugins.registry import Family

COMPARATORS = Family(
    kind="comparator",
    builtins={
        "answer": "sql_bench.comparators.answer:AnswerComparator",
        "exact": "sql_bench.comparators.exact:ExactComparator",
        "biomedsql": "sql_bench.comparators.biomedsql:BiomedSqlComparator",
    },
    group="sql_bench.comparators",
)
