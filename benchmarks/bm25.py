"""BM25 against bm25s, tantivy and Pyserini: raw text to run file, and index and search on the same tokens.

Real documents are taken where they are, whole and once each; else words are drawn whose number grows as in real text.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import click
from measure import ratio_table, seconds_in_turns
from texts import Texts, collections_beside, drawn_texts, real_texts

from retrieval_bench.analysis.lucene_english import LuceneEnglishAnalyzer
from retrieval_bench.analysis.lucene_runtime import start_lucene
from retrieval_bench.pipeline.search import search_all
from retrieval_bench.rankings.trec import run_bytes
from retrieval_bench.retrievers.bm25 import Bm25
from retrieval_bench.types import Corpus, Document, Query, RankedList, Run

K1, B = 0.9, 0.4
Candidates = dict[str, Callable[[], object]]


@dataclass(frozen=True)
class Task:
    """What every candidate does: search these documents with these queries, k deep."""

    corpus: Corpus
    queries: Sequence[Query]
    k: int


@dataclass(frozen=True)
class Tokens:
    """What the analyzer makes of a task's documents and queries."""

    documents: list[list[str]]
    queries: list[list[str]]

    @classmethod
    def of(cls, task: Task) -> Tokens:
        tokens = LuceneEnglishAnalyzer().tokens
        return cls([tokens(document.text) for document in task.corpus], [tokens(query.text) for query in task.queries])


def ours(task: Task) -> None:
    """From raw text to the bytes of a run file."""
    with tempfile.TemporaryDirectory() as folder:
        retriever = Bm25()
        retriever.index(task.corpus, Path(folder))
        run_bytes(search_all(retriever, task.corpus, task.queries, task.k), "bm25")


def bm25s_whole(task: Task, backend: str) -> None:
    """The same with bm25s and its own tokenizer (stop words `en`, Snowball stemmer), and our run writer."""
    import bm25s
    import Stemmer

    stemmer = Stemmer.Stemmer("english")
    texts = [document.text for document in task.corpus]
    retriever = bm25s.BM25(k1=K1, b=B, method="lucene", backend=backend)
    retriever.index(bm25s.tokenize(texts, stopwords="en", stemmer=stemmer, show_progress=False), show_progress=False)
    tokens = bm25s.tokenize(
        [query.text for query in task.queries], stopwords="en", stemmer=stemmer, show_progress=False
    )
    _write_bm25s_run(task, *retriever.retrieve(tokens, k=min(task.k, len(texts)), show_progress=False))


def _write_bm25s_run(task: Task, rows: Sequence[Sequence[int]], scores: Sequence[Sequence[float]]) -> None:
    doc_ids = task.corpus.doc_ids
    run = {
        query.query_id: [(doc_ids[row], float(score)) for row, score in zip(found, values, strict=True)]
        for query, found, values in zip(task.queries, rows, scores, strict=True)
    }
    run_bytes(run, "bm25s")


def tantivy_whole(task: Task) -> None:
    """The same with tantivy, its tokenizer `en_stem`, as many threads as it takes by itself, and our run writer."""
    import tantivy

    schema = tantivy.SchemaBuilder()
    schema.add_text_field("id", stored=True, tokenizer_name="raw", index_option="basic")
    schema.add_text_field("text", tokenizer_name="en_stem", index_option="freq")
    index = tantivy.Index(schema.build())
    writer = index.writer()
    for document in task.corpus:
        writer.add_document(tantivy.Document(id=document.doc_id, text=document.text))
    writer.commit()
    writer.wait_merging_threads()
    index.reload()
    searcher, run = index.searcher(), {}
    for query in task.queries:
        parsed, _ = index.parse_query_lenient(query.text, ["text"])
        hits = searcher.search(parsed, task.k, count=False).hits
        run[query.query_id] = [(searcher.doc(address)["id"][0], score) for score, address in hits]
    run_bytes(run, "tantivy")


def index_candidates(task: Task, tokens: Tokens) -> Candidates:
    """Indexing texts whose tokens are the analyzer's already."""
    tokenised = _joined(task, tokens)
    candidates: Candidates = {"ours": lambda: _our_index(tokenised)}
    if find_spec("bm25s"):
        candidates["bm25s"] = lambda: _bm25s_index(tokens.documents, "numpy")
    if find_spec("tantivy"):
        candidates["tantivy"] = lambda: _tantivy_index(tokenised)
    return candidates


def search_candidates(task: Task, tokens: Tokens) -> Candidates:
    """Searching what `index_candidates` made, with the same query tokens."""
    tokenised = _joined(task, tokens)
    retriever = _our_index(tokenised)
    queries = _joined_queries(task, tokens)
    candidates: Candidates = {"ours": lambda: _consume(retriever.search(queries, task.k))}
    if find_spec("bm25s"):
        for backend in _bm25s_backends():
            made = _bm25s_index(tokens.documents, backend)
            candidates[f"bm25s {backend}"] = lambda made=made: made.retrieve(  # type: ignore[misc]
                tokens.queries, k=task.k, show_progress=False
            )
    if find_spec("tantivy"):
        made_by_tantivy = _tantivy_index(tokenised)
        candidates["tantivy"] = lambda: _tantivy_search(made_by_tantivy, tokens.queries, task.k)
    return candidates


class _WhitespaceTokens(LuceneEnglishAnalyzer):
    """The tokens as they stand: splitting is all that is left to do."""

    def terms_of_chunks(self, some: Sequence[str]) -> list[Sequence[str]]:
        return [(chunk,) for chunk in some]


def _joined(task: Task, tokens: Tokens) -> Corpus:
    pairs = zip(task.corpus, tokens.documents, strict=True)
    return Corpus([Document(document.doc_id, " ".join(words)) for document, words in pairs])


def _joined_queries(task: Task, tokens: Tokens) -> list[Query]:
    return [Query(query.query_id, " ".join(words)) for query, words in zip(task.queries, tokens.queries, strict=True)]


def _bm25s_backends() -> list[str]:
    return ["numpy", *(["numba"] if find_spec("numba") else [])]


def _our_index(corpus: Corpus) -> Bm25:
    retriever = Bm25()
    retriever._engine.analyzer = _WhitespaceTokens()
    with tempfile.TemporaryDirectory() as folder:
        retriever.index(corpus, Path(folder))
    return retriever


def _bm25s_index(tokens: list[list[str]], backend: str):  # type: ignore[no-untyped-def]
    import bm25s

    retriever = bm25s.BM25(k1=K1, b=B, method="lucene", backend=backend)
    retriever.index(tokens, show_progress=False)
    return retriever


def _tantivy_index(corpus: Corpus):  # type: ignore[no-untyped-def]
    import tantivy

    schema = tantivy.SchemaBuilder().add_text_field("text", tokenizer_name="whitespace").build()
    index = tantivy.Index(schema)
    writer = index.writer(heap_size=200_000_000, num_threads=1)
    for document in corpus:
        writer.add_document(tantivy.Document(text=document.text))
    writer.commit()
    writer.wait_merging_threads()
    index.reload()
    return index


def _tantivy_search(index, query_tokens: list[list[str]], k: int) -> None:  # type: ignore[no-untyped-def]
    import tantivy

    searcher = index.searcher()
    for words in query_tokens:
        terms = [
            (tantivy.Occur.Should, tantivy.Query.term_query(index.schema, "text", word, index_option="freq"))
            for word in words
        ]
        searcher.search(tantivy.Query.boolean_query(terms), k)


def _pyserini_index(corpus: Corpus, pretokenized: bool = True):  # type: ignore[no-untyped-def]
    """Pyserini's own searcher over its own index, one thread for either, as all the others have."""
    from pyserini.index.lucene import LuceneIndexer
    from pyserini.pyclass import autoclass
    from pyserini.search.lucene import LuceneSearcher

    folder = tempfile.mkdtemp()
    indexer = LuceneIndexer(args=["-index", folder, *(["-pretokenized"] if pretokenized else [])], threads=1)
    indexer.add_batch_raw([json.dumps({"id": document.doc_id, "contents": document.text}) for document in corpus])
    indexer.close()
    searcher = LuceneSearcher(folder)
    searcher.set_bm25(K1, B)
    if pretokenized:
        searcher.set_analyzer(autoclass("org.apache.lucene.analysis.core.WhitespaceAnalyzer")())
    return searcher


def _pyserini_search(searcher, queries: Sequence[Query], k: int) -> Run:  # type: ignore[no-untyped-def]
    found = searcher.batch_search([query.text for query in queries], [query.query_id for query in queries], k, 1)
    return {query_id: [(hit.docid, hit.score) for hit in hits] for query_id, hits in found.items()}


def pyserini_whole(task: Task) -> None:
    """The same with Pyserini and its default analyzer, which is the one we have, and our run writer."""
    run_bytes(_pyserini_search(_pyserini_index(task.corpus, pretokenized=False), task.queries, task.k), "pyserini")


def _consume(lists: Sequence[RankedList]) -> None:
    for _ in lists:
        pass


def whole_candidates(task: Task) -> Candidates:
    """From raw text to run file, each with its own analysis."""
    whole: Candidates = {"ours": lambda: ours(task)}
    if find_spec("bm25s") and find_spec("Stemmer"):
        for backend in _bm25s_backends():
            whole[f"bm25s {backend}"] = lambda backend=backend: bm25s_whole(task, backend)  # type: ignore[misc]
    if find_spec("tantivy"):
        whole["tantivy (en_stem)"] = lambda: tantivy_whole(task)
    return whole


def against_raw_text(task: Task) -> dict[str, Candidates]:
    """The peers that run in Python's own process, from raw text to run file alone."""
    return {"Raw text to run file": whole_candidates(task)}


def against_python(task: Task) -> dict[str, Candidates]:
    """The same, and each step by itself."""
    tokens = Tokens.of(task)
    return {
        **against_raw_text(task),
        "Index, same tokens": index_candidates(task, tokens),
        "Search, same tokens": search_candidates(task, tokens),
    }


def against_lucene(task: Task) -> dict[str, Candidates]:
    """Pyserini alone, by what is measured."""
    tokens = Tokens.of(task)
    tokenised, queries = _joined(task, tokens), _joined_queries(task, tokens)
    start_lucene()
    retriever, lucene = _our_index(tokenised), _pyserini_index(tokenised)
    return {
        "Raw text to run file": {"ours": lambda: ours(task), "pyserini": lambda: pyserini_whole(task)},
        "Index, same tokens": {
            "ours": lambda: _our_index(tokenised),
            "pyserini": lambda: _pyserini_index(tokenised),
        },
        "Search, same tokens": {
            "ours": lambda: _consume(retriever.search(queries, task.k)),
            "pyserini": lambda: _pyserini_search(lucene, queries, task.k),
        },
    }


@click.command()
@click.option(
    "--collection",
    "folders",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    multiple=True,
    help="Folders with corpus.jsonl and queries.jsonl, taken whole; by default those of ../shared/data/retrieval.",
)
@click.option("--documents", "sizes", type=int, multiple=True, help="Draw so many documents instead.")
@click.option("--queries", "n_queries", default=1000, show_default=True)
@click.option("-k", "k", default=100, show_default=True)
@click.option("--runs", "n_runs", default=5, show_default=True)
@click.option("--whole-only", is_flag=True, help="Raw text to run file alone, without Pyserini.")
def main(
    folders: Sequence[Path], sizes: Sequence[int], n_queries: int, k: int, n_runs: int, whole_only: bool
) -> None:  # fmt: skip
    """Compare BM25 with its peers."""
    missing = [name for name in ("bm25s", "numba", "tantivy", "pyserini") if find_spec(name) is None]
    notes = [f"Not installed here and left out: {', '.join(missing)}."] if missing else []
    found = folders or ([] if sizes else collections_beside())
    all_texts: list[Texts] = [real_texts(found, n_queries)] if found else []
    all_texts += [drawn_texts(n_documents, n_queries) for n_documents in sizes or ([] if found else (20_000, 60_000))]
    # Pyserini comes last: a Java machine, once started, stays in the process, and its threads take part in every race.
    peers = [against_raw_text] if whole_only else [against_python, *([against_lucene] if find_spec("pyserini") else [])]
    for against in peers:
        for texts in all_texts:
            task = Task(texts.corpus, texts.queries, k)
            for what, candidates in against(task).items():
                title = (
                    f"{what}: {texts.name}; {len(task.corpus)} documents ({texts.n_bytes / 1e6:.1f} MB), "
                    f"{len(task.queries)} queries, k = {k}"
                )
                click.echo(ratio_table(title, seconds_in_turns(candidates, n_runs), notes).render("markdown"))


if __name__ == "__main__":
    main()
