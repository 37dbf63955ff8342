"""Indexes by factory string: made once, the same each time, with their recall; wrong ones told in a sentence."""

import sys
from pathlib import Path

import numpy as np
import pytest

from bench_core.errors import UserError
from retrieval_bench.retrievers.approximate_search import ApproximateSearch, Factory, recall
from retrieval_bench.retrievers.exact_search import ExactSearch

sys.path.insert(0, str(Path(__file__).parent))
from test_exact_search import HELD, on_disk, unit_vectors

pytest.importorskip("faiss")


@pytest.fixture(scope="module")
def vectors(tmp_path_factory):
    return on_disk(tmp_path_factory.mktemp("vectors"), unit_vectors(3000, 32, 1))


QUERIES = unit_vectors(40, 32, 2)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "search", "least"),
    [("HNSW32", "efSearch=200", 0.95), ("IVF32,Flat", "nprobe=16", 0.8), ("PQ8x4", "", 0.1)],
)
def test_recall_is_the_share_of_the_exact_best(tmp_path, vectors, text, search, least):
    exact = list(ExactSearch(vectors, HELD).search(QUERIES, 10))
    found = list(ApproximateSearch(vectors, Factory(text, search), tmp_path).search(QUERIES, 10))
    by_hand = []
    stored = vectors.rows.read(0, 3000)
    for (rows, _), query in zip(found, QUERIES, strict=True):
        best = np.argsort(-(stored @ query))[:10]
        by_hand.append(len(set(rows.tolist()) & set(best.tolist())) / 10)
    assert recall(found, exact, 10) == pytest.approx(np.mean(by_hand), abs=0.003)
    assert least <= recall(found, exact, 10) <= 1
    assert recall(exact, exact, 10) == 1


@pytest.mark.slow
@pytest.mark.parametrize("text", ["HNSW16", "IVF8,PQ8x4"])
def test_an_index_comes_out_the_same_however_it_is_made(tmp_path, vectors, text):
    for name in ("one", "other"):
        ApproximateSearch(vectors, Factory(text), tmp_path / name)
    one, other = (next((tmp_path / name).glob("*.faiss")).read_bytes() for name in ("one", "other"))
    assert one == other


def test_an_index_that_is_there_is_opened(tmp_path, vectors, monkeypatch):
    first = ApproximateSearch(vectors, Factory("HNSW16"), tmp_path)
    monkeypatch.setattr(ApproximateSearch, "_build", lambda *_: pytest.fail("made again"))
    again = ApproximateSearch(vectors, Factory("HNSW16", "efSearch=100"), tmp_path)
    assert len(list(again.search(QUERIES, 5))) == len(list(first.search(QUERIES, 5))) == 40


@pytest.mark.parametrize(
    "damage", [lambda content: content[: len(content) // 2], lambda content: b"", lambda content: b"x" * 99]
)
def test_a_broken_index_is_made_again(tmp_path, vectors, damage):
    whole = ApproximateSearch(vectors, Factory("HNSW16"), tmp_path)
    (path,) = tmp_path.glob("*.faiss")
    content = path.read_bytes()
    path.write_bytes(damage(content))
    again = ApproximateSearch(vectors, Factory("HNSW16"), tmp_path)
    assert path.read_bytes() == content
    for (rows, _), (others, _) in zip(whole.search(QUERIES, 5), again.search(QUERIES, 5), strict=True):
        assert rows.tolist() == others.tolist()


def test_of_what_ties_at_the_cut_any_will_do(tmp_path):
    alike = on_disk(tmp_path, np.repeat(unit_vectors(7, 32, 3), 50, axis=0))
    exact = list(ExactSearch(alike, HELD).search(QUERIES, 60))
    found = list(ApproximateSearch(alike, Factory("IVF1,Flat"), tmp_path / "index").search(QUERIES, 60))
    assert recall(found, exact, 60) == 1


def test_what_ties_makes_up_for_nothing_better():
    exact = [(np.arange(50), np.array([2.0] * 10 + [1.0] * 40, dtype=np.float32))]
    tied_only = [(np.arange(10, 30), np.ones(20, dtype=np.float32))]
    assert recall(tied_only, exact, 20) == 0.5
    assert recall([(np.arange(5, 25), None)], exact, 20) == 0.75


def test_more_neighbours_search_wider(tmp_path, vectors):
    exact = list(ExactSearch(vectors, HELD).search(QUERIES, 10))
    shares = [
        recall(
            list(ApproximateSearch(vectors, Factory("IVF64,Flat", f"nprobe={n}"), tmp_path).search(QUERIES, 10)),
            exact,
            10,
        )
        for n in (1, 8, 64)
    ]
    assert shares[0] < shares[1] < shares[2] == 1


@pytest.mark.parametrize(
    ("text", "search", "message"),
    [
        ("HNSWfoo", "", "cannot make an index 'HNSWfoo'"),
        ("IVF4096,Flat", "", "cannot train 'IVF4096,Flat' on 3000 vectors"),
        ("HNSW32", "nprobe=3", "does not take the search parameters 'nprobe=3'"),
    ],
)
def test_what_faiss_does_not_take_is_one_sentence(tmp_path, vectors, text, search, message):
    with pytest.raises(UserError, match=message) as raised:
        ApproximateSearch(vectors, Factory(text, search), tmp_path)
    assert "\n" not in str(raised.value) and ".cpp" not in str(raised.value)
    assert not list(tmp_path.glob("*.partial"))
