"""Verdicts on pairs of results: once for each distinct pair, and nothing hangs on a gold that draws lots."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sql_bench.comparators.answer import AnswerComparator
from sql_bench.comparators.exact import ExactComparator
from sql_bench.datasets.dataset import SqlCard, SqlDataset
from sql_bench.pipeline.compare import Comparison, PairVerdicts
from sql_bench.types import (
    Column,
    Comparator,
    ComparisonRules,
    Evidence,
    ExecutionResult,
    Outcome,
    Prediction,
    PredictionStatus,
    Question,
    StatementShape,
    VerdictKind,
)

RULES = ComparisonRules()


def evidence(sql: str, value: int, *, volatile: bool = False) -> Evidence:
    shape = StatementShape(sql, volatile=volatile)
    return Evidence(ExecutionResult(Outcome.OK, (Column("x", "BIGINT"),), ((value,),), executed_sql=sql, shape=shape))


class Results:
    """Results in memory, in place of those of a folder."""

    def __init__(self, **evidence: Evidence) -> None:
        self.by_item = {name.replace("_", "#"): found for name, found in evidence.items()}

    def evidence(self, item: str) -> Evidence:
        return self.by_item[item]

    def ran(self, item: str) -> ExecutionResult:
        return self.by_item[item].as_written

    def results_sha256(self, item: str) -> tuple[str, ...]:
        return (repr(self.by_item[item]),)


class Counting(AnswerComparator):
    """`answer`, counted."""

    n_compared = 0

    def compare(self, gold: Evidence, predicted: Evidence, question: Question) -> Any:
        self.n_compared += 1
        return super().compare(gold, predicted, question)


def pairs(golds: Results, predicted: Results, comparator: Comparator) -> PairVerdicts:
    dataset = SqlDataset.of(SqlCard("d", "", "duckdb"), [])
    return PairVerdicts(Comparison(dataset, "s", [], golds, predicted, Path()), comparator)  # type: ignore[arg-type]


def verdict(found: PairVerdicts, question_id: str, rules: ComparisonRules = RULES) -> VerdictKind:
    question = Question(question_id, f"Which, {question_id}?", ("SELECT",), rules=rules)
    return found.verdict(question, Prediction(question_id, "", PredictionStatus.SQL, "SELECT")).kind


def test_a_pair_is_compared_once_for_all_questions_of_equal_rules() -> None:
    gold, other = evidence("SELECT 1", 1), evidence("SELECT 2 - 1", 1)
    golds = Results(a_0=gold, b_0=gold, c_0=gold, d_0=other)
    comparator = Counting()
    found = pairs(golds, Results(a=other, b=other, c=other, d=gold), comparator)
    assert [verdict(found, name) for name in "ab"] == [VerdictKind.CORRECT] * 2
    assert comparator.n_compared == 1
    assert verdict(found, "c", ComparisonRules(safety_limits=frozenset({10}))) is VerdictKind.CORRECT
    assert comparator.n_compared == 2  # under other rules
    assert verdict(found, "d") is VerdictKind.CORRECT
    assert comparator.n_compared == 3  # another pair


@pytest.mark.parametrize("comparator", [AnswerComparator(), ExactComparator()])
def test_a_gold_that_draws_lots_decides_on_nothing_but_itself(comparator: Comparator) -> None:
    drawn = evidence("SELECT RAND()", 1, volatile=True)
    again = evidence("SELECT RAND()", 2, volatile=True)
    lucky = evidence("SELECT 1", 1)
    found = pairs(Results(a_0=drawn, b_0=drawn, c_0=lucky), Results(a=again, b=lucky, c=drawn), comparator)
    kinds = [verdict(found, name) for name in "abc"]
    assert kinds == [VerdictKind.CORRECT, VerdictKind.UNDETERMINED, VerdictKind.CORRECT]
