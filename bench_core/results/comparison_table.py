"""A comparison as a table, with unit, estimator, family and resamplings named below it."""

from __future__ import annotations

from collections.abc import Sequence

from bench_core.results.comparison import Compared, Comparison, plural
from bench_core.results.scores import ShownMeasure
from bench_core.results.statistics import RESAMPLINGS_PER_COMPARISON, SEED
from bench_core.results.tables import Cell, Column, Table


def comparison_table(comparison: Comparison, measure: ShownMeasure, notes: Sequence[str] = ()) -> Table:
    """One row a system; a dash where figures without items allow no test.

    Args:
        notes: what else a reader should know of the systems.
    """
    columns = [
        Column("system", "system", priority=1, least=30),
        Column(measure.key, measure.header, measure.decimals, priority=1, best="highest"),
        Column(measure.difference, "difference", measure.decimals, priority=1),
        Column(f"{measure.difference}_low", "95 % from", measure.decimals, priority=2, together="interval"),
        Column(f"{measure.difference}_high", "to", measure.decimals, priority=2, together="interval"),
        Column("wins", "wins", priority=4, together="wins"),
        Column("losses", "losses", priority=4, together="wins"),
        Column("ties", "ties", priority=4, together="wins"),
        Column("p", "p", 5, priority=3),
        Column("p_holm", "p (Holm)", 5, priority=1),
        Column("differs", "differs", priority=2),
        Column("detectable", "detectable", measure.decimals, priority=4),
        Column("rank_low", "rank from", 1, priority=4, together="rank"),
        Column("rank_high", "to", 1, priority=4, together="rank"),
    ]
    rows = [_row(comparison, row, measure) for row in comparison.rows]
    return Table(f"Against {comparison.baseline}", columns, rows, [*_notes(comparison, measure), *notes])


def _row(comparison: Comparison, row: Compared, measure: ShownMeasure) -> list[Cell]:
    test = row.test
    cells: list[Cell] = [row.system, measure.shown(row.mean), measure.shown(row.difference)]
    if test is None:
        cells += [None] * 9
    else:
        cells += [
            measure.shown(test.low),
            measure.shown(test.high),
            test.wins,
            test.losses,
            test.ties,
            test.p,
            test.p_holm,
            comparison.is_significant(test),
            measure.shown(test.detectable),
        ]
    return [*cells, *(row.rank or (None, None))]


def _notes(comparison: Comparison, measure: ShownMeasure) -> list[str]:
    notes = [_baseline_note(comparison, measure)]
    family = comparison.tested
    if family:
        chosen = "all others against the best" if comparison.baseline_is_best else "all against the named baseline"
        notes += [
            f"{_unit_note(comparison)} Intervals of the difference: 95 %, {_estimator(comparison)}.",
            f"p: {_test_note(comparison)}; p (Holm) is corrected over the family of {len(family)} ({chosen}).",
            "detectable: the true difference found in four tries of five at 5 % (2.80 standard errors of the paired "
            "difference). rank: 95 % interval among all systems, bootstrap of whole units "
            f"({comparison.n_samples} samples, seed {SEED}).",
        ]
        if comparison.alike:
            notes.append(f"Not told apart from {comparison.baseline} at 5 %: {', '.join(comparison.alike)}.")
        notes += _warnings(comparison)
    return [*notes, *comparison.notes]


def _baseline_note(comparison: Comparison, measure: ShownMeasure) -> str:
    found = comparison.baseline_figure
    mean, low, high = (
        None if value is None else f"{measure.shown(value):.{measure.decimals}f}"
        for value in (found.mean, found.low, found.high)
    )
    interval = f" [{low}, {high}]" if low is not None else ""
    n = "" if found.n is None else f", {found.n} {plural(comparison.item)}"
    place = " (the best)" if comparison.baseline_is_best else ""
    rank = comparison.rank
    ranked = f", rank {rank[0]:g} to {rank[1]:g}" if rank else ""
    judged = f", judged by {comparison.rule}" if comparison.rule else ""
    where = f"{n} of {comparison.dataset}{judged}{ranked}"
    return f"Baseline{place}: {comparison.baseline}, {measure.header} {mean}{interval}{where}."


def _unit_note(comparison: Comparison) -> str:
    if not comparison.units:
        return f"Unit: {comparison.item}."
    counted = [
        f"{unit} ({number} {plural(unit)})" for unit, number in zip(comparison.units, comparison.n_units, strict=True)
    ]
    return f"Unit: {' × '.join(counted)}."


def _estimator(comparison: Comparison) -> str:
    if not comparison.units:
        return "Student's t"
    if len(comparison.units) == 1:
        return f"Student's t, jackknife by {comparison.units[0]} with effective degrees of freedom"
    return f"Student's t, two-way jackknife by {' and '.join(comparison.units)}"


def _test_note(comparison: Comparison) -> str:
    if comparison.n_drawn is None:
        return "Student's t of the two-way standard error"
    patterns = "all sign patterns counted"
    if comparison.n_drawn:
        patterns = f"{comparison.n_resamplings} sign patterns drawn with seed {SEED}, the same for all systems"
        if comparison.n_drawn < len(comparison.tested):
            patterns += " (all counted where they are fewer)"
    return f"two-sided paired randomisation test, {patterns}"


def _warnings(comparison: Comparison) -> list[str]:
    if comparison.too_few_resamplings:
        wanted = RESAMPLINGS_PER_COMPARISON * len(comparison.tested)
        return [
            f"{comparison.n_resamplings} resamplings are too few for a family of {len(comparison.tested)}: none could "
            f"be called significant; ask for --permutations {wanted} or more."
        ]
    if comparison.none_can_be_significant:
        return [
            f"None could be significant: even if one system won every {comparison.item}, no p (Holm) would fall "
            "below 0.05 with so few of them."
        ]
    return []
