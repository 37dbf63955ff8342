from dataclasses import replace

import pytest

from bench_core.errors import BenchError
from sql_bench.scoring.metrics import QuestionVerdict, gold_content, item_scores, tally
from sql_bench.types import Difference, Verdict, VerdictKind, best_verdict


def verdicts(*kinds, answerable=True, **figures):
    return [
        QuestionVerdict(f"q{position}", Verdict(VerdictKind(kind), figures=figures), answerable)
        for position, kind in enumerate(kinds)
    ]


def count(verdicts, labels=None):
    return item_scores(verdicts, "demo/x", "system", "answer", labels)


def mean(scores, measure):
    found = scores.figure(measure)
    return found and found.mean


def test_every_failure_of_the_system_counts_zero():
    scores = count(
        verdicts("correct", "wrong", "invalid_sql", "refused", "no_sql", "abstained", "timeout", "resource_limit")
    )
    assert (scores.counts["n"], mean(scores, "ex"), mean(scores, "ex_upper")) == (8, 1 / 8, 1 / 8)


def test_what_is_undecided_counts_zero_in_ex_and_one_in_its_upper_bound():
    scores = count(verdicts("correct", "undetermined", "untranslatable", "wrong"))
    assert (scores.counts["n"], mean(scores, "ex"), mean(scores, "ex_upper")) == (4, 0.25, 0.75)


def test_questions_without_a_gold_result_are_in_nobodys_denominator():
    scores = count(verdicts("correct", "gold_invalid", "gold_untranslatable", "gold_limit", "wrong"))
    assert (scores.counts["n"], scores.figures["ex"].n, mean(scores, "ex")) == (2, 2, 0.5)
    assert tally(scores).outside["gold_invalid"] == 1
    assert list(scores.values["ex"].values()) == [1.0, None, None, None, 0.0]


def test_a_backend_error_leaves_the_run_without_an_ex():
    scores = count(verdicts("correct", "backend_error", set=1.0))
    assert [scores.figure(measure) for measure in ("ex", "ex_upper", "ex_non_trivial")] == [None, None, None]
    assert scores.counts["n"] == 2 and tally(scores).by_verdict["backend_error"] == 1


def test_a_question_without_an_answer_leaves_the_run_without_an_ex():
    scores = item_scores(verdicts("correct", "wrong"), "demo/x", "system", "answer", n_unanswered=1)
    assert scores.figure("ex") is None and scores.counts == {"questions": 3, "n": 2, "unanswered": 1}


def unanswerable(*kinds):
    return [
        QuestionVerdict(f"u{position}", Verdict(VerdictKind(kind)), answerable=False)
        for position, kind in enumerate(kinds)
    ]


def test_an_unanswerable_question_is_no_gold_error_and_not_in_n():
    scores = count([*verdicts("correct", "wrong", "abstained"), *unanswerable("correct_abstention", "wrong")])
    assert (scores.counts["n"], mean(scores, "ex")) == (3, pytest.approx(1 / 3))
    # 2 gains (correct, correct_abstention), 2 losses (wrong, wrong), 1 abstention, over 5 questions
    found = {penalty: mean(scores, f"rs@{penalty}") for penalty in ("0", "5", "10", "N")}
    assert found == pytest.approx({"0": 2 / 5, "5": (2 - 10) / 5, "10": (2 - 20) / 5, "N": (2 - 10) / 5})


def test_the_verdicts_of_a_table_add_up_to_n():
    """docs/rules/counting.md N6: an answer to what cannot be answered is counted apart."""
    found = [
        *verdicts("correct", "wrong", "no_sql", "gold_limit"),
        *unanswerable("wrong", "correct_abstention", "no_sql"),
    ]
    counted = tally(count(found))
    assert sum(counted.by_verdict.values()) == 3
    assert (counted.by_verdict["wrong"], counted.by_verdict["no_sql"]) == (1, 1)
    assert (counted.answered_unanswerable, counted.correct_abstentions, counted.n_unanswerable) == (1, 1, 3)


def test_without_unanswerable_questions_there_is_no_reliability_score():
    assert count(verdicts("correct")).figure("rs@0") is None


def test_figures_are_means_over_n():
    found = [*verdicts("correct", jaccard=1.0), *verdicts("wrong", jaccard=0.5), *verdicts("no_sql", "gold_invalid")]
    found = [replace(verdict, question_id=str(position)) for position, verdict in enumerate(found)]
    assert mean(count(found), "jaccard") == 0.5


def test_a_figure_of_the_name_of_a_measure_is_refused():
    with pytest.raises(BenchError, match="is called ex"):
        count(verdicts("correct", ex=1.0))


def test_no_question_with_gold_gives_no_ex():
    scores = count(verdicts("gold_invalid"))
    assert (scores.counts["n"], mean(scores, "ex"), scores.figures["ex"].interval) == (0, None, None)


def test_labels_are_the_questions_and_the_verdicts():
    found = [
        QuestionVerdict("a", Verdict(VerdictKind.WRONG, Difference.ROWS)),
        QuestionVerdict("b", Verdict(VerdictKind.CORRECT), complaints=("no such function",)),
    ]
    labels = count(found, {"category": {"a": "Join"}, "verdict": {"a": "mine"}}).labels
    assert labels["category"] == {"a": "Join"}
    assert labels["verdict"] == {"a": "wrong", "b": "correct"}
    assert (labels["difference"], labels["rejected"]) == ({"a": "rows"}, {"b": "yes"})


def test_questions_of_one_template_hang_together():
    found = verdicts(*["correct", "wrong"] * 10)
    template = {"template": {f"q{position}": str(position // 4) for position in range(20)}}
    alone, together = count(found), count(found, template)
    assert (alone.units, together.units) == ((), ("template",))
    assert alone.figures["ex"].estimator == "Wilson"
    assert together.figures["ex"].estimator == "Wilson (effective size by template)"
    assert together.figures["ex"].mean == alone.figures["ex"].mean == 0.5


def test_the_best_of_several_golds_counts():
    wrong, undetermined, correct = (Verdict(VerdictKind(kind)) for kind in ("wrong", "undetermined", "correct"))
    assert best_verdict([wrong, undetermined, correct]) is correct
    assert best_verdict([wrong, undetermined]) is undetermined
    assert best_verdict([wrong]) is wrong


def test_golds_that_say_little_are_counted_and_ex_given_without_them():
    correct, wrong = Verdict(VerdictKind.CORRECT), Verdict(VerdictKind.WRONG)
    scores = count(
        [
            QuestionVerdict("a", correct, gold_content="empty"),
            QuestionVerdict("b", correct, gold_content="zero"),
            QuestionVerdict("c", correct),
            QuestionVerdict("d", wrong),
            QuestionVerdict("e", Verdict(VerdictKind.GOLD_INVALID), gold_content="empty"),
        ]
    )
    assert (mean(scores, "ex"), mean(scores, "ex_non_trivial")) == (0.75, 0.5)
    assert tally(scores).gold_contents == {"empty": 1, "zero": 1}


@pytest.mark.parametrize(
    ("rows", "content"),
    [
        ((), "empty"),
        (((None, None), (None, None)), "null_only"),
        (((0,),), "zero"),
        (((0.0,),), "zero"),
        (((0, 1),), "rows"),
        (((0,), (0,)), "rows"),
        (((None, 1),), "rows"),
        ((("0",),), "rows"),
        (((False,),), "rows"),
    ],
)
def test_what_a_gold_result_holds(rows, content):
    assert gold_content(rows) == content


def test_what_is_undecided_is_neither_gain_nor_loss_of_reliability():
    found = [*verdicts("correct", "undetermined"), *unanswerable("correct_abstention")]
    assert mean(count(found), "rs@5") == pytest.approx(2 / 3)
    failed = QuestionVerdict("f", Verdict(VerdictKind.BACKEND_ERROR))
    assert count([*found, failed]).figure("rs@5") is None
