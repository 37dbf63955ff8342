"""The table of scored systems: stored figures, reported ones, and verdicts that add up to N."""

import json
from dataclasses import replace

import pytest

from bench_core.results.scores import ReportedScores
from sql_bench.reports.tables import scores_table
from sql_bench.scoring.metrics import QuestionVerdict, item_scores
from sql_bench.types import Verdict, VerdictKind

KINDS = ["correct"] * 6 + ["wrong", "undetermined", "no_sql", "gold_limit"]


def scored(comparator="answer"):
    verdicts = [QuestionVerdict(str(number), Verdict(VerdictKind(kind))) for number, kind in enumerate(KINDS)]
    lucky = QuestionVerdict("lucky", Verdict(VerdictKind.CORRECT), gold_content="empty", complaints=("no such",))
    unanswerable = QuestionVerdict("none", Verdict(VerdictKind.WRONG), answerable=False)
    return item_scores([*verdicts, lucky, unanswerable], "demo/x", "ours", comparator)


def rows(table):
    return json.loads(table.render("json"))["rows"]


def test_a_row_holds_the_stored_figures_and_its_verdicts_add_up():
    scores = scored()
    table = scores_table([scores])
    (row,) = rows(table)
    assert row["n"] == 10 == sum(row[kind] for kind in ("correct", "wrong", "undetermined", "no_sql"))
    assert (row["ex_percent"], row["ex_upper_percent"]) == (70.0, 80.0)
    assert row["ex_telling_percent"] == pytest.approx(100 * 6 / 9)
    assert (row["ex_low_percent"], row["ex_high_percent"]) == (
        100 * scores.figures["ex"].low,
        100 * scores.figures["ex"].high,
    )
    assert (row["answered_unanswerable"], row["rejected_elsewhere"], row["correct_abstention"]) == (1, 1, 0)
    heads = [column.header for column in table.columns]
    assert {"EX (non-trivial gold) %", "rejected by BigQuery", "correct abstentions"} <= set(heads)
    notes = " ".join(table.notes)
    assert "1 gold limit" in notes and "1 empty" in notes and "Wilson" in notes


def test_reported_figures_stand_beside_ours():
    theirs = ReportedScores("demo/x", "theirs", {"ex": 0.625}, "a paper", rule="answer")
    table = scores_table([scored(), theirs])
    row = rows(table)[1]
    assert (row["ex_percent"], row["ex_low_percent"], row["n"], row["correct"]) == (62.5, None, None, None)
    assert "theirs: figures reported in a paper" in " ".join(table.notes)


def test_a_run_whose_backend_failed_has_no_ex_and_says_so():
    failed = item_scores([QuestionVerdict("a", Verdict(VerdictKind.BACKEND_ERROR))], "demo/x", "ours", "answer")
    table = scores_table([failed])
    (row,) = rows(table)
    assert (row["ex_percent"], row["n"], row["backend_error"]) == (None, 1, 1)
    assert "the backend failed on some questions" in " ".join(table.notes)


def test_datasets_of_one_name_are_told_apart():
    table = scores_table([replace(scored(), content="aa"), replace(scored(), content="bb")])
    assert [row["dataset"] for row in rows(table)] == ["demo/x (aa)", "demo/x (bb)"]


def test_a_run_with_questions_left_has_no_ex_and_says_so():
    verdicts = [QuestionVerdict("a", Verdict(VerdictKind.CORRECT))]
    table = scores_table([item_scores(verdicts, "demo/x", "ours", "answer", n_unanswered=2)])
    (row,) = rows(table)
    assert (row["ex_percent"], row["ex_upper_percent"], row["correct"]) == (None, None, 1)
    assert "ours on demo/x: 2 questions have no answer of the model yet" in " ".join(table.notes)
