"""Predictions as SQL: a folder with a file a question, or a file with a statement a line (Spider's form)."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

from bench_core.errors import BadFile
from bench_core.jsonl import read_lines
from sql_bench.generators.prediction_files.answers import Answer, Answers

_DATABASE_BEHIND = re.compile(r"\t[\w.-]+\s*\Z")


def sql_files(folder: Path) -> list[Path]:
    """The files of a folder of predictions, by name."""
    return sorted(path for path in folder.glob("*.sql") if path.is_file() and not path.name.startswith("."))


def read_folder(folder: Path, answers: Answers) -> None:
    """`<question_id>.sql`, each with one statement; other files are passed over.

    Raises:
        BadFile: no such file, or one for a question that is not asked.
    """
    files = sql_files(folder)
    if not files:
        raise BadFile(folder, "expected files named by question, as q1.sql, and found none")
    for path in files:
        text = "\n".join(line for _, line in read_lines(path))
        answers.add(path.stem, Answer(text, is_statement=True), partial(BadFile, path))


def read_statement_lines(path: Path, answers: Answers) -> None:
    """A statement a line in the order of the questions; an empty line is none, a database's name behind a tab is cut.

    Raises:
        BadFile: not as many lines as questions.
    """
    lines = [line for _, line in read_lines(path)]
    while len(lines) > len(answers.question_ids) and not lines[-1].strip():
        lines.pop()
    n_questions = len(answers.question_ids)
    if len(lines) != n_questions:
        raise BadFile(path, f"expected a statement a line for {n_questions} questions and found {len(lines)} lines")
    for number, (question_id, line) in enumerate(zip(answers.question_ids, lines, strict=True), start=1):
        statement = _DATABASE_BEHIND.sub("", line)
        answers.add(question_id, Answer(statement, is_statement=True), partial(BadFile, path, line=number))
