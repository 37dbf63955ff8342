"""The family of comparators, and the base for one of your own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING

from bench_core.identity import Json
from bench_core.plugins.registry import Family
from bench_core.plugins.stage import StageBase
from sql_bench.types import Comparator, Evidence, Question, Variant, Verdict


class ComparatorBase(StageBase, ABC):
    """Base of comparators: write `compare`, and say in `needs` which variants of a result it looks at."""

    if TYPE_CHECKING:

        @property
        def needs(self) -> frozenset[Variant]:
            """See `sql_bench.types.Comparator`."""

    else:
        needs = frozenset()

    def describe(self) -> Mapping[str, Json]:
        """Class and arguments; the suite adds a hash of the source you wrote."""
        return {"name": type(self).__name__, "arguments": self.arguments()}

    @abstractmethod
    def compare(self, gold: Evidence, predicted: Evidence, question: Question) -> Verdict:
        """See `sql_bench.types.Comparator`."""


COMPARATORS = Family(
    kind="comparator",
    builtins={
        "answer": "sql_bench.comparators.answer:AnswerComparator",
        "exact": "sql_bench.comparators.exact:ExactComparator",
        "biomedsql": "sql_bench.comparators.biomedsql:BiomedSqlComparator",
    },
    group="sql_bench.comparators",
    protocol=Comparator,
    base=ComparatorBase,
)
