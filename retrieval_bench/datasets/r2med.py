"""R2MED's eight datasets (arXiv 2505.14558): names, pinned revisions and counts in `r2med.tsv`.

`fetch` brings them from the hub; they are then read offline. A folder that holds upstream's three files, or a copy of
the hub's, works as well: `r2med/biology,path=FOLDER`.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bench_core.artifacts import write_atomically
from bench_core.errors import BadFile, BenchError, UserError
from bench_core.plugins.arguments import convert_arguments, did_you_mean
from bench_core.plugins.registry import StageSpec
from retrieval_bench.datasets.card import DatasetCard
from retrieval_bench.datasets.dataset import Dataset, DatasetSourceBase
from retrieval_bench.datasets.hub import FetchedFolder, HubFiles, fetch_files
from retrieval_bench.datasets.parts import PartNames, find_parts, read_part
from retrieval_bench.datasets.records import CorpusFile, read_corpus, read_qrels_objects, read_queries
from retrieval_bench.types import Query

_TABLE = Path(__file__).with_name("r2med.tsv")
# MTEB's metadata of the R2MED tasks.
_LICENCE = "CC-BY-4.0"
# R2MED's names of its tasks -> the suite's.
_TASKS = {
    "Q&A reference": "qa-reference",
    "clinical evidence": "clinical-evidence",
    "clinical case": "clinical-case",
}
_REVISION = re.compile(r"\w[\w.-]*(?:/\w[\w.-]*)*")


@dataclass(frozen=True)
class R2medSet:
    """One dataset as R2MED publishes it.

    Attributes:
        title: its name on the hub, `R2MED/<title>`.
        revision: the commit the counts were seen at.
        n_queries, n_documents: lines of the files; repeated doc_ids count each time.
        task: what its documents are to its queries.
        upstream_name: what the code of the paper calls it.
        earlier_revisions: commits that hold the same numbers, and count as the set where they were fetched before.
    """

    title: str
    revision: str
    n_queries: int
    n_documents: int
    task: str
    upstream_name: str
    earlier_revisions: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What stands behind `r2med/`."""
        return self.title.lower()

    @property
    def dataset_id(self) -> str:
        """`r2med/<name>`."""
        return f"r2med/{self.name}"

    @property
    def repo_id(self) -> str:
        """Where it is on the hub."""
        return f"R2MED/{self.title}"

    def card(self, revision: str) -> DatasetCard:
        """The card of the dataset at a revision."""
        summary = f"R2MED {self.title}, {self.task}: {self.n_queries} queries, {self.n_documents:,} documents"
        return DatasetCard(
            self.dataset_id,
            summary,
            licence=_LICENCE,
            revision=revision,
            task=_TASKS[self.task],
            instructions_as=self.dataset_id,
            identical_ids="drop-dense",  # as R2MED's code does where it searches with vectors, and not with BM25
        )


class R2medDatasets(DatasetSourceBase):
    """R2MED's eight sets (`r2med/biology`, …), fetched from the hub.

    Args:
        path: a folder of your own that holds the dataset, in place of what was fetched.
        revision: another commit, tag or branch than the pinned one.
    """

    def __init__(self, path: str = "", revision: str = "") -> None:
        if path and revision:
            raise UserError(f"path={path} is a folder, which has no revision={revision}; leave one of them out.")
        if revision and not _REVISION.fullmatch(revision):
            raise UserError(f"revision={revision} is no commit, tag or branch.")
        self.path = path
        self.revision = revision

    def cards(self) -> Sequence[DatasetCard]:
        """The eight sets at their pinned revisions."""
        return [entry.card(entry.revision) for entry in r2med_sets()]

    def load(self, name: str) -> Dataset:
        """The set `r2med/<name>`, in any case of letters.

        Raises:
            UserError: there is no such set, it was not fetched, or the folder does not hold it.
        """
        entry = find_set(name)
        if self.path:
            return _dataset_in_folder(entry, Path(self.path).expanduser())
        fetched = self._fetched(entry)
        if fetched is None:
            named = f"{entry.dataset_id},revision={self.revision}" if self.revision else entry.dataset_id
            raise UserError(
                f"{named} is not on this machine; get it with `retrieval-bench fetch {named}`, or name a copy of yours "
                f"as {entry.dataset_id},path=FOLDER."
            )
        names = find_parts(list(fetched.sha256), str(fetched.folder))
        card = entry.card(fetched.commit)
        counted = entry if fetched.commit in (entry.revision, *entry.earlier_revisions) else None
        return _dataset(card, names, fetched.file, fetched.folder, counted)

    def fetch(self, name: str, tell: Callable[[str], None]) -> Dataset:
        """As `load`, but bring what is missing from the hub, and read all parts.

        Raises:
            UserError, BenchError: as of `fetch_files`; or the files do not hold the dataset.
        """
        entry = find_set(name)
        if not self.path:
            wanted = HubFiles(
                entry.repo_id,
                self.revision or entry.revision,
                choose=lambda names: find_parts(names, entry.repo_id).all,
            )
            fetch_files(wanted, self._folder(entry, wanted.revision), tell)
        dataset = self.load(name)
        dataset.check()
        counts = len(dataset.corpus), len(dataset.queries), sum(map(len, dataset.qrels.values()))
        tell("{}: {:,} documents, {:,} queries, {:,} judgments.".format(entry.dataset_id, *counts))
        for note in dataset.notes():
            tell(note)
        return dataset

    def _fetched(self, entry: R2medSet) -> FetchedFolder | None:
        """What was fetched: at the revision that was asked for, else at the pinned one or one before it."""
        revisions = (self.revision,) if self.revision else (entry.revision, *entry.earlier_revisions)
        return next(filter(None, (FetchedFolder.open(self._folder(entry, revision)) for revision in revisions)), None)

    def _folder(self, entry: R2medSet, revision: str) -> Path:
        from platformdirs import user_cache_path

        revision = revision.replace("/", "--")
        return user_cache_path("biomed-bench") / "datasets" / "r2med" / entry.name / revision


@cache
def r2med_sets() -> tuple[R2medSet, ...]:
    """The eight sets in the paper's order."""
    with _TABLE.open(encoding="utf-8", newline="") as file:
        return tuple(
            R2medSet(
                title=row["title"],
                revision=row["revision"],
                n_queries=int(row["n_queries"]),
                n_documents=int(row["n_documents"]),
                task=row["task"],
                upstream_name=row["upstream_name"],
                earlier_revisions=tuple(row["earlier_revisions"].split()),
            )
            for row in csv.DictReader(file, delimiter="\t")
        )


def find_set(name: str) -> R2medSet:
    """The set of a name, in any case of letters.

    Raises:
        UserError: there is no such set.
    """
    known = {entry.name: entry for entry in r2med_sets()}
    if name.lower() not in known:
        raise UserError(
            f"There is no R2MED set {name!r}{did_you_mean(name.lower(), known)}; known are {', '.join(known)}."
        )
    return known[name.lower()]


def fetch(dataset_text: str, qrels_dir: Path, tell: Callable[[str], None]) -> list[Path]:
    """Fetch `r2med/<name>`, or all eight as `r2med`, check them, and write their judgments as TREC qrels.

    Where one set fails the others are fetched all the same.

    Args:
        dataset_text: a dataset as users name it, with its options behind it.
        qrels_dir: each set becomes `r2med-<name>.qrels` in it.
        tell: is given a sentence for each thing done or found done.

    Returns:
        The qrels files.

    Raises:
        UserError, BenchError: what stands in the way.
    """
    spec = StageSpec.parse(dataset_text)
    source, _, name = spec.name.partition("/")
    if source.lower() != "r2med":
        raise UserError(f"{spec.name} cannot be fetched; only r2med (all eight) and r2med/NAME can.")
    datasets = R2medDatasets(**convert_arguments(R2medDatasets, dict(spec.arguments), "dataset source r2med"))
    if datasets.path and not name:
        raise UserError("path= is the folder of one dataset; name it, as r2med/biology,path=FOLDER.")
    written: list[Path] = []
    failures: list[BenchError] = []
    for set_name in [name] if name else [entry.name for entry in r2med_sets()]:
        try:
            written.append(_export_qrels(datasets.fetch(set_name, tell), qrels_dir, tell))
        except BenchError as error:
            failures.append(error)
            if not name:
                tell(f"r2med/{set_name} failed: {error}")
    if len(failures) > 1:
        kind = UserError if all(isinstance(failure, UserError) for failure in failures) else BenchError
        raise kind(f"{len(failures)} of the {len(failures) + len(written)} sets could not be fetched; see above.")
    if failures:
        raise failures[0]
    return written


def _export_qrels(dataset: Dataset, qrels_dir: Path, tell: Callable[[str], None]) -> Path:
    path = qrels_dir / f"{dataset.card.dataset_id.replace('/', '-')}.qrels"
    content = "".join(
        f"{query_id}\t0\t{doc_id}\t{relevance}\n"
        for query_id, judged in dataset.qrels.items()
        for doc_id, relevance in judged.items()
    )
    if path.is_file() and path.read_bytes() == content.encode():
        tell(f"{path} is there already.")
    else:
        write_atomically(path, content)
        tell(f"{path} written.")
    return path


def _dataset_in_folder(entry: R2medSet, folder: Path) -> Dataset:
    if not folder.is_dir():
        raise UserError(f"{folder}: there is no such folder.")
    # No deeper: a folder of upstream's has the texts of each language model below it.
    files = [path for pattern in ("*", "*/*", "*/*/*") for path in folder.glob(pattern) if path.is_file()]
    names = find_parts([path.relative_to(folder).as_posix() for path in files], str(folder))
    return _dataset(entry.card(revision=""), names, folder.joinpath, folder, entry)


def _dataset(
    card: DatasetCard, names: PartNames, file: Callable[[str], Path], folder: Path, counted: R2medSet | None
) -> Dataset:
    """A dataset whose parts are read from files.

    Args:
        file: gives the place of a file, when it is read.
        counted: whose numbers of documents and queries must be found; None: any.
    """

    def corpus() -> CorpusFile:
        read = read_part([file(name) for name in names.corpus], lambda path: read_corpus(path, duplicates="first"))
        if counted:
            n_found = len(read.corpus) + read.n_duplicates
            _check_count(folder / names.corpus[0], "documents", counted.n_documents, n_found)
        return read

    def queries() -> list[Query]:
        read = read_part([file(name) for name in names.queries], read_queries)
        if counted:
            _check_count(folder / names.queries[0], "queries", counted.n_queries, len(read))
        return read

    return Dataset(
        card,
        read_corpus=corpus,
        read_queries=queries,
        read_qrels=lambda: read_part([file(name) for name in names.qrels], read_qrels_objects),
        place=folder / names.qrels[0],
        unknown_ids="keep",
    )


def _check_count(path: Path, what: str, n_expected: int, n_found: int) -> None:
    if n_found != n_expected:
        remedy = "get the whole file, or read this one as dir:FOLDER"
        raise BadFile(path, f"expected the {n_expected} {what} of R2MED and found {n_found}; {remedy}")
