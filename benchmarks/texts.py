"""Corpora of any size, drawn from the sentences of a dataset."""

from __future__ import annotations

import random
import re

from retrieval_bench.datasets.dataset import load_dataset
from retrieval_bench.types import Corpus, Document

_SENTENCE_END = re.compile(r"(?<=[.!?]) +")
# Between a short abstract and a long one.
_SENTENCES = (3, 14)


def corpus_of(dataset: str, n_documents: int, seed: int = 0) -> Corpus:
    """`n_documents` documents of 3 to 14 sentences each, drawn with a fixed seed."""
    sentences = [
        sentence for document in load_dataset(dataset).corpus for sentence in _SENTENCE_END.split(document.text)
    ]
    draw = random.Random(seed)  # noqa: S311 (nothing secret is drawn)
    return Corpus(
        [
            Document(f"d{number:07d}", " ".join(draw.choices(sentences, k=draw.randint(*_SENTENCES))))
            for number in range(n_documents)
        ]
    )


def queries_of(corpus: Corpus, n_queries: int, n_words: int = 12, seed: int = 1) -> list[str]:
    """Runs of words of documents drawn with a fixed seed."""
    draw = random.Random(seed)  # noqa: S311 (nothing secret is drawn)
    queries = []
    for document in draw.choices(corpus.documents, k=n_queries):
        words = document.text.split()
        start = draw.randrange(max(len(words) - n_words, 1))
        queries.append(" ".join(words[start : start + n_words]))
    return queries


def mixed_lengths(dataset: str, n_texts: int, seed: int = 2) -> list[str]:
    """Texts of 1 to 400 words, most of them short, in no order of length."""
    words = [word for document in load_dataset(dataset).corpus for word in document.text.split()]
    draw = random.Random(seed)  # noqa: S311 (nothing secret is drawn)
    lengths = [int(400 ** draw.random()) for _ in range(n_texts)]
    return [" ".join(draw.choices(words, k=length)) for length in lengths]
