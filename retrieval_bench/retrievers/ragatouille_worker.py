"""The RAGatouille worker: run by the interpreter of its environment, serving requests in JSON lines.

It imports nothing of the suite. A request names what to `do`; an answer is `{"ok": …}` or `{"error": "one line"}`.
"""

from __future__ import annotations

import json
import os
import random
import sys
from importlib.metadata import version
from typing import Any

# What colbert-ai's launcher seeds with, too.
_SEED = 12345
_INDEX_NAME = "plaid"
_BATCH = 32


def main() -> None:
    """Answer until nothing more is asked. The libraries print to standard output: that goes to standard error."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    plaid = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if plaid is None:
                plaid = Plaid()
            ok = getattr(plaid, request.pop("do"))(**request)
        except Exception as error:  # whatever the libraries raise is reported as a line
            message = " ".join(str(error).split())
            answer: dict[str, Any] = {"error": f"{type(error).__name__}: {message}"[:500]}
        else:
            answer = {"ok": ok}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


class Plaid:
    """One index and the model that searches it."""

    def __init__(self) -> None:
        import torch
        from ragatouille.models.index import PLAIDModelIndex

        random.seed(_SEED)
        torch.manual_seed(_SEED)
        for name in ("pytorch_kmeans", "faiss_kmeans"):
            setattr(PLAIDModelIndex, name, staticmethod(_few_enough_clusters(getattr(PLAIDModelIndex, name))))

    def versions(self) -> dict[str, str]:
        """Of what makes and searches the index."""
        return {name: version(name) for name in ("ragatouille", "colbert-ai", "torch", "transformers")}

    def index(self, model: str, folder: str, texts: list[str], doc_max_len: int, query_max_len: int) -> None:
        """Index texts, each as one passage that is named by its number, and be ready to search."""
        from ragatouille import RAGPretrainedModel

        rag = RAGPretrainedModel.from_pretrained(model, index_root=folder, verbose=0)
        rag.index(
            collection=texts,
            document_ids=[str(number) for number in range(len(texts))],
            index_name=_INDEX_NAME,
            overwrite_index="force_silent_overwrite",
            max_document_length=doc_max_len,
            split_documents=False,
            bsize=_BATCH,
        )
        self.open(folder, query_max_len)

    def open(self, folder: str, query_max_len: int) -> None:
        """Load an index into memory; its folder may be moved afterwards."""
        from pathlib import Path

        from ragatouille import RAGPretrainedModel

        path = Path(folder) / "colbert" / "indexes" / _INDEX_NAME
        self._rag = RAGPretrainedModel.from_index(path, verbose=0)
        model = self._rag.model
        index = model.model_index
        index._load_searcher(model.checkpoint, model.collection, model.index_name)

        def keep_length(*_: int) -> None:
            """RAGatouille stretches a query by its number of words; ColBERT and exact MaxSim have one length."""
            index.searcher.config.query_maxlen = query_max_len
            index.searcher.checkpoint.query_tokenizer.query_maxlen = query_max_len

        index._upgrade_searcher_maxlen = keep_length

    def search(self, text: str, k: int) -> list[tuple[int, float]]:
        """Numbers and scores of the best passages."""
        found = self._rag.search(query=text, k=k)
        return [(int(passage["document_id"]), float(passage["score"])) for passage in found]


def _few_enough_clusters(train: Any) -> Any:
    """Let k-means have no more clusters than vectors: colbert-ai asks for more where a corpus is small."""

    def trained(indexer: Any, sample: Any, shared_lists: Any) -> Any:
        indexer.num_partitions = min(indexer.num_partitions, len(sample))
        return train(indexer, sample, shared_lists)

    return trained


if __name__ == "__main__":
    main()
