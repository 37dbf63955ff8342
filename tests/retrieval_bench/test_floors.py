"""The two floors: counting the query as it stands, and an order that knows nothing."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bench_core.errors import BadFile
from bench_core.plugins.registry import StageSpec
from retrieval_bench.pipeline.search import search_all
from retrieval_bench.retrievers.base import create_retriever
from retrieval_bench.retrievers.exact_match import ExactMatch, occurrences
from retrieval_bench.retrievers.random_order import RandomOrder
from retrieval_bench.testing import RetrieverContract
from retrieval_bench.types import Corpus, Document, Query


class TestExactMatchContract(RetrieverContract):
    def create(self):
        return ExactMatch()


class TestRandomContract(RetrieverContract):
    def create(self):
        return RandomOrder(seed=3)


def test_documents_with_equal_texts_do_not_tie_in_a_random_order():
    scores = _random_scores(RandomOrder(seed=3), [f"same-{number}" for number in range(12)])
    assert len(scores) == len(set(scores.values())) == 12


def _corpus(*texts):
    return Corpus([Document(f"d{row}", text) for row, text in enumerate(texts)])


def _counts(texts, query, folder):
    retriever = ExactMatch()
    retriever.index(_corpus(*texts), folder)
    (ranked,) = retriever.search([Query("q", query)], 2)
    return dict(zip(ranked.doc_ids, ranked.scores.tolist(), strict=True))


@pytest.mark.parametrize(
    ("query", "text", "n"),
    [
        ("type 2 Diabetes", "TYPE 2 diabetes; type 2 diabetes mellitus, type 2 diabetesx, xtype 2 diabetes", 2),
        ("gout", "gout, gouty, pregout, gout_1, gout-like (gout) Gout", 4),
        ("heart failure", "heart\n failure, heart  failure, heart-failure", 2),
        ("a b a", "a b a b a", 2),  # they overlap
        ("aa", "aaaa aa", 1),
        ("STRASSE", "straße", 1),
        ("β-blocker", "Β-Blocker", 1),
        ("c++", "c++ c+++ xc++ c++y", 2),  # what follows need only be no part of a word
        ("+", "a + b +c", 1),
        ("%", "5 % and 6%", 1),
        ("café", "café cafe\u0301", 1),
        ("", "gout", 0),
        (" \n", "gout", 0),
        ("unheard of", "of unheard", 0),
    ],
)
def test_an_occurrence_is_the_whole_query_between_words(query, text, n, tmp_path):
    assert _counts([text, "nothing"], query, tmp_path) == ({"d0": n} if n else {})


_piece = st.sampled_from(["a", "b", "ab", "A", "ß", "ss", "1", "_", " ", "  ", "\n", "-", "+", ".", "é", "\u202f", "İ"])
_text = st.lists(_piece, max_size=12).map("".join)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(texts=st.lists(_text, min_size=1, max_size=4), query=_text)
@example(texts=["a\u202fb"], query="a b")
def test_counts_are_those_of_a_look_at_every_place(texts, query, tmp_path_factory):
    wanted = " ".join(query.casefold().split())
    pattern = re.compile(rf"(?<!\w)(?={re.escape(wanted)}(?!\w))")
    folded = [" ".join(text.casefold().split()) for text in texts]
    expected = {f"d{row}": len(pattern.findall(text)) for row, text in enumerate(folded)} if wanted else {}
    found = _counts(texts, query, tmp_path_factory.mktemp("index"))
    assert found == {doc_id: n for doc_id, n in expected.items() if n}


def test_occurrences_at_the_ends_count():
    assert [occurrences("gout", text) for text in ("gout", "gout gout", "a gout", "gouts")] == [1, 2, 1, 0]


def test_whose_rule_exact_match_is_stands_under_the_table():
    assert "rule of this suite" in ExactMatch().notes()[0]


def test_an_index_of_another_corpus_is_named(tmp_path):
    ExactMatch().index(_corpus("gout", "flare"), tmp_path)
    with pytest.raises(BadFile, match="1 documents and found one of 2"):
        ExactMatch().open(_corpus("gout"), tmp_path)


def _random_scores(retriever, doc_ids, query_id="q"):
    retriever.index(Corpus([Document(doc_id, "") for doc_id in doc_ids]), None)
    (ranked,) = retriever.search([Query(query_id, "gout")], 1)
    return dict(zip(ranked.doc_ids, ranked.scores.tolist(), strict=True))


def test_random_scores_depend_on_seed_query_and_document_alone():
    doc_ids = [f"d{n}" for n in range(50)]
    scores = _random_scores(RandomOrder(), doc_ids)
    assert _random_scores(RandomOrder(), doc_ids[::-2]) == {doc_id: scores[doc_id] for doc_id in doc_ids[::-2]}
    assert _random_scores(RandomOrder(seed=1), doc_ids) != scores
    assert _random_scores(RandomOrder(), doc_ids, "other") != scores


@pytest.mark.slow
def test_random_scores_are_the_same_in_every_process():
    script = (
        "from test_floors import RandomOrder, _random_scores; print(_random_scores(RandomOrder(5), ['a', 'b', 'ü']))"
    )
    here = str(_random_scores(RandomOrder(5), ["a", "b", "ü"]))
    for hash_seed in ("1", "2"):
        environment = {
            "PYTHONHASHSEED": hash_seed,
            "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path]),
        }
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=True
        )
        assert done.stdout.strip() == here
    # Frozen: another value is another rule, and the version in the description is raised.
    assert here == "{'a': 0.8888587355613708, 'b': 0.23806756734848022, 'ü': 0.1404494047164917}"


def test_random_scores_are_even_and_unrelated_between_queries():
    doc_ids = [f"doc-{n}" for n in range(40_000)]
    first = np.array(list(_random_scores(RandomOrder(), doc_ids, "q1").values()))
    second = np.array(list(_random_scores(RandomOrder(), doc_ids, "q2").values()))
    counts = np.histogram(first, bins=20, range=(0, 1))[0]
    assert first.min() >= 0 and first.max() < 1
    # Five standard deviations of a count of 40,000 draws over 20 bins, and of a correlation.
    assert np.abs(counts - 2000).max() < 5 * np.sqrt(2000 * 0.95)
    assert abs(np.corrcoef(first, second)[0, 1]) < 5 / np.sqrt(40_000)
    assert abs(np.corrcoef(first[1:], first[:-1])[0, 1]) < 5 / np.sqrt(40_000)


def test_random_ranks_every_document():
    corpus = Corpus([Document(f"d{n}", "") for n in range(30)])
    retriever = create_retriever(StageSpec.parse("random,seed=7"))
    retriever.index(corpus, None)
    run = search_all(retriever, corpus, [Query("q", "")], 1000)
    assert sorted(doc_id for doc_id, _ in run["q"]) == sorted(corpus.doc_ids)
    assert retriever.describe().search["seed"] == 7
