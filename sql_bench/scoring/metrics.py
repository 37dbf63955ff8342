"""Counting of verdicts: denominators, execution accuracy and its bounds (docs/rules/counting.md N1 to N10)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from bench_core.errors import BenchError
from bench_core.results.intervals import Figure
from bench_core.results.scores import ItemScores, ShownMeasure, Values, figures_of
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

EX = ShownMeasure("ex", "EX %", "ex_percent", "difference_points", 100.0, 2)
"""Execution accuracy: correct / N."""
EX_UPPER = ShownMeasure("ex_upper", "EX upper %", "ex_upper_percent", "difference_points", 100.0, 2)
"""Execution accuracy if every undecided verdict were right."""
EX_NON_TRIVIAL = ShownMeasure(
    "ex_non_trivial", "EX (non-trivial gold) %", "ex_telling_percent", "difference_points", 100.0, 2
)
"""Execution accuracy over the questions whose gold has rows that are neither all NULL nor a single zero."""

TEMPLATE = "template"
"""The label by which questions hang together: those of one template are resampled as one."""

VERDICT_LABELS = ("verdict", "difference", "answerable", "in_n", "gold_content", "rejected")
"""Labels that come from the verdicts; all others are the questions' own."""

# Figures that are shares; another comparator's may be anything.
_SHARES = (EX.name, EX_UPPER.name, EX_NON_TRIVIAL.name, "set", "rows", "any_order", "jaccard")


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


def item_scores(
    verdicts: Sequence[QuestionVerdict],
    dataset: str,
    system: str,
    comparator: str,
    labels: Mapping[str, Mapping[str, str]] | None = None,
    figures: Mapping[str, Figure] | None = None,
    n_unanswered: int = 0,
) -> ItemScores:
    """A system's verdicts as scores.

    A run in which the backend failed on some question, or a model gave no answer to one, has no EX and no reliability
    score until it is resumed.

    Args:
        labels: the questions' own, label -> question_id -> text; one of the name of a label of ours is not kept.
        figures: what the verdicts come to, where that is stored; None: it is computed.
        n_unanswered: questions that have no verdict, because no model has answered them yet.
    """
    is_complete = not n_unanswered and all(found.verdict.kind is not VerdictKind.BACKEND_ERROR for found in verdicts)
    values, labels = _values(verdicts, is_complete), {**(labels or {}), **_labels(verdicts)}
    units = (TEMPLATE,) if TEMPLATE in labels else ()
    bounds = dict.fromkeys(_SHARES, (0.0, 1.0))
    return ItemScores(
        dataset=dataset,
        system=system,
        values=values,
        figures=figures if figures is not None else figures_of(values, labels, units, bounds),
        item="question",
        rule=comparator,
        labels=labels,
        units=units,
        counts={
            "questions": len(verdicts) + n_unanswered,
            "n": sum(found.counts for found in verdicts),
            "unanswered": n_unanswered,
        },
    )


def _values(verdicts: Sequence[QuestionVerdict], is_complete: bool) -> dict[str, Values]:
    """Measure -> question_id -> value; a question outside a measure's denominator has None."""
    names = sorted({name for found in verdicts if found.counts for name in found.verdict.figures})
    values: dict[str, Values] = {
        name: {found.question_id: found.verdict.figures.get(name, 0.0) if found.counts else None for found in verdicts}
        for name in names
    }
    if not is_complete:
        return values
    ours: dict[str, Values] = {
        EX.name: {found.question_id: _counted(found, VerdictKind.CORRECT) for found in verdicts},
        EX_UPPER.name: {found.question_id: _counted(found, VerdictKind.CORRECT, *_UNDECIDED) for found in verdicts},
        EX_NON_TRIVIAL.name: {
            found.question_id: _counted(found, VerdictKind.CORRECT) if found.gold_content == "rows" else None
            for found in verdicts
        },
        **_reliability(verdicts),
    }
    taken = sorted(values.keys() & ours.keys())
    if taken:
        raise BenchError(f"A comparator's figure is called {taken[0]}, which is a measure of the suite; rename it.")
    return {**ours, **values}


def _counted(found: QuestionVerdict, *kinds: VerdictKind) -> float | None:
    return float(found.verdict.kind in kinds) if found.counts else None


def _reliability(verdicts: Sequence[QuestionVerdict]) -> dict[str, Values]:
    """RS(c) of EHRSQL 2024 (Lee et al., arXiv 2405.06673): right, or rightly abstained, +1; abstained 0; wrong -c.

    Over answerable and unanswerable questions; none without unanswerable ones.
    """
    asked = [found for found in verdicts if found.counts or not found.answerable]
    if all(found.answerable for found in asked):
        return {}
    penalties = {**{str(c): c for c in RELIABILITY_PENALTIES}, "N": len(asked)}
    return {
        f"rs@{name}": {
            found.question_id: _gain(found, penalty) if found.counts or not found.answerable else None
            for found in verdicts
        }
        for name, penalty in penalties.items()
    }


def _gain(found: QuestionVerdict, penalty: int) -> float:
    if found.verdict.kind in (VerdictKind.CORRECT, VerdictKind.CORRECT_ABSTENTION):
        return 1.0
    return 0.0 if found.verdict.kind in _HARMLESS else float(-penalty)


def _labels(verdicts: Iterable[QuestionVerdict]) -> dict[str, dict[str, str]]:
    """Label -> question_id -> text: what a verdict says besides being right or wrong."""
    found: dict[str, dict[str, str]] = {label: {} for label in VERDICT_LABELS}
    for item in verdicts:
        texts = {
            "verdict": item.verdict.kind.value,
            "difference": item.verdict.difference.value if item.verdict.difference else "",
            "answerable": "yes" if item.answerable else "no",
            "in_n": "yes" if item.counts else "no",
            "gold_content": item.gold_content,
            "rejected": "yes" if item.complaints else "",
        }
        for label, text in texts.items():
            if text:
                found[label][item.question_id] = text
    return found


@dataclass(frozen=True)
class Tally:
    """Verdicts counted for a table.

    Attributes:
        by_verdict: questions in N by verdict; the numbers add up to N.
        outside: questions that have gold but are not in N, by verdict.
        answered_unanswerable: questions without gold that were answered with a statement.
        correct_abstentions: questions without gold that were rightly left.
        n_unanswerable: questions without gold.
        gold_contents: questions in N by what gold holds, where it holds no proper rows.
        n_rejected: statements that ran here and that the source dialect's own engine would reject.
    """

    by_verdict: Mapping[str, int]
    outside: Mapping[str, int]
    answered_unanswerable: int
    correct_abstentions: int
    n_unanswerable: int
    gold_contents: Mapping[str, int]
    n_rejected: int


def tally(scores: ItemScores) -> Tally:
    """Count the verdicts of a scored system."""
    verdicts, answerable, in_n = (scores.labels.get(label, {}) for label in ("verdict", "answerable", "in_n"))
    unanswerable = [verdicts[item] for item in verdicts if answerable[item] == "no"]
    contents = scores.labels.get("gold_content", {})
    return Tally(
        by_verdict=_counts(verdicts[item] for item in verdicts if in_n[item] == "yes"),
        outside=_counts(verdicts[item] for item in verdicts if in_n[item] == "no" and answerable[item] == "yes"),
        answered_unanswerable=unanswerable.count(VerdictKind.WRONG.value),
        correct_abstentions=unanswerable.count(VerdictKind.CORRECT_ABSTENTION.value),
        n_unanswerable=len(unanswerable),
        gold_contents=_counts(contents[item] for item in contents if in_n[item] == "yes" and contents[item] != "rows"),
        n_rejected=len(scores.labels.get("rejected", {})),
    )


def _counts(texts: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(texts).items()))


def gold_content(rows: Sequence[Row]) -> GoldContent:
    """Whether a gold result is empty, NULL everywhere, or a single zero."""
    if not rows:
        return "empty"
    if all(value is None for row in rows for value in row):
        return "null_only"
    is_zero = len(rows) == 1 and list(rows[0]) == [0] and not isinstance(rows[0][0], bool)
    return "zero" if is_zero else "rows"
