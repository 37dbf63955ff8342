"""The family of comparators, and the base for one of your own."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING

from bench_core.identity import Json
from bench_core.plugins.protocols import Contract
from bench_core.plugins.registry import Family
from bench_core.plugins.returns import Returned, json_object, kind_of, with_unfit
from bench_core.plugins.stage import StageBase
from sql_bench.types import QUESTION_FIELDS, Comparator, Evidence, Question, Variant, Verdict, VerdictKind


class ComparatorBase(StageBase, ABC):
    """Base of comparators: write `compare`, and say in `needs` which variants of a result it looks at."""

    if TYPE_CHECKING:

        @property
        def needs(self) -> frozenset[Variant]:
            """See `sql_bench.types.Comparator`."""

        @property
        def question_fields(self) -> frozenset[str]:
            """See `sql_bench.types.Comparator`."""

    else:
        needs = frozenset()
        question_fields = QUESTION_FIELDS

    def describe(self) -> Mapping[str, Json]:
        """Class and arguments; the suite adds a hash of the source you wrote."""
        return {"name": type(self).__name__, **self.described_by_class()}

    @abstractmethod
    def compare(self, gold: Evidence, predicted: Evidence, question: Question) -> Verdict:
        """See `sql_bench.types.Comparator`."""


_DECISIONS = (VerdictKind.CORRECT, VerdictKind.WRONG, VerdictKind.UNDETERMINED)


def verdict(found: Returned) -> Verdict:
    """The check of `compare`: a verdict whose figures are finite numbers."""
    value = found.value
    if not isinstance(value, Verdict):
        raise found.unfit(f"returned {kind_of(value)}; return Verdict(VerdictKind.CORRECT), WRONG or UNDETERMINED")
    if not isinstance(value.kind, VerdictKind) or value.kind not in _DECISIONS:
        raise found.unfit(
            f"returned a Verdict whose kind is {kind_of(value.kind)}; give VerdictKind.CORRECT, WRONG or UNDETERMINED, "
            "which are a comparator's"
        )
    if not isinstance(value.figures, Mapping):
        raise found.unfit(
            f"returned a Verdict whose figures are {kind_of(value.figures)}; give a mapping from names to numbers"
        )
    wrong = [
        name
        for name, figure in value.figures.items()
        if not isinstance(figure, int | float) or not math.isfinite(figure)
    ]
    if wrong:
        raise found.unfit(
            f"returned a Verdict whose figure {wrong[0]} is {kind_of(value.figures[wrong[0]])}; give a finite number"
        )
    return value


def variants(found: Returned) -> frozenset[Variant]:
    """The check of `needs`."""
    value = found.value
    if not isinstance(value, frozenset | set) or not all(isinstance(item, Variant) for item in value):
        wrong = with_unfit(value, lambda item: isinstance(item, Variant)) if isinstance(value, set | frozenset) else ""
        raise found.unfit(f"is {kind_of(value)}{wrong}; it must be a frozenset of sql_bench.types.Variant")
    return frozenset(value)


def question_fields(found: Returned) -> frozenset[str]:
    """The check of `question_fields`."""
    value = found.value
    if not isinstance(value, frozenset | set) or not value <= QUESTION_FIELDS:
        unknown = sorted(map(repr, value - QUESTION_FIELDS)) if isinstance(value, set | frozenset) else []
        holds = f" with {unknown[0]} in it" if unknown else ""
        raise found.unfit(f"is {kind_of(value)}{holds}; it must be a frozenset of {', '.join(sorted(QUESTION_FIELDS))}")
    return frozenset(value)


COMPARATORS = Family(
    kind="comparator",
    builtins={
        "answer": "sql_bench.comparators.answer:AnswerComparator",
        "exact": "sql_bench.comparators.exact:ExactComparator",
        "biomedsql": "sql_bench.comparators.biomedsql:BiomedSqlComparator",
    },
    group="sql_bench.comparators",
    used="sql-bench run -c {}",
    contract=Contract(
        protocol=Comparator,
        base=ComparatorBase,
        returns={"describe": json_object, "compare": verdict, "needs": variants, "question_fields": question_fields},
        tests="sql_bench.testing:ComparatorContract",
    ),
)
