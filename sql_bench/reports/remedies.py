"""The options that would have let a statement end, or a verdict be decided."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sql_bench.pipeline.stored_answers import StoredAnswer
from sql_bench.types import Verdict, VerdictKind

_OPTIONS = (
    (re.compile(r"\brows\b"), "--max-rows"),
    (re.compile(r"memory"), "--memory"),
)


def remedies(verdict: Verdict, answer: StoredAnswer) -> Iterator[str]:
    """A sentence where a cap was hit that an option raises."""
    kind, detail = verdict.kind, verdict.detail
    if kind is VerdictKind.TIMEOUT:
        yield f"The statement ran {_seconds(answer)}and was stopped; a larger --timeout lets it run longer."
    elif kind is VerdictKind.RESOURCE_LIMIT or kind is VerdictKind.GOLD_LIMIT:
        option = next((option for pattern, option in _OPTIONS if pattern.search(detail)), None)
        if option is not None:
            yield f"A larger {option} raises that bound."
        elif kind is VerdictKind.GOLD_LIMIT:
            yield "A larger --timeout, --memory or --max-rows lets gold run."
    elif kind is VerdictKind.UNDETERMINED and detail == "search budget":
        yield "The search for columns used all its steps; -c answer,search_steps=300000000 gives it ten times as many."
    elif kind is VerdictKind.UNDETERMINED and "could not be" in detail:
        yield "A larger --max-rows or --timeout may let the statement run without its LIMIT."
    elif kind is VerdictKind.UNTRANSLATABLE:
        yield "That is no fault of the prediction: it counts as open, 0 in EX and 1 in EX upper (N4)."


def _seconds(answer: StoredAnswer) -> str:
    return f"{answer.result.seconds:.1f} s " if answer.result is not None and answer.result.seconds else ""
