"""Tables of scored systems and of gold self-checks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from bench_core.errors import UserError
from bench_core.results.intervals import Figure
from bench_core.results.scores import AnyScores, ItemScores, ReportedScores, with_datasets_told_apart
from bench_core.results.tables import Cell, Column, Table
from sql_bench.pipeline.bench import Bench
from sql_bench.pipeline.execute import execute_golds
from sql_bench.pipeline.executions import gold_item
from sql_bench.pipeline.stored_verdicts import verdicts_of
from sql_bench.reports.dialects import dialect_note
from sql_bench.scoring.metrics import EX, EX_NON_TRIVIAL, EX_UPPER, tally
from sql_bench.types import Outcome, VerdictKind

_N_EXAMPLES = 5
_OWN_MEASURES = (EX.name, EX_UPPER.name, EX_NON_TRIVIAL.name)
_SHOWN_KINDS = (
    VerdictKind.WRONG,
    VerdictKind.UNDETERMINED,
    VerdictKind.UNTRANSLATABLE,
    VerdictKind.INVALID_SQL,
    VerdictKind.REFUSED,
    VerdictKind.TIMEOUT,
    VerdictKind.RESOURCE_LIMIT,
    VerdictKind.NO_SQL,
    VerdictKind.ABSTAINED,
)


def scores_table(systems: Sequence[AnyScores]) -> Table:
    """One row a system and comparator: EX with its interval and bounds, figures, and the verdicts counted."""
    systems = with_datasets_told_apart(systems)
    figures = _figure_names(systems)
    columns = [
        Column("dataset", "dataset", priority=1, least=40),
        Column("comparator", "comparator", priority=1, least=40),
        Column("system", "system", priority=1, least=60),
        Column("n", "N", priority=1),
        Column(EX.key, EX.header, EX.decimals, priority=1, best="highest"),
        Column("ex_low_percent", "95 % from", 2, priority=1),
        Column("ex_high_percent", "to", 2, priority=1),
        Column(EX_UPPER.key, EX_UPPER.header, EX_UPPER.decimals, best="highest"),
        Column(EX_NON_TRIVIAL.key, EX_NON_TRIVIAL.header, EX_NON_TRIVIAL.decimals, optional=True, priority=3),
        *(Column(name, _figure_header(name), 3, optional=True, priority=3) for name in figures),
        Column("correct", "correct", priority=3),
        *(Column(kind.value, kind.value.replace("_", " "), optional=True, priority=3) for kind in _SHOWN_KINDS),
        Column("backend_error", "backend errors", optional=True, priority=1),
        Column("rejected_elsewhere", "rejected by BigQuery", optional=True, priority=4),
        Column("correct_abstention", "correct abstentions", optional=True, priority=4),
        Column("answered_unanswerable", "answered unanswerable", optional=True, priority=4),
    ]
    rows = [_scores_row(system, figures) for system in systems]
    return Table("Text to SQL", columns, rows, _notes(systems), groups=("dataset", "comparator"))


def _figure_names(systems: Sequence[AnyScores]) -> list[str]:
    """What the comparators add, over all systems."""
    names = {name for system in systems if isinstance(system, ItemScores) for name in system.figures}
    return sorted(name for name in names if name not in _OWN_MEASURES and not name.startswith("rs@"))


def _figure_header(name: str) -> str:
    return {"set": "EX by set", "rows": "EX rows", "any_order": "EX any order", "jaccard": "JAC"}.get(
        name, name.replace("_", " ")
    )


def _scores_row(system: AnyScores, figures: Sequence[str]) -> list[Cell]:
    ex, upper = (system.figure(measure.name) or Figure(None, None) for measure in (EX, EX_UPPER))
    cells: list[Cell] = [system.dataset, system.rule, system.system]
    if isinstance(system, ReportedScores):
        shown = [EX.shown(ex.mean), None, None, EX.shown(upper.mean)]
        return [*cells, None, *shown, *[None] * (len(figures) + len(_SHOWN_KINDS) + 6)]
    counted = tally(system)
    non_trivial = system.figure(EX_NON_TRIVIAL.name) if counted.gold_contents else None
    added = (system.figure(name) for name in figures)
    return [
        *cells,
        system.counts["n"],
        *(EX.shown(value) for value in (ex.mean, ex.low, ex.high, upper.mean)),
        EX.shown(non_trivial.mean) if non_trivial else None,
        *(found.mean if found else None for found in added),
        counted.by_verdict.get(VerdictKind.CORRECT.value, 0),
        *(counted.by_verdict.get(kind.value, 0) for kind in _SHOWN_KINDS),
        counted.by_verdict.get(VerdictKind.BACKEND_ERROR.value, 0),
        counted.n_rejected,
        counted.correct_abstentions,
        counted.answered_unanswerable,
    ]


def _notes(systems: Sequence[AnyScores]) -> list[str]:
    scored = [system for system in systems if isinstance(system, ItemScores)]
    estimators = {found.estimator for system in scored if (found := system.figure(EX.name)) and found.estimator}
    made = " or ".join(sorted(estimators))
    notes = [
        f"EX: correct / N, the questions whose gold ran{f'; 95 %: {made}' if made else ''}.",
    ]
    for system in systems:
        notes += _notes_on(system) if isinstance(system, ItemScores) else [*system.notes, system.why_no_interval]
    n_older = sum(system.older for system in scored)
    if n_older:
        notes.append(f"Scores of {n_older} rows were written by an earlier version; they are read as they stand.")
    return list(dict.fromkeys(notes))


def _notes_on(system: ItemScores) -> list[str]:
    counted, dataset = tally(system), system.dataset
    notes = list(system.notes)
    if counted.outside:
        notes.append(f"{dataset}: not in N for want of a gold result: {_listed(counted.outside)}.")
    if counted.n_unanswerable:
        notes.append(
            f"{dataset}: {counted.n_unanswerable} of {system.counts['questions']} questions are not in N, having no "
            "answer."
        )
    if counted.gold_contents:
        notes.append(
            f"{dataset}: EX (non-trivial gold) leaves out golds that say little: {_listed(counted.gold_contents)}."
        )
    if counted.n_rejected:
        notes.append(
            f"{dataset}: rejected by BigQuery counts statements that ran here and that BigQuery would reject "
            "(complaints are in verdicts.jsonl)."
        )
    dialect = dialect_note(system)
    if dialect is not None:
        notes.append(dialect)
    unanswered = system.counts["unanswered"]
    if unanswered:
        notes.append(
            f"{system.system} on {dataset}: {unanswered} questions have no answer of the model yet; run it again for "
            "an EX."
        )
    elif system.figure(EX.name) is None:
        notes.append(f"{system.system}: the backend failed on some questions; run it again for an EX.")
    return notes


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in counts.items())


def per_question_table(systems: Sequence[ItemScores]) -> Table:
    """One row a question: its verdict under each comparator, and why."""
    columns = [Column("question_id", "question")]
    for system in systems:
        columns += [
            Column(f"{system.rule}_verdict", system.rule),
            Column(f"{system.rule}_difference", "difference"),
            Column(f"{system.rule}_detail", "detail"),
        ]
    rows: list[list[Cell]] = []
    for found in zip(*(verdicts_of(system) for system in systems), strict=True):
        row: list[Cell] = [found[0].question_id]
        for item in found:
            difference = item.verdict.difference
            row += [item.verdict.kind.value, difference.value if difference else None, item.verdict.detail or None]
        rows.append(row)
    return Table(f"{systems[0].system} on {systems[0].dataset}", columns, rows)


def disagreements_table(systems: Sequence[ItemScores]) -> Table:
    """Where the first comparator and each other one decide differently: how often, in which way, and on what.

    Args:
        systems: one system under several comparators.

    Raises:
        UserError: fewer than two comparators.
    """
    first, *others = systems
    if not others:
        raise UserError("Disagreements need two comparators or more; give --comparator more than once.")
    found: dict[tuple[str, str, str, str], list[str]] = {}
    for other in others:
        for one, two in zip(verdicts_of(first), verdicts_of(other), strict=True):
            if one.verdict.kind is not two.verdict.kind:
                difference = one.verdict.difference or two.verdict.difference
                key = (one.verdict.kind.value, other.rule, two.verdict.kind.value, difference or "")
                found.setdefault(key, []).append(one.question_id)
    rows: list[list[Cell]] = [
        [*key, len(question_ids), ", ".join(question_ids[:_N_EXAMPLES])]
        for key, question_ids in sorted(found.items(), key=lambda item: (-len(item[1]), item[0]))
    ]
    columns = [
        Column("first", first.rule),
        Column("comparator", "other comparator"),
        Column("second", "its verdict"),
        Column("difference", "difference"),
        Column("n", "questions"),
        Column("examples", f"first {_N_EXAMPLES}"),
    ]
    return Table(f"{first.system} on {first.dataset}: where comparators disagree", columns, rows)


def golds_table(bench: Bench, all_rows: bool) -> Table:
    """Which gold statements run on the mirror, and why each other one does not."""
    golds = execute_golds(bench, frozenset())
    rows: list[list[Cell]] = []
    tally: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for question in bench.dataset.questions:
        if not question.golds:
            tally["unanswerable"] += 1
            rows.append([question.question_id, "unanswerable", None, "no gold SQL"])
        for number in range(len(question.golds)):
            found = golds.evidence(gold_item(question.question_id, number)).as_written
            ran = found.outcome is Outcome.OK
            tally["ran" if ran else found.outcome.value] += 1
            if not ran:
                reasons[found.message] += 1
            if all_rows or not ran:
                rows.append(
                    [question.question_id, found.outcome.value, len(found.rows) if ran else None, found.message]
                )
    columns = [
        Column("question_id", "question"),
        Column("outcome", "outcome"),
        Column("n_rows", "rows"),
        Column("message", "reason"),
    ]
    notes = [
        f"{len(bench.dataset.questions)} questions: {', '.join(f'{n} {kind}' for kind, n in tally.most_common())}."
    ]
    notes += [f"{number} × {reason}" for reason, number in reasons.most_common(10)]
    return Table(f"Gold SQL of {bench.dataset.card.dataset_id}", columns, rows, notes)
