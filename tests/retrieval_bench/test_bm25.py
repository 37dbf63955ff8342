"""BM25 equals its formula, meets the reference values, and cuts no tie."""

from __future__ import annotations

import csv
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench_core.errors import BadFile, UserError
from retrieval_bench.analysis.lucene_english import LuceneEnglishAnalyzer
from retrieval_bench.datasets.records import read_corpus, read_queries
from retrieval_bench.pipeline.search import search_all
from retrieval_bench.retrievers.bm25 import Bm25, Bm25QuerySide
from retrieval_bench.retrievers.exact_bm25 import _best
from retrieval_bench.retrievers.inverted_index import InvertedIndex
from retrieval_bench.testing import RetrieverContract
from retrieval_bench.types import Corpus, Document, Query, Retriever

DATA = Path(__file__).parents[2] / "../shared/data/retrieval"
RETRIEVERS = (Bm25, Bm25QuerySide)


class TestBm25Contract(RetrieverContract):
    def create(self) -> Retriever:
        return Bm25()


class TestBm25QuerySideContract(RetrieverContract):
    def create(self) -> Retriever:
        return Bm25QuerySide()


def _corpus(*texts: str) -> Corpus:
    return Corpus([Document(f"d{row}", text) for row, text in enumerate(texts)])


def _found(retriever: Retriever, query: str, k: int = 10) -> dict[str, float]:
    (ranked,) = retriever.search([Query("q", query)], k)
    return dict(zip(ranked.doc_ids, ranked.scores.tolist(), strict=True))


def _indexed(cls: type[Bm25], corpus: Corpus, index_dir: Path, **arguments: float) -> Bm25:
    retriever = cls(**arguments)
    retriever.index(corpus, index_dir)
    return retriever


def _formula(cls: type[Bm25], texts: list[str], query: str, k1: float, b: float) -> list[float]:
    """The scores of all texts, written from the formula and nothing else."""
    tokens = LuceneEnglishAnalyzer().tokens
    documents = [tokens(text) for text in texts]
    n = len(documents)
    average = sum(map(len, documents)) / n
    query_terms = [term for term in tokens(query) if any(term in document for document in documents)]

    def idf(term: str) -> float:
        df = sum(term in document for document in documents)
        return math.log(1 + (n - df + 0.5) / (df + 0.5))

    def w(term: str, x: list[str]) -> float:
        tf = x.count(term)
        return idf(term) * tf / (tf + k1 * (1 - b + b * len(x) / average)) if tf else 0.0

    if cls is Bm25QuerySide:
        return [math.fsum(w(t, query_terms) * w(t, document) for t in set(query_terms)) for document in documents]
    return [math.fsum(tf * w(t, document) for t, tf in Counter(query_terms).items()) for document in documents]


_words = st.sampled_from(["gout", "urate", "statin", "statins", "the", "TNF-α", "p.5", "Crohn's", "zzz", "-"])
_texts = st.lists(_words, max_size=12).map(" ".join)


@pytest.mark.parametrize("cls", RETRIEVERS)
@settings(max_examples=80, deadline=None)
@given(
    texts=st.lists(_texts, min_size=1, max_size=8),
    query=_texts,
    k1=st.sampled_from([0.0, 0.9, 2.0]),
    b=st.sampled_from([0.0, 0.4, 1.0]),
)
def test_scores_equal_the_formula(
    cls: type[Bm25], texts: list[str], query: str, k1: float, b: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    retriever = _indexed(cls, _corpus(*texts), tmp_path_factory.mktemp("index"), k1=k1, b=b)
    expected = {f"d{row}": score for row, score in enumerate(_formula(cls, texts, query, k1, b)) if score > 0}
    assert _found(retriever, query, k=100) == pytest.approx(expected, rel=1e-6)


# nDCG@10 made from Lucene's own tokens and the formulas; runs cut at 100.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("dataset", "cls", "expected"),
    [
        ("med", Bm25, 0.66718),
        ("nfcorpus", Bm25, 0.33149),
        ("pubmedqa", Bm25, 0.97708),
        ("med", Bm25QuerySide, 0.64708),
        ("nfcorpus", Bm25QuerySide, 0.31898),
        ("pubmedqa", Bm25QuerySide, 0.97426),
    ],
)
def test_reference_values_are_met_to_five_decimals(
    dataset: str, cls: type[Bm25], expected: float, tmp_path: Path
) -> None:
    folder = DATA / dataset
    if not folder.is_dir():
        pytest.skip(f"the collection {dataset} is not here")
    corpus, queries = read_corpus(folder / "corpus.jsonl").corpus, read_queries(folder / "queries.jsonl")
    run = search_all(_indexed(cls, corpus, tmp_path), corpus, queries, 100)
    assert _mean_ndcg_at_10(run, folder / "qrels.tsv") == pytest.approx(expected, abs=5.01e-6)


def _mean_ndcg_at_10(run: dict[str, list[tuple[str, float]]], qrels_path: Path) -> float:
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


@pytest.mark.parametrize("cls", RETRIEVERS)
def test_every_tie_at_the_cut_is_returned_and_no_zero_score(cls: type[Bm25], tmp_path: Path) -> None:
    corpus = _corpus("gout gout flare", *["gout of the toe"] * 20, "fever", "")
    found = _found(_indexed(cls, corpus, tmp_path), "gout", k=3)
    assert set(found) == {f"d{row}" for row in range(21)}
    assert min(found.values()) > 0


def test_a_word_no_document_has_changes_nothing(tmp_path: Path) -> None:
    retriever = _indexed(Bm25QuerySide, _corpus("gout flare", "gout diet", "fever"), tmp_path)
    assert _found(retriever, "gout diet") == _found(retriever, "gout unheardof diet neverseen")


def test_a_repeated_word_counts_again_but_saturates_on_the_query_side(tmp_path: Path) -> None:
    corpus = _corpus("gout flare", "fever rash", "rash")
    plain = _indexed(Bm25, corpus, tmp_path)
    assert _found(plain, "gout gout gout")["d0"] == pytest.approx(3 * _found(plain, "gout")["d0"], rel=1e-6)
    query_side = Bm25QuerySide()
    query_side.open(corpus, tmp_path)
    once, thrice = _found(query_side, "gout")["d0"], _found(query_side, "gout gout gout")["d0"]
    assert once < thrice < 1.9 * once


def test_both_weightings_and_all_parameters_search_one_index(tmp_path: Path) -> None:
    corpus = _corpus("gout flare", "gout", "fever in children")
    _indexed(Bm25, corpus, tmp_path)
    retrievers = [Bm25(), Bm25(k1=1.2, b=0.75), Bm25QuerySide(), Bm25QuerySide(k1=2.0)]
    assert len({str(retriever.describe().index) for retriever in retrievers}) == 1
    assert len({str(retriever.describe().as_json()) for retriever in retrievers}) == len(retrievers)
    for retriever in retrievers:
        retriever.open(corpus, tmp_path)
        expected = _formula(type(retriever), [d.text for d in corpus], "gout fever", retriever.k1, retriever.b)
        assert list(_found(retriever, "gout fever").values()) == pytest.approx(expected, rel=1e-6)


def test_a_corpus_of_empty_texts_finds_nothing(tmp_path: Path) -> None:
    corpus = _corpus("", "the", " - ")
    assert _found(_indexed(Bm25, corpus, tmp_path), "gout the") == {}
    opened = Bm25()
    opened.open(corpus, tmp_path)
    assert _found(opened, "gout") == {}


def test_an_opened_index_stays_on_disk(tmp_path: Path) -> None:
    corpus = _corpus("gout flare", "gout")
    _indexed(Bm25, corpus, tmp_path)
    assert isinstance(InvertedIndex.read(tmp_path).rows.base, np.memmap)
    assert {path.suffix for path in tmp_path.iterdir()} == {".npy", ".txt"}


@settings(max_examples=60, deadline=None)
@given(texts=st.lists(_texts, max_size=12), terms_a_block=st.integers(1, 30))
def test_the_block_size_changes_nothing(texts: list[str], terms_a_block: int) -> None:
    whole = InvertedIndex.of_texts(texts, LuceneEnglishAnalyzer())
    blocks = InvertedIndex.of_texts(texts, LuceneEnglishAnalyzer(), terms_a_block)
    assert list(whole.term_numbers.items()) == list(blocks.term_numbers.items())
    for name in ("term_starts", "rows", "frequencies", "lengths"):
        assert getattr(whole, name).tolist() == getattr(blocks, name).tolist()
        assert getattr(whole, name).dtype == getattr(blocks, name).dtype


def test_postings_are_the_counts_of_the_texts() -> None:
    texts = ["gout gout urate", "", "urate", "gout statin gout gout"]
    index = InvertedIndex.of_texts(texts, LuceneEnglishAnalyzer(), terms_a_block=3)
    counts = {
        (term, row): frequency
        for term, number in index.term_numbers.items()
        for row, frequency in zip(*(part.tolist() for part in index.postings(number)), strict=True)
    }
    assert counts == {
        ("gout", 0): 2, ("urat", 0): 1, ("urat", 2): 1, ("gout", 3): 3, ("statin", 3): 1,
    }  # fmt: skip
    assert index.lengths.tolist() == [3, 0, 1, 4]


@pytest.mark.parametrize("n_values", [3, 50, 5_000])
@pytest.mark.parametrize("k", [1, 7, 100, 10_000])
def test_the_best_rows_are_those_of_a_full_sort(n_values: int, k: int) -> None:
    draw = np.random.default_rng(n_values)
    scores = draw.integers(0, n_values, size=5_000).astype(np.float32)
    for values in (scores, np.sort(scores), np.where(draw.random(5_000) < 0.01, scores, np.float32(0))):
        best = np.sort(values)[::-1]
        kth = best[min(k, len(best)) - 1]
        expected = np.flatnonzero((values >= kth) & (values > 0))
        assert _best(values, k).tolist() == expected.tolist()


@pytest.mark.parametrize("arguments", [{"k1": -0.1}, {"k1": math.nan}, {"k1": math.inf}, {"b": -0.1}, {"b": 1.5}])
def test_parameters_outside_their_range_are_the_users_mistake(arguments: dict[str, float]) -> None:
    with pytest.raises(UserError, match=next(iter(arguments))):
        Bm25QuerySide(**arguments)


def test_a_broken_index_or_one_of_another_corpus_is_named(tmp_path: Path) -> None:
    corpus = _corpus("gout flare", "gout")
    _indexed(Bm25, corpus, tmp_path)
    with pytest.raises(BadFile, match="3 documents"):
        Bm25().open(_corpus("gout", "flare", "fever"), tmp_path)
    rows = (tmp_path / "rows.npy").read_bytes()
    (tmp_path / "rows.npy").write_bytes(rows[:-4])
    with pytest.raises(BadFile, match=r"rows\.npy"):
        Bm25().open(corpus, tmp_path)
    (tmp_path / "rows.npy").write_bytes(rows)
    (tmp_path / "vocabulary.txt").write_text("gout", "utf-8")
    with pytest.raises(BadFile, match="one index"):
        Bm25().open(corpus, tmp_path)
    (tmp_path / "vocabulary.txt").unlink()
    with pytest.raises(BadFile, match="vocabulary"):
        Bm25().open(corpus, tmp_path)
