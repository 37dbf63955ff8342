"""The answers of a file of predictions, by question."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench_core.errors import BadFile

IDS = ("question_id", "id")
TEXTS = ("response", "output")
STATEMENTS = ("sql", "SQL", "predicted_sql", "query")
_CUT_OFF = "length"
"""What endpoints report as the reason why a reply ended, where they cut it off."""


@dataclass(frozen=True)
class Answer:
    """What a file holds for one question.

    Attributes:
        text: a model's reply, or a statement.
        is_statement: it is a statement, and no SQL is taken out of it.
        cut_off: the file says that the endpoint cut the reply off.
    """

    text: str
    is_statement: bool
    cut_off: bool = False


class Answers:
    """Answers as they are read, each for a question that is asked, and none twice.

    Args:
        question_ids: of all questions that are asked, in their order.
        unfit: makes the error for something in the file; the reader knows the place.
    """

    def __init__(self, question_ids: Sequence[str]) -> None:
        self.question_ids = question_ids
        self._known = frozenset(question_ids)
        self.by_question: dict[str, Answer] = {}

    def add(self, question_id: str, answer: Answer, unfit: Callable[[str], BadFile]) -> None:
        """Take one answer.

        Args:
            unfit: makes the error, with the place in the file.

        Raises:
            BadFile: the question is answered already, or is none of the dataset's.
        """
        if question_id in self.by_question:
            raise unfit(f"question {question_id} is answered in an earlier line already; keep one")
        if question_id not in self._known:
            raise unfit(f"question {question_id} is not among the dataset's {len(self._known)} questions")
        self.by_question[question_id] = answer


def answer_of(item: Mapping[str, Any], unfit: Callable[[str], BadFile]) -> Answer:
    """The answer in an object: a reply under `response` or `output`, else a statement under one of its names.

    Raises:
        BadFile: there is none, or it is no text.
    """
    name = next((name for name in (*TEXTS, *STATEMENTS) if name in item), None)
    if name is None:
        names = ", ".join((*TEXTS, *STATEMENTS))
        raise unfit(f"expected a field of {names} and found {', '.join(map(str, item)) or 'none'}")
    value = item[name]
    if value is None:
        value = ""
    if not isinstance(value, str):
        raise unfit(f"expected text in {name} and found {value!r:.40}")
    cut_off = item.get("cut_off") is True or item.get("finish_reason") == _CUT_OFF
    return Answer(value, name in STATEMENTS, cut_off)
