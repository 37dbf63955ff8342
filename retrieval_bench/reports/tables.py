"""Tables of scored runs, and paired comparisons between them."""

from __future__ import annotations

from collections.abc import Sequence

from bench_core.errors import UserError
from bench_core.results.tables import Cell, Column, Table
from retrieval_bench.scoring.measures import Measure
from retrieval_bench.scoring.score import TIE_CUTOFF
from retrieval_bench.scoring.scored_runs import ScoredRun, with_datasets_told_apart


def scores_table(runs: Sequence[ScoredRun], measures: Sequence[Measure]) -> Table:
    """One row a run: means over the judged queries, the standard error of the first measure, ties at the cut-off."""
    runs = with_datasets_told_apart(runs)
    first = measures[0]
    columns = [
        Column("dataset", "dataset"),
        Column("system", "system"),
        Column("n_queries", "queries"),
        Column(str(first), first.header),
        Column(f"{first}_standard_error", "±SE"),
        *(Column(str(measure), measure.header) for measure in measures[1:]),
        Column(f"ties_at_{TIE_CUTOFF}", f"ties@{TIE_CUTOFF}"),
    ]
    rows: list[list[Cell]] = [
        [
            run.dataset_id,
            run.system,
            len(run.scores.query_ids),
            _mean(run, first),
            run.scores.standard_error(first),
            *(_mean(run, measure) for measure in measures[1:]),
            run.scores.n_ties,
        ]
        for run in runs
    ]
    notes = [
        "Means over all judged queries; one that a run does not answer counts 0.",
        f"±SE: standard error of {first.header} over queries. ties@{TIE_CUTOFF}: queries where equal scores stand on "
        f"both sides of rank {TIE_CUTOFF}, decided by doc_id as trec_eval does.",
    ]
    for run in runs:
        notes.extend(note for note in [*run.notes, *_gaps(run)] if note not in notes)
    return Table("Retrieval", columns, rows, notes)


def per_query_table(run: ScoredRun) -> Table:
    """One row a judged query, one column a measure."""
    measures = list(run.scores.per_query)
    columns = [Column("query_id", "query"), *(Column(str(measure), measure.header) for measure in measures)]
    rows: list[list[Cell]] = [
        [query_id, *(run.scores.per_query[measure][query_id] for measure in measures)]
        for query_id in run.scores.query_ids
    ]
    return Table(f"{run.system} on {run.dataset_id}", columns, rows, _gaps(run))


def comparison_table(baseline: ScoredRun, others: Sequence[ScoredRun], measure: Measure, n_permutations: int) -> Table:
    """Each system against the baseline on the same queries, by Fisher's randomisation test, Holm-corrected.

    Raises:
        UserError: two runs were not scored on the same queries.
    """
    from bench_core.results.statistics import fisher_randomization, holm

    query_ids = baseline.scores.query_ids
    base = [baseline.scores.per_query[measure][query_id] for query_id in query_ids]
    values: list[list[float]] = []
    for run in others:
        if run.scores.query_ids != query_ids:
            raise UserError(
                f"{run.system} and {baseline.system} were not scored on the same queries; compare one dataset."
            )
        values.append([run.scores.per_query[measure][query_id] for query_id in query_ids])
    p_values = [fisher_randomization(base, other, n_permutations=n_permutations) for other in values]
    rows: list[list[Cell]] = [
        [
            run.system,
            _mean(run, measure),
            _mean(run, measure) - _mean(baseline, measure),
            sum(a > b for a, b in zip(other, base, strict=True)),
            sum(a < b for a, b in zip(other, base, strict=True)),
            p_value,
            corrected,
        ]
        for run, other, p_value, corrected in zip(others, values, p_values, holm(p_values), strict=True)
    ]
    columns = [
        Column("system", "system"),
        Column(str(measure), measure.header),
        Column("difference", "difference"),
        Column("wins", "wins"),
        Column("losses", "losses"),
        Column("p", "p"),
        Column("p_holm", "p (Holm)"),
    ]
    notes = [
        f"Baseline: {baseline.system}, {measure.header} {_mean(baseline, measure):.4f}, {len(query_ids)} queries of "
        f"{baseline.dataset_id}.",
        f"p: two-sided paired randomisation test, {n_permutations} permutations drawn with a fixed "
        "seed (all sign patterns are counted where they are fewer).",
    ]
    return Table(f"Against {baseline.system}", columns, rows, notes)


def _mean(run: ScoredRun, measure: Measure) -> float:
    if measure not in run.scores.per_query:
        raise UserError(f"{measure} was not computed for {run.system}; score it with --measure {measure}.")
    return run.scores.mean(measure)


def _gaps(run: ScoredRun) -> list[str]:
    gaps = []
    if run.scores.n_missing:
        gaps.append(
            f"{run.system} on {run.dataset_id}: nothing found for {run.scores.n_missing} judged queries (counted 0)."
        )
    if run.scores.n_unjudged_queries:
        gaps.append(f"{run.system} on {run.dataset_id}: {run.scores.n_unjudged_queries} unjudged queries left out.")
    return gaps
