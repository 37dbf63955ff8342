"""Figures against trec_eval's own printed output, and against pytrec_eval on runs full of ties."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench_core.errors import UserError
from retrieval_bench.rankings.topk import canonical_order
from retrieval_bench.rankings.trec import read_qrels
from retrieval_bench.scoring.measures import DEFAULT_MEASURES, Measure
from retrieval_bench.scoring.score import check_same_collection, score
from retrieval_bench.scoring.scored_runs import read_canonical_run
from retrieval_bench.scoring.stored_scores import read_scores, summarised, write_scores
from retrieval_bench.types import RankedList

TREC_NAMES = {
    **{f"P_{k}": f"precision@{k}" for k in (5, 10, 15, 20, 30, 100, 200, 500, 1000)},
    **{f"recall_{k}": f"recall@{k}" for k in (5, 10, 15, 20, 30, 100, 200, 500, 1000)},
    **{f"ndcg_cut_{k}": f"ndcg@{k}" for k in (5, 10, 15, 20, 30, 100, 200, 500, 1000)},
    **{f"map_cut_{k}": f"map@{k}" for k in (5, 10, 15, 20, 30, 100, 200, 500, 1000)},
    **{f"success_{k}": f"success@{k}" for k in (1, 5, 10)},
    "map": "map",
    "Rprec": "rprec",
    "recip_rank": "mrr",
    "ndcg": "ndcg",
}
MEASURES = {name: Measure.parse(text) for name, text in TREC_NAMES.items()}


def mean(scores, measure):
    return summarised(scores, {}).figures[str(measure)].mean


def canonical(run):
    return {
        query_id: canonical_order(RankedList(query_id, scores), len(scores) or 1) for query_id, scores in run.items()
    }


@pytest.fixture(scope="module")
def trec_folder(shared_data):
    return shared_data / "retrieval" / "trec_eval"


# trec_eval's own makefile says which flags made which file: -q, -c (all judged queries count), -M 100 (depth).
@pytest.mark.parametrize(
    ("printed", "run_name", "depth"),
    [
        ("out.test.aq", "results.test", 1000),
        ("out.test.aqc", "results.trunc", 1000),
        ("out.test.aqcM", "results.trunc", 100),
    ],
)
def test_every_figure_equals_trec_evals_printed_one(trec_folder, printed, run_name, depth):
    qrels = read_qrels(trec_folder / "qrels.test")
    run = {query_id: ranking[:depth] for query_id, ranking in read_canonical_run(trec_folder / run_name).items()}
    scores = score(run, qrels, MEASURES.values())
    n_compared = 0
    for line in (trec_folder / printed).read_text().splitlines():
        name, query_id, value = line.split()
        if name not in MEASURES:
            continue
        measure = MEASURES[name]
        found = mean(scores, measure) if query_id == "all" else scores.per_query[measure][query_id]
        assert found == pytest.approx(float(value), abs=5.1e-5), (name, query_id)
        n_compared += 1
    assert n_compared == len(MEASURES) * (len(qrels) + 1)


def test_the_order_of_input_lines_changes_nothing(trec_folder, tmp_path):
    lines = (trec_folder / "results.test").read_text().splitlines()
    judged = (trec_folder / "qrels.test").read_text().splitlines()
    random.Random(7).shuffle(lines)
    random.Random(8).shuffle(judged)
    (tmp_path / "run").write_text("\n".join(lines))
    (tmp_path / "qrels").write_text("\n".join(judged))
    shuffled = score(read_canonical_run(tmp_path / "run"), read_qrels(tmp_path / "qrels"), DEFAULT_MEASURES)
    straight = score(
        read_canonical_run(trec_folder / "results.test"), read_qrels(trec_folder / "qrels.test"), DEFAULT_MEASURES
    )
    assert shuffled == straight


def random_case(chance: random.Random):
    """A run of few distinct scores over few documents, so that ties are everywhere; graded and negative judgments."""
    documents = [f"d{number}" for number in range(chance.randint(1, 30))]
    queries = [f"q{number}" for number in range(chance.randint(1, 14))]
    qrels, run = {}, {}
    for query_id in queries:
        judged = chance.sample(documents, chance.randint(1, len(documents)))
        qrels[query_id] = {doc_id: chance.choice([-1, 0, 0, 1, 1, 2, 3]) for doc_id in judged}
        qrels[query_id][judged[0]] = chance.choice([0, 1, 2])  # pytrec_eval never returns if all are negative
        ranked = chance.sample(documents, chance.randint(0, len(documents)))
        if chance.random() < 0.85 and ranked:
            run[query_id] = {doc_id: chance.choice([0.0, 0.5, 0.5 + 1e-9, 1.0, -2.0]) for doc_id in ranked}
    return qrels, run or {queries[0]: {documents[0]: 1.0}}


@pytest.mark.slow
@settings(max_examples=60, deadline=None)  # the first example compiles
@given(st.randoms(use_true_random=False))
def test_figures_equal_pytrec_evals_on_runs_full_of_ties(chance):
    import pytrec_eval

    qrels, run = random_case(chance)
    names = {"map", "Rprec", "recip_rank", "ndcg", "P", "recall", "ndcg_cut", "map_cut", "success"}
    expected = pytrec_eval.RelevanceEvaluator(qrels, names).evaluate(run)
    scores = score(canonical(run), qrels, MEASURES.values())
    for name, measure in MEASURES.items():
        for query_id in qrels:
            reference = expected.get(query_id, {}).get(name, 0.0)
            assert scores.per_query[measure][query_id] == pytest.approx(reference, abs=1e-9), (name, query_id)


def test_a_query_missing_from_the_run_scores_zero():
    qrels = {"q1": {"d1": 1}, "q2": {"d1": 1}}
    scores = score({"q1": [("d1", 1.0)]}, qrels, DEFAULT_MEASURES)
    assert mean(scores, "ndcg@10") == 0.5
    assert scores.n_missing == 1
    assert all(values["q2"] == 0.0 for values in scores.per_query.values())


def test_a_run_with_nothing_found_scores_zero():
    for run in ({"q1": []}, {}):
        scores = score(run, {"q1": {"d1": 1}}, DEFAULT_MEASURES)
    assert all(mean(scores, measure) == 0.0 for measure in DEFAULT_MEASURES)


def test_unjudged_queries_are_left_out_and_counted():
    scores = score({"q1": [("d1", 1.0)], "q9": [("d1", 1.0)]}, {"q1": {"d1": 1}}, DEFAULT_MEASURES)
    assert list(scores.per_query[DEFAULT_MEASURES[0]]) == ["q1"] and scores.n_unjudged_queries == 1


def test_the_judgments_of_another_collection_are_refused():
    with pytest.raises(UserError, match="None of the run's 1 queries is judged"):
        check_same_collection({"q1": [("d1", 1.0)]}, {"other": {"d1": 1}})
    with pytest.raises(UserError, match="The run is empty"):
        check_same_collection({}, {"other": {"d1": 1}})


def test_judged_share_and_ties_at_the_cut():
    ranking = [(f"d{number:02d}", 1.0 if 8 <= number <= 11 else 20.0 - number) for number in range(13)]
    scores = score({"q1": ranking}, {"q1": {"d00": 1, "d01": 0, "d12": 1}}, [Measure.parse("judged@10")])
    assert mean(scores, "judged@10") == pytest.approx(0.2)
    assert scores.n_ties == 1


def test_fewer_than_ten_queries_do_not_slow_later_ones_down():
    import numba

    score({"q1": [("d1", 1.0)]}, {"q1": {"d1": 1}}, [Measure.parse("map")])
    many = {f"q{number}": {"d1": 1} for number in range(12)}
    score({query_id: [("d1", 1.0)] for query_id in many}, many, [Measure.parse("map")])
    assert numba.get_num_threads() == numba.config.NUMBA_NUM_THREADS


def test_scores_come_back_as_they_were_or_not_at_all(tmp_path):
    qrels = {"q1": {"d1": 1}, "q2": {"d2": 1}, "q3": {"d1": 1, "d3": 2}}
    run = {"q1": [("d1", 1.0)], "q3": [("d1", 1.0)]}
    scores = summarised(score(run, qrels, DEFAULT_MEASURES), {"run_sha256": "a"}, ["a note"])
    write_scores(tmp_path, scores)
    assert read_scores(tmp_path) == scores
    per_query = tmp_path / "per_query.csv"
    per_query.write_text(per_query.read_text().splitlines()[0] + "\n")
    assert read_scores(tmp_path) is None


def test_a_figure_comes_from_the_file_and_is_not_computed_again(tmp_path):
    scores = summarised(score({"q1": [("d1", 1.0)]}, {"q1": {"d1": 1}}, DEFAULT_MEASURES), {})
    figures = {**scores.figures, "map": replace(scores.figures["map"], low=0.125)}
    write_scores(tmp_path, replace(scores, figures=figures))
    assert read_scores(tmp_path).figures["map"].low == 0.125


def test_a_damaged_figure_is_not_believed(tmp_path):
    write_scores(tmp_path, summarised(score({"q1": [("d1", 1.0)]}, {"q1": {"d1": 1}}, DEFAULT_MEASURES), {}))
    path = tmp_path / "scores.json"
    path.write_text(path.read_text().replace('"n_ties": 0', '"n_ties": 7'))
    assert read_scores(tmp_path) is None


def test_scores_of_an_earlier_version_are_read_with_intervals(tmp_path):
    """What version 1 wrote: `mean` and `standard_error`, no number of a format."""
    scores = summarised(score({"q1": [("d1", 1.0)]}, {"q1": {"d1": 1, "d2": 1}, "q2": {"d2": 1}}, DEFAULT_MEASURES), {})
    write_scores(tmp_path, scores)
    summary = json.loads((tmp_path / "scores.json").read_text())
    del summary["format"], summary["sha256"], summary["files"]
    figures = summary.pop("figures")
    summary["mean"] = {measure: found["mean"] for measure, found in figures.items()}
    summary["standard_error"] = {measure: found["standard_error"] for measure, found in figures.items()}
    (tmp_path / "scores.json").write_text(json.dumps(summary))
    read = read_scores(tmp_path)
    assert read.older and read.figures == scores.figures and read.values == scores.values


def test_what_does_not_apply_is_an_empty_cell(tmp_path):
    scores = summarised(score({"q1": [("d1", 1.0)]}, {"q1": {"d1": 1}, "q2": {"d2": 1}}, DEFAULT_MEASURES), {})
    values = {**scores.values, "map": {"q1": 0.5, "q2": None}}
    write_scores(tmp_path, replace(scores, values=values))
    assert read_scores(tmp_path).values["map"] == {"q1": 0.5, "q2": None}


@pytest.mark.parametrize(
    "text", ["ndcg", "ndcg@10", "map", "map@100", "mrr", "mrr@10", "recall@5", "rprec", "judged@10"]
)
def test_a_measures_text_is_its_identity(text):
    assert str(Measure.parse(text)) == text
    assert Measure.parse(text.upper()) == Measure.parse(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ncdg@10", r"did you mean ndcg\?"),
        ("ndcg@0", "whole number from 1"),
        ("ndcg@ten", "whole number from 1"),
        ("recall", "needs a cut-off"),
        ("rprec@5", "has no cut-off"),
        ("ndcg@²", "whole number from 1"),
    ],
)
def test_a_wrong_measure_is_explained(text, message):
    with pytest.raises(UserError, match=message):
        Measure.parse(text)
