"""Explain a query of a run, or of one run against another; list the queries on which it is worst."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from bench_core.errors import BenchError, UserError
from bench_core.plugins.arguments import did_you_mean
from bench_core.results.explanation import Explanation, Section, Sentences
from bench_core.results.scores import ItemScores
from bench_core.results.tables import Cell, Column, Table
from bench_core.runs.stored import read_stored
from retrieval_bench.datasets.dataset import Dataset
from retrieval_bench.pipeline.generate import read_generated
from retrieval_bench.query_generators.base import GeneratedQuery
from retrieval_bench.scoring.measures import Measure
from retrieval_bench.scoring.scored_runs import RUN_FILE, read_canonical_run
from retrieval_bench.types import Run

TOP = 10
"""Documents that are shown of a ranking, and among which gained and lost ones are looked for."""
_MOST_RELEVANT = 50
"""Relevant documents that are listed."""
_MOST_CHARACTERS = 500
"""Of a document's text."""


@dataclass(frozen=True)
class StoredRun:
    """A run with its scores, read from its folder."""

    scores: ItemScores

    @property
    def system(self) -> str:
        """What tables call it."""
        return self.scores.system

    @cached_property
    def rankings(self) -> Run:
        """By query the documents with their scores, best first.

        Raises:
            BenchError: the file is gone.
        """
        path = self.scores.kept_in / RUN_FILE
        if not path.is_file():
            raise BenchError(f"{path} is gone; run the system again.")
        return read_canonical_run(path)

    def generated(self, query_id: str) -> GeneratedQuery | None:
        """What was searched with for a query: the run's own text, or that of a run that it was made of."""
        return next((found for found in self._generated(query_id)), None)

    def _generated(self, query_id: str) -> Iterator[GeneratedQuery]:
        seen, waiting = set(), [self.scores.kept_in]
        while waiting:
            folder = waiting.pop(0)
            if folder in seen or not folder.is_dir():
                continue
            seen.add(folder)
            texts = read_generated(folder)
            if query_id in texts:
                yield texts[query_id]
            waiting += [folder.parent / name for name in sorted(read_stored(folder, verified=False).made_of)]

    def value(self, measure: Measure, query_id: str) -> float | None:
        """A stored figure of a query; None where the measure does not apply to it.

        Raises:
            UserError: the measure was not computed for this run, or the query is not judged.
        """
        by_query = self.scores.values.get(str(measure))
        if by_query is None:
            known = ", ".join(self.scores.values)
            raise UserError(f"{measure} is not stored for {self.system}, which has {known}; run it with -m {measure}.")
        return by_query.get(query_id)


class RetrievalExplainer:
    """Explains queries of one run, or of one against another.

    Args:
        first: the run that is explained.
        second: what it is held against.
        top: documents among which gained and lost ones are looked for.
    """

    def __init__(self, dataset: Dataset, first: StoredRun, second: StoredRun | None = None, top: int = TOP) -> None:
        self._dataset, self._first, self._second, self._top = dataset, first, second, top
        self._runs = [first] if second is None else [first, second]

    def explanation(self, query_id: str) -> Explanation:
        """What the runs found for a query.

        Raises:
            UserError: the dataset has no such query.
        """
        texts = self._query_texts
        if query_id not in texts:
            meant = did_you_mean(query_id, list(texts))
            raise UserError(f"{self._dataset.card.dataset_id} has no query {query_id!r}{meant}.")
        sections = [
            Section("query", f"Query {query_id}", Sentences([texts[query_id]])),
            *self._generated_sections(query_id),
            Section("summary", "What was found", Sentences(list(self._summary(query_id)))),
            Section("figures", "Figures of this query", self._figures(query_id)),
            Section("relevant", "Relevant documents", self._relevant(query_id)),
            *(self._top_section(run, letter, query_id) for run, letter in zip(self._runs, "ab", strict=False)),
        ]
        against = f" against {self._second.system}" if self._second is not None else ""
        title = f"{query_id} of {self._dataset.card.dataset_id}: {self._first.system}{against}"
        return Explanation(title, sections)

    def worst(self, n: int, measure: Measure) -> Table:
        """The queries with the lowest score, or with the largest loss against the other run."""
        rows: list[list[Cell]] = []
        for query_id in self._first.scores.values.get(str(measure), {}) or self._judged():
            values = [run.value(measure, query_id) for run in self._runs]
            if any(value is None for value in values):
                continue
            found = [value for value in values if value is not None]
            difference = [found[0] - found[1]] if len(found) == 2 else []
            n_relevant = len(self._relevances(query_id))
            n_top = len(self._relevant_in_top(self._first, query_id))
            rows.append([query_id, *found, *difference, n_top, n_relevant, self._query_texts.get(query_id, "")])
        place = 1 if self._second is None else 3  # of the figure, or of the gain
        rows.sort(key=lambda row: (float(str(row[place])), str(row[0])))
        header = measure.header
        columns = [
            Column("query_id", "query", priority=1, least=30),
            Column("first", header if self._second is None else f"{header} of {self._first.system}", priority=1),
            *(
                (Column("second", f"of {self._second.system}", priority=1), Column("difference", "gain", priority=1))
                if self._second is not None
                else ()
            ),
            Column("n_relevant_in_top", f"relevant in the first {self._top}", priority=1),
            Column("n_relevant", "relevant", priority=1),
            Column("text", "text", priority=2),
        ]
        against = f" against {self._second.system}" if self._second is not None else ""
        title = f"The {min(n, len(rows))} worst of {len(rows)} queries: {self._first.system}{against}"
        other = f" -r '{self._second.system}'" if self._second is not None else ""
        notes = (
            [f"Each in full: retrieval-bench explain {rows[0][0]} -r '{self._first.system}'{other}."] if rows else []
        )
        return Table(f"{title} on {self._dataset.card.dataset_id}", columns, rows[:n], notes)

    @cached_property
    def _query_texts(self) -> dict[str, str]:
        return {query.query_id: query.text for query in self._dataset.queries}

    @cached_property
    def _document_texts(self) -> dict[str, str]:
        return {document.doc_id: document.text for document in self._dataset.corpus}

    def _judged(self) -> Sequence[str]:
        return list(self._dataset.qrels)

    def _relevances(self, query_id: str) -> dict[str, int]:
        """The relevant documents of a query, best first."""
        judged = self._dataset.qrels.get(query_id, {})
        level = self._dataset.card.relevance_level
        relevant = {doc_id: relevance for doc_id, relevance in judged.items() if relevance >= level}
        return dict(sorted(relevant.items(), key=lambda item: (-item[1], item[0])))

    def _relevant_in_top(self, run: StoredRun, query_id: str) -> list[str]:
        relevant = self._relevances(query_id)
        return [doc_id for doc_id, _ in run.rankings.get(query_id, ())[: self._top] if doc_id in relevant]

    def _generated_sections(self, query_id: str) -> Iterator[Section]:
        for run, letter in zip(self._runs, "ab", strict=False):
            written = run.generated(query_id)
            if written is not None:
                rule = written.combination
                combined = f"Combined with the query by {rule.lexical} for words, {rule.dense} for vectors."
                title = f"Text that {run.system} generated for it"
                yield Section(f"generated_{letter}", title, Sentences([written.text, combined]))

    def _summary(self, query_id: str) -> Iterator[str]:
        relevant = self._relevances(query_id)
        if query_id not in self._dataset.qrels:
            yield "The query has no judgments: it counts nowhere."
            return
        for run in self._runs:
            top = self._relevant_in_top(run, query_id)
            n_found = sum(doc_id in relevant for doc_id, _ in run.rankings.get(query_id, ()))
            n_ranked = len(run.rankings.get(query_id, ()))
            yield (
                f"{run.system}: {len(top)} of {len(relevant)} relevant documents in the first {self._top}, {n_found} "
                f"among the {n_ranked} that were kept."
            )
            yield from self._unjudged(run, query_id)
        if self._second is not None:
            one, other = (self._relevant_in_top(run, query_id) for run in self._runs)
            for verb, found in (
                ("gained", [doc_id for doc_id in one if doc_id not in other]),
                ("lost", [doc_id for doc_id in other if doc_id not in one]),
            ):
                said = ", ".join(found) or "none"
                yield f"{self._first.system} {verb} in the first {self._top}: {said}."

    def _unjudged(self, run: StoredRun, query_id: str) -> Iterator[str]:
        judged = self._dataset.qrels.get(query_id, {})
        found = [doc_id for doc_id, _ in run.rankings.get(query_id, ())[:TOP] if doc_id not in judged]
        if found:
            yield f"{run.system}: {len(found)} of the first {TOP} have no judgment and count as not relevant: " + (
                f"{', '.join(found)}."
            )

    def _figures(self, query_id: str) -> Table:
        rows: list[list[Cell]] = []
        for name in self._first.scores.values:
            measure = Measure.parse(name)
            stored = [run for run in self._runs if name in run.scores.values]
            if len(stored) < len(self._runs):
                continue
            values: list[Cell] = [run.value(measure, query_id) for run in self._runs]
            if all(value is None for value in values):
                continue
            gain: list[Cell] = []
            if len(values) == 2:
                one, other = values
                gain = [one - other if isinstance(one, float) and isinstance(other, float) else None]
            rows.append([measure.header, *values, *gain])
        columns = [Column("measure", "measure", priority=1), Column("a", self._first.system, priority=1)]
        if self._second is not None:
            columns += [Column("b", self._second.system, priority=1), Column("gain", "gain", priority=1)]
        return Table("", columns, rows)

    def _relevant(self, query_id: str) -> Table:
        relevant = self._relevances(query_id)
        places = [_places(run, query_id) for run in self._runs]
        order = sorted(relevant, key=lambda doc_id: (places[0].get(doc_id, 10**9), -relevant[doc_id], doc_id))
        rows: list[list[Cell]] = [
            [*(found.get(doc_id) for found in places), doc_id, relevant[doc_id], self._text(doc_id)]
            for doc_id in order[:_MOST_RELEVANT]
        ]
        columns = [
            *(
                Column(f"rank_{letter}", "rank" if len(places) == 1 else f"rank in {run.system}", priority=1)
                for run, letter in zip(self._runs, "ab", strict=False)
            ),
            Column("doc_id", "document", priority=1),
            Column("relevance", "relevance", priority=1),
            Column("text", "text", priority=1),
        ]
        more = len(relevant) - _MOST_RELEVANT
        notes = [f"{more} more relevant documents are not listed."] if more > 0 else []
        return Table("", columns, rows, notes)

    def _top_section(self, run: StoredRun, letter: str, query_id: str) -> Section:
        judged = self._dataset.qrels.get(query_id, {})
        rows: list[list[Cell]] = [
            [rank, doc_id, score, _relevance(judged, doc_id), self._text(doc_id)]
            for rank, (doc_id, score) in enumerate(run.rankings.get(query_id, ())[: self._top], start=1)
        ]
        columns = [
            Column("rank", "rank", priority=1),
            Column("doc_id", "document", priority=1),
            Column("score", "score", priority=2),
            Column("relevance", "relevance", priority=1),
            Column("text", "text", priority=1),
        ]
        notes = [] if rows else ["Nothing was found for this query."]
        return Section(f"top_{letter}", f"The first {self._top} of {run.system}", Table("", columns, rows, notes))

    def _text(self, doc_id: str) -> str:
        text = " ".join(self._document_texts.get(doc_id, "").split())
        return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}…"


def _places(run: StoredRun, query_id: str) -> dict[str, int]:
    return {doc_id: rank for rank, (doc_id, _) in enumerate(run.rankings.get(query_id, ()), start=1)}


def _relevance(judged: Mapping[str, int], doc_id: str) -> str:
    return str(judged[doc_id]) if doc_id in judged else "unjudged"
