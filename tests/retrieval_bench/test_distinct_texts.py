"""The order of a corpus's documents changes no score, though a model's numbers depend on what is computed together."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import numpy as np
import pytest

from bench_core.plugins.registry import StageSpec
from retrieval_bench.retrievers.base import create_retriever
from retrieval_bench.retrievers.distinct_texts import DistinctTexts
from retrieval_bench.types import Corpus, Document, Query

sys.path.insert(0, str(Path(__file__).parent))
from fake_encoder import FakeEncoder

WORDS = ["gout", "urate", "colchicine", "flare"]
DOCUMENTS = [Document(f"d{n:02}", f"{WORDS[n % 4]} {WORDS[n // 2 % 4]} w{n % 37} w{n % 5}") for n in range(60)]
QUERIES = [Query("a", "gout flare"), Query("b", "w7 urate")]


class _BatchDependent(FakeEncoder):
    """Moves every vector by what is in its batch and by its place there, as padding and blocked products do."""

    def encode(self, texts, role):
        vectors = super().encode(texts, role)
        if role != "document":
            return vectors
        return vectors + vectors.sum(axis=0) * np.float32(1e-3) + np.arange(len(texts), dtype=np.float32)[:, None] / 100


class _BatchDependentTokens(_BatchDependent):
    device = "cpu"

    def encode(self, texts, role):
        return [np.stack([row, -row]) for row in super().encode(texts, role)]


_ENCODERS = {"dense": _BatchDependent, "splade": _BatchDependent, "late-interaction": _BatchDependentTokens}


def _scores(name: str, documents: list[Document], folder: Path) -> dict[str, dict[str, float]]:
    folder.mkdir()
    spec = StageSpec(name, (("batch_size", "7"),))
    retriever = create_retriever(spec)
    retriever._encoder = _ENCODERS[name]()
    retriever.index(Corpus(documents), folder)
    found = retriever.search(QUERIES, len(documents))
    return {ranked.query_id: dict(zip(ranked.doc_ids, ranked.scores.tolist(), strict=True)) for ranked in found}


@pytest.mark.parametrize("name", _ENCODERS)
def test_the_order_of_documents_changes_no_score(name: str, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("faiss")
    shuffled = random.Random(3).sample(DOCUMENTS, len(DOCUMENTS))
    expected = _scores(name, DOCUMENTS, tmp_path / "in-order")
    assert len(expected["a"]) > 20
    assert _scores(name, shuffled, tmp_path / "shuffled") == expected


@pytest.mark.parametrize("name", _ENCODERS)
def test_documents_of_one_text_have_one_score(name: str, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("faiss")
    twins = [Document(f"t{n:02}", DOCUMENTS[n].text) for n in range(len(DOCUMENTS))]
    for scores in _scores(name, [*DOCUMENTS, *twins], tmp_path / "index").values():
        assert {doc_id: scores[f"t{doc_id[1:]}"] for doc_id in scores if doc_id.startswith("d")} == {
            doc_id: score for doc_id, score in scores.items() if doc_id.startswith("d")
        }


def test_texts_stand_in_an_order_of_their_own() -> None:
    distinct = DistinctTexts.of(Corpus([Document("3", "b"), Document("1", "a"), Document("2", "b")]))
    assert (distinct.texts, distinct.doc_ids) == (["a", "b"], [["1"], ["3", "2"]])
    ranked = distinct.of_rows(np.array([1, 0])).ranked("q", np.array([0, 1]), np.array([2, 1], dtype=np.float32))
    assert (ranked.doc_ids, ranked.scores.tolist()) == (["3", "2", "1"], [2, 2, 1])
