"""A text-to-SQL dataset: questions with gold SQL, the dialect they are in, and where its tables come from."""

from __future__ import annotations

import datetime
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Protocol

from bench_core.data_use import Access
from bench_core.errors import UserError
from bench_core.identity import Json, content_hash
from bench_core.plugins.cards import check_fields
from bench_core.plugins.dataset_names import load_named
from bench_core.plugins.protocols import Contract
from bench_core.plugins.registry import Family
from bench_core.plugins.returns import Returned, kind_of, several
from bench_core.plugins.stage import PluginBase
from sql_bench.datasets.questions import problem_of
from sql_bench.generators.dialect_names import check_dialect
from sql_bench.types import ComparisonRules, Question


@dataclass(frozen=True)
class SqlCard:
    """What is known of a dataset before it is read.

    Attributes:
        dialect: sqlglot's name of the dialect that gold SQL is written in and that models are asked for.
        access: text of a `credentialed` dataset may not leave the machine unless the user says so.
        rules: what comparing its results depends on: identifier columns, safety limits.
        as_of: the instant, with a zone, that its CURRENT_DATE and its kin stand for; None: the day of the first run.

    Raises:
        UserError: a field holds something else, a dialect that sqlglot does not know, or a time without a zone.
    """

    dataset_id: str
    summary: str
    dialect: str
    licence: str = ""
    access: Access = "public"
    rules: ComparisonRules = field(default_factory=ComparisonRules)
    as_of: datetime.datetime | None = None

    def __post_init__(self) -> None:
        check_fields(self)
        check_dialect(self.dialect, of=self.dataset_id)
        if self.as_of is not None and self.as_of.tzinfo is None:
            raise UserError(
                f"{self.dataset_id}: as_of is {self.as_of!r}; give a datetime.datetime with a time zone, such as "
                "datetime.datetime(2026, 1, 31, tzinfo=datetime.UTC)."
            )


@dataclass(frozen=True)
class SqlDataset:
    """A card, the reader of the questions, and the tables and predictions that come with them.

    Attributes:
        tables_dir: CSV or Parquet files to import; None where the user brings a mirror.
        schema_path: declared column types, where there are such.
        predictions: name -> file of predictions that comes with the dataset.
        made_by: the method of a user's class that gave it, put before messages about its files.

    Raises:
        UserError: the card is no SqlCard, `read_questions` no function, or a path no Path.
    """

    card: SqlCard
    read_questions: Callable[[], Sequence[Question]]
    tables_dir: Path | None = None
    schema_path: Path | None = None
    predictions: Mapping[str, Path] = field(default_factory=dict)
    made_by: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.card, SqlCard):
            raise UserError(
                f"The card of a dataset is {kind_of(self.card)}; give SqlCard(dataset_id, summary, dialect)."
            )
        if not callable(self.read_questions):
            raise UserError(
                f"{self.card.dataset_id}: read_questions is {kind_of(self.read_questions)}; give a function that "
                "returns the questions, or write SqlDataset.of(card, questions, tables_dir)."
            )
        for name in ("tables_dir", "schema_path"):
            path = getattr(self, name)
            if path is not None and not isinstance(path, Path):
                raise UserError(f"{self.card.dataset_id}: {name} is {kind_of(path)}; write pathlib.Path({path!r}).")

    @classmethod
    def of(cls, card: SqlCard, questions: Iterable[Question], tables_dir: Path | None = None) -> SqlDataset:
        """A dataset of questions that are there already, for sources of a user's own."""
        if isinstance(questions, str | Mapping) or not isinstance(questions, Iterable):
            raise UserError(f"{card.dataset_id}: questions is {kind_of(questions)}; give a list.")
        asked = list(questions)
        return cls(card, lambda: asked, tables_dir)

    def check_files(self) -> None:
        """Refuse files that the dataset names and that are not there.

        Raises:
            UserError: names the first, and the folder in which it was looked for.
        """
        if self.tables_dir is not None and not self.tables_dir.is_dir():
            raise UserError(f"{self._names('tables_dir', self.tables_dir)}, where there is no folder.")
        files = {"schema_path": self.schema_path, **{f"predictions {name}": p for name, p in self.predictions.items()}}
        for what, path in files.items():
            if path is not None and not path.exists():
                raise UserError(f"{self._names(what, path)}, where there is no file.")

    def _names(self, what: str, path: Path) -> str:
        return f"{self.made_by}{self.card.dataset_id}: {what} is {path.absolute()}"

    @cached_property
    def questions(self) -> Sequence[Question]:
        """The questions in file order, each question_id once.

        Raises:
            UserError: there is none, an id comes twice, or one is not what it should be.
        """
        questions = self.read_questions()
        problem = problem_of(questions)
        if problem:
            raise UserError(f"{self.card.dataset_id} {problem}.")
        return questions

    @cached_property
    def identity(self) -> dict[str, Json]:
        """What predictions depend on: dialect, ids and texts of the questions. Gold is not part of it."""
        texts = (text for question in self.questions for text in (question.question_id, question.text))
        return {
            "dataset_id": self.card.dataset_id,
            "dialect": self.card.dialect,
            "questions_sha256": content_hash(texts),
        }

    @cached_property
    def golds_sha256(self) -> str:
        """A hash of the gold statements by question."""
        return content_hash(text for question in self.questions for text in (question.question_id, *question.golds, ""))


class SqlDatasetSource(Protocol):
    """Where datasets of one kind come from; its constructor takes the options behind a dataset's name."""

    def cards(self) -> Sequence[SqlCard]:
        """The datasets that can be named without further knowledge."""

    def load(self, name: str) -> SqlDataset:
        """The dataset of a name (what stands behind `demo/` or `dir:`)."""


class DatasetSourceBase(PluginBase, ABC):
    """Base of dataset sources: write `load`, and `cards` where datasets can be named without further knowledge."""

    def cards(self) -> Sequence[SqlCard]:
        """None: datasets are named by the user."""
        return ()

    @abstractmethod
    def load(self, name: str) -> SqlDataset:
        """See `SqlDatasetSource`."""


def loaded(found: Returned) -> SqlDataset:
    """The check of `load`: a dataset, whose questions are checked when they are read."""
    dataset = found.value
    if not isinstance(dataset, SqlDataset):
        raise found.unfit(f"returned {kind_of(dataset)}; return SqlDataset.of(card, questions, tables_dir)")

    def questions() -> Sequence[Question]:
        read = replace(found, value=dataset.read_questions(), where=f"{found.where}: its read_questions")
        asked: Sequence[Question] = several(Question)(read)
        problem = problem_of(asked)
        if problem:
            raise found.unfit(f"gave a dataset, {dataset.card.dataset_id}, that {problem}")
        return asked

    return replace(dataset, read_questions=questions, made_by=f"{found.where}: ")


SOURCES = Family(
    kind="dataset source",
    builtins={
        "demo": "sql_bench.datasets.embedded:DemoDatasets",
        "dir": "sql_bench.datasets.folder:FolderDatasets",
    },
    group="sql_bench.datasets",
    used="sql-bench run -d {}/NAME",
    contract=Contract(
        protocol=SqlDatasetSource,
        base=DatasetSourceBase,
        returns={"cards": several(SqlCard), "load": loaded},
        tests="sql_bench.testing:DatasetSourceContract",
    ),
)


def load_dataset(text: str) -> SqlDataset:
    """The dataset a user names: `demo/biomed`, `dir:PATH`, either with `,option=value` behind it.

    Raises:
        UserError: no such source or dataset.
    """
    dataset: SqlDataset = load_named(SOURCES, text)
    return dataset
