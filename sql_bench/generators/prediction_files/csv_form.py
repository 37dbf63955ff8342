"""Predictions as a table: CSV with commas, semicolons, tabs or bars, with a header line."""

from __future__ import annotations

import csv
from functools import partial
from pathlib import Path

from bench_core.errors import BadFile
from bench_core.jsonl import id_field, read_lines
from sql_bench.generators.prediction_files.answers import IDS, STATEMENTS, TEXTS, Answers, answer_of

_DELIMITERS = ",;\t|"


def read_csv(path: Path, answers: Answers) -> None:
    """A row a question; the delimiter is the one that splits the header into the names of fields.

    Raises:
        BadFile: no such header, a row of another length, or a wrong row.
    """
    lines = [f"{line}\n" for _, line in read_lines(path)]
    header, delimiter = _header(path, lines)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        next(reader)
        for row in reader:
            number = reader.line_num
            if not row:
                continue
            if len(row) != len(header):
                raise BadFile(path, f"expected {len(header)} fields and found {len(row)}", number)
            item = dict(zip(header, row, strict=True))
            unfit = partial(BadFile, path, line=number)
            question_id = id_field(path, number, item, IDS)
            answers.add(question_id, answer_of(item, unfit), unfit)
    except csv.Error as error:
        raise BadFile(path, f"expected rows of CSV ({error})", reader.line_num) from error


def _header(path: Path, lines: list[str]) -> tuple[list[str], str]:
    """The names of the fields, and the delimiter between them."""
    first = lines[0].strip() if lines else ""
    for delimiter in _DELIMITERS:
        names = [name.strip().strip('"') for name in first.split(delimiter)]
        if any(name in names for name in IDS) and any(name in names for name in (*TEXTS, *STATEMENTS)):
            return names, delimiter
    named = ", ".join((*TEXTS, *STATEMENTS))
    raise BadFile(path, f"expected a header with {' or '.join(IDS)} and one of {named} and found {first!r:.80}", 1)
