"""Tables of scored systems, of gold self-checks, and paired comparisons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from bench_core.errors import UserError
from bench_core.results.tables import Cell, Column, Table
from sql_bench.pipeline.bench import Bench
from sql_bench.pipeline.compare import ScoredSystem
from sql_bench.pipeline.execute import execute_golds, gold_item
from sql_bench.types import Outcome, VerdictKind

_N_EXAMPLES = 5
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


def scores_table(systems: Sequence[ScoredSystem]) -> Table:
    """One row a system and comparator: EX with its interval and bounds, figures, and the verdicts counted."""
    figures = sorted({name for system in systems for name in system.scores.figures})
    columns = [
        Column("dataset", "dataset"),
        Column("comparator", "comparator"),
        Column("system", "system"),
        Column("n", "N"),
        Column("ex_percent", "EX %", 2),
        Column("ex_low_percent", "95 % from", 2),
        Column("ex_high_percent", "to", 2),
        Column("ex_upper_percent", "EX upper %", 2),
        Column("ex_telling_percent", "EX telling %", 2, optional=True),
        *(Column(name, _figure_header(name), 3, optional=True) for name in figures),
        Column("correct", "correct"),
        *(Column(kind.value, kind.value.replace("_", " "), optional=True) for kind in _SHOWN_KINDS),
        Column("rejected_elsewhere", "rejected elsewhere", optional=True),
        Column("correct_abstention", "right abstentions", optional=True),
    ]
    return Table("Text to SQL", columns, [_scores_row(system, figures) for system in systems], _notes(systems))


def _figure_header(name: str) -> str:
    return {"set": "EX by set", "rows": "EX rows", "jaccard": "JAC"}.get(name, name.replace("_", " "))


def _scores_row(system: ScoredSystem, figures: Sequence[str]) -> list[Cell]:
    scores = system.scores
    low, high = scores.interval or (None, None)
    telling = scores.ex_without_trivial_golds if scores.gold_contents else None
    return [
        system.dataset_id,
        system.comparator,
        system.system,
        scores.n,
        *(None if value is None else 100 * value for value in (scores.ex, low, high, scores.ex_upper, telling)),
        *(scores.figures.get(name) for name in figures),
        scores.n_correct,
        *(scores.counts.get(kind.value, 0) for kind in _SHOWN_KINDS),
        sum(bool(found.complaints) for found in system.verdicts),
        scores.counts.get(VerdictKind.CORRECT_ABSTENTION.value, 0),
    ]


def _notes(systems: Sequence[ScoredSystem]) -> list[str]:
    notes = [
        "EX: correct / N, where N counts the questions whose gold ran. EX upper: undetermined and untranslatable "
        "counted as right. Intervals: Wilson, 95 %.",
    ]
    for system in systems:
        scores, dataset_id = system.scores, system.dataset_id
        without = {kind: number for kind, number in scores.counts.items() if kind.startswith("gold_")}
        if without:
            notes.append(f"{dataset_id}: not in N for want of a gold result: {_listed(without)}.")
        unanswerable = sum(not found.answerable for found in system.verdicts)
        if unanswerable:
            notes.append(
                f"{dataset_id}: what cannot be answered ({unanswerable} of {len(system.verdicts)} questions) is not in "
                "N; right abstentions are counted beside it, reliability scores are in scores.json."
            )
        if scores.gold_contents:
            notes.append(f"{dataset_id}: EX telling leaves out golds that say little: {_listed(scores.gold_contents)}.")
        if any(found.complaints for found in system.verdicts):
            notes.append(
                f"{dataset_id}: rejected elsewhere counts statements that ran here and that BigQuery would reject "
                "(complaints are in verdicts.jsonl)."
            )
        if not scores.complete:
            notes.append(f"{system.system}: the backend failed on some questions; run it again for an EX.")
    return list(dict.fromkeys(notes))


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in counts.items())


def per_question_table(systems: Sequence[ScoredSystem]) -> Table:
    """One row a question: its verdict under each comparator, and why."""
    columns = [Column("question_id", "question")]
    for system in systems:
        columns += [
            Column(f"{system.comparator}_verdict", system.comparator),
            Column(f"{system.comparator}_difference", "difference"),
            Column(f"{system.comparator}_detail", "detail"),
        ]
    rows: list[list[Cell]] = []
    for found in zip(*(system.verdicts for system in systems), strict=True):
        row: list[Cell] = [found[0].question_id]
        for item in found:
            difference = item.verdict.difference
            row += [item.verdict.kind.value, difference.value if difference else None, item.verdict.detail]
        rows.append(row)
    return Table(f"{systems[0].system} on {systems[0].dataset_id}", columns, rows)


def disagreements_table(systems: Sequence[ScoredSystem]) -> Table:
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
        for one, two in zip(first.verdicts, other.verdicts, strict=True):
            if one.verdict.kind is not two.verdict.kind:
                difference = one.verdict.difference or two.verdict.difference
                key = (one.verdict.kind.value, other.comparator, two.verdict.kind.value, difference or "")
                found.setdefault(key, []).append(one.question_id)
    rows: list[list[Cell]] = [
        [*key, len(question_ids), ", ".join(question_ids[:_N_EXAMPLES])]
        for key, question_ids in sorted(found.items(), key=lambda item: (-len(item[1]), item[0]))
    ]
    columns = [
        Column("first", f"{first.comparator} says"),
        Column("comparator", "where"),
        Column("second", "says"),
        Column("difference", "difference"),
        Column("n", "questions"),
        Column("examples", f"first {_N_EXAMPLES}"),
    ]
    return Table(f"{first.system} on {first.dataset_id}: where comparators disagree", columns, rows)


def comparison_table(baseline: ScoredSystem, others: Sequence[ScoredSystem], n_permutations: int) -> Table:
    """Each system against the baseline, question by question, by Fisher's randomisation test, Holm-corrected.

    Raises:
        UserError: a run without an EX, or two whose N are not the same questions.
    """
    from bench_core.results.statistics import fisher_randomization, holm

    base = _correctness(baseline)
    values = [_correctness(system) for system in others]
    for system, found in zip(others, values, strict=True):
        if found.keys() != base.keys():
            raise UserError(f"{system.system} and {baseline.system} do not have the same questions in N.")
    pairs = [(list(base.values()), [found[key] for key in base]) for found in values]
    p_values = [fisher_randomization(first, second, n_permutations) for first, second in pairs]
    rows: list[list[Cell]] = [
        [
            system.system,
            100 * sum(second) / len(second),
            100 * (sum(second) - sum(first)) / len(second),
            sum(b > a for a, b in zip(first, second, strict=True)),
            sum(b < a for a, b in zip(first, second, strict=True)),
            p_value,
            corrected,
        ]
        for system, (first, second), p_value, corrected in zip(others, pairs, p_values, holm(p_values), strict=True)
    ]
    columns = [
        Column("system", "system"),
        Column("ex_percent", "EX %", 2),
        Column("difference_points", "difference", 2),
        Column("wins", "wins"),
        Column("losses", "losses"),
        Column("p", "p"),
        Column("p_holm", "p (Holm)"),
    ]
    notes = [
        f"Baseline: {baseline.system}, EX {100 * sum(base.values()) / len(base):.2f} %, N = {len(base)}, compared by "
        f"{baseline.comparator}.",
        f"p: two-sided paired randomisation test, {n_permutations} permutations drawn with a fixed "
        "seed (all sign patterns are counted where they are fewer). Questions made from one "
        "template are treated as independent.",
    ]
    return Table(f"Against {baseline.system}", columns, rows, notes)


def _correctness(system: ScoredSystem) -> dict[str, float]:
    if system.scores.ex is None:
        raise UserError(f"{system.system} on {system.dataset_id} has no EX; nothing can be compared.")
    return {
        found.question_id: float(found.verdict.kind is VerdictKind.CORRECT) for found in system.verdicts if found.counts
    }


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
        Column("message", "why"),
    ]
    notes = [
        f"{len(bench.dataset.questions)} questions: {', '.join(f'{n} {kind}' for kind, n in tally.most_common())}."
    ]
    notes += [f"{number} × {reason}" for reason, number in reasons.most_common(10)]
    return Table(f"Gold SQL of {bench.dataset.card.dataset_id}", columns, rows, notes)
