"""Checks of the questions of every dataset, whoever made it; a folder's are checked besides when its file is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench_core.plugins.returns import is_text, kind_of, with_unfit
from sql_bench.types import ComparisonRules, Question


def problem_of(questions: Sequence[Question]) -> str:
    """Why a dataset with these questions cannot be run, as the end of a sentence; empty where it can."""
    if not questions:
        return "has no questions; give at least one"
    seen: set[str] = set()
    for question in questions:
        problem = _problem_of(question)
        if problem:
            return problem
        if question.question_id in seen:
            return f"has the question_id {question.question_id} twice; make ids unique"
        seen.add(question.question_id)
    return ""


def _problem_of(question: Question) -> str:
    question_id = question.question_id
    if not isinstance(question_id, str) or not question_id:
        return f"has the question_id {question_id!r}; give a text"
    if not isinstance(question.text, str):
        return f"has {kind_of(question.text)} as the text of question {question_id}; give a text"
    if not isinstance(question.golds, tuple) or not all(isinstance(gold, str) for gold in question.golds):
        return (
            f"has golds of question {question_id} that are no tuple of texts; write golds=('SELECT …',) with the "
            "comma, or golds=() where the database cannot answer"
        )
    if question.answer is not None and not isinstance(question.answer, str):
        return f"has {kind_of(question.answer)} as the answer of question {question_id}; give a text or None"
    labels = question.labels
    if not isinstance(labels, Mapping) or with_unfit((text for label in labels.items() for text in label), is_text):
        return f"has labels of question {question_id} that are no mapping from texts to texts"
    if not isinstance(question.rules, ComparisonRules):
        return f"has {kind_of(question.rules)} as the rules of question {question_id}; give ComparisonRules"
    return ""
