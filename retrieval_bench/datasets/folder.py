"""Datasets in a folder of the user's: R2MED's layout, BEIR's, or a corpus with TREC topics and qrels.

| part     | R2MED          | BEIR                          | TREC                                           |
|----------|----------------|-------------------------------|------------------------------------------------|
| corpus   | `corpus.jsonl` | `corpus.jsonl`                | `corpus.jsonl`                                 |
| queries  | `query.jsonl`  | `queries.jsonl`               | `topics*.tsv`, `topics*.txt`, `topics*.xml`    |
| qrels    | `qrels.jsonl`  | `qrels.tsv`, `qrels/test.tsv` | `qrels*.txt`, `*.qrels`                        |

Each may be gzipped, and the columns may be mixed: the first file found counts, and where there are others a note
names them. `excluded.tsv` names documents that rankings of a query leave out, as `excluded_ids` in a query's line does.
`dataset.yaml` declares what the options behind the path may say as well; those have precedence.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from bench_core.data_use import Access
from bench_core.errors import UserError
from bench_core.plugins.arguments import argument_names
from bench_core.runs.config import load_config
from retrieval_bench.datasets.card import DatasetCard, IdenticalIds
from retrieval_bench.datasets.dataset import Dataset, DatasetSourceBase, UnknownIds
from retrieval_bench.datasets.excluded import excluded_of_queries, read_excluded
from retrieval_bench.datasets.records import Duplicates, read_corpus, read_qrels_objects, read_queries
from retrieval_bench.datasets.topics import read_topics
from retrieval_bench.rankings.trec import read_qrels
from retrieval_bench.types import Excluded, Qrels, Query

_CORPUS = ("corpus.jsonl",)
_QUERIES = ("query.jsonl", "queries.jsonl", "topics*.tsv", "topics*.txt", "topics*.xml", "queries*.tsv")
_QRELS = ("qrels.jsonl", "qrels.tsv", "qrels/test.tsv", "qrels*.tsv", "qrels*.txt", "*.qrels")
_OTHER_QRELS = (*_QRELS, "qrels/*.tsv")
_EXCLUDED = ("excluded.tsv", "excluded.txt")


class DatasetFile(BaseModel):
    """What `dataset.yaml` may declare; see the options of `FolderDatasets`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str = "a folder of your own"
    licence: str = ""
    access: Access = "public"
    task: str = ""
    instructions_as: str = ""
    k: int = Field(default=100, ge=1)
    identical_ids: IdenticalIds = "keep"
    relevance_level: int = Field(default=1, ge=1)
    queries: str = ""
    qrels: str = ""
    excluded: str = ""
    topic_field: str = ""


@dataclass(frozen=True)
class PartFiles:
    """Which files of a folder hold its parts, as patterns of which the first that is found counts.

    Attributes:
        topic_field: which part of a tagged topic is the query (`retrieval_bench.datasets.topics`).
    """

    queries: Sequence[str] = _QUERIES
    qrels: Sequence[str] = _QRELS
    excluded: Sequence[str] = _EXCLUDED
    topic_field: str = ""


class FolderDatasets(DatasetSourceBase):
    """A folder of your own (`dir:PATH`).

    Args:
        duplicates: `refuse` a doc_id that comes twice, or keep the `first` and count the others.
        unknown_ids: `refuse` judged documents that the corpus does not hold, or `keep` them as never found.
        access: `credentialed` for texts that may not leave this machine: stages that would send them are refused.
        split: judgments in `qrels/SPLIT.tsv`, as BEIR has `dev` and `train` beside `test`.
        qrels: the file of judgments, where there are several.
        queries: the file of queries, where there are several.
        topic_field: of tagged topics what is searched for: a field, several with + between them, `text` for what stands
            outside of fields, or `all`; without: the first there is of title, query, summary, description, desc, note,
            question, then the topic's own text, then all fields.
        excluded: the file of documents that rankings leave out, lines of a query_id and a doc_id.
        identical_ids: `drop` leaves a document that has the query's own id out of every ranking, `drop-dense` only
            where vectors are searched; without: it stays.
        relevance_level: the least relevance that counts as relevant for precision, recall, MAP, MRR and the like.
        k: how many documents of each query stay in a run; without: 100.
        task: `qa-reference`, `clinical-evidence`, `clinical-case` or `health-records`: words a model's instruction, and
            chooses the prompts of query generators.
        instructions_as: an R2MED set (`r2med/biology`) whose imported instructions and prompts hold for this one.
    """

    def __init__(
        self,
        duplicates: Duplicates = "refuse",
        unknown_ids: UnknownIds = "refuse",
        access: Access | None = None,
        split: str = "",
        task: str = "",
        instructions_as: str = "",
        qrels: str = "",
        queries: str = "",
        topic_field: str = "",
        excluded: str = "",
        identical_ids: IdenticalIds | None = None,
        relevance_level: int | None = None,
        k: int | None = None,
    ) -> None:
        if split and qrels:
            raise UserError(f"split={split} and qrels={qrels} both name the judgments; leave one of them out.")
        given = {
            "access": access,
            "task": task,
            "instructions_as": instructions_as,
            "qrels": f"qrels/{split}.tsv" if split else qrels,
            "queries": queries,
            "topic_field": topic_field,
            "excluded": excluded,
            "identical_ids": identical_ids,
            "relevance_level": relevance_level,
            "k": k,
        }
        self._given = {name: value for name, value in given.items() if value not in (None, "")}
        self._judged_by = split or _short_name(qrels)
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
        said = self._said(folder / "dataset.yaml")
        name, generated_dir = f"dir/{folder.resolve().name}", folder / "generated"
        card = DatasetCard(
            f"{name}-{self._judged_by}" if self._judged_by else name,
            said.title,
            licence=said.licence,
            access=said.access,
            k=said.k,
            same_documents_as=name,
            task=said.task,
            instructions_as=said.instructions_as,
            identical_ids=said.identical_ids,
            relevance_level=said.relevance_level,
            options=frozenset(argument_names(FolderDatasets)),
            generated_dir=generated_dir if generated_dir.is_dir() else None,
        )
        files = PartFiles(
            (said.queries,) if said.queries else _QUERIES,
            (said.qrels,) if said.qrels else _QRELS,
            (said.excluded,) if said.excluded else _EXCLUDED,
            said.topic_field,
        )
        return dataset_of_folder(folder, card, self.duplicates, self.unknown_ids, files)

    def _said(self, path: Path) -> DatasetFile:
        """What options and `dataset.yaml` say together; access is the stricter of both."""
        declared = load_config(path, DatasetFile) if path.is_file() else DatasetFile()
        strict = {"access": "credentialed"} if declared.access == "credentialed" else {}
        return DatasetFile(**{**declared.model_dump(), **self._given, **strict})


def dataset_of_folder(
    folder: Path,
    card: DatasetCard,
    duplicates: Duplicates = "refuse",
    unknown_ids: UnknownIds = "refuse",
    files: PartFiles = PartFiles(),
) -> Dataset:
    """A dataset whose parts stand in a folder; a part that is missing is an error when it is read."""
    return Dataset(
        card,
        read_corpus=lambda: read_corpus(_find(folder, "corpus", _CORPUS), duplicates),
        read_queries=lambda: _read_queries(_find(folder, "queries", files.queries), files.topic_field),
        read_qrels=lambda: _read_qrels(_find(folder, "qrels", files.qrels)),
        place=_first(folder, files.qrels) or folder,
        unknown_ids=unknown_ids,
        read_excluded=lambda: _read_excluded(folder, files),
        remarks=tuple(_choices(folder, card, files)),
    )


def _choices(folder: Path, card: DatasetCard, files: PartFiles) -> Iterator[str]:
    """Names what was read where a folder holds several files of a part."""
    for part, option, read, others in (
        ("documents", "corpus", _CORPUS, _CORPUS),
        ("queries", "queries", files.queries, _QUERIES),
        ("judgments", "qrels", files.qrels, _OTHER_QRELS),
        ("excluded documents", "excluded", files.excluded, _EXCLUDED),
    ):
        chosen = _first(folder, read)
        if chosen is None or tuple(read) not in (_CORPUS, _QUERIES, _QRELS, _EXCLUDED):
            continue
        more = sorted({path.relative_to(folder).as_posix() for path in _all(folder, others)} - {_name(folder, chosen)})
        if more:
            shown = ", ".join(more[:_SHOWN_FILES]) + (
                f" and {len(more) - _SHOWN_FILES} more" if len(more) > _SHOWN_FILES else ""
            )
            chooses = f" ({option}=FILE behind the dataset chooses)" if option in card.options else ""
            read_from = _name(folder, chosen)
            yield f"{card.dataset_id}: the {part} were read from {read_from}, and not from {shown}{chooses}."


_SHOWN_FILES = 3


def _name(folder: Path, path: Path) -> str:
    return path.relative_to(folder).as_posix()


def _short_name(name: str) -> str:
    """What tells a file of judgments from the others: `qrels.test.txt` is `test`."""
    stem = name.removesuffix(".gz").rpartition(".")[0] or name
    return stem.replace("/", ".").removeprefix("qrels").strip("._-") or stem


def _all(folder: Path, patterns: Sequence[str]) -> Iterator[Path]:
    for pattern in patterns:
        yield from sorted(path for form in (pattern, f"{pattern}.gz") for path in folder.glob(form) if path.is_file())


def _first(folder: Path, patterns: Sequence[str]) -> Path | None:
    return next(_all(folder, patterns), None)


def _find(folder: Path, part: str, patterns: Sequence[str]) -> Path:
    found = _first(folder, patterns)
    if found is None:
        verb = "is" if part == "corpus" else "are"
        raise UserError(f"{folder}: the {part} {verb} missing; expected {' or '.join(patterns)} (or with .gz).")
    return found


def _suffix(path: Path) -> str:
    return path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix


def _read_queries(path: Path, topic_field: str) -> list[Query]:
    if _suffix(path) != ".jsonl":
        return read_topics(path, topic_field)
    if topic_field:
        raise UserError(f"topic_field={topic_field} is for tagged topics, and {path} holds JSON lines.")
    return read_queries(path)


def _read_excluded(folder: Path, files: PartFiles) -> Excluded:
    """What the folder's file says and what the queries say themselves."""
    queries, listed = _find(folder, "queries", files.queries), _first(folder, files.excluded)
    found: dict[str, frozenset[str]] = {}
    if listed is None and files.excluded != _EXCLUDED:
        listed = _find(folder, "excluded documents", files.excluded)
    for excluded in (
        excluded_of_queries(queries) if _suffix(queries) == ".jsonl" else {},
        read_excluded(listed) if listed else {},
    ):
        for query_id, doc_ids in excluded.items():
            found[query_id] = found.get(query_id, frozenset()) | doc_ids
    return found


def _read_qrels(path: Path) -> Qrels:
    return read_qrels_objects(path) if _suffix(path) == ".jsonl" else read_qrels(path)
