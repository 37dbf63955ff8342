"""Verdicts that an earlier version of the rules gave wrongly, one a line (docs/rules/comparing.md C1, C2, C3, C5)."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from sql_bench.comparators.answer import AnswerComparator
from sql_bench.types import (
    Column,
    ComparisonRules,
    Difference,
    Evidence,
    ExecutionResult,
    IdentifierRule,
    Outcome,
    Question,
    StatementShape,
    VerdictKind,
)

CORRECT, UNDETERMINED = VerdictKind.CORRECT, VerdictKind.UNDETERMINED
WHOLE_REPEATS, ORDER, ROWS, TYPES = (
    Difference.DUPLICATES_ONLY,
    Difference.ORDER_ONLY,
    Difference.ROWS,
    Difference.TYPE_ONLY,
)
COLUMNS, VALUES = Difference.COLUMNS, Difference.VALUES
RULES = ComparisonRules(IdentifierRule(frozenset({"UUID"}), r"(AD|PD)_\d+"))


@dataclass(frozen=True)
class Result:
    """A result built by hand: names of columns, rows, sort keys if it is ordered, and what its statement says."""

    names: str
    rows: Sequence[Sequence[Any]]
    keys: Sequence[Any] | None = None
    is_set: bool = False

    def evidence(self, side: str) -> Evidence:
        columns = tuple(Column(name, "ANY") for name in self.names.split())
        shape = StatementShape(f"{side}: {self!r}", ordered=self.keys is not None, duplicate_free=self.is_set)
        written = ExecutionResult(Outcome.OK, columns, tuple(map(tuple, self.rows)), shape=shape)
        if self.keys is None:
            return Evidence(written)
        keyed = ExecutionResult(Outcome.OK, columns, written.rows, tuple((key,) for key in self.keys), shape=shape)
        return Evidence(written, keyed)


def rows(text: str) -> list[list[Any]]:
    """`a 1, a 2` as rows: digits are numbers, `-` is NULL."""
    return [[int(cell) if cell.isdecimal() else None if cell == "-" else cell for cell in row.split()]
            for row in text.split(",")]  # fmt: skip


ONES = rows("1, 1, 1")
GENES = Result("gene", rows("a, b"), is_set=True)
IDENTIFIED = Result("UUID gene", rows("AD_1 a, AD_2 a, AD_3 a, AD_4 b"))
MIDNIGHT, UTC = datetime.datetime(2024, 1, 31), datetime.UTC

CASES: list[tuple[str, Result, Result, VerdictKind | Difference, dict[str, Any]]] = [
    # An aggregate's one row is no set: a table of its value is no answer to "how many".
    ("COUNT(*) = 1, a table of ones", Result("n", [[1]]), Result("id one", rows("7 1, 8 1, 9 1")), WHOLE_REPEATS, {}),
    ("COUNT(*) = 1, ones alone", Result("n", [[1]]), Result("one", ONES), WHOLE_REPEATS, {}),
    ("COUNT(*) = 1, one row of two", Result("n", [[1]]), Result("id n", rows("7 1")), CORRECT, {}),
    # Repeats are folded where a further column tells them apart, not where the whole row stands there again.
    ("DISTINCT, a further column", GENES, Result("gene snp", rows("a 1, a 2, b 3")), CORRECT, {}),
    ("DISTINCT, whole rows again", GENES, Result("gene snp", rows("a 1, a 1, b 3")), WHOLE_REPEATS, {}),
    ("DISTINCT, a constant beside", GENES, Result("gene one", rows("a 1, a 1, b 1")), WHOLE_REPEATS, {}),
    ("DISTINCT, no further column", GENES, Result("gene", rows("a, a, b")), WHOLE_REPEATS, {}),
    ("a bag, a further column", Result("gene", rows("a, b")),
     Result("gene n", rows("a 1, a 2, b 3")), WHOLE_REPEATS, {}),
    # Without the identifier each row may stand as often as in gold, or once.
    ("identifier dropped, as often", IDENTIFIED, Result("gene", rows("a, a, a, b")), CORRECT, {}),
    ("identifier dropped, once", IDENTIFIED, Result("gene", rows("a, b")), CORRECT, {}),
    ("identifier dropped, between", IDENTIFIED, Result("gene", rows("a, a, b")), WHOLE_REPEATS, {}),
    ("identifier dropped, more often", IDENTIFIED, Result("gene", rows("a, a, a, a, b")), WHOLE_REPEATS, {}),
    ("identifier dropped, b twice", IDENTIFIED, Result("gene", rows("a, b, b")), WHOLE_REPEATS, {}),
    ("another table's identifier", IDENTIFIED, Result("UUID gene", rows("PD_1 a, PD_2 b, PD_3 b")), WHOLE_REPEATS, {}),
    ("identifier dropped, a row missing", IDENTIFIED, Result("gene", rows("a")), ROWS, {}),
    ("identifier dropped from a set", Result("UUID gene", rows("AD_1 a, AD_2 b"), is_set=True),
     Result("gene snp", rows("a 1, a 2, b 1")), CORRECT, {}),
    ("identifier dropped, fractions", Result("UUID x", [["AD_1", 0.3], ["AD_2", 0.3000002], ["AD_3", 0.3000004]]),
     Result("x", [[0.3000002]]), CORRECT, {}),
    ("nothing but an identifier", Result("UUID", rows("AD_1, AD_2")), Result("gene", rows("a, b")), COLUMNS, {}),
    # A column of NULLs agrees with any other: its name or its place says which it is.
    ("NULL under its name", Result("gene p", rows("a -, b -")), Result("q p gene", rows("- - a, - - b")), CORRECT, {}),
    ("NULL, one column left over", Result("gene p", rows("a -, b -")), Result("q gene", rows("- a, - b")), CORRECT, {}),
    ("NULL, another name and more columns", Result("gene p", rows("a -")),
     Result("x gene y", rows("- a 1")), UNDETERMINED, {}),
    ("NULL, two left over", Result("p q", rows("- -")), Result("x y", rows("- -")), UNDETERMINED, {}),
    ("NULL, a wrong gene beside", Result("gene p", rows("a -")), Result("x gene y", rows("- b 1")), VALUES, {}),
    ("NULL beside an identifier", Result("UUID p", rows("AD_1 -")),
     Result("UUID x y", rows("AD_1 - 1")), UNDETERMINED, {}),
    ("NULL in some rows only", Result("gene p", rows("a -, b 1")), Result("x y z", rows("- a 7, 1 b 7")), CORRECT, {}),
    ("no rows, no NULLs", Result("gene p", []), Result("x y z", []), CORRECT, {}),
    # Order counts where both sides ask for one; nothing hangs on the luck of a side that does not.
    ("no order asked, in order by luck", Result("x", rows("a, b"), [1, 2]), Result("x", rows("a, b")), ORDER, {}),
    ("no order asked, out of order", Result("x", rows("a, b"), [1, 2]), Result("x", rows("b, a")), ORDER, {}),
    ("no order asked, accepted", Result("x", rows("a, b"), [1, 2]), Result("x", rows("b, a")), CORRECT,
     {"unordered": "accept"}),
    ("no order asked, one rank", Result("x", rows("a, b"), [1, 1]), Result("x", rows("b, a")), CORRECT, {}),
    ("no order asked, one row", Result("x", rows("a"), [1]), Result("x", rows("a")), CORRECT, {}),
    ("no order asked, no row", Result("x", [], []), Result("x", []), CORRECT, {}),
    ("no order asked, other rows", Result("x", rows("a, b"), [1, 2]), Result("x", rows("a, c")), ROWS, {}),
    ("another order, not accepted", Result("x", rows("a, b"), [1, 2]), Result("x", rows("b, a"), [1, 2]), ORDER,
     {"unordered": "accept"}),
    # DATE, DATETIME and TIMESTAMP are one another's by BigQuery's casts.
    ("a date for a timestamp", Result("d", [[MIDNIGHT.replace(tzinfo=UTC)]]),
     Result("d", [[MIDNIGHT.date()]]), CORRECT, {}),
    ("a datetime for a timestamp", Result("d", [[MIDNIGHT.replace(hour=7, tzinfo=UTC)]]),
     Result("d", [[MIDNIGHT.replace(hour=7)]]), CORRECT, {}),
    ("kept apart", Result("d", [[MIDNIGHT.replace(tzinfo=UTC)]]),
     Result("d", [[MIDNIGHT]]), TYPES, {"dates": "by_type"}),
    ("a date kept apart", Result("d", [[MIDNIGHT]]), Result("d", [[MIDNIGHT.date()]]), TYPES, {"dates": "by_type"}),
    ("another hour", Result("d", [[MIDNIGHT.replace(hour=7, tzinfo=UTC)]]), Result("d", [[MIDNIGHT]]), VALUES, {}),
    ("a date written as text", Result("d", [[MIDNIGHT.date()]]), Result("d", [["2024-01-31"]]), TYPES, {}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("gold", "predicted", "expected", "options"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_verdict(gold: Result, predicted: Result, expected: VerdictKind | Difference, options: dict[str, Any]) -> None:
    question = Question("q", "Which?", ("SELECT 1",), rules=RULES)
    verdict = AnswerComparator(**options).compare(gold.evidence("gold"), predicted.evidence("prediction"), question)
    assert (verdict.difference or verdict.kind) is expected, verdict
    assert verdict.detail or verdict.kind is CORRECT


def test_both_counts_are_there_where_no_order_was_asked_for() -> None:
    gold, predicted = (
        Result("x", rows("a, b"), [1, 2]).evidence("gold"),
        Result("x", rows("b, a")).evidence("prediction"),
    )
    figures = AnswerComparator().compare(gold, predicted, Question("q", "Which?")).figures
    assert (figures["any_order"], figures["set"]) == (1.0, 0.0)


def test_statements_of_one_text_that_ran_otherwise_are_not_the_same() -> None:
    gold, other = Result("x", rows("a")).evidence("gold"), Result("x", rows("b")).evidence("other")
    question, shape = Question("q", "Which?"), gold.as_written.shape
    same = Evidence(replace(other.as_written, shape=shape))
    assert AnswerComparator().compare(gold, same, question).kind is CORRECT
    ran = Evidence(replace(other.as_written, shape=shape, executed_sql="SELECT CAST(x AS DECIMAL(10, 2))"))
    assert AnswerComparator().compare(gold, ran, question).difference is Difference.VALUES
