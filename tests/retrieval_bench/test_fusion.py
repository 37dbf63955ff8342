"""Fusion against definitions written out plainly, against ranx where that is right, and what a user is told."""

from __future__ import annotations

import math
import statistics
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench_core.errors import BenchError, UserError
from bench_core.identity import canonical_json
from bench_core.plugins.registry import StageSpec
from retrieval_bench.fusion.fusion import create_fusion
from retrieval_bench.fusion.methods import METHODS
from retrieval_bench.rankings.topk import canonical_order
from retrieval_bench.types import RankedList

DOC_IDS = [f"d{number}" for number in range(8)]
WEIGHTS = [0.5, 0.3, 0.7]
# Every method, with what it cannot do without; three systems.
SPECS = {name: name for name in METHODS} | {
    "rbc": "rbc,phi=0.8",
    "gmnz": "gmnz,gamma=0.7",
    **{name: f"{name},weights=0.5:0.3:0.7" for name in ("w_bordafuse", "w_condorcet", "wsum", "mixed", "wmnz")},
}

scores = st.floats(-100, 100, width=32)
ranking = st.dictionaries(st.sampled_from(DOC_IDS), scores, max_size=len(DOC_IDS)).map(
    lambda found: canonical_order(RankedList("q", found), len(found))
)
three_rankings = st.lists(ranking, min_size=3, max_size=3)


def fused(text, rankings):
    (ranked,) = create_fusion(StageSpec.parse(text), len(rankings)).fuse(
        [{"q": ranking} for ranking in rankings], ["q"]
    )
    assert len(set(ranked.doc_ids)) == len(ranked.doc_ids)
    return dict(zip(ranked.doc_ids, ranked.scores.tolist(), strict=True))


def ranks(rankings):
    return [{doc_id: rank for rank, (doc_id, _) in enumerate(ranking, start=1)} for ranking in rankings]


def min_max(ranking):
    values = [score for _, score in ranking]
    spread = max(values, default=0) - min(values, default=0)
    return {doc_id: (score - min(values)) / spread if spread else 0.0 for doc_id, score in ranking}


def pool(rankings):
    return {doc_id for ranking in rankings for doc_id, _ in ranking}


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for doc_id, score in expected.items():
        assert found[doc_id] == pytest.approx(score, rel=1e-5, abs=1e-5), doc_id


@given(three_rankings, st.integers(0, 100))
def test_rrf(rankings, k):
    expected = {
        doc_id: sum(1 / (k + of_system[doc_id]) for of_system in ranks(rankings) if doc_id in of_system)
        for doc_id in pool(rankings)
    }
    assert_same(fused(f"rrf,k={k}", rankings), expected)


def test_rrf_by_hand():
    found = fused("rrf", [[("a", 9.0), ("b", 8.0)], [("b", 0.3), ("c", 0.2)]])
    assert_same(found, {"a": 1 / 61, "b": 1 / 62 + 1 / 61, "c": 1 / 62})


@given(three_rankings)
def test_isr_and_its_logarithms(rankings):
    terms = {
        doc_id: [1 / of_system[doc_id] ** 2 for of_system in ranks(rankings) if doc_id in of_system]
        for doc_id in pool(rankings)
    }
    assert_same(fused("isr", rankings), {doc_id: len(some) * sum(some) for doc_id, some in terms.items()})
    logs = {doc_id: math.log(len(some)) * sum(some) for doc_id, some in terms.items()}
    assert_same(fused("log_isr", rankings), logs)
    shifted = {doc_id: math.log(len(some) + 0.5) * sum(some) for doc_id, some in terms.items()}
    assert_same(fused("logn_isr,sigma=0.5", rankings), shifted)


@given(three_rankings)
def test_rbc(rankings):
    expected = {
        doc_id: sum(0.2 * 0.8 ** (of_system[doc_id] - 1) for of_system in ranks(rankings) if doc_id in of_system)
        for doc_id in pool(rankings)
    }
    assert_same(fused("rbc,phi=0.8", rankings), expected)


def borda(rankings, weights):
    docs = pool(rankings)
    points = dict.fromkeys(docs, 0.0)
    for ranking, weight in zip(rankings, weights, strict=True):
        found = [doc_id for doc_id, _ in ranking]
        left = list(range(len(docs) - len(found), 0, -1))
        for place, doc_id in enumerate(found):
            points[doc_id] += weight * (len(docs) - place)
        for doc_id in docs - set(found):
            points[doc_id] += weight * statistics.mean(left)
    return points


@given(three_rankings)
def test_borda(rankings):
    assert_same(fused("bordafuse", rankings), borda(rankings, [1, 1, 1]))
    assert_same(fused("w_bordafuse,weights=0.5,0.3,0.7", rankings), borda(rankings, WEIGHTS))


def condorcet(rankings, weights):
    places = ranks(rankings)

    def votes(one, other):
        return sum(
            weight
            for of_system, weight in zip(places, weights, strict=True)
            if of_system.get(one, math.inf) < of_system.get(other, math.inf)
        )

    def outcome(one, other):
        difference = votes(one, other) - votes(other, one)
        return 0.5 if abs(difference) < 1e-9 else float(difference > 0)

    docs = pool(rankings)
    return {one: sum(outcome(one, other) for other in docs - {one}) for one in docs}


@given(three_rankings)
def test_condorcet(rankings):
    assert_same(fused("condorcet", rankings), condorcet(rankings, [1, 1, 1]))
    assert_same(fused("w_condorcet,weights=0.5:0.3:0.7", rankings), condorcet(rankings, WEIGHTS))
    assert_same(fused("w_condorcet,weights=0.1:0.2:0.3", rankings), condorcet(rankings, [1, 2, 3]))


def test_who_beats_all_others_comes_first_though_no_system_but_one_has_it_first():
    rankings = [
        [("winner", 9.0), ("a", 8.0), ("b", 7.0)],
        [("a", 9.0), ("winner", 8.0), ("b", 7.0)],
        [("b", 9.0), ("winner", 8.0), ("a", 7.0)],
    ]
    assert fused("condorcet", rankings) == {"winner": 2.0, "a": 1.0, "b": 0.0}


def test_documents_that_beat_each_other_in_a_circle_tie():
    circle = [[("a", 3.0), ("b", 2.0), ("c", 1.0)], [("b", 3.0), ("c", 2.0), ("a", 1.0)], [("c", 3.0), ("a", 2.0)]]
    assert fused("condorcet", circle) == {"a": 1.0, "b": 1.0, "c": 1.0}


@pytest.mark.parametrize("n_documents", [255, 256, 257, 600])
def test_condorcet_of_more_documents_than_rows_at_once(n_documents):
    order = [(f"d{number}", float(-number)) for number in range(n_documents)]
    found = fused("condorcet", [order, order])
    assert found == {doc_id: float(n_documents - place) for place, (doc_id, _) in enumerate(order, start=1)}


@pytest.mark.slow
@given(three_rankings)
def test_fusions_of_scores(rankings):
    normed = [min_max(ranking) for ranking in rankings]
    values = {
        doc_id: [
            (of_system[doc_id], weight)
            for of_system, weight in zip(normed, WEIGHTS, strict=True)
            if doc_id in of_system
        ]
        for doc_id in pool(rankings)
    }
    definitions = {
        "combsum": lambda s, w: sum(s),
        "combmin": lambda s, w: min(s),
        "combmax": lambda s, w: max(s),
        "combmed": lambda s, w: statistics.median(s),
        "combanz": lambda s, w: statistics.mean(s),
        "combmnz": lambda s, w: sum(s) * len(s),
        "gmnz": lambda s, w: sum(s) * len(s) ** 0.7,
        "wsum": lambda s, w: sum(a * b for a, b in zip(s, w, strict=True)),
        "mixed": lambda s, w: sum(a * b for a, b in zip(s, w, strict=True)) * math.sqrt(len(s)),
        "wmnz": lambda s, w: sum(s) * sum(w),
    }
    for name, definition in definitions.items():
        expected = {doc_id: definition(*zip(*some, strict=True)) for doc_id, some in values.items()}
        assert_same(fused(SPECS[name], rankings), expected)


LISTS = [[("a", 8.0), ("b", 6.0), ("c", -2.0)], [("b", 5.0)], []]


@pytest.mark.parametrize(
    ("norm", "expected"),
    [
        ("none", {"a": 8.0, "b": 11.0, "c": -2.0}),
        ("min-max", {"a": 1.0, "b": 0.8, "c": 0.0}),
        ("sum", {"a": 10 / 18, "b": 8 / 18, "c": 0.0}),
        ("z-score", {"a": 4 / math.sqrt(56 / 3), "b": 2 / math.sqrt(56 / 3), "c": -6 / math.sqrt(56 / 3)}),
        ("rank", {"a": 1.0, "b": 2 / 3 + 1.0, "c": 1 / 3}),
        # Of three documents the second list has one and the third none: ½ and ⅔ for what they have not.
        ("borda", {"a": 1 + 0.5 + 2 / 3, "b": 2 / 3 + 1 + 2 / 3, "c": 1 / 3 + 0.5 + 2 / 3}),
    ],
)
def test_norms(norm, expected):
    assert_same(fused(f"combsum,norm={norm}", LISTS), expected)


@pytest.mark.parametrize("norm", ["min-max", "sum", "z-score"])
@pytest.mark.parametrize("score", [0.0, 0.1, -7.3, 1e30])
def test_a_list_of_equal_scores_says_nothing(norm, score):
    equal = [(f"d{number}", float(np.float32(score))) for number in range(7)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert set(fused(f"combsum,norm={norm}", [equal, []]).values()) == {0.0}


@pytest.mark.parametrize("text", SPECS.values())
def test_queries_without_documents(text):
    fusion = create_fusion(StageSpec.parse(text), 3)
    runs = [{"known": [("a", 1.0), ("b", 0.5)], "empty": []}, {"known": [("b", 3.0)]}, {}]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lists = list(fusion.fuse(runs, ["empty", "known", "unknown"]))
    assert [ranked.query_id for ranked in lists] == ["empty", "known", "unknown"]
    assert [sorted(ranked.doc_ids) for ranked in lists] == [[], ["a", "b"], []]
    assert all(np.isfinite(ranked.scores).all() and ranked.scores.dtype == np.float32 for ranked in lists)


@pytest.mark.parametrize("text", SPECS.values())
def test_a_query_is_fused_alike_whatever_stands_beside_it(text):
    rng = np.random.default_rng(5)
    runs = [
        {f"q{q}": canonical_order(RankedList("q", rng.standard_normal(9), [*DOC_IDS, "x"]), 9 - q) for q in range(4)}
        for _ in range(3)
    ]
    fusion = create_fusion(StageSpec.parse(text), 3)
    together = list(fusion.fuse(runs, ["q0", "q1", "q2", "q3"]))
    alone = [next(iter(fusion.fuse([{q: run[q]} for run in runs], [q]))) for q in ("q0", "q1", "q2", "q3")]
    for one, other in zip(together, alone, strict=True):
        assert (one.doc_ids, one.scores.tolist()) == (other.doc_ids, other.scores.tolist())


def test_ranks_are_those_of_the_canonical_order():
    tied = canonical_order(RankedList("q", {"a": 1.0, "c": 1.0, "b": 1.0}), 3)
    found = fused("rrf", [tied, []])
    assert sorted(found, key=found.get, reverse=True) == ["c", "b", "a"]


def test_sums_that_are_one_float32_are_a_tie_by_doc_id():
    # a has ranks 1 and 4, z 2 and 3: their sums differ by about 4 / k³, less than a float32 of about 2 / k can tell.
    k = 1_000_000
    assert 1 / (k + 1) + 1 / (k + 4) > 1 / (k + 2) + 1 / (k + 3)
    first = [("a", 4.0), ("z", 3.0), ("x", 2.0), ("y", 1.0)]
    second = [("x", 4.0), ("y", 3.0), ("z", 2.0), ("a", 1.0)]
    ranked = next(iter(create_fusion(StageSpec.parse(f"rrf,k={k}"), 2).fuse([{"q": first}, {"q": second}], ["q"])))
    assert [doc_id for doc_id, _ in canonical_order(ranked, 4)] == ["x", "z", "a", "y"]


def test_infinite_scores_are_refused_by_score_and_taken_by_rank():
    rankings = [[("a", math.inf), ("b", 1.0)], [("b", 2.0)]]
    assert fused("rrf", rankings)["b"] > fused("rrf", rankings)["a"]
    with pytest.raises(BenchError, match="infinite, which cannot be fused"):
        fused("combsum", rankings)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rff", r"no fusion method 'rff' \(did you mean rrf\?\); known are rrf, isr"),
        ("rrf,q=3", "fusion rrf has no argument 'q'; it takes k"),
        ("rrf,k=-1", "k=-1 does not fit: it must be a number above -1"),
        ("rrf,k=lots", "k=lots does not fit"),
        ("rbc", "fusion rbc needs phi"),
        ("rbc,phi=1", "phi=1.0 does not fit: it must be a number above 0 and below 1"),
        ("gmnz,gamma=nan", "gamma=nan does not fit"),
        ("combsum,norm=minmax", "norm=minmax does not fit"),
        ("wsum", "fusion wsum needs weights"),
        ("wsum,weights=1:2", "weights=1:2 does not fit: give 3 numbers .* weights=1:1:1"),
        ("wsum,weights=1:2:x", "give 3 numbers"),
        ("wsum,weights=1:2:-1", "give 3 numbers"),
        ("mixed,weights=0:0:0", "not all of them 0"),
    ],
)
def test_what_does_not_fit_is_told(text, message):
    with pytest.raises(UserError, match=message):
        create_fusion(StageSpec.parse(text), 3)


def test_a_description_has_the_defaults_filled_in():
    assert create_fusion(StageSpec.parse("rrf"), 2).describe() == {"method": "rrf", "parameters": {"k": 60}}
    assert create_fusion(StageSpec.parse("rrf"), 2) == create_fusion(StageSpec.parse("rrf,k=60"), 2)
    weighted = create_fusion(StageSpec.parse("wsum,weights=0.70:0.3"), 2).describe()
    assert weighted == {"method": "wsum", "parameters": {"weights": [0.7, 0.3], "norm": "min-max"}}
    assert canonical_json(weighted)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "ranx_method", "norm", "parameters"),
    [
        ("rrf", "rrf", None, {"k": 60}),
        ("isr", "isr", None, {}),
        ("bordafuse", "bordafuse", None, {}),
        ("combmnz", "mnz", "min-max", {}),
        ("combsum,norm=borda", "sum", "borda", {}),
        ("mixed,weights=0.5:0.3:0.7", "mixed", "min-max", {"weights": WEIGHTS}),
    ],
)
def test_ranx_gives_the_same_where_it_is_right(text, ranx_method, norm, parameters):
    from retrieval_bench.scoring.compiled import load_ranx

    load_ranx()  # says where compiled code is kept
    from ranx import Run, fuse

    rng = np.random.default_rng(11)
    doc_ids = [f"{number:05d}" for number in range(40)]
    runs = []
    for length in (25, 30, 1):
        lists = [RankedList("q", rng.permutation(40)[:length], rng.permutation(doc_ids)[:length]) for _ in range(6)]
        runs.append({f"q{number}": canonical_order(ranked, length) for number, ranked in enumerate(lists)})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numba, on casts inside ranx
        # No scores are tied, so that ranx's own order is the canonical one.
        theirs = fuse(
            [Run({query_id: dict(ranking) for query_id, ranking in run.items()}) for run in runs],
            method=ranx_method,
            norm=norm,
            params=parameters,
        ).to_dict()
    for ranked in create_fusion(StageSpec.parse(text), 3).fuse(runs, [f"q{number}" for number in range(6)]):
        assert_same(dict(zip(ranked.doc_ids, ranked.scores.tolist(), strict=True)), dict(theirs[ranked.query_id]))
