"""ColBERT's compressed index PLAID through RAGatouille, in an environment of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

from bench_core.errors import UserError
from bench_core.identity import Json
from bench_core.machine.model_files import ModelOptions
from retrieval_bench.encoders.token_encoder import TokenEncoder
from retrieval_bench.rankings.topk import canonical_order
from retrieval_bench.retrievers.base import RetrieverBase
from retrieval_bench.retrievers.late_interaction import LateInteraction
from retrieval_bench.retrievers.ragatouille_process import REMEDY, STAGE, Worker, interpreter, versions
from retrieval_bench.types import Corpus, Description, Query, RankedList

# Passages asked for beyond k, so that those that tie with the k-th come too.
_MARGIN = 32
_CUTOFFS = (10, 100)


class Ragatouille(RetrieverBase):
    """PLAID by RAGatouille 0.0.9 (approximate): ColBERT's token vectors, clustered and compressed.

    Source: K. Santhanam et al., "PLAID", 2022 (arXiv 2205.09707). Passages are not split, and queries and documents
    have the checkpoint's lengths, so that `late-interaction` over the same checkpoint is what it approximates; of a
    query that has parts it reads the text.

    Args:
        model: a folder or hub id in ColBERT's format.
        query_max_len, doc_max_len: tokens that stay, special ones included; without: as the checkpoint says.
        revision: commit, tag or branch of a hub model.
        python: the interpreter of RAGatouille's environment; without: BIOMED_BENCH_RAGATOUILLE_PYTHON, then
            `.venv-ragatouille` beside this environment, then this one.
        agreement: search by exact MaxSim too, and say how many of the best both find; the corpus is encoded for it.
    """

    is_remote = False

    def __init__(
        self,
        model: str,
        query_max_len: int | None = None,
        doc_max_len: int | None = None,
        revision: str = "",
        python: str = "",
        agreement: bool = False,
    ) -> None:
        options = ModelOptions(revision)
        self._exact = LateInteraction(model, query_max_len, doc_max_len, precision="float32", options=options)
        self._encoder = TokenEncoder(model, revision, query_max_len, doc_max_len)
        self._python, self._agreement = python, agreement
        self._note = ""

    @staticmethod
    def missing_requirement() -> str:
        """What to install before this can run, or the empty string."""
        return "" if interpreter("") else f"RAGatouille is not installed; {REMEDY}"

    def describe(self) -> Description:
        """The checkpoint, what it does with texts, and the versions of what makes the index."""
        self._check_format()
        return Description(
            "ragatouille",
            index={
                "kind": "plaid",
                "encoder": self._encoder.describe(is_query=False),
                "versions": versions(self._interpreter),
            },
            search={
                "query": self._encoder.describe(is_query=True),
                # No other ranking, but a note on it that a run made without has not.
                **({"agreement": True} if self._agreement else {}),
            },
            approximate=True,
        )

    def recorded(self) -> Mapping[str, Json]:
        """The versions in RAGatouille's environment."""
        return {"ragatouille_environment": self._worker.ask("versions")}

    def notes(self) -> Sequence[str]:
        """How far it agrees with exact MaxSim, where that was asked for."""
        return (self._note,) if self._note else ()

    def index(self, corpus: Corpus, index_dir: Path) -> None:
        """Let RAGatouille encode and compress the corpus."""
        self._check_format()
        rule = self._encoder.rule
        self._corpus = corpus
        self._worker.ask(
            "index",
            model=self._checkpoint(),
            folder=str(index_dir.resolve()),
            texts=[document.text for document in corpus],
            doc_max_len=rule.doc_max_len,
            query_max_len=rule.query_max_len,
        )

    def open(self, corpus: Corpus, index_dir: Path) -> None:
        """Let RAGatouille load what it wrote."""
        self._corpus = corpus
        self._worker.ask("open", folder=str(index_dir.resolve()), query_max_len=self._encoder.rule.query_max_len)

    def search(self, queries: Sequence[Query], k: int) -> Iterator[RankedList]:
        """The best documents RAGatouille finds for each query's text."""
        found = [self._search(query, k) for query in queries]
        if self._agreement and queries:
            self._note = self._agreement_with_exact(queries, found, k)
        yield from found

    def _search(self, query: Query, k: int) -> RankedList:
        doc_ids = self._corpus.doc_ids
        passages = self._worker.ask("search", text=query.text, k=min(k + _MARGIN, len(doc_ids)))
        return RankedList(query.query_id, [score for _, score in passages], [doc_ids[number] for number, _ in passages])

    def _agreement_with_exact(self, queries: Sequence[Query], found: Sequence[RankedList], k: int) -> str:
        texts = [Query(query.query_id, query.text) for query in queries]
        with TemporaryDirectory() as folder:
            self._exact.index(self._corpus, Path(folder))
            exact = list(self._exact.search(texts, k))
        cutoffs = [cutoff for cutoff in _CUTOFFS if cutoff <= k] or [k]
        shares = [f"{overlap(found, exact, cutoff):.4f} of the {cutoff} best" for cutoff in cutoffs]
        return f"PLAID finds {' and '.join(shares)} of exact MaxSim over the same checkpoint."

    def _check_format(self) -> None:
        if not self._encoder.rule.projects:  # colbert-ai would draw the projection it lacks at random
            raise UserError(
                f"{STAGE}: {self._encoder.files.model} is no checkpoint in ColBERT's format (it has no "
                "artifact.metadata); late-interaction takes plain encoders."
            )

    def _checkpoint(self) -> str:
        """A folder that RAGatouille loads, at the commit that is described."""
        files = self._encoder.files
        if files.folder is not None:
            return str(files.folder.resolve())
        from huggingface_hub import snapshot_download

        with files.loading(STAGE):
            return snapshot_download(files.model, revision=files.revision)

    @cached_property
    def _interpreter(self) -> str:
        found = interpreter(self._python)
        if not found:
            wanted = f"{self._python} is no program here" if self._python else "RAGatouille is not installed"
            raise UserError(f"{STAGE}: {wanted}; {REMEDY}.")
        return found

    @cached_property
    def _worker(self) -> Worker:
        return Worker(self._interpreter)


def overlap(found: Sequence[RankedList], exact: Sequence[RankedList], cutoff: int) -> float:
    """The share of the exact `cutoff` best that were found among as many, as a mean over queries."""
    shares = []
    for some, all_of_them in zip(found, exact, strict=True):
        best = {doc_id for doc_id, _ in canonical_order(all_of_them, cutoff)}
        shares.append(len(best & {doc_id for doc_id, _ in canonical_order(some, cutoff)}) / len(best))
    return sum(shares) / len(shares)
