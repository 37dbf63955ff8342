"""Gains and losses of generation, query by query, with the cost of a gained point."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench_core.errors import UserError
from bench_core.results.scores import ItemScores
from bench_core.results.tables import Cell, Column, Table
from retrieval_bench.analysis.lucene_english import LuceneEnglishAnalyzer
from retrieval_bench.datasets.dataset import Dataset
from retrieval_bench.pipeline.generate import read_generated
from retrieval_bench.pipeline.run import Workspace, run_system
from retrieval_bench.pipeline.system import Generated, System
from retrieval_bench.query_generators.base import GeneratedQuery
from retrieval_bench.query_generators.combination import LEXICAL
from retrieval_bench.scoring.measures import Measure
from retrieval_bench.scoring.scored_runs import RUN_FILE, read_canonical_run
from retrieval_bench.types import Corpus

_TOP = 10
_TERMS_SHOWN = 5


@dataclass(frozen=True)
class _Written:
    """A generated text, as far as it is needed here."""

    text: str
    lexical: str
    tokens: int
    seconds: float

    @classmethod
    def of(cls, generated: GeneratedQuery) -> _Written:
        tokens = (generated.usage.prompt_tokens or 0) + (generated.usage.completion_tokens or 0)
        return cls(generated.text, generated.combination.lexical, tokens, generated.seconds)


def gains_table(dataset: Dataset, system: System, k: int, workspace: Workspace, measure: Measure) -> Table:
    """One row a query: the measure without and with generation, the terms and relevant documents it brought or lost.

    Raises:
        UserError: the system generates nothing.
    """
    if not isinstance(system, Generated):
        raise UserError(f"{system.label} generates nothing; name a generator first, as in 'hyde > bm25'.")
    plain = run_system(dataset, system.over, k, workspace, [measure])
    generated = run_system(dataset, system, k, workspace, [measure])
    written = {query_id: _Written.of(text) for query_id, text in read_generated(generated.kept_in).items()}
    before, after = (_top(run.kept_in) for run in (plain, generated))
    terms = _Terms(dataset.corpus)
    rows: list[list[Cell]] = []
    for query in dataset.queries:
        if query.query_id not in dataset.qrels:
            continue
        was, became = (_value(run, measure, query.query_id) for run in (plain, generated))
        relevant = {doc_id for doc_id, relevance in dataset.qrels[query.query_id].items() if relevance > 0}
        had, has = (set(top.get(query.query_id, ())) & relevant for top in (before, after))
        text = written.get(query.query_id, _Written("", "query", 0, 0.0))
        searched = LEXICAL[text.lexical](query.text, text.text) if text.text else ""
        rows.append(
            [
                query.query_id,
                was,
                became,
                became - was,
                ", ".join(terms.brought(query.text, searched, relevant)),
                ", ".join(sorted(has - had)),
                ", ".join(sorted(had - has)),
                text.tokens,
                text.seconds,
            ]
        )
    columns = [
        Column("query_id", "query", priority=1),
        Column("without", f"{measure.header} without", priority=1),
        Column("with", "with", priority=1),
        Column("gain", "gain", priority=1),
        Column("terms", "terms shared with relevant documents"),
        Column("found", f"relevant, new in the first {_TOP}"),
        Column("lost", "lost"),
        Column("tokens", "tokens"),
        Column("seconds", "seconds"),
    ]
    notes = _summary(plain, generated, measure, list(written.values()), rows)
    return Table(f"{system.label} against {system.over.label} on {dataset.card.dataset_id}", columns, rows, notes)


def _summary(
    plain: ItemScores, generated: ItemScores, measure: Measure, written: Sequence[_Written], rows: Sequence[list[Cell]]
) -> list[str]:
    was, became = (run.figures[str(measure)].mean or 0.0 for run in (plain, generated))
    gains = [float(str(row[3])) for row in rows]
    notes = [
        f"{measure.header} {was:.4f} without, {became:.4f} with generation; {sum(gain > 0 for gain in gains)} queries "
        f"gained, {sum(gain < 0 for gain in gains)} lost."
    ]
    points = 100 * (became - was)
    tokens, seconds = sum(item.tokens for item in written), sum(item.seconds for item in written)
    if points > 0 and tokens:
        notes.append(
            f"A point of {measure.header} (0.01) has cost {tokens / points:.0f} tokens and {seconds / points:.1f} "
            "seconds of the model."
        )
    elif not tokens:
        notes.append("The texts were replayed: what they cost is not known.")
    return notes


def _value(run: ItemScores, measure: Measure, query_id: str) -> float:
    return run.values[str(measure)][query_id] or 0.0


def _top(folder: Path) -> dict[str, list[str]]:
    run = read_canonical_run(folder / RUN_FILE)
    return {query_id: [doc_id for doc_id, _ in ranking[:_TOP]] for query_id, ranking in run.items()}


class _Terms:
    """The terms of a corpus, by Lucene's English analysis."""

    def __init__(self, corpus: Corpus) -> None:
        self._analyzer = LuceneEnglishAnalyzer()
        self._of_document = {document.doc_id: set(self._analyzer.tokens(document.text)) for document in corpus}
        self._n_with: dict[str, int] = {}
        for terms in self._of_document.values():
            for term in terms:
                self._n_with[term] = self._n_with.get(term, 0) + 1

    def brought(self, query: str, searched: str, relevant: set[str]) -> list[str]:
        """The rarest terms that the query lacks and that what was searched with shares with a relevant document."""
        new = set(self._analyzer.tokens(searched)) - set(self._analyzer.tokens(query))
        shared = new & set().union(*(self._of_document.get(doc_id, set()) for doc_id in relevant))
        return sorted(shared, key=lambda term: (-math.log(len(self._of_document) / self._n_with[term]), term))[
            :_TERMS_SHOWN
        ]
