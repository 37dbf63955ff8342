"""Parity with the published rule, its faults by name; and that `answer` has neither."""

import pytest

from sql_bench.comparators.answer import AnswerComparator
from sql_bench.comparators.biomedsql import BiomedSqlComparator
from sql_bench.types import (
    Column,
    ComparisonRules,
    Difference,
    Evidence,
    ExecutionResult,
    IdentifierRule,
    Outcome,
    Question,
    VerdictKind,
)


def evidence(names, *rows):
    return Evidence(ExecutionResult(Outcome.OK, tuple(Column(name, "X") for name in names), tuple(rows)))


def compare(gold, predicted, question_id="Q1.1", **switches):
    return BiomedSqlComparator(**switches).compare(gold, predicted, Question(question_id, "?", ("SELECT 1",)))


def test_equal_uuid_sets_are_right_whatever_else():
    gold = evidence(["UUID", "p"], ("AD_1", 0.5), ("AD_2", 0.1))
    predicted = evidence(["x", "uuid", "p"], (1, "AD_2", 9.9), (2, "AD_1", 9.9), (3, "AD_1", 9.9))
    verdict = compare(gold, predicted)
    assert (verdict.kind, verdict.figures["jaccard"]) == (VerdictKind.CORRECT, 1.0)


def test_jaccard_is_intersection_over_union():
    gold = evidence(["UUID"], ("a",), ("b",), ("c",))
    verdict = compare(gold, evidence(["UUID"], ("b",), ("c",), ("d",)))
    assert (verdict.kind, verdict.figures["jaccard"]) == (VerdictKind.WRONG, 0.5)


def test_fault_1_any_count_is_right():
    gold, predicted = evidence(["n"], (60,)), evidence(["n"], (7,))
    assert compare(gold, predicted).kind is VerdictKind.CORRECT
    assert compare(gold, predicted).figures["jaccard"] == 1.0
    assert compare(gold, predicted, empty_sets_agree=False).kind is VerdictKind.UNDETERMINED


def test_fault_1_right_rows_without_uuid_are_wrong():
    gold, predicted = evidence(["UUID", "name"], ("a", "x")), evidence(["name"], ("x",))
    assert (compare(gold, predicted).kind, compare(gold, predicted).figures["jaccard"]) == (VerdictKind.WRONG, 0.0)


def test_fault_2_contradicting_values_are_right():
    gold, predicted = evidence(["UUID", "p"], ("a", 0.5)), evidence(["UUID", "p"], ("a", 0.9))
    assert compare(gold, predicted).kind is VerdictKind.CORRECT
    strict = compare(gold, predicted, identifiers_only=False)
    assert (strict.kind, strict.difference) == (VerdictKind.WRONG, Difference.VALUES)


@pytest.mark.parametrize(
    ("question_id", "gold", "predicted", "kind"),
    [
        ("Q26.4", ((3, 41),), (("x", 41),), VerdictKind.CORRECT),
        ("Q26.4", ((3, 41),), ((41, 3),), VerdictKind.WRONG),
        ("Q71.2", ((1, 2), (3, 3)), ((3, 2), (1, 1)), VerdictKind.CORRECT),
        ("Q71.2", ((1, 2),), ((1, 4),), VerdictKind.WRONG),
        ("Q71.2", ((1, True),), ((1, False),), VerdictKind.CORRECT),
        ("Q2.6", ((3, 41),), ((41, 3),), VerdictKind.CORRECT),
    ],
)
def test_two_templates_compare_whole_numbers(question_id, gold, predicted, kind):
    assert compare(evidence(["a", "b"], *gold), evidence(["a", "b"], *predicted), question_id).kind is kind


def test_a_switch_is_part_of_the_description():
    assert BiomedSqlComparator().describe() != BiomedSqlComparator(empty_sets_agree=False).describe()


RULES = ComparisonRules(IdentifierRule(frozenset({"uuid"}), None))


@pytest.mark.parametrize(
    ("gold", "predicted", "kind"),
    [
        (evidence(["n"], (60,)), evidence(["n"], (7,)), VerdictKind.WRONG),
        (evidence(["UUID", "name"], ("a", "x")), evidence(["name"], ("x",)), VerdictKind.CORRECT),
        (evidence(["UUID", "p"], ("a", 0.5)), evidence(["UUID", "p"], ("a", 0.9)), VerdictKind.WRONG),
    ],
    ids=["fault 1, any count", "fault 1, rows without UUID", "fault 2, contradicting values"],
)
def test_answer_has_neither_fault(gold, predicted, kind):
    question = Question("Q1.1", "?", ("SELECT 1",), rules=RULES)
    assert AnswerComparator().compare(gold, predicted, question).kind is kind
