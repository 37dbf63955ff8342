"""A retrieval dataset: corpus, queries and judgments, each read when first asked for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal, Protocol

from bench_core.errors import BadFile, UserError
from bench_core.identity import Json, content_hash
from bench_core.jsonl import first_line_with
from bench_core.plugins.dataset_names import load_named
from bench_core.plugins.protocols import Contract
from bench_core.plugins.registry import Family
from bench_core.plugins.returns import Returned, kind_of, several
from bench_core.plugins.stage import PluginBase
from retrieval_bench.datasets.card import DatasetCard
from retrieval_bench.datasets.contents import problem_of_documents, problem_of_qrels, problem_of_queries
from retrieval_bench.datasets.records import CorpusFile
from retrieval_bench.rankings.trec import check_known
from retrieval_bench.types import Corpus, Document, Excluded, Qrels, Query

UnknownIds = Literal["refuse", "keep"]
"""What to do with judged documents that the corpus does not hold: refuse, or keep them (never found) and count them."""


def _nothing_excluded() -> Excluded:
    return {}


@dataclass(frozen=True)
class Dataset:
    """A card and the readers of its parts.

    Attributes:
        place: where the judgments stand, for messages.
        read_excluded: query_id -> documents that no ranking of the query may hold.
        remarks: what a reader of its numbers should know of how its parts were found; whole sentences.
    """

    card: DatasetCard
    read_corpus: Callable[[], CorpusFile]
    read_queries: Callable[[], Sequence[Query]]
    read_qrels: Callable[[], Qrels]
    place: Path
    unknown_ids: UnknownIds = "refuse"
    read_excluded: Callable[[], Excluded] = _nothing_excluded
    remarks: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        card: DatasetCard,
        documents: Iterable[Document],
        queries: Iterable[Query],
        qrels: Qrels,
        unknown_ids: UnknownIds = "refuse",
    ) -> Dataset:
        """A dataset of values that are there already, for sources of a user's own.

        Raises:
            UserError: the card is no DatasetCard, or documents or queries are no several ones.
        """
        if not isinstance(card, DatasetCard):
            raise UserError(f"The card of a dataset is {kind_of(card)}; give DatasetCard(dataset_id, summary).")
        for name, values in (("documents", documents), ("queries", queries)):
            if isinstance(values, str | Mapping) or not isinstance(values, Iterable):
                raise UserError(f"{card.dataset_id}: {name} is {kind_of(values)}; give a list.")
        corpus, asked = Corpus(list(documents)), list(queries)
        return cls(
            card, lambda: CorpusFile(corpus, 0), lambda: asked, lambda: qrels, Path(card.dataset_id), unknown_ids
        )

    @cached_property
    def _corpus_file(self) -> CorpusFile:
        return self.read_corpus()

    @property
    def corpus(self) -> Corpus:
        """The documents, each doc_id once."""
        return self._corpus_file.corpus

    @cached_property
    def queries(self) -> Sequence[Query]:
        """The queries in file order."""
        return self.read_queries()

    @cached_property
    def qrels(self) -> Qrels:
        """The judgments; every judged query is known.

        Raises:
            BadFile: a judged query that is not among the queries.
        """
        qrels = self.read_qrels()
        check_known(qrels, (query.query_id for query in self.queries), self.place)
        return qrels

    @cached_property
    def excluded(self) -> Excluded:
        """query_id -> documents that are left out of its rankings, whatever made them (docs/rules/ordering.md O9)."""
        listed = {query_id: frozenset(doc_ids) for query_id, doc_ids in self.read_excluded().items() if doc_ids}
        if self.card.identical_ids != "drop":
            return listed
        return {
            query.query_id: listed.get(query.query_id, frozenset()) | {query.query_id} for query in self.queries
        } | {query_id: doc_ids | {query_id} for query_id, doc_ids in listed.items()}

    def check(self) -> None:
        """Refuse judgments of documents that do not exist, unless the user said to keep them.

        Raises:
            BadFile: names the first unknown document.
        """
        unknown = self.unknown_documents()
        if unknown and self.unknown_ids == "refuse":
            remedy = "mend the file" if self.place.is_file() else "mend the judgments"
            if "unknown_ids" in self.card.options:
                remedy += ", or count them as never found with ,unknown_ids=keep behind the dataset"
            elif not self.place.is_file():  # a dataset of values, made by a class
                remedy += ", or count them as never found with unknown_ids='keep' in Dataset.of"
            raise BadFile(
                self.place,
                f"{len(unknown)} judged documents are not in the corpus, the first is {unknown[0]}; {remedy}",
                first_line_with(self.place, unknown[0]),
            )

    def unknown_documents(self) -> list[str]:
        """Judged documents that the corpus does not hold, sorted."""
        known = set(self.corpus.doc_ids)
        return sorted({doc_id for judged in self.qrels.values() for doc_id in judged if doc_id not in known})

    @cached_property
    def identity(self) -> dict[str, Json]:
        """What a run depends on: id, revision, hashes of documents and queries. Judgments are not part of it."""
        identity: dict[str, Json] = {
            "dataset_id": self.card.dataset_id,
            "revision": self.card.revision,
            "corpus_sha256": self.corpus.sha256,
            "queries_sha256": content_hash(text for query in self.queries for text in _texts(query)),
        }
        if self.excluded:
            identity["excluded_sha256"] = content_hash(
                text for query_id in sorted(self.excluded) for text in (query_id, *sorted(self.excluded[query_id]), "")
            )
        return identity

    def with_queries(self, queries: Sequence[Query]) -> Dataset:
        """The same documents and judgments, searched with other words."""
        corpus_file = self._corpus_file
        return replace(self, read_corpus=lambda: corpus_file, read_queries=lambda: queries)

    @cached_property
    def qrels_sha256(self) -> str:
        """A hash of the judgments, in any order: scores made from other judgments are made again.

        Of other judgments, too, are those of which another relevance counts as relevant.
        """
        level = self.card.relevance_level
        return content_hash(
            [
                *(
                    text
                    for query_id, judged in sorted(self.qrels.items())
                    for doc_id, relevance in sorted(judged.items())
                    for text in (query_id, doc_id, str(relevance))
                ),
                *([f"relevant from {level}"] if level != 1 else []),
            ]
        )

    def notes(self) -> list[str]:
        """What a reader of its numbers should know: files chosen, repeated ids, judged documents that are not there."""
        notes = list(self.remarks)
        if self.card.relevance_level != 1:
            notes.append(
                f"{self.card.dataset_id}: documents judged {self.card.relevance_level} or more count as relevant."
            )
        if self._corpus_file.n_duplicates:
            notes.append(f"{self.card.dataset_id}: {self._corpus_file.n_duplicates} repeated doc_ids left out.")
        unknown = self.unknown_documents()
        if unknown:
            notes.append(f"{self.card.dataset_id}: {len(unknown)} judged documents are not in the corpus.")
        n_relevant = sum(
            self.qrels.get(query_id, {}).get(doc_id, 0) >= self.card.relevance_level
            for query_id, doc_ids in self.excluded.items()
            for doc_id in doc_ids
        )
        if n_relevant:
            notes.append(f"{self.card.dataset_id}: {n_relevant} relevant documents are excluded for their query.")
        return notes


def _texts(query: Query) -> tuple[str, ...]:
    """All of a query that a search depends on."""
    parts = (text for part in query.parts for text in (part.text, part.role, repr(part.weight)))
    return (query.query_id, query.text, *parts)


class DatasetSource(Protocol):
    """Where datasets of one kind come from; its constructor takes the options behind a dataset's name."""

    def cards(self) -> Sequence[DatasetCard]:
        """The datasets that can be named without further knowledge."""

    def load(self, name: str) -> Dataset:
        """The dataset of a name (what stands behind `demo/` or `dir:`)."""


class DatasetSourceBase(PluginBase, ABC):
    """Base of dataset sources: write `load`, and `cards` where datasets can be named without further knowledge."""

    def cards(self) -> Sequence[DatasetCard]:
        """None: datasets are named by the user."""
        return ()

    @abstractmethod
    def load(self, name: str) -> Dataset:
        """See `DatasetSource`."""


def loaded(found: Returned) -> Dataset:
    """The check of `load`: a dataset, whose parts are checked when they are read."""
    dataset = found.value
    if not isinstance(dataset, Dataset):
        raise found.unfit(f"returned {kind_of(dataset)}; return Dataset.of(card, documents, queries, qrels)")
    if not isinstance(dataset.card, DatasetCard):
        raise found.unfit(
            f"gave a dataset whose card is {kind_of(dataset.card)}; give DatasetCard(dataset_id, summary)"
        )

    def refuse(problem: str) -> None:
        if problem:
            raise found.unfit(f"gave a dataset, {dataset.card.dataset_id}, that {problem}")

    def corpus() -> CorpusFile:
        read = dataset.read_corpus()
        if not isinstance(read, CorpusFile):
            raise found.unfit(f"gave a dataset whose read_corpus returned {kind_of(read)}; return one CorpusFile")
        several(Document)(replace(found, value=read.corpus.documents, where=f"{found.where}: its read_corpus"))
        refuse(problem_of_documents(read.corpus.documents))
        return read

    def queries() -> Sequence[Query]:
        read = replace(found, value=dataset.read_queries(), where=f"{found.where}: its read_queries")
        asked: Sequence[Query] = several(Query)(read)
        refuse(problem_of_queries(asked))
        return asked

    def qrels() -> Qrels:
        read = dataset.read_qrels()
        if not isinstance(read, Mapping):
            raise found.unfit(
                f"gave a dataset whose read_qrels returned {kind_of(read)}; return a mapping query_id -> doc_id -> "
                "relevance"
            )
        refuse(problem_of_qrels(read))
        return read

    # Where judgments stand in no file, messages about them name the class that gave them.
    place = dataset.place if dataset.place.exists() else Path(f"{found.where}: {dataset.card.dataset_id}")
    return replace(dataset, read_corpus=corpus, read_queries=queries, read_qrels=qrels, place=place)


SOURCES = Family(
    kind="dataset source",
    builtins={
        "demo": "retrieval_bench.datasets.embedded:DemoDatasets",
        "dir": "retrieval_bench.datasets.folder:FolderDatasets",
        "r2med": "retrieval_bench.datasets.r2med:R2medDatasets",
    },
    group="retrieval_bench.datasets",
    used="retrieval-bench run -d {}/NAME",
    contract=Contract(
        protocol=DatasetSource,
        base=DatasetSourceBase,
        returns={"cards": several(DatasetCard), "load": loaded},
        tests="retrieval_bench.testing:DatasetSourceContract",
    ),
)


def load_dataset(text: str) -> Dataset:
    """The dataset a user names: `demo/evidence`, `dir:PATH`, either with `,option=value` behind it.

    Raises:
        UserError: no such source or dataset.
    """
    dataset: Dataset = load_named(SOURCES, text)
    return dataset
