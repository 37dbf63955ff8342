"""The options that would have let a statement end, or a verdict be decided."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sql_bench.types import Verdict, VerdictKind

_OPTIONS = (
    (re.compile(r"\brows\b"), "--max-rows"),
    (re.compile(r"\bmemory\b"), "--memory"),
)


def remedies(verdict: Verdict, timeout_s: float | None) -> Iterator[str]:
    """A sentence where a cap was hit that an option raises.

    Args:
        timeout_s: how long a statement could run.
    """
    kind, detail = verdict.kind, verdict.detail
    if kind is VerdictKind.TIMEOUT or (kind is VerdictKind.GOLD_LIMIT and "longer" in detail):
        seconds = "" if timeout_s is None else f" {timeout_s:g} s was the bound;"
        yield f"{seconds} a larger --timeout lets it run longer.".strip().capitalize()
    elif kind in (VerdictKind.RESOURCE_LIMIT, VerdictKind.GOLD_LIMIT):
        option = next((option for pattern, option in _OPTIONS if pattern.search(detail)), None)
        yield f"A larger {option} raises that bound." if option else "No option raises that bound."
    elif kind is VerdictKind.UNDETERMINED and detail == "search budget":
        yield "The search for columns used all its steps; -c answer,search_steps=300000000 gives it ten times as many."
    elif kind is VerdictKind.UNDETERMINED and "could not be" in detail:
        yield "A larger --max-rows or --timeout may let the statement run without its LIMIT."
    elif kind is VerdictKind.UNTRANSLATABLE:
        yield "That is no fault of the prediction: it counts as open, 0 in EX and 1 in EX upper (N4)."
