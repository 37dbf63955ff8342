"""Counting of verdicts: denominators, execution accuracy and its bounds (docs/rules/counting.md N1 to N10)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from bench_core.identity import Json
from bench_core.results.statistics import wilson_interval
from sql_bench.types import Row, Verdict, VerdictKind

# The question has gold, but gold did not run: the question is in nobody's denominator.
_WITHOUT_GOLD_RESULT = frozenset({VerdictKind.GOLD_INVALID, VerdictKind.GOLD_UNTRANSLATABLE, VerdictKind.GOLD_LIMIT})
# Not the system's fault, perhaps right: 0 in EX and 1 in EX upper.
_UNDECIDED = frozenset({VerdictKind.UNDETERMINED, VerdictKind.UNTRANSLATABLE})

GoldContent = Literal["rows", "empty", "null_only", "zero"]
"""What a gold result holds; all but `rows` are answers that a wrong statement may give by luck."""

# What RS(c) does not punish; what is undecided is neither gain nor loss.
_HARMLESS = _UNDECIDED | {VerdictKind.CORRECT, VerdictKind.CORRECT_ABSTENTION, VerdictKind.ABSTAINED}

# EHRSQL 2024 reports its reliability score at these penalties, and at the number of questions.
RELIABILITY_PENALTIES = (0, 5, 10)


@dataclass(frozen=True)
class QuestionVerdict:
    """The verdict on one question.

    Attributes:
        answerable: whether the question has gold SQL at all.
        gold_content: what gold's result holds.
        complaints: why the source dialect's own engine would reject the predicted statement though it ran here.
    """

    question_id: str
    verdict: Verdict
    answerable: bool = True
    gold_content: GoldContent = "rows"
    complaints: tuple[str, ...] = ()

    @property
    def counts(self) -> bool:
        """Whether the question is in the denominator of EX."""
        return self.answerable and self.verdict.kind not in _WITHOUT_GOLD_RESULT


@dataclass(frozen=True)
class Scores:
    """What a system's verdicts come to.

    Attributes:
        n: the denominator of EX: questions whose gold ran.
        n_correct: verdicts `correct`.
        n_undecided: undetermined and untranslatable verdicts: EX upper counts them as right.
        counts: number of questions by verdict, all questions.
        differences: number of wrong verdicts by kind of difference.
        figures: means over the n questions of what the comparator adds (a missing figure counts 0).
        reliability: RS(c) by penalty c over answerable and unanswerable questions; empty without unanswerable ones.
        gold_contents: number of the n questions by what gold holds, where it holds no proper rows.
        n_correct_without_those: verdicts `correct` among the others.
    """

    n: int
    n_correct: int
    n_undecided: int
    counts: Mapping[str, int]
    differences: Mapping[str, int]
    figures: Mapping[str, float]
    reliability: Mapping[str, float]
    gold_contents: Mapping[str, int]
    n_correct_without_those: int

    @property
    def complete(self) -> bool:
        """Whether no question failed in the backend; an incomplete run has no EX."""
        return not self.counts.get(VerdictKind.BACKEND_ERROR.value)

    @property
    def ex(self) -> float | None:
        """Execution accuracy; None for an incomplete run or where no gold ran."""
        return self.n_correct / self.n if self.complete and self.n else None

    @property
    def ex_upper(self) -> float | None:
        """Execution accuracy if every undecided verdict were right."""
        return (self.n_correct + self.n_undecided) / self.n if self.complete and self.n else None

    @property
    def ex_without_trivial_golds(self) -> float | None:
        """Execution accuracy over the questions whose gold has rows that are neither all NULL nor a single zero."""
        n = self.n - sum(self.gold_contents.values())
        return self.n_correct_without_those / n if self.complete and n else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Wilson's 95 % interval of EX."""
        return wilson_interval(self.n_correct, self.n) if self.complete and self.n else None

    def as_json(self) -> dict[str, Json]:
        """The scores as they are stored."""
        return {
            "n": self.n,
            "n_correct": self.n_correct,
            "n_undecided": self.n_undecided,
            "ex": self.ex,
            "ex_upper": self.ex_upper,
            "ex_interval": self.interval,
            "counts": dict(self.counts),
            "differences": dict(self.differences),
            "figures": dict(self.figures),
            "reliability": dict(self.reliability),
            "gold_contents": dict(self.gold_contents),
            "ex_without_trivial_golds": self.ex_without_trivial_golds,
        }


def count(verdicts: Sequence[QuestionVerdict]) -> Scores:
    """Count a system's verdicts, one a question."""
    in_n = [found for found in verdicts if found.counts]
    counted = [found.verdict for found in in_n]
    names = sorted({name for verdict in counted for name in verdict.figures})
    n = len(counted)
    return Scores(
        n=n,
        n_correct=sum(verdict.kind is VerdictKind.CORRECT for verdict in counted),
        n_undecided=sum(verdict.kind in _UNDECIDED for verdict in counted),
        counts=_tally([found.verdict.kind.value for found in verdicts]),
        differences=_tally([verdict.difference.value for verdict in counted if verdict.difference]),
        figures={name: sum(verdict.figures.get(name, 0.0) for verdict in counted) / n for name in names},
        reliability=_reliability(verdicts),
        gold_contents=_tally([found.gold_content for found in in_n if found.gold_content != "rows"]),
        n_correct_without_those=sum(
            found.verdict.kind is VerdictKind.CORRECT for found in in_n if found.gold_content == "rows"
        ),
    )


def gold_content(rows: Sequence[Row]) -> GoldContent:
    """Whether a gold result is empty, NULL everywhere, or a single zero."""
    if not rows:
        return "empty"
    if all(value is None for row in rows for value in row):
        return "null_only"
    is_zero = len(rows) == 1 and list(rows[0]) == [0] and not isinstance(rows[0][0], bool)
    return "zero" if is_zero else "rows"


def _tally(values: Sequence[str]) -> dict[str, int]:
    return dict(sorted(Counter(values).items()))


def _reliability(verdicts: Sequence[QuestionVerdict]) -> dict[str, float]:
    """RS(c) of EHRSQL 2024 (Lee et al., arXiv 2405.06673): right, or rightly abstained, +1; abstained 0; wrong -c."""
    asked = [found for found in verdicts if found.counts or not found.answerable]
    if all(found.answerable for found in asked) or any(
        found.verdict.kind is VerdictKind.BACKEND_ERROR for found in verdicts
    ):
        return {}
    gains = sum(found.verdict.kind in (VerdictKind.CORRECT, VerdictKind.CORRECT_ABSTENTION) for found in asked)
    losses = sum(found.verdict.kind not in _HARMLESS for found in asked)
    n = len(asked)
    penalties = {**{str(c): c for c in RELIABILITY_PENALTIES}, "N": n}
    return {name: (gains - penalty * losses) / n for name, penalty in penalties.items()}
