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
        known = "" if n_ranks is None else f", {n_ranks} distinct sort keys in its result"
        yield f"Order counts: gold has an ORDER BY{known}; the prediction has none (C3.2)."
    else:
        yield "Order counts, up to ties of gold's sort keys: both have an outermost ORDER BY (C3.1)."


def _limits(name: str, evidence: Evidence, side: Side, question: Question) -> Iterator[str]:
    shape, written = evidence.as_written.shape, evidence.as_written
    if shape is None or not shape.has_limit:
        return
    begin = name[0].upper() + name[1:]
    limit = "LIMIT, OFFSET or sample clause" if shape.limit is None else f"LIMIT {shape.limit}"
    limit += f" OFFSET {shape.offset}" if shape.offset else ""
    if shape.limit in ignored_limits(question):
        result = f"which gives {len(side.rows)} rows" if not side.to_be_whole else "which could not be run"
        yield (
            f"{begin}'s {limit} was taken off, {result}: it is one of the dataset's safety limits, and the question "
            "states no such number (C4.6)."
        )
    elif side.cut is None:
        yield f"{begin}'s {limit} gave {len(written.rows)} rows; whether it left rows out is not known."
    elif side.cut and not side.ordered and side.whole is not None:
        yield (
            f"{begin}'s {limit} left rows out, and no ORDER BY says which: both sides are compared without it, "
            f"{len(side.whole)} rows for its {len(written.rows)} (C4.5)."
        )
    elif side.cut:
        whole = f" of {len(side.whole)}" if side.whole is not None else ""
        yield f"{begin}'s {limit} left rows out: it gave {len(written.rows)}{whole}."
    else:
        yield f"{begin}'s {limit} left no rows out: it gave all {len(written.rows)}."


def _ties(gold: Side, match: Match) -> Iterator[str]:
    reading = match.reading
    n_open = sum(not required for required in reading.required)
    if gold.cut and gold.ordered and n_open and reading.n_rows is not None:
        known, n_right = "" if reading.only_gold else "At least ", reading.n_rows - sum(reading.required)
        yield f"{known}{n_open} rows tie at the end of gold's LIMIT: any {n_right} of them are right (C4.3)."


def _options(comparator: AnswerComparator) -> Iterator[str]:
    defaults = {name: found.default for name, found in inspect.signature(AnswerComparator).parameters.items()}
    changed: Sequence[str] = [
        f"{name}={value}" for name, value in comparator.arguments().items() if value != defaults.get(name)
    ]
    if changed:
        yield f"Options of the comparator that differ from the default: {', '.join(changed)}."
