"""Lucene's default English analysis: text to the terms that are indexed and searched."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING

from retrieval_bench.analysis import porter
from retrieval_bench.analysis.memo import Memo
from retrieval_bench.analysis.word_breaks import MAX_UNITS, belongs_to_words, words

if TYPE_CHECKING:
    from bench_core.identity import Json

STOP_WORDS = frozenset(
    {
        "a", "an", "and", "are", "as", "at", "be", "but", "by", "for", "if", "in", "into", "is", "it", "no", "not",
        "of", "on", "or", "such", "that", "the", "their", "then", "there", "these", "they", "this", "to", "was",
        "will", "with",
    }
)  # fmt: skip
"""The 33 of Lucene's EnglishAnalyzer.ENGLISH_STOP_WORDS_SET."""

_POSSESSIVES = tuple(f"{apostrophe}{s}" for apostrophe in "'\u2019\uff07" for s in "sS")
_NARROW_NO_BREAK_SPACE = "\u202f"
_ASCII_PUNCTUATION = string.punctuation.replace("_", "")  # but for the one that belongs to the words beside it
_ASCII_SPACED = str.maketrans({chr(code): " " for code in range(128) if not belongs_to_words(chr(code))})
_ASCII_JOINERS = "".join(character for character in _ASCII_PUNCTUATION if belongs_to_words(character))
_SPACES = re.compile(r"[^\S\u202f]+")


class LuceneEnglishAnalyzer:
    """Gives the terms that Lucene 9 gives with the analyzer Anserini and Pyserini use by default.

    The chain: StandardTokenizer, EnglishPossessiveFilter, LowerCaseFilter, StopFilter with STOP_WORDS, PorterStemFilter
    (io.anserini.analysis.DefaultEnglishAnalyzer). What was analysed is remembered, so that a corpus takes as long as
    its distinct pieces between spaces; one object serves one thread.
    """

    def __init__(self) -> None:
        self._word_terms: Memo[str, tuple[str, ...]] = Memo(_terms)

    def describe(self) -> Mapping[str, Json]:
        """What changes the terms; the version is raised whenever a text's terms change."""
        return {"name": "lucene-english", "version": 1, "stop_words": "lucene-33", "stemmer": "porter"}

    def tokens(self, text: str) -> list[str]:
        """The terms of a text in its order, repeats included."""
        return list(chain.from_iterable(self.terms_of_chunks(chunks(text))))

    def terms_of_chunks(self, some: Sequence[str]) -> list[Sequence[str]]:
        """The terms of each of some `chunks` of texts; for whoever remembers them in a form of their own."""
        # Most chunks are one word of ASCII letters and digits between punctuation, and need no rules.
        cores = [chunk.strip(_ASCII_PUNCTUATION) for chunk in some]
        terms = self._word_terms
        return [
            terms[core]
            if core.isalnum() and chunk.isascii() and len(core) <= MAX_UNITS
            else [term for word in _words(chunk) for term in terms[word]]
            for chunk, core in zip(some, cores, strict=True)
        ]


def chunks(text: str) -> list[str]:
    """A text cut at its spaces, over which no word reaches; U+202F, which joins words, is not one of them."""
    return _SPACES.split(text) if _NARROW_NO_BREAK_SPACE in text else text.split()


def _words(chunk: str) -> list[str]:
    """As `words`, which looks only at what stands between characters that belong to no word, if all is ASCII."""
    if not chunk.isascii():
        return words(chunk)
    found: list[str] = []
    for spaced in chunk.translate(_ASCII_SPACED).split(" "):
        piece = spaced.strip(_ASCII_JOINERS)  # which join what stands on both sides of them
        if piece.isalnum() and len(piece) <= MAX_UNITS:
            found.append(piece)
        elif piece:
            found += words(piece)
    return found


def _terms(word: str) -> tuple[str, ...]:
    """The term of a word; none of a stop word."""
    if word[-1] in "sS" and word.endswith(_POSSESSIVES):
        word = word[:-2]
    lowered = word.lower() if word.isascii() else _lowered(word)
    if lowered in STOP_WORDS:
        return ()
    return (porter.stem(lowered) if lowered.isascii() else _stemmed(lowered),)


def _lowered(word: str) -> str:
    """Each code point by itself, as Character.toLowerCase: İ is i without a dot above, and no Σ is a final one."""
    return word.replace("İ", "i").replace("Σ", "σ").lower()


def _stemmed(word: str) -> str:
    """Lucene stems UTF-16 units, so that a code point past U+FFFF counts as two letters."""
    if max(word) <= "\uffff":
        return porter.stem(word)
    units = memoryview(word.encode("utf-16-le")).cast("H")
    stem = porter.stem("".join(map(chr, units)))
    return stem.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
