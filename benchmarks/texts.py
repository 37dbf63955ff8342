"""Corpora to measure with: real documents, whole and once each, or words whose number grows as in real text."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from retrieval_bench.datasets.dataset import load_dataset
from retrieval_bench.types import Corpus, Document, Query

REAL = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "retrieval"
"""Where folders of real collections may lie beside a checkout: `corpus.jsonl` and `queries.jsonl` in each."""

# Heaps' law, distinct words = K · words^BETA, with the constants of Reuters-RCV1 (Manning, Raghavan, Schütze,
# "Introduction to Information Retrieval", 2008, section 5.1.1).
_HEAPS_K, _HEAPS_BETA = 44, 0.49
_WORDS_A_DOCUMENT = (60, 320)
_WORDS_A_QUERY = 12
_DECORATED = 0.12


@dataclass(frozen=True)
class Texts:
    """What is indexed and searched.

    Attributes:
        name: where it comes from, for a table's title.
    """

    name: str
    corpus: Corpus
    queries: Sequence[Query]

    @property
    def n_bytes(self) -> int:
        """Of all documents, in UTF-8."""
        return sum(len(document.text.encode()) for document in self.corpus)


def real_texts(folders: Sequence[Path], n_queries: int) -> Texts:
    """All documents of some folders, each text once, with at most `n_queries` of their own queries.

    Args:
        n_queries: drawn from all with a fixed seed.
    """
    documents: dict[str, Document] = {}
    queries: list[Query] = []
    for folder in folders:
        loaded = load_dataset(f"dir:{folder}")
        for document in loaded.corpus:
            documents.setdefault(document.text, Document(f"{folder.name}:{document.doc_id}", document.text))
        queries += [Query(f"{folder.name}:{query.query_id}", query.text) for query in loaded.queries]
    chosen = random.Random(1).sample(queries, min(n_queries, len(queries)))  # noqa: S311 (nothing secret is drawn)
    return Texts(", ".join(folder.name for folder in folders), Corpus(list(documents.values())), chosen)


def collections_beside(root: Path = REAL) -> list[Path]:
    """The folders below `root` that hold a collection; none where it is not there."""
    found = [path.parent for path in sorted(root.glob("*/corpus.jsonl"))] if root.is_dir() else []
    return [folder for folder in found if (folder / "queries.jsonl").is_file()]


def drawn_texts(n_documents: int, n_queries: int, seed: int = 0) -> Texts:
    """Documents of drawn words of which as many are new as Heaps' law says; queries are runs of words of documents.

    A word that is not new is a former one, the likelier the oftener it came (H. Simon's model), which gives frequencies
    after Zipf. Words have endings, punctuation and capitals as English has.
    """
    draw = random.Random(seed)  # noqa: S311 (nothing secret is drawn)
    said: list[str] = []
    n_distinct = 0
    documents = []
    for number in range(n_documents):
        start = len(said)
        for _ in range(draw.randint(*_WORDS_A_DOCUMENT)):
            if n_distinct < _HEAPS_K * (len(said) + 1) ** _HEAPS_BETA:
                said.append(_new_word(n_distinct, draw))
                n_distinct += 1
            else:
                said.append(said[int(len(said) * draw.random())])
        documents.append(Document(f"d{number:07d}", _as_prose(said[start:], draw)))
    queries = [
        Query(f"q{number}", " ".join(_run_of_words(draw.choice(documents).text, draw))) for number in range(n_queries)
    ]
    return Texts(f"{n_documents} drawn documents", Corpus(documents), queries)


_CODAS = ("", "n", "r", "s")
_SYLLABLES = [f"{onset}{nucleus}{coda}" for onset in "bcdfglmnprstv" for nucleus in "aeiou" for coda in _CODAS]
_ENDINGS = ["", "", "", "s", "ed", "ing", "ation", "ness", "ive", "al"]


def _new_word(number: int, draw: random.Random) -> str:
    """A word nobody said before: its number in syllables, the shorter the earlier, and an ending."""
    digits = [number % len(_SYLLABLES)]
    while number >= len(_SYLLABLES):
        number //= len(_SYLLABLES)
        digits.append(number % len(_SYLLABLES))
    return "".join(_SYLLABLES[digit] for digit in digits) + draw.choice(_ENDINGS)


def _as_prose(words: Sequence[str], draw: random.Random) -> str:
    """Words as sentences: the first one in capitals, some in brackets or with a comma, some joined."""
    written: list[str] = []
    ends = set(accumulate(draw.randint(8, 30) for _ in range(0, len(words), 8)))
    for place, word in enumerate(words):
        shown = word.capitalize() if place == 0 or place in ends else word
        if draw.random() < _DECORATED:
            shown = draw.choice([f"{shown},", f"{shown},", f"({shown})", f"{shown}-{word}"])
        written.append(f"{shown}." if place + 1 in ends else shown)
    return " ".join(written)


def _run_of_words(text: str, draw: random.Random) -> list[str]:
    words = text.split()
    start = draw.randrange(max(len(words) - _WORDS_A_QUERY, 1))
    return words[start : start + _WORDS_A_QUERY]


def mixed_lengths(dataset: str, n_texts: int, seed: int = 2) -> list[str]:
    """Texts of 1 to 400 words, most of them short, in no order of length."""
    words = [word for document in load_dataset(dataset).corpus for word in document.text.split()]
    draw = random.Random(seed)  # noqa: S311 (nothing secret is drawn)
    lengths = [int(400 ** draw.random()) for _ in range(n_texts)]
    return [" ".join(draw.choices(words, k=length)) for length in lengths]
