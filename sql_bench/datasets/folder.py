"""Text-to-SQL datasets in a folder: `questions.jsonl`, `tables/`, and optionally `dataset.yaml` and `predictions/`.

A question is one JSON object a line: `question_id`, `question`, `gold_sql` (a statement, a list of statements that are
each right, or null where the database cannot answer), optionally `answer`; every other text field becomes a label.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from bench_core.data_use import Access
from bench_core.errors import BadFile, UserError
from bench_core.jsonl import id_field, read_objects, text_field
from bench_core.runs.config import load_config
from sql_bench.datasets.dataset import DatasetSourceBase, SqlCard, SqlDataset
from sql_bench.generators.dialect_names import check_dialect
from sql_bench.generators.prediction_files.reading import prediction_files
from sql_bench.types import ComparisonRules, IdentifierRule, PredictionStatus, Question

QUESTIONS = "questions.jsonl"
_OWN_FIELDS = {"question_id", "question", "gold_sql", "answer"}


class Identifiers(BaseModel):
    """Identifier columns, by name or by the pattern of their values."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    columns: tuple[str, ...] = ()
    pattern: str | None = None


class DatasetFile(BaseModel):
    """What `dataset.yaml` may declare."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str = "a folder of your own"
    description: str = ""
    dialect: str = "duckdb"
    licence: str = ""
    access: Access = "public"
    identifiers: Identifiers | None = None
    safety_limits: tuple[int, ...] = ()
    as_of: datetime.datetime | datetime.date | None = None

    @property
    def moment(self) -> datetime.datetime | None:
        """`as_of` as an instant: a day is its first moment, and a time without a zone one of UTC."""
        if self.as_of is None:
            return None
        if not isinstance(self.as_of, datetime.datetime):
            return datetime.datetime.combine(self.as_of, datetime.time(), datetime.UTC)
        return self.as_of if self.as_of.tzinfo is not None else self.as_of.replace(tzinfo=datetime.UTC)


class FolderDatasets(DatasetSourceBase):
    """A folder of your own (`dir:PATH`).

    Args:
        dialect: the dialect of the gold SQL, by sqlglot's name; otherwise dataset.yaml's, otherwise duckdb.
    """

    def __init__(self, dialect: str = "") -> None:
        if dialect:
            check_dialect(dialect)
        self.dialect = dialect

    def load(self, name: str) -> SqlDataset:
        """The dataset in the folder `name`.

        Raises:
            UserError: there is no such folder.
        """
        folder = Path(name)
        if not folder.is_dir():
            raise UserError(f"{folder}: there is no such folder.")
        return dataset_of_folder(folder, f"dir/{folder.resolve().name}", self.dialect)


def dataset_of_folder(folder: Path, dataset_id: str, dialect: str = "") -> SqlDataset:
    """A dataset whose parts stand in a folder; `dialect` goes before what `dataset.yaml` says."""
    declared_path = folder / "dataset.yaml"
    declared = load_config(declared_path, DatasetFile) if declared_path.exists() else DatasetFile()
    chosen = dialect or declared.dialect
    if not dialect and declared_path.exists():
        check_dialect(chosen, declared_path)
    try:
        rules = ComparisonRules(_identifier_rule(declared.identifiers), frozenset(declared.safety_limits))
    except UserError as error:
        raise BadFile(declared_path, str(error).rstrip(".")) from error
    tables_dir, schema_path = folder / "tables", folder / "schema.yaml"
    return SqlDataset(
        SqlCard(dataset_id, declared.title, chosen, declared.licence, declared.access, rules, declared.moment),
        read_questions=lambda: read_questions(folder / QUESTIONS, chosen, rules),
        tables_dir=tables_dir if tables_dir.is_dir() else None,
        schema_path=schema_path if schema_path.exists() else None,
        predictions=prediction_files(folder / "predictions"),
    )


def _identifier_rule(declared: Identifiers | None) -> IdentifierRule | None:
    if declared is None:
        return None
    return IdentifierRule(frozenset(column.lower() for column in declared.columns), declared.pattern)


def access_of_tables(folder: Path) -> Access:
    """The access of the dataset that a folder of tables belongs to; public where it belongs to none."""
    declared_path = folder.resolve().parent / "dataset.yaml"
    return load_config(declared_path, DatasetFile).access if declared_path.is_file() else "public"


def read_questions(path: Path, dialect: str, rules: ComparisonRules) -> list[Question]:
    """Read `questions.jsonl`.

    Raises:
        BadFile: no question at all, a wrong line, or a question_id that comes twice.
    """
    questions: dict[str, Question] = {}
    for number, item in read_objects(path):
        question_id = id_field(path, number, item, ("question_id",))
        if question_id in questions:
            raise BadFile(path, f"question_id {question_id} stands in an earlier line already; make ids unique", number)
        questions[question_id] = Question(
            question_id,
            text_field(path, number, item, ("question",)),
            _golds(path, number, item, dialect),
            answer=item["answer"] if isinstance(item.get("answer"), str) else None,
            labels={key: _label(value) for key, value in item.items() if key not in _OWN_FIELDS},
            rules=rules,
        )
    if not questions:
        raise BadFile(path, "expected at least one question, but the file is empty")
    return list(questions.values())


def _golds(path: Path, number: int, item: Mapping[str, Any], dialect: str) -> tuple[str, ...]:
    """The gold statements; text that holds none, as 'No answer possible', is a question nobody can answer."""
    from sql_bench.generators.extraction import extract

    gold = item.get("gold_sql")
    statements = gold if isinstance(gold, list) else [gold] if gold is not None else []
    if not all(isinstance(statement, str) for statement in statements):
        raise BadFile(path, f"expected gold_sql to be text, a list of texts or null and found {gold!r:.40}", number)
    without_sql = (PredictionStatus.NO_SQL, PredictionStatus.ABSTAINED)
    return tuple(statement for statement in statements if extract(statement, dialect).status not in without_sql)


def _label(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
