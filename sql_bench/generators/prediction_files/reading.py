"""Read predictions made elsewhere, whatever their form (docs/formats.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from bench_core.artifacts import file_sha256
from bench_core.errors import BadFile
from bench_core.identity import content_hash
from sql_bench.generators.prediction_files.answers import Answer, Answers
from sql_bench.generators.prediction_files.csv_form import read_csv
from sql_bench.generators.prediction_files.json_forms import is_json_value, read_json, read_json_lines
from sql_bench.generators.prediction_files.sql_forms import read_folder, read_statement_lines, sql_files

_TABLES = (".csv", ".tsv")
_STATEMENT_LINES = (".sql", ".txt")
_NAMED = (".jsonl", ".json", *_TABLES, *_STATEMENT_LINES)


def read_answers(path: Path, question_ids: Sequence[str]) -> Mapping[str, Answer]:
    """The answers by question; the form is told by the name's ending, JSON's also by how it begins.

    Args:
        question_ids: of all questions, in their order.

    Raises:
        BadFile: not of its form, no prediction at all, or one for a question that is not asked.
    """
    answers = Answers(question_ids)
    ending = Path(path.name.removesuffix(".gz")).suffix.lower()
    if path.is_dir():
        read_folder(path, answers)
    elif ending in _TABLES:
        read_csv(path, answers)
    elif ending in _STATEMENT_LINES:
        read_statement_lines(path, answers)
    elif is_json_value(path):
        read_json(path, answers)
    else:
        read_json_lines(path, answers)
    if not answers.by_question:
        raise BadFile(path, "expected at least one prediction, but the file is empty")
    return answers.by_question


def predictions_sha256(path: Path) -> str:
    """The hash of a file of predictions, or of the names and hashes of a folder's files."""
    if not path.is_dir():
        return file_sha256(path)
    return content_hash(text for file in sql_files(path) for text in (file.name, file_sha256(file)))


def prediction_files(folder: Path) -> Mapping[str, Path]:
    """The predictions in a folder of them, by name without ending; with it where two would have one name."""
    found = [path for path in sorted(folder.glob("*")) if path.is_dir() or path.suffix.lower() in _NAMED]
    stems = [path.stem for path in found]
    return {path.stem if stems.count(path.stem) == 1 else path.name: path for path in found}


def name_of(path: Path) -> str:
    """What a table calls a file of predictions: its name without endings that name a form."""
    name = path.name.removesuffix(".gz")
    return name.removesuffix(next((ending for ending in _NAMED if name.endswith(ending)), ""))
