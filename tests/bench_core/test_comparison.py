"""One comparison for both halves: baseline, family, units, resamplings, and what cannot be tested."""

import numpy as np
import pytest

from bench_core.errors import UserError
from bench_core.results.comparison import compare
from bench_core.results.comparison_table import comparison_table
from bench_core.results.scores import ItemScores, ReportedScores, ShownMeasure, figures_of
from bench_core.results.statistics import DETECTABLE, holm, randomisation_test

EX = ShownMeasure("ex", "EX %", "ex_percent", "difference_points", 100.0, 2)


def system(name, values, labels=None, units=(), dataset="demo/x", **more):
    by_item = values if isinstance(values, dict) else {f"q{item}": value for item, value in enumerate(values)}
    measures = {"ex": by_item}
    return ItemScores(
        dataset, name, measures, figures_of(measures, labels, units), item="question", labels=labels or {}, units=units,
        **more,
    )  # fmt: skip


def notes(comparison):
    return " ".join(comparison_table(comparison, EX).notes)


def test_all_others_are_compared_with_the_best():
    low, high, middle = (system(name, [right] * 8 + [0.0] * 4) for name, right in (("l", 0.1), ("h", 0.9), ("m", 0.5)))
    comparison = compare([low, high, middle], EX)
    assert (comparison.baseline, comparison.baseline_is_best) == ("h", True)
    assert [row.system for row in comparison.rows] == ["l", "m"]
    assert [(row.test.wins, row.test.losses, row.test.ties) for row in comparison.rows] == [(0, 8, 4), (0, 8, 4)]
    assert comparison.rank == (1.0, 1.0) and [row.rank for row in comparison.rows] == [(3.0, 3.0), (2.0, 2.0)]
    assert "family of 2 (all others against the best)" in notes(comparison)
    named = compare([low, high, middle], EX, low)
    assert named.baseline == "l" and "against the named baseline" in notes(named)


def test_figures_are_those_of_the_statistics():
    chance = np.random.default_rng(1)
    values = chance.random((30, 4))
    systems = [system(str(column), values[:, column].tolist()) for column in range(4)]
    comparison = compare(systems, EX, systems[0], 4_000)
    differences = values[:, 1:] - values[:, [0]]
    p = randomisation_test(differences, 4_000).p
    assert [row.test.p for row in comparison.rows] == p
    assert [row.test.p_holm for row in comparison.rows] == holm(p)
    for row, column in zip(comparison.rows, differences.T, strict=True):
        assert row.difference == pytest.approx(column.mean())
        error = column.std(ddof=1) / np.sqrt(30)
        assert row.test.detectable == pytest.approx(DETECTABLE * error)
        assert row.test.high - row.test.low == pytest.approx(2 * 2.045229642 * error)


def test_questions_of_a_template_are_resampled_together():
    """A system that wins all 12 questions of one template and no other has won once."""
    labels = {"template": {f"q{item}": str(item // 12) for item in range(36)}}
    base = system("base", [0.0] * 36, labels, ("template",))
    lucky = system("lucky", [1.0] * 12 + [0.0] * 24, labels, ("template",))
    (row,) = compare([base, lucky], EX, base).rows
    assert row.test.p == 1.0
    (alone,) = compare([system("b", [0.0] * 36), system("l", [1.0] * 12 + [0.0] * 24)], EX).rows
    assert alone.test.p < 0.001
    text = notes(compare([base, lucky], EX, base))
    assert "template (3 templates)" in text and "jackknife by template" in text


def test_one_systems_labels_hold_for_the_others():
    """Scores of an earlier version have none."""
    labels = {"template": {f"q{item}": str(item // 6) for item in range(36)}}
    old, new = system("old", [0.0, 1.0] * 18), system("new", [1.0, 1.0, 0.0] * 12, labels, ("template",))
    assert compare([old, new], EX).n_units == [6]


def test_crossed_units_are_tested_by_the_two_way_error():
    chance = np.random.default_rng(7)
    queries, notes_of = np.repeat(np.arange(15), 10), np.tile(np.arange(10), 15)
    labels = {
        "query": {f"q{item}": str(query) for item, query in enumerate(queries)},
        "note": {f"q{item}": str(note) for item, note in enumerate(notes_of)},
    }
    base = chance.random(150)
    better = base + 0.3 + chance.normal(0, 0.1, 15)[queries] + chance.normal(0, 0.1, 10)[notes_of]
    units = ("query", "note")
    same = system("same", base.tolist(), labels, units)
    comparison = compare(
        [system("b", base.tolist(), labels, units), system("m", better.tolist(), labels, units), same], EX
    )
    assert comparison.n_drawn is None and comparison.n_units == [15, 10]
    by_name = {row.system: row.test for row in comparison.rows}
    assert by_name["b"].p < 0.001 and by_name["b"].high < 0
    assert "two-way" in notes(comparison)
    equal = compare([system("b", base.tolist(), labels, units), same], EX).rows[0].test
    assert (equal.p, equal.low, equal.detectable) == (1.0, None, None)


def test_too_few_resamplings_are_said_and_nothing_is_called_significant():
    chance = np.random.default_rng(3)
    systems = [system(str(n), (chance.random(40) + 0.2 * n).tolist()) for n in range(5)]
    few = compare(systems, EX, systems[0], 700)
    assert few.too_few_resamplings and "--permutations 800" in notes(few)
    assert not any(few.is_significant(row.test) for row in few.rows)
    enough = compare(systems, EX, systems[0], 800)
    assert not enough.too_few_resamplings
    assert any(enough.is_significant(row.test) for row in enough.rows)


def test_so_few_items_that_none_could_be_significant_is_said():
    base, other = system("base", [0.0] * 5), system("other", [1.0] * 5)
    comparison = compare([base, other], EX)
    assert comparison.none_can_be_significant and "None could be significant" in notes(comparison)
    assert not compare([system("base", [0.0] * 6), system("other", [1.0] * 6)], EX).none_can_be_significant
    third = system("third", [1.0] * 6)
    assert compare([system("base", [0.0] * 6), system("other", [1.0] * 6), third], EX).none_can_be_significant


def test_questions_on_which_two_agree_count_for_what_could_be_significant():
    """Of 20 questions they differ on one; had one won all 20, p would be 2 / 2^20."""
    comparison = compare([system("base", [1.0] * 20), system("other", [0.0] + [1.0] * 19)], EX)
    assert comparison.rows[0].test.p == 1.0 and "None could be" not in notes(comparison)


def test_reported_figures_are_compared_by_difference_alone():
    ours = system("ours", [0.0, 1.0, 1.0, 1.0])
    theirs = ReportedScores("demo/x", "theirs", {"ex": 0.8}, "a paper")
    comparison = compare([ours, theirs, system("third", [0.0, 0.0, 1.0, 1.0])], EX, ours)
    reported, third = comparison.rows
    assert reported.test is None and reported.rank is None and reported.difference == pytest.approx(0.05)
    assert third.test is not None and len(comparison.tested) == 1
    assert "theirs: figures reported in a paper" in notes(comparison)
    best = compare([ours, theirs], EX)
    assert best.baseline == "theirs" and best.rows[0].test is None
    assert comparison_table(best, EX).rows[0][1] == 75.0


@pytest.mark.parametrize(
    ("systems", "message"),
    [
        ([system("a", [1.0])], "two systems or more"),
        ([system("a", [1.0]), system("b", [1.0], dataset="demo/y")], "demo/x and demo/y"),
        ([system("a", [1.0], content="1"), system("b", [1.0], content="2")], "both called demo/x"),
        ([system("a", [1.0], rule="exact"), system("b", [1.0], rule="answer")], "judged by answer and exact"),
        ([system("a", [1.0, 0.0]), system("b", [1.0])], "not scored on the same questions"),
        ([system("a", [1.0, 0.0]), system("b", [1.0, None])], "not scored on the same questions"),
        ([system("a", [1.0]), ItemScores("demo/x", "b", {}, {})], "b on demo/x has no EX %"),
    ],
)
def test_what_cannot_be_compared_is_refused(systems, message):
    with pytest.raises(UserError, match=message):
        compare(systems, EX)


def test_the_group_that_cannot_be_told_from_the_best_is_named():
    chance = np.random.default_rng(5)
    base = chance.random(100)
    near, far = base - chance.normal(0, 0.2, 100), base - 0.4
    comparison = compare(
        [system("best", base.tolist()), system("near", near.tolist()), system("far", far.tolist())], EX
    )
    assert comparison.alike == ["near"] or comparison.baseline == "near"
    table = comparison_table(comparison, EX)
    assert [column.name for column in table.columns][:3] == ["system", "ex_percent", "difference_points"]
    assert f"Not told apart from {comparison.baseline}" in notes(comparison)
