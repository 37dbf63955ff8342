"""The result types: denominators, units, figures as they are stored, datasets told apart."""

from dataclasses import dataclass, replace

import pytest

from bench_core.results.scores import (
    ItemScores,
    ReportedScores,
    content_of,
    figures_from_json,
    figures_of,
    figures_to_json,
    on_dataset,
    unit_labels,
    with_datasets_told_apart,
)


def scores(values, dataset="demo/x", content="", **more):
    return ItemScores(dataset, "system", values, figures_of(values), content=content, **more)


def test_a_mean_is_over_what_applies_and_what_is_absent_is_not_zero():
    found = scores({"map": {"q1": 0.5, "q2": None, "q3": 1.0}, "mrr": {"q1": 1.0}})
    assert (found.figures["map"].mean, found.figures["map"].n) == (0.75, 2)
    assert (found.figures["mrr"].mean, found.figures["mrr"].n) == (1.0, 1)
    assert found.figure("ndcg@10") is None


def test_figures_come_back_as_they_were():
    figures = scores({"map": {"q1": 0.5, "q2": 0.25}, "mrr": {"q1": 1.0}}).figures
    assert figures_from_json(figures_to_json(figures)) == figures


def test_an_item_without_a_label_is_a_cluster_of_its_own():
    labels = {"template": {"a": "t", "b": "t", "d": "c"}}
    assert unit_labels(["a", "b", "c", "d"], labels, ["template"]) == [["=t", "=t", "#c", "=c"]]


def test_a_clustered_measure_is_less_certain():
    values = {"ex": {str(item): float(item // 5 % 2) for item in range(40)}}
    labels = {"template": {str(item): str(item // 5) for item in range(40)}}
    alone, together = (figures_of(values, labels, units)["ex"] for units in ((), ("template",)))
    assert together.standard_error > 2 * alone.standard_error
    assert together.high - together.low > alone.high - alone.low


def test_reported_figures_say_why_they_have_no_interval():
    reported = ReportedScores("r2med/biology", "nv-embed", {"ndcg@10": 0.3}, "R2MED, table 2")
    figure = reported.figure("ndcg@10")
    assert (figure.mean, figure.n, figure.interval) == (0.3, None, None)
    assert "R2MED, table 2" in reported.why_no_interval and "no interval" in reported.why_no_interval
    assert reported.figure("map") is None


def test_datasets_of_one_name_are_told_apart():
    values = {"map": {"q1": 0.5}}
    same = [scores(values, content="aa"), scores(values, content="aa")]
    assert [found.dataset for found in with_datasets_told_apart(same)] == ["demo/x", "demo/x"]
    differing = [scores(values, content="aa"), scores(values, content="bb")]
    assert [found.dataset for found in with_datasets_told_apart(differing)] == ["demo/x (aa)", "demo/x (bb)"]


@dataclass(frozen=True)
class Card:
    dataset_id: str


@dataclass(frozen=True)
class Folder:
    card: Card
    identity: dict[str, str]


def test_a_dataset_is_found_by_the_name_in_a_table_and_by_what_run_took():
    values = {"map": {"q1": 0.5}}
    first, second = ({"dataset_id": "dir/q", "corpus": place} for place in "ab")
    stored = [scores(values, "dir/q", content_of(first)), scores(values, "dir/q", content_of(second))]
    other = scores(values, "demo/x")

    def load(text):
        assert text == "dir:a/q"
        return Folder(Card("dir/q"), first)

    assert on_dataset([*stored, other], "demo/x", load) == [other]
    assert on_dataset([*stored, other], "dir:a/q", load) == [stored[0]]
    named = on_dataset([*stored, other], f"dir/q ({content_of(second)})", load)
    assert named == [replace(stored[1], dataset=f"dir/q ({content_of(second)})")]
    assert on_dataset([stored[1]], "dir/q", load) == [stored[1]]


def test_what_names_no_dataset_is_left_to_the_loader():
    def load(text):
        raise LookupError(text)

    with pytest.raises(LookupError):
        on_dataset([], "nowhere", load)
