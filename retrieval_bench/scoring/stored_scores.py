"""Store scores beside the run they were made from: `per_query.csv` holds the items, `scores.json` what they come to."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench_core.artifacts import file_sha256, write_atomically
from bench_core.errors import UserError
from bench_core.results.intervals import Figure
from bench_core.results.scores import Values, figures_from_json, figures_of, figures_to_json
from bench_core.runs.score_files import read_score_file, write_score_file
from retrieval_bench.scoring.measures import Measure
from retrieval_bench.scoring.score import Scores

SCORES_FILE = "scores.json"
PER_QUERY_FILE = "per_query.csv"

_FORMAT = 2
"""2: `figures` with intervals; before that means and standard errors alone, and no number of a format."""

# Every measure of ours is a share of what could be had.
_BOUNDS = (0.0, 1.0)


@dataclass(frozen=True)
class StoredScores:
    """Scores as they stand in a folder.

    Attributes:
        values: measure -> query_id -> score.
        figures: measure -> mean and interval.
        counts: `queries`, `missing`, `unjudged`, `ties`; see `Scores`.
        made_from: hashes of the run and the judgments, and the version of the rules.
        older: an earlier version of the suite wrote them.
    """

    values: Mapping[str, Values]
    figures: Mapping[str, Figure]
    counts: Mapping[str, int]
    made_from: Mapping[str, str]
    notes: Sequence[str]
    older: bool = False


def summarised(scores: Scores, made_from: Mapping[str, str], notes: Sequence[str] = ()) -> StoredScores:
    """Scores with what they come to."""
    values = {str(measure): dict(by_query) for measure, by_query in scores.per_query.items()}
    counts = {
        "queries": len(next(iter(values.values()), {})),
        "missing": scores.n_missing,
        "unjudged": scores.n_unjudged_queries,
        "ties": scores.n_ties,
    }
    return StoredScores(values, _figures(values), counts, made_from, notes)


def _figures(values: Mapping[str, Values]) -> dict[str, Figure]:
    return figures_of(values, bounds=dict.fromkeys(values, _BOUNDS))


def write_scores(folder: Path, scores: StoredScores) -> None:
    """Write `per_query.csv`, then `scores.json`, which says what the scores were made from and hashes the former."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["query_id", *scores.values])
    for query_id in next(iter(scores.values.values())):
        cells = [by_query[query_id] for by_query in scores.values.values()]
        writer.writerow([query_id, *("" if cell is None else cell for cell in cells)])
    per_query = buffer.getvalue()
    write_atomically(folder / PER_QUERY_FILE, per_query)
    write_score_file(
        folder / SCORES_FILE,
        {
            "format": _FORMAT,
            "made_from": dict(scores.made_from),
            "notes": list(scores.notes),
            "per_query_sha256": hashlib.sha256(per_query.encode()).hexdigest(),
            "n_queries": scores.counts["queries"],
            "n_missing": scores.counts["missing"],
            "n_unjudged_queries": scores.counts["unjudged"],
            "n_ties": scores.counts["ties"],
            "figures": figures_to_json(scores.figures),
        },
        {PER_QUERY_FILE: hashlib.sha256(per_query.encode()).hexdigest()},
    )


def read_scores(folder: Path) -> StoredScores | None:
    """The scores in a folder, or None where there are none, or the two files are not of one making."""
    per_query_path = folder / PER_QUERY_FILE
    try:
        summary = read_score_file(folder / SCORES_FILE)
        if summary["per_query_sha256"] != file_sha256(per_query_path):
            return None
        older = "format" not in summary
        measures = [str(Measure.parse(text)) for text in summary["mean" if older else "figures"]]
        values = _read_values(per_query_path, measures)
        return StoredScores(
            values,
            _figures(values) if older else figures_from_json(summary["figures"]),
            {
                "queries": summary["n_queries"],
                "missing": summary["n_missing"],
                "unjudged": summary["n_unjudged_queries"],
                "ties": summary["n_ties"],
            },
            summary["made_from"],
            summary["notes"],
            older,
        )
    except (FileNotFoundError, UserError, KeyError, TypeError, ValueError, AttributeError, csv.Error):
        return None


def _read_values(path: Path, measures: Sequence[str]) -> dict[str, dict[str, float | None]]:
    with path.open(encoding="utf-8", newline="") as file:
        rows: list[dict[str, Any]] = list(csv.DictReader(file))
    return {
        measure: {row["query_id"]: float(row[measure]) if row[measure] else None for row in rows}
        for measure in measures
    }
