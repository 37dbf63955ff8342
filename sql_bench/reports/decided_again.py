"""A stored verdict decided again from stored results, with what it takes to say why."""

from __future__ import annotations

from dataclasses import dataclass

from bench_core.errors import BenchError, UserError
from bench_core.plugins.registry import StageSpec
from sql_bench.comparators.answer import AnswerComparator
from sql_bench.comparators.base import COMPARATORS
from sql_bench.comparators.explaining import Compared, compared
from sql_bench.comparators.match import Match
from sql_bench.comparators.matching import BudgetSpent
from sql_bench.comparators.rules_applied import rules_applied
from sql_bench.pipeline.stored_answers import GoldAnswer, StoredAnswer
from sql_bench.types import Comparator, Difference, Evidence, Question, Verdict, VerdictKind, best_verdict

MOST_SHOWN = 5
"""Rows, cells and repeated rows of each kind."""


@dataclass(frozen=True)
class Decision:
    """Why a question was decided as it was.

    Attributes:
        gold: the gold that counted; None where the results were not compared.
        verdict: what the comparator decides now on the stored results; None where they were not compared.
        compared: the results held against each other.
        rules: how they were compared, in sentences.
        doubts: why this may not be what decided, in sentences.
    """

    gold: GoldAnswer | None = None
    verdict: Verdict | None = None
    compared: Compared | None = None
    rules: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


class Decider:
    """Decides again by the comparator that decided first.

    Args:
        name: the comparator as the user named it then.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._comparator: Comparator | None = None
        self._doubt = ""
        try:
            self._comparator = COMPARATORS.create(StageSpec.parse(name))
        except (UserError, BenchError) as error:
            self._doubt = f"The comparator {name} cannot be used now, so nothing was compared again: {error}"

    def decision(self, answer: StoredAnswer) -> Decision:
        """Compare the results of a question again, where both sides ran."""
        ran = [(gold, gold.evidence) for gold in answer.golds if gold.evidence is not None]
        if answer.evidence is None or not ran:
            return Decision()
        if self._comparator is None:
            gold, evidence = ran[0]
            return Decision(gold, None, self._plainly(evidence, answer.evidence, answer.question), (), (self._doubt,))
        verdicts = [self._comparator.compare(evidence, answer.evidence, answer.question) for _, evidence in ran]
        best = best_verdict(verdicts)
        gold, evidence = next(pair for pair, verdict in zip(ran, verdicts, strict=True) if verdict is best)
        doubts = _doubts(answer, best)
        if not isinstance(self._comparator, AnswerComparator):
            rules = (
                f"{self._name} decides by rules of its own; its words: {best.detail or 'none'}.",
                "Results are held against each other here as bags of rows; numbers agree only if they are equal.",
            )
            held = self._plainly(evidence, answer.evidence, answer.question)
            return Decision(gold, best, held, rules, doubts)
        matches = self._comparator.matches(evidence, answer.evidence, answer.question)
        match = _decisive(matches, best)
        applied = rules_applied(self._comparator, evidence, answer.evidence, answer.question, match)
        return Decision(gold, best, _held(match, best), tuple(applied), doubts)

    def _plainly(self, gold: Evidence, predicted: Evidence, question: Question) -> Compared:
        plain = AnswerComparator(relative_tolerance=0.0)
        written = (Evidence(gold.as_written), Evidence(predicted.as_written))
        return compared(plain.matches(*written, question)[0], MOST_SHOWN)


def _decisive(matches: list[Match], verdict: Verdict) -> Match:
    """The match that agreed where one did, else the one that is held to be nearest."""
    if verdict.kind is not VerdictKind.WRONG or verdict.difference in (Difference.ORDER_ONLY, Difference.CUT_SHORT):
        return next((match for match in matches if _agrees(match)), matches[0])
    return matches[0]


def _agrees(match: Match) -> bool:
    try:
        return match.agrees()
    except BudgetSpent:
        return False


def _held(match: Match, verdict: Verdict) -> Compared:
    ordered = match.reading.gold_ranks is not None or verdict.difference is Difference.ORDER_ONLY
    return compared(match, MOST_SHOWN, ordered=ordered, loosely=verdict.difference is Difference.TYPE_ONLY)


def _doubts(answer: StoredAnswer, found: Verdict) -> tuple[str, ...]:
    stored = answer.judged.verdict if answer.judged is not None else None
    if stored is None or (stored.kind, stored.difference) == (found.kind, found.difference):
        return ()
    difference = f" ({found.difference.value})" if found.difference else ""
    return (
        f"Compared again from the stored results the verdict is {found.kind.value}{difference}, not the stored one: "
        "results or comparator have changed since; the next run compares again.",
    )
