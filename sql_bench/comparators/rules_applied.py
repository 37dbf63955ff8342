"""The rules by which the comparator `answer` compared two results, in sentences (docs/rules/comparing.md)."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence

from sql_bench.comparators.answer import AnswerComparator
from sql_bench.comparators.assignment import Repeats
from sql_bench.comparators.limits import ignored_limits
from sql_bench.comparators.match import Match
from sql_bench.comparators.sides import Side, ranks
from sql_bench.types import Evidence, Question

_REPEATS = {
    Repeats.AS_IN_GOLD: "Rows are compared as a bag: each as often as gold has it.",
    Repeats.AS_IN_GOLD_OR_ONCE: "Rows are compared as a bag: each as often as gold has it, or once (C2.3).",
    Repeats.FOLDED: "Rows are compared as a set: gold's cannot repeat, and those of the prediction are told apart by "
    "columns that were not asked for (C2.2).",
    Repeats.FREE: "Rows are compared as a set.",
}


def rules_applied(
    comparator: AnswerComparator, gold: Evidence, predicted: Evidence, question: Question, match: Match
) -> list[str]:
    """One sentence a rule that had something to decide, in the order of the rules' page."""
    gold_side, predicted_side = comparator.sides(gold, predicted, question)
    return [
        *_identifiers(match),
        _REPEATS[match.repeats],
        *_order(gold_side, predicted_side),
        *_limits("gold", gold, gold_side, question),
        *_limits("the prediction", predicted, predicted_side, question),
        *_ties(gold_side, match),
        *_options(comparator),
    ]


def _identifiers(match: Match) -> Iterator[str]:
    plan = match.plan
    if plan.identifiers:
        names = sorted({match.gold_columns[one].name for slot in plan.identifiers for one, _ in slot.pairs})
        yield f"Rows are told apart by the identifier {', '.join(names)}, which both sides carry (C1.2)."
    if plan.dropped:
        yield "An identifier of gold's is not compared: the prediction carries none of that table (C1.3)."


def _order(gold: Side, predicted: Side) -> Iterator[str]:
    if not gold.ordered:
        yield "Order does not count: gold has no outermost ORDER BY (C3.1)."
    elif predicted.in_no_order:
        n_ranks = None if gold.keys is None else len(set(ranks(gold.keys)))
        known, n_right = "" if reading.only_gold else "At least ", reading.n_rows - sum(reading.required)
        yield f"{known}{n_open} rows tie at the end of gold's LIMIT: any {n_right} of them are right (C4.3)."


def _options(comparator: AnswerComparator) -> Iterator[str]:
    defaults = {name: found.default for name, found in inspect.signature(AnswerComparator).parameters.items()}
    changed: Sequence[str] = [
        f"{name}={value}" for name, value in comparator.arguments().items() if value != defaults.get(name)
    ]
    if changed:
        yield f"Options of the comparator that differ from the default: {', '.join(changed)}."
