"""Datasets in a folder of the user's: R2MED's layout, BEIR's, or a corpus with TREC topics and qrels.

| part    | R2MED          | BEIR                          | TREC                                        |
|---------|----------------|-------------------------------|---------------------------------------------|
| corpus  | `corpus.jsonl` | `corpus.jsonl`                | `corpus.jsonl`                              |
| queries | `query.jsonl`  | `queries.jsonl`               | `topics*.tsv` (id, tab, text), `topics*.txt`|
| qrels   | `qrels.jsonl`  | `qrels.tsv`, `qrels/test.tsv` | `qrels*.txt`, `*.qrels`                     |

Each may be gzipped, and the columns may be mixed: the first file found counts. Other judgments in BEIR's folder are
named by `split`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from bench_core.data_use import Access
from bench_core.errors import BadFile, UserError
from bench_core.jsonl import read_lines
from retrieval_bench.datasets.card import DatasetCard
from retrieval_bench.datasets.dataset import Dataset, DatasetSourceBase, UnknownIds
from retrieval_bench.datasets.records import Duplicates, read_corpus, read_qrels_objects, read_queries
from retrieval_bench.rankings.trec import read_qrels
from retrieval_bench.types import Qrels, Query

_CORPUS = ("corpus.jsonl",)
_QUERIES = ("query.jsonl", "queries.jsonl", "topics*.tsv", "topics*.txt")
_QRELS = ("qrels.jsonl", "qrels.tsv", "qrels/test.tsv", "qrels*.tsv", "qrels*.txt", "*.qrels")


class FolderDatasets(DatasetSourceBase):
    """A folder of your own (`dir:PATH`).

    Args:
        duplicates: `refuse` a doc_id that comes twice, or keep the `first` and count the others.
        unknown_ids: `refuse` judged documents that the corpus does not hold, or `keep` them as never found.
        access: `credentialed` for texts that may not leave this machine: stages that would send them are refused.
        split: judgments in `qrels/SPLIT.tsv`, as BEIR has `dev` and `train` beside `test`.
        task: `qa-reference`, `clinical-evidence`, `clinical-case` or `health-records`: words a model's instruction, and
            chooses the prompts of query generators.
        instructions_as: an R2MED set (`r2med/biology`) whose imported instructions and prompts hold for this one.
    """

    def __init__(
        self,
        duplicates: Duplicates = "refuse",
        unknown_ids: UnknownIds = "refuse",
        access: Access = "public",
        split: str = "",
        task: str = "",
        instructions_as: str = "",
    ) -> None:
        self.split, self.task, self.instructions_as = split, task, instructions_as
        self.access: Access = access
        self.duplicates: Duplicates = duplicates
        self.unknown_ids: UnknownIds = unknown_ids

    def load(self, name: str) -> Dataset:
        """The dataset in the folder `name`.

        Raises:
            UserError: there is no such folder.
        """
        folder = Path(name)
        if not folder.is_dir():
            raise UserError(f"{folder}: there is no such folder.")
        name = f"dir/{folder.resolve().name}"
        dataset_id = f"{name}-{self.split}" if self.split else name
        card = DatasetCard(
            dataset_id,
            "a folder of your own",
            access=self.access,
            same_documents_as=name,
            task=self.task,
            instructions_as=self.instructions_as,
            generated_dir=folder / "generated",
        )
        qrels = (f"qrels/{self.split}.tsv",) if self.split else _QRELS
        return dataset_of_folder(folder, card, self.duplicates, self.unknown_ids, qrels)


def dataset_of_folder(
    folder: Path,
    card: DatasetCard,
    duplicates: Duplicates = "refuse",
    unknown_ids: UnknownIds = "refuse",
    qrels: Sequence[str] = _QRELS,
) -> Dataset:
    """A dataset whose parts stand in a folder; a part that is missing is an error when it is read."""
    return Dataset(
        card,
        read_corpus=lambda: read_corpus(_find(folder, "corpus", _CORPUS), duplicates),
        read_queries=lambda: _read_queries(_find(folder, "queries", _QUERIES)),
        read_qrels=lambda: _read_qrels(_find(folder, "qrels", qrels)),
        place=_first(folder, qrels) or folder,
        unknown_ids=unknown_ids,
    )


def _first(folder: Path, patterns: Sequence[str]) -> Path | None:
    for pattern in patterns:
        found = sorted([*folder.glob(pattern), *folder.glob(f"{pattern}.gz")])
        if found:
            return found[0]
    return None


def _find(folder: Path, part: str, patterns: Sequence[str]) -> Path:
    found = _first(folder, patterns)
    if found is None:
        verb = "is" if part == "corpus" else "are"
        raise UserError(f"{folder}: the {part} {verb} missing; expected {' or '.join(patterns)} (or with .gz).")
    return found


def _suffix(path: Path) -> str:
    return path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix


def _read_queries(path: Path) -> list[Query]:
    if _suffix(path) == ".jsonl":
        return read_queries(path)
    return _read_topics_tsv(path) if _suffix(path) == ".tsv" else _read_topics_trec(path)


def _read_qrels(path: Path) -> Qrels:
    return read_qrels_objects(path) if _suffix(path) == ".jsonl" else read_qrels(path)


def _read_topics_tsv(path: Path) -> list[Query]:
    queries: dict[str, Query] = {}
    for number, line in read_lines(path):
        if not line.strip():
            continue
        query_id, separator, text = line.partition("\t")
        if not separator or not query_id:
            raise BadFile(path, "expected a query_id, a tab and the query's text", number)
        _add(queries, Query(query_id, text), path, number)
    return _not_empty(queries, path)


def _read_topics_trec(path: Path) -> list[Query]:
    """TREC's tagged topics; the title is the query, as in ad hoc runs."""
    queries: dict[str, Query] = {}
    query_id, field, title = "", "", []
    for number, line in read_lines(path):
        tag = re.match(r"\s*<(/?\w+)>\s*(.*)", line)
        if tag is None:
            if field == "title":
                title.append(line.strip())
            continue
        field, rest = tag.group(1).lower(), re.sub(r"</\w+>\s*$", "", tag.group(2)).strip()
        if field == "top":
            query_id, title = "", []
        elif field == "num":
            query_id = rest.removeprefix("Number:").strip()
        elif field == "title":
            title.append(rest.removeprefix("Topic:").strip())
        elif field == "/top":
            text = " ".join(part for part in title if part)
            if not query_id or not text:
                raise BadFile(path, "expected <num> and <title> with text before </top>", number)
            _add(queries, Query(query_id, text), path, number)
    return _not_empty(queries, path)


def _add(queries: dict[str, Query], query: Query, path: Path, number: int) -> None:
    if query.query_id in queries:
        raise BadFile(path, f"query_id {query.query_id} stands in an earlier line already; make ids unique", number)
    queries[query.query_id] = query


def _not_empty(queries: dict[str, Query], path: Path) -> list[Query]:
    if not queries:
        raise BadFile(path, "expected at least one query, but the file is empty")
    return list(queries.values())
