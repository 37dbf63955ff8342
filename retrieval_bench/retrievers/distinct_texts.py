"""The texts of a corpus, each once: what models encode, whichever document says it and wherever it stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval_bench.types import Corpus, RankedList

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class DistinctTexts:
    """Texts in an order of their own, so that the order of a corpus's documents changes no batch, and so no number.

    What a model makes of a text depends in its last digits on the texts it is computed with: on how far they are
    padded, and on the shape of the products. Documents of one text have one row, and so equal scores.

    Attributes:
        texts: in ascending order.
        doc_ids: the documents of each.
    """

    texts: Sequence[str]
    doc_ids: Sequence[Sequence[str]]

    @classmethod
    def of(cls, corpus: Corpus) -> DistinctTexts:
        """Those of a corpus."""
        doc_ids: dict[str, list[str]] = {}
        for document in corpus:
            doc_ids.setdefault(document.text, []).append(document.doc_id)
        texts = sorted(doc_ids)
        return cls(texts, [doc_ids[text] for text in texts])

    def of_rows(self, texts: NDArray[np.int64]) -> RowDocuments:
        """The documents of an index's rows.

        Args:
            texts: (n_rows,) the number of each row's text.
        """
        return RowDocuments([self.doc_ids[number] for number in texts.tolist()])


@dataclass(frozen=True)
class RowDocuments:
    """The documents of each row of an index.

    Attributes:
        doc_ids: of each row.
    """

    doc_ids: Sequence[Sequence[str]]

    def ranked(self, query_id: str, rows: NDArray[np.integer], scores: NDArray[np.float32]) -> RankedList:
        """All documents of some rows (n,), each with its row's score (n,)."""
        import numpy as np

        of_rows = [self.doc_ids[row] for row in rows.tolist()]
        doc_ids = [doc_id for of_row in of_rows for doc_id in of_row]
        return RankedList(query_id, np.repeat(scores, list(map(len, of_rows))), doc_ids)
