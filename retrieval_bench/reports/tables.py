"""Tables of scored runs."""

from __future__ import annotations

from collections.abc import Sequence

from bench_core.errors import UserError
from bench_core.results.intervals import Figure
from bench_core.results.scores import AnyScores, ItemScores, ReportedScores, with_datasets_told_apart
from bench_core.results.tables import Cell, Column, Table
from retrieval_bench.scoring.measures import DEFAULT_MEASURES, TABLE_MEASURES, Measure
from retrieval_bench.scoring.score import TIE_CUTOFF

_JUDGED = Measure("judged", 10)
# Below this part of the baseline's share of judged documents a system is flagged.
_FAR_FEWER = 0.75


def scores_table(runs: Sequence[AnyScores], measures: Sequence[Measure]) -> Table:
    """One row a run: the first measure with its interval, the others' means, ties at the cut-off."""
    runs = with_datasets_told_apart(runs)
    first = measures[0]
    priority = 2 if tuple(measures) in (TABLE_MEASURES, DEFAULT_MEASURES) else 1  # those that were asked for
    columns = [
        Column("dataset", "dataset", priority=1, least=40),
        Column("system", "system", priority=1, least=60),
        Column(str(first), first.header, priority=1, best="highest"),
        Column(f"{first}_low", "95 % from", priority=1),
        Column(f"{first}_high", "to", priority=1),
        Column("n_queries", "queries"),
        Column(f"{first}_standard_error", "±SE", priority=4),
        *(Column(str(measure), measure.header, priority=priority, best="highest") for measure in measures[1:]),
        Column(f"ties_at_{TIE_CUTOFF}", f"ties@{TIE_CUTOFF}", priority=3),
    ]
    rows = [_row(run, measures) for run in runs]
    return Table("Retrieval", columns, rows, _notes(runs, measures), groups=("dataset",))


def _row(run: AnyScores, measures: Sequence[Measure]) -> list[Cell]:
    first, *others = (_figure(run, measure) for measure in measures)
    return [
        run.dataset,
        run.system,
        first.mean,
        first.low,
        first.high,
        first.n,
        first.standard_error,
        *(found.mean for found in others),
        run.counts["ties"] if isinstance(run, ItemScores) else None,
    ]


def _figure(run: AnyScores, measure: Measure) -> Figure:
    found = run.figure(str(measure))
    if found is not None:
        return found
    if isinstance(run, ReportedScores):
        return Figure(None, None)
    raise UserError(f"{measure} was not computed for {run.system}; score it with --measure {measure}.")


def _notes(runs: Sequence[AnyScores], measures: Sequence[Measure]) -> list[str]:
    estimators = {_figure(run, measures[0]).estimator for run in runs if isinstance(run, ItemScores)} - {""}
    made = " or ".join(sorted(estimators, reverse=True))
    notes = [f"Means over all judged queries, 0 where nothing is found{f'; 95 %: {made}' if made else ''}."]
    for run in runs:
        notes += [*run.notes, *([] if isinstance(run, ItemScores) else [run.why_no_interval])]
    notes = list(dict.fromkeys([*notes, *_gaps([run for run in runs if isinstance(run, ItemScores)])]))
    n_older = sum(isinstance(run, ItemScores) and run.older for run in runs)
    if n_older:
        notes.append(f"Scores of {n_older} rows were written by an earlier version; they are read as they stand.")
    return notes


def judgment_notes(baseline: str, runs: Sequence[ItemScores]) -> list[str]:
    """A warning for each system of whose documents far fewer are judged than of the baseline's.

    What it found that is relevant may count as nothing.

    Args:
        baseline: the system the others are compared with.
        runs: all of them.
    """
    shares = {run.system: _figure(run, _JUDGED).mean or 0.0 for run in runs}
    return [
        f"{system}: only {share:.0%} of its first {_JUDGED.cutoff} documents are judged, against "
        f"{shares[baseline]:.0%} of {baseline}'s; it may be better than its figures."
        for system, share in shares.items()
        if share < _FAR_FEWER * shares[baseline]
    ]


def per_query_table(run: ItemScores) -> Table:
    """One row a judged query, one column a measure."""
    measures = [Measure.parse(text) for text in run.values]
    columns = [
        Column("query_id", "query", priority=1),
        *(Column(str(measure), measure.header) for measure in measures),
    ]
    query_ids = next(iter(run.values.values()))
    rows: list[list[Cell]] = [
        [query_id, *(by_query[query_id] for by_query in run.values.values())] for query_id in query_ids
    ]
    return Table(f"{run.system} on {run.dataset}", columns, rows, _gaps([run]))


def _gaps(runs: Sequence[ItemScores]) -> list[str]:
    """What is not in the means, or counts 0; systems of which the same is to be said share a sentence."""
    systems: dict[tuple[str, str], list[str]] = {}
    for run in runs:
        missing, unjudged = run.counts["missing"], run.counts["unjudged"]
        if missing:
            said = f"nothing found for {missing} judged queries (counted 0)"
            systems.setdefault((run.dataset, said), []).append(run.system)
        if unjudged:
            systems.setdefault((run.dataset, f"{unjudged} unjudged queries left out"), []).append(run.system)
    return [
        f"{' and '.join(names) if len(names) < 3 else ', '.join(names)} on {dataset}: {said}."
        for (dataset, said), names in systems.items()
    ]
