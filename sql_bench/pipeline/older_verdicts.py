"""The hash of a dataset's questions as verdicts of format 2 have it, so that they are still recognised.

That format hashed what Python printed of a question. The text is written out here as it was then, because what Python
prints changes with every field that a class gets.
"""

from __future__ import annotations

from collections.abc import Sequence

from bench_core.identity import content_hash
from sql_bench.types import ComparisonRules, Question


def questions_hash_of_format_2(questions: Sequence[Question]) -> str:
    """The hash that format 2 stored for these questions.

    Where a dataset names several identifier columns, their order was arbitrary: such verdicts are made again.
    """
    return content_hash(map(_printed, questions))


def _printed(question: Question) -> str:
    return (
        f"Question(question_id={question.question_id!r}, text={question.text!r}, golds={question.golds!r}, "
        f"answer={question.answer!r}, labels={dict(question.labels)!r}, rules={_printed_rules(question.rules)})"
    )


def _printed_rules(rules: ComparisonRules) -> str:
    identifiers = "None"
    if rules.identifiers is not None:
        columns, pattern = rules.identifiers.columns, rules.identifiers.pattern
        identifiers = f"IdentifierRule(columns={columns!r}, pattern={pattern!r})"
    return f"ComparisonRules(identifiers={identifiers}, safety_limits={rules.safety_limits!r})"
