import datetime
from decimal import Decimal

import pytest

from sql_bench.comparators.exact import ExactComparator
from sql_bench.testing import ComparatorContract
from sql_bench.types import Column, Difference, Evidence, ExecutionResult, Outcome, Question, VerdictKind

NAN = float("nan")


def evidence(*rows, names=None):
    names = names or [f"c{position}" for position in range(len(rows[0]) if rows else 1)]
    return Evidence(ExecutionResult(Outcome.OK, tuple(Column(name, "X") for name in names), tuple(rows)))


def compare(gold, predicted):
    return ExactComparator().compare(gold, predicted, Question("q", "?", ("SELECT 1",)))


class TestContract(ComparatorContract):
    def create(self):
        return ExactComparator()


@pytest.mark.parametrize(
    ("gold", "predicted"),
    [
        (evidence((1, "a"), (2, "b")), evidence((2, "b"), (1, "a"))),
        (evidence((1,)), evidence((1.0,), names=["other"])),
        (evidence((Decimal("1.50"),)), evidence((1.5,))),
        (evidence((None, NAN)), evidence((None, NAN))),
        (evidence(([1, None], {"a": 1})), evidence(([1.0, None], {"a": Decimal(1)}))),
        (evidence(), evidence(names=["a", "b"])),
        (
            evidence((datetime.datetime(2020, 1, 1, 12, tzinfo=datetime.UTC),)),
            evidence((datetime.datetime(2020, 1, 1, 14, tzinfo=datetime.timezone(datetime.timedelta(hours=2))),)),
        ),
    ],
)
def test_equal_bags_are_right(gold, predicted):
    assert compare(gold, predicted).kind is VerdictKind.CORRECT
    assert compare(predicted, gold).kind is VerdictKind.CORRECT


@pytest.mark.parametrize(
    ("gold", "predicted", "difference"),
    [
        (evidence((1, 2)), evidence((2, 1)), Difference.ROWS),
        (evidence((1, 2)), evidence((1,)), Difference.COLUMNS),
        (evidence((1,), (1,)), evidence((1,)), Difference.DUPLICATES_ONLY),
        (evidence((0.3,)), evidence((0.1 + 0.2,)), Difference.ROWS),
        (evidence((1,)), evidence(("1",)), Difference.ROWS),
        (evidence((1,)), evidence((True,)), Difference.ROWS),
        (evidence((0,)), evidence((None,)), Difference.ROWS),
        (evidence((10**30,)), evidence((1e30,)), Difference.ROWS),
        (evidence(([1, 2],)), evidence(([2, 1],)), Difference.ROWS),
        (evidence((datetime.date(2020, 1, 1),)), evidence((datetime.datetime(2020, 1, 1),)), Difference.ROWS),
    ],
)
def test_other_bags_are_wrong_and_say_in_what(gold, predicted, difference):
    verdict = compare(gold, predicted)
    assert (verdict.kind, verdict.difference) == (VerdictKind.WRONG, difference)
    assert verdict.detail
