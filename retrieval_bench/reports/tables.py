"""Tables of scored runs."""

from __future__ import annotations

from collections.abc import Sequence

from bench_core.errors import UserError
from bench_core.results.intervals import Figure
from bench_core.results.scores import AnyScores, ItemScores, ReportedScores, with_datasets_told_apart
from bench_core.results.tables import Cell, Column, Table
from retrieval_bench.scoring.measures import Measure
from retrieval_bench.scoring.score import TIE_CUTOFF

_JUDGED = Measure("judged", 10)
# Below this part of the baseline's share of judged documents a system is flagged.
_FAR_FEWER = 0.75


def scores_table(runs: Sequence[AnyScores], measures: Sequence[Measure]) -> Table:
    """One row a run: the first measure with its interval, the others' means, ties at the cut-off."""
    runs = with_datasets_told_apart(runs)
    first = measures[0]
    columns = [
        Column("dataset", "dataset", priority=1, least=12),
        Column("system", "system", priority=1, least=28),
        Column(str(first), first.header, priority=1, best="highest"),
        Column(f"{first}_low", "95 % from", priority=1),
        Column(f"{first}_high", "to", priority=1),
        Column("n_queries", "queries"),
        Column(f"{first}_standard_error", "±SE", priority=4),
        *(Column(str(measure), measure.header, best="highest") for measure in measures[1:]),
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
    made = " or ".join(sorted(estimators, reverse=True)) or "none, for nothing varies"
    notes = [
        "Means over all judged queries; one that a run does not answer counts 0.",
        f"95 %: interval of {measures[0].header} over queries ({made}); ±SE: its standard error. ties@{TIE_CUTOFF}: "
        f"queries where equal scores stand on both sides of rank {TIE_CUTOFF}, decided by doc_id as trec_eval does.",
    ]
    for run in runs:
        gaps = _gaps(run) if isinstance(run, ItemScores) else [run.why_no_interval]
        notes.extend(note for note in [*run.notes, *gaps] if note not in notes)
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
    return Table(f"{run.system} on {run.dataset}", columns, rows, _gaps(run))


def _gaps(run: ItemScores) -> list[str]:
    gaps = []
    if run.counts["missing"]:
        gaps.append(
            f"{run.system} on {run.dataset}: nothing found for {run.counts['missing']} judged queries (counted 0)."
        )
    if run.counts["unjudged"]:
        gaps.append(f"{run.system} on {run.dataset}: {run.counts['unjudged']} unjudged queries left out.")
    return gaps
