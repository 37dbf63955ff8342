"""Exact match: the query as a whole-word substring of the text; CliniQ's first baseline, by a rule of ours."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING

from bench_core.errors import BadFile
from retrieval_bench.retrievers.base import RetrieverBase
from retrieval_bench.retrievers.inverted_index import FORMAT_VERSION, InvertedIndex
from retrieval_bench.types import Corpus, Description, Query, RankedList

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_VERSION = 1
"""Raised whenever a score changes."""

_WORD = re.compile(r"\w+")


class ExactMatch(RetrieverBase):
    """Counts where the query stands in a document, word for word (a rule of ours: CliniQ's is not public).

    Query and document are case-folded, and any white space in them is one space. An occurrence is a place where the
    whole query stands, neither preceded nor followed by a letter, a digit or an underscore; occurrences may overlap
    (`a b a` stands twice in `a b a b a`). The score is their number; documents without one are left out.
    """

    is_remote = False

    def describe(self) -> Description:
        """The rule; the index depends on how words are found alone."""
        return Description(
            "exact-match",
            index={"kind": "word-index", "format": FORMAT_VERSION, "words": "case-folded", "version": _VERSION},
            search={"score": "occurrences"},
        )

    def notes(self) -> Sequence[str]:
        """Whose rule it is."""
        return ("exact-match counts by a rule of this suite, since CliniQ's own (arXiv 2502.06252) is not public.",)

    def index(self, corpus: Corpus, index_dir: Path) -> None:
        """Write which words stand in which documents."""
        index = InvertedIndex.of_texts((document.text for document in corpus), _FoldedWords())
        index.write(index_dir)
        self._use(corpus, index)

    def open(self, corpus: Corpus, index_dir: Path) -> None:
        """See `retrieval_bench.types.Retriever`.

        Raises:
            BadFile: the index is broken, or one of another corpus.
        """
        index = InvertedIndex.read(index_dir)
        if len(index.lengths) != len(corpus):
            found = f"expected an index of {len(corpus)} documents and found one of {len(index.lengths)}"
            raise BadFile(index_dir, f"{found}; delete the index folder")
        self._use(corpus, index)

    def _use(self, corpus: Corpus, index: InvertedIndex) -> None:
        self._index = index
        self._doc_ids = corpus.doc_ids
        self._texts = [_folded(document.text) for document in corpus]

    def search(self, queries: Sequence[Query], k: int) -> Iterator[RankedList]:
        """Every document with an occurrence, whatever k is."""
        for query in queries:
            counts = self._counts(_folded(query.text))
            yield RankedList(query.query_id, {self._doc_ids[row]: n for row, n in counts if n})

    def _counts(self, wanted: str) -> Iterable[tuple[int, int]]:
        """The rows where the query may stand, and how often it does.

        Each word of the query is a whole word of such a document, for nothing that belongs to a word stands beside it.
        """
        words = set(_WORD.findall(wanted))
        if not words:  # punctuation may stand anywhere; nothing stands nowhere
            rows: Iterable[int] = range(len(self._texts)) if wanted else ()
            return ((row, occurrences(wanted, self._texts[row])) for row in rows)
        postings = [
            self._index.postings(number) for number in map(self._index.term_numbers.get, words) if number is not None
        ]
        if len(postings) < len(words):
            return ()
        if words == {wanted}:
            return zip(*(part.tolist() for part in postings[0]), strict=True)
        return ((row, occurrences(wanted, self._texts[row])) for row in _common([rows for rows, _ in postings]))


def occurrences(wanted: str, text: str) -> int:
    """How often one text stands in another as whole words; both folded, `wanted` not empty."""
    n, place = 0, text.find(wanted)
    while place >= 0:
        end = place + len(wanted)
        n += not (_is_of_a_word(text[place - 1 : place]) or _is_of_a_word(text[end : end + 1]))
        place = text.find(wanted, place + 1)
    return n


def _is_of_a_word(character: str) -> bool:
    """Whether it is a letter, a digit or an underscore, as `\\w` has it; the empty string is not."""
    return character.isalnum() or character == "_"


def _common(rows: Sequence[NDArray[np.int32]]) -> list[int]:
    """The rows that are in all of the lists, the shortest first, so that the lists to compare stay short."""
    import numpy as np

    common = reduce(lambda some, other: some[np.isin(some, other, assume_unique=True)], sorted(rows, key=len))
    found: list[int] = common.tolist()
    return found


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


class _FoldedWords:
    """The words of a text: runs of letters, digits and underscores, case-folded."""

    def terms_of_chunks(self, some: Sequence[str]) -> list[list[str]]:
        return [_WORD.findall(chunk.casefold()) for chunk in some]
