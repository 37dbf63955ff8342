"""Parity with BiomedSQL's published execution accuracy (arXiv 2505.20321), faults included, each by name.

EX is 1 where the sets of UUIDs of both sides are equal, JAC is their Jaccard index. Two templates are special: gold of
Q26 is the last whole number among its cells, and Q71 compares the sets of whole numbers in all cells.
"""

from __future__ import annotations

from collections.abc import Mapping

from bench_core.identity import Json
from sql_bench.comparators.base import ComparatorBase
from sql_bench.types import Difference, Evidence, ExecutionResult, Question, Value, Variant, Verdict, VerdictKind

_LAST_INTEGER_TEMPLATE = "Q26"
_INTEGER_SET_TEMPLATE = "Q71"


class BiomedSqlComparator(ComparatorBase):
    """Sets of UUIDs as BiomedSQL compares them; also gives JAC (`jaccard`).

    Args:
        empty_sets_agree: fault 1: where neither side has a UUID column (a COUNT, say) both sets are empty and any
            answer is right. Off: such a question is `undetermined`.
        identifiers_only: fault 2: values, further columns, order and repeated rows are ignored. Off: equal UUID sets
            are right only if the columns that both sides have hold equal values for each UUID.
    """

    is_remote = False
    needs: frozenset[Variant] = frozenset()
    question_fields = frozenset({"question_id"})

    def __init__(self, empty_sets_agree: bool = True, identifiers_only: bool = True) -> None:
        self.empty_sets_agree = empty_sets_agree
        self.identifiers_only = identifiers_only

    def describe(self) -> Mapping[str, Json]:
        """Name, version of the rules, and which faults are on."""
        return {"name": "biomedsql", "version": 1, **self.arguments()}

    def compare(self, gold: Evidence, predicted: Evidence, question: Question) -> Verdict:
        """See `sql_bench.types.Comparator`."""
        expected, found = _sets(gold.as_written, predicted.as_written, question)
        if not expected and not found and not self.empty_sets_agree:
            return Verdict(VerdictKind.UNDETERMINED, detail="neither side has a UUID", figures={"jaccard": 0.0})
        figures = {"jaccard": _jaccard(expected, found)}
        if expected != found:
            detail = f"{len(found - expected)} identifiers too many, {len(expected - found)} missing"
            return Verdict(VerdictKind.WRONG, Difference.ROWS, detail, figures)
        if not self.identifiers_only and _contradict(gold.as_written, predicted.as_written):
            return Verdict(VerdictKind.WRONG, Difference.VALUES, "equal identifiers, other values", figures)
        return Verdict(VerdictKind.CORRECT, figures=figures)


def _sets(gold: ExecutionResult, predicted: ExecutionResult, question: Question) -> tuple[set[str], set[str]]:
    template = question.question_id.partition(".")[0]
    if template == _LAST_INTEGER_TEMPLATE:
        return set(_integers(gold)[-1:]), set(_integers(predicted)[-1:])
    if template == _INTEGER_SET_TEMPLATE:
        return set(_integers(gold)), set(_integers(predicted))
    return _identifiers(gold), _identifiers(predicted)


def _integers(result: ExecutionResult) -> list[str]:
    return [
        str(value) for row in result.rows for value in row if isinstance(value, int) and not isinstance(value, bool)
    ]


def _uuid_position(result: ExecutionResult) -> int | None:
    """The first column named UUID, in any case."""
    return next((index for index, column in enumerate(result.columns) if column.name.lower() == "uuid"), None)


def _identifiers(result: ExecutionResult) -> set[str]:
    position = _uuid_position(result)
    if position is None:
        return set()
    return {str(row[position]) for row in result.rows if row[position] is not None}


def _jaccard(first: set[str], second: set[str]) -> float:
    """|A ∩ B| / |A ∪ B|; 1 where both are empty, as upstream counts it."""
    union = first | second
    return len(first & second) / len(union) if union else 1.0


def _contradict(gold: ExecutionResult, predicted: ExecutionResult) -> bool:
    """Whether a column that both sides have holds other values for some UUID."""
    shared = {column.name.lower() for column in gold.columns} & {column.name.lower() for column in predicted.columns}
    return _values_by_identifier(gold, shared) != _values_by_identifier(predicted, shared)


def _values_by_identifier(result: ExecutionResult, names: set[str]) -> dict[str, set[tuple[Value, ...]]]:
    position = _uuid_position(result)
    order = sorted(
        (column.name.lower(), index) for index, column in enumerate(result.columns) if column.name.lower() in names
    )
    found: dict[str, set[tuple[Value, ...]]] = {}
    for row in result.rows if position is not None else ():
        values = tuple(repr(row[index]) for _, index in order)
        found.setdefault(str(row[position or 0]), set()).add(values)
    return found
