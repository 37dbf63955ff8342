import pytest

from sql_bench.scoring.metrics import QuestionVerdict, count, gold_content
from sql_bench.types import Difference, Verdict, VerdictKind, best_verdict


def verdicts(*kinds, answerable=True, **figures):
    return [
        QuestionVerdict(f"q{position}", Verdict(VerdictKind(kind), figures=figures), answerable)
        for position, kind in enumerate(kinds)
    ]


def test_every_failure_of_the_system_counts_zero():
    scores = count(
        verdicts("correct", "wrong", "invalid_sql", "refused", "no_sql", "abstained", "timeout", "resource_limit")
    )
    assert (scores.n, scores.ex, scores.ex_upper) == (8, 1 / 8, 1 / 8)


def test_what_is_undecided_counts_zero_in_ex_and_one_in_its_upper_bound():
    scores = count(verdicts("correct", "undetermined", "untranslatable", "wrong"))
    assert (scores.n, scores.ex, scores.ex_upper) == (4, 0.25, 0.75)


def test_questions_without_a_gold_result_are_in_nobodys_denominator():
    scores = count(verdicts("correct", "gold_invalid", "gold_untranslatable", "gold_limit", "wrong"))
    assert (scores.n, scores.ex) == (2, 0.5)
    assert scores.counts["gold_invalid"] == 1


def test_a_backend_error_leaves_the_run_without_an_ex():
    scores = count(verdicts("correct", "backend_error"))
    assert (scores.complete, scores.ex, scores.ex_upper, scores.interval) == (False, None, None, None)


def test_an_unanswerable_question_is_no_gold_error_and_not_in_n():
    found = verdicts("correct", "wrong", "abstained") + verdicts("correct_abstention", "wrong", answerable=False)
    scores = count(found)
    assert (scores.n, scores.ex) == (3, pytest.approx(1 / 3))
    # 2 gains (correct, correct_abstention), 2 losses (wrong, wrong), 1 abstention, over 5 questions
    assert scores.reliability == pytest.approx({"0": 2 / 5, "5": (2 - 10) / 5, "10": (2 - 20) / 5, "N": (2 - 10) / 5})


def test_without_unanswerable_questions_there_is_no_reliability_score():
    assert count(verdicts("correct")).reliability == {}


def test_figures_are_means_over_n():
    found = verdicts("correct", jaccard=1.0) + verdicts("wrong", jaccard=0.5) + verdicts("no_sql", "gold_invalid")
    assert count(found).figures == {"jaccard": 0.5}


def test_no_question_with_gold_gives_no_ex():
    scores = count(verdicts("gold_invalid"))
    assert (scores.n, scores.ex, scores.interval) == (0, None, None)


def test_scores_are_json_in_one_order():
    found = [QuestionVerdict("q", Verdict(VerdictKind.WRONG, Difference.ROWS)), *verdicts("correct")]
    content = count(found).as_json()
    assert content["differences"] == {"rows": 1}
    assert content["ex"] == 0.5
    assert list(content["counts"]) == ["correct", "wrong"]


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
    assert (scores.ex, scores.ex_without_trivial_golds) == (0.75, 0.5)
    assert scores.gold_contents == {"empty": 1, "zero": 1}


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
    found = verdicts("correct", "undetermined") + verdicts("correct_abstention", answerable=False)
    assert count(found).reliability["5"] == pytest.approx(2 / 3)
    assert count([*found, *verdicts("backend_error")]).reliability == {}
