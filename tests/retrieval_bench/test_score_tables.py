"""Tables of scored runs: the same figures in every form, reported ones without interval, older ones marked."""

import csv
import io
import json
from dataclasses import replace

import pytest

from bench_core.errors import UserError
from bench_core.results.scores import ItemScores, ReportedScores
from retrieval_bench.reports.tables import scores_table
from retrieval_bench.scoring.measures import Measure
from retrieval_bench.scoring.scored_runs import scores_of_run

MEASURES = [Measure.parse(text) for text in ("ndcg@10", "map")]
QRELS = {f"q{number}": {f"d{number}": 1, "d0": 2} for number in range(1, 9)}


@pytest.fixture
def scored() -> ItemScores:
    run = {query_id: [("d0", 2.0), (f"d{number}", 1.0)] for number, query_id in enumerate(QRELS)}
    return scores_of_run(run, QRELS, MEASURES, "demo/x", "ours")


def test_all_forms_hold_the_stored_figures(scored):
    table = scores_table([scored], MEASURES)
    (row,) = json.loads(table.render("json"))["rows"]
    figure = scored.figures["ndcg@10"]
    assert (row["ndcg@10"], row["ndcg@10_low"], row["ndcg@10_high"]) == (figure.mean, figure.low, figure.high)
    assert (row["ndcg@10_standard_error"], row["n_queries"], row["map"]) == (
        figure.standard_error,
        8,
        scored.figures["map"].mean,
    )
    (written,) = csv.DictReader(io.StringIO(table.render("csv")))
    assert float(written["ndcg@10_low"]) == figure.low
    for form in ("rich", "markdown", "latex"):
        assert f"{figure.low:.4f}" in table.render(form)
    assert "Student's t" in " ".join(table.notes)


def test_reported_figures_stand_beside_ours_and_say_why_they_have_no_interval(scored):
    theirs = ReportedScores("demo/x", "theirs", {"ndcg@10": 0.5}, "a paper, table 2")
    table = scores_table([scored, theirs], MEASURES)
    row = json.loads(table.render("json"))["rows"][1]
    assert (row["ndcg@10"], row["ndcg@10_low"], row["map"], row["n_queries"]) == (0.5, None, None, None)
    assert "theirs: figures reported in a paper, table 2" in " ".join(table.notes)


def test_datasets_of_one_name_are_told_apart_and_older_scores_marked(scored):
    table = scores_table([replace(scored, content="aa"), replace(scored, content="bb", older=True)], MEASURES)
    assert [row[0] for row in table.rows] == ["demo/x (aa)", "demo/x (bb)"]
    assert "Scores of 1 rows were written by an earlier version" in " ".join(table.notes)


def test_a_measure_that_was_not_computed_is_reported(scored):
    with pytest.raises(UserError, match=r"recall@100 was not computed for ours"):
        scores_table([scored], [Measure.parse("recall@100")])
