"""BM25 in Lucene: exact scores where lengths fit into a byte, Pyserini's ranking, and how far the two differ."""

from __future__ import annotations

import csv
import math
import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench_core.errors import BadFile, UserError
from bench_core.plugins.registry import StageSpec
from retrieval_bench.analysis import lucene_runtime
from retrieval_bench.datasets.records import read_corpus, read_queries
from retrieval_bench.pipeline.search import search_all
from retrieval_bench.retrievers import lucene as lucene_engine
from retrieval_bench.retrievers.base import create_retriever
from retrieval_bench.retrievers.bm25 import Bm25, Bm25QuerySide
from retrieval_bench.retrievers.lucene import Difference
from retrieval_bench.testing import RetrieverContract
from retrieval_bench.types import Corpus, Document, Query, Retriever, Run

RETRIEVERS = (Bm25, Bm25QuerySide)

needs_lucene = pytest.mark.skipif(
    bool(lucene_runtime.missing_requirement()), reason=lucene_runtime.missing_requirement() or "Lucene is here"
)


def _corpus(*texts: str) -> Corpus:
    return Corpus([Document(f"d{row:05}", text) for row, text in enumerate(texts)])


def _indexed(cls: type[Bm25], corpus: Corpus, index_dir: Path, **arguments: float) -> Bm25:
    retriever = cls(engine="lucene", **arguments)
    retriever.index(corpus, index_dir)
    return retriever


def _found(retriever: Retriever, query: str, k: int = 10) -> dict[str, float]:
    (ranked,) = retriever.search([Query("q", query)], k)
    return dict(zip(ranked.doc_ids, ranked.scores.tolist(), strict=True))


@pytest.mark.slow
@needs_lucene
class TestLuceneContract(RetrieverContract):
    def create(self) -> Retriever:
        return Bm25(engine="lucene")


@pytest.mark.slow
@needs_lucene
class TestLuceneQuerySideContract(RetrieverContract):
    def create(self) -> Retriever:
        return Bm25QuerySide(engine="lucene")


_words = st.sampled_from(["gout", "urate", "statin", "statins", "the", "TNF-α", "p.5", "Crohn's", "zzz", "😀", "a\0b"])
_queries = st.lists(_words, max_size=12).map(" ".join)
# Short, so that their lengths stand in the index as they are; never without a term.
_texts = _queries.map(lambda text: f"x {text}")


@pytest.mark.slow
@needs_lucene
@pytest.mark.parametrize("cls", RETRIEVERS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    texts=st.lists(_texts, min_size=1, max_size=8),
    query=_queries,
    k1=st.sampled_from([0.0, 0.9, 2.0]),
    b=st.sampled_from([0.0, 0.4, 1.0]),
)
def test_short_documents_score_as_in_the_exact_engine(
    cls: type[Bm25], texts: list[str], query: str, k1: float, b: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    if cls is Bm25QuerySide:  # Anserini counts words of the query that no document has, the exact engine does not
        query = " ".join(word for word in query.split(" ") if any(word in text.split(" ") for text in texts))
    exact = cls(k1=k1, b=b)
    exact.index(_corpus(*texts), tmp_path_factory.mktemp("exact"))
    lucene = _indexed(cls, _corpus(*texts), tmp_path_factory.mktemp("lucene"), k1=k1, b=b)
    assert _found(lucene, query, 100) == pytest.approx(_found(exact, query, 100), rel=2e-6)


@pytest.mark.slow
@needs_lucene
def test_documents_without_a_term_do_not_count(tmp_path: Path) -> None:
    with_empty = _indexed(Bm25, _corpus("gout flare", "fever", "", "the"), tmp_path / "with")
    without = _indexed(Bm25, _corpus("gout flare", "fever"), tmp_path / "without")
    assert _found(with_empty, "gout") == _found(without, "gout") != {}


@pytest.mark.slow
@needs_lucene
def test_on_the_query_side_unheard_of_words_count_in_lucene(tmp_path: Path) -> None:
    retriever = _indexed(Bm25QuerySide, _corpus("gout flare", "fever"), tmp_path)
    assert _found(retriever, "gout unheardof")["d00000"] < _found(retriever, "gout")["d00000"]


@pytest.mark.slow
@needs_lucene
def test_lengths_above_forty_are_rounded_down(tmp_path: Path) -> None:
    texts = [" ".join(["gout"] + ["flare"] * n) for n in (38, 39, 40, 41, 42)]
    scores = list(_found(_indexed(Bm25, _corpus(*texts), tmp_path), "gout").values())
    assert scores[0] > scores[1] == scores[2] > scores[3] == scores[4]  # 39; 40, 41; 42, 43


@pytest.mark.slow
@needs_lucene
@pytest.mark.parametrize("n_equal", [20, 500])
def test_every_tie_at_the_cut_is_returned(n_equal: int, tmp_path: Path) -> None:
    corpus = _corpus("fever", *["gout of the toe"] * n_equal, "gout gout")
    found = _found(_indexed(Bm25, corpus, tmp_path), "gout", k=3)
    assert set(found) == set(corpus.doc_ids[1:])


@pytest.mark.slow
@needs_lucene
def test_documents_keep_their_places_over_many_segments(tmp_path: Path) -> None:
    draw = random.Random(0)
    texts = [f"own{row} " + " ".join(f"w{draw.randrange(10**6)}" for _ in range(600)) for row in range(3_000)]
    corpus = _corpus(*texts)
    retriever = _indexed(Bm25, corpus, tmp_path)
    segments = max(int(path.stem.split("_")[1], 36) for path in tmp_path.glob("_*.si"))
    assert segments > 1, "everything fitted into one buffer: make the texts longer"
    for row in range(0, 3_000, 7):
        assert list(_found(retriever, f"own{row}")) == [f"d{row:05}"]


@pytest.mark.slow
@needs_lucene
def test_odd_texts_and_long_queries(tmp_path: Path) -> None:
    corpus = _corpus("", "the", "gout \ud800 flare", "\U0001f9ec gene", "a\u202fb", "x" * 70_000 + " gout")
    retriever = _indexed(Bm25, corpus, tmp_path)
    assert set(_found(retriever, "gout")) == {"d00002", "d00005"}
    assert set(_found(retriever, " ".join(f"w{n}" for n in range(5_000)) + " gene")) == {"d00003"}
    assert _found(retriever, "the") == _found(retriever, "") == {}
    empty = _indexed(Bm25, _corpus("", "the"), tmp_path / "empty")
    assert _found(empty, "gout") == {}


@pytest.mark.slow
@needs_lucene
def test_a_broken_index_or_one_of_another_corpus_is_named(tmp_path: Path) -> None:
    _indexed(Bm25, _corpus("gout flare", "gout"), tmp_path)
    with pytest.raises(BadFile, match="3 documents and found one of 2"):
        Bm25(engine="lucene").open(_corpus("gout", "flare", "fever"), tmp_path)
    for path in tmp_path.glob("segments_*"):
        path.write_bytes(b"not Lucene's")
    with pytest.raises(BadFile, match="expected a Lucene index") as raised:
        Bm25(engine="lucene").open(_corpus("gout flare", "gout"), tmp_path)
    assert "\n" not in str(raised.value)


def _collection(folder: Path) -> tuple[Corpus, list[Query]]:
    return read_corpus(folder / "corpus.jsonl").corpus, read_queries(folder / "queries.jsonl")


def _run(retriever: Bm25, corpus: Corpus, queries: list[Query], index_dir: Path) -> Run:
    index_dir.mkdir()
    retriever.index(corpus, index_dir)
    return search_all(retriever, corpus, queries, 100)


@pytest.mark.slow
@needs_lucene
def test_scores_are_those_of_pyserinis_searcher(tmp_path: Path, shared_data: Path) -> None:
    corpus, queries = _collection(shared_data / "retrieval" / "med")
    ours = _run(Bm25(engine="lucene"), corpus, queries, tmp_path / "ours")
    from jnius import autoclass

    indexer = autoclass("io.anserini.index.SimpleIndexer")(str(tmp_path / "anserini"))
    fields = autoclass("io.anserini.collection.JsonCollection$Document")
    for document in corpus:
        indexer.addJsonDocument(fields.fromFields(document.doc_id, document.text))
    indexer.close()
    searcher = autoclass("io.anserini.search.SimpleSearcher")(str(tmp_path / "anserini"))
    searcher.set_bm25(0.9, 0.4)
    for query in queries:
        theirs = {found.docid: found.score for found in searcher.search(query.text, 50)}
        mine = dict(ours[query.query_id][:50])
        # Documents that tie at the fiftieth place may differ, and Anserini lowers tied scores by a few millionths.
        assert len(theirs.keys() ^ mine.keys()) <= 2
        for doc_id in theirs.keys() & mine.keys():
            assert mine[doc_id] == pytest.approx(theirs[doc_id], abs=2e-4)


# nDCG@10 of the exact engine is pinned in test_bm25.py; Lucene's was measured with Pyserini 1.6.0 (Lucene 9.9.1).
@pytest.mark.slow
@needs_lucene
@pytest.mark.parametrize("dataset", ["med", "nfcorpus"])
@pytest.mark.parametrize("cls", RETRIEVERS)
def test_how_far_lucene_is_from_exact_scores(
    cls: type[Bm25], dataset: str, tmp_path: Path, shared_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shared_data / "retrieval" / dataset
    corpus, queries = _collection(folder)
    exact = _run(cls(), corpus, queries, tmp_path / "exact")
    lucene = _run(cls(engine="lucene"), corpus, queries, tmp_path / "lucene")
    difference = Difference.between(exact, lucene)
    mine, theirs = (_mean_ndcg_at_10(run, folder / "qrels.tsv") for run in (exact, lucene))
    with capsys.disabled():
        print(f"\n{cls.name} on {dataset}: nDCG@10 {mine:.5f} exact, {theirs:.5f} Lucene; {difference}")
    assert theirs == pytest.approx(mine, abs=0.005)
    assert 0 < difference.greatest_rank_difference < 60


def _mean_ndcg_at_10(run: Run, qrels_path: Path) -> float:
    qrels: dict[str, dict[str, int]] = {}
    with qrels_path.open(encoding="utf-8") as file:
        for query_id, doc_id, relevance in list(csv.reader(file, delimiter="\t"))[1:]:
            qrels.setdefault(query_id, {})[doc_id] = int(relevance)

    def dcg(gains: list[int]) -> float:
        return sum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains[:10], start=1))

    values = []
    for query_id, judged in qrels.items():
        ideal = dcg(sorted(judged.values(), reverse=True))
        values.append(dcg([judged.get(doc_id, 0) for doc_id, _ in run[query_id]]) / ideal if ideal else 0.0)
    return sum(values) / len(values)


def test_a_difference_is_of_ranks_first_tens_and_scores() -> None:
    exact = {"same": [("a", 3.0), ("b", 2.0)], "swapped": [("a", 4.0), ("b", 2.0), ("c", 1.0)], "alone": []}
    other = {"same": [("a", 3.0), ("b", 2.0)], "swapped": [("c", 1.5), ("b", 2.0), ("x", 1.0)]}
    assert Difference.between(exact, other) == Difference(2, 1, 1, 0.5)
    assert Difference.between(exact, exact) == Difference(0, 0, 0, 0.0)


def test_without_pyserini_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lucene_engine, "missing_requirement", lambda: "the Python package pyserini is not installed")
    with pytest.raises(UserError, match="engine=lucene cannot run here: the Python package pyserini"):
        create_retriever(StageSpec.parse("bm25,engine=lucene"))


def test_an_unknown_engine_is_the_users_mistake() -> None:
    with pytest.raises(UserError, match=r"engine=tantivy does not fit.*'exact' or 'lucene'"):
        create_retriever(StageSpec.parse("bm25,engine=tantivy"))


def test_engines_have_their_own_indexes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lucene_engine, "missing_requirement", lambda: "")
    monkeypatch.setattr(lucene_engine, "version", lambda name: "1.6.0")
    exact, lucene = Bm25(), Bm25(engine="lucene")
    assert exact.describe().index != lucene.describe().index
    assert exact.describe().search == lucene.describe().search
    assert lucene.describe().index == Bm25QuerySide(engine="lucene", k1=2.0).describe().index
    assert list(exact.notes()) == []
    assert "one byte" in lucene.notes()[0] and "0.66515" in lucene.notes()[1]
    assert "0.65176" in Bm25QuerySide(engine="lucene").notes()[1]
