"""Predictions as JSON: lines of objects, a list of them, or one object by question (BIRD's form)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from bench_core.errors import BadFile
from bench_core.jsonl import id_field, read_lines, read_objects
from sql_bench.generators.prediction_files.answers import IDS, Answer, Answers, answer_of

_BIRD_MARK = "\t----- bird -----\t"
"""What BIRD's evaluation writes between a statement and the name of its database."""


def read_json_lines(path: Path, answers: Answers) -> None:
    """JSON lines: an object a line, with the question's id and a reply or a statement.

    Raises:
        BadFile: a wrong line.
    """
    for number, item in read_objects(path):
        _add(path, number, item, answers, partial(_unfit_at, path, number))


def read_json(path: Path, answers: Answers) -> None:
    """One JSON value: a list of objects as in JSON lines, or an object by question.

    Raises:
        BadFile: it is neither, or one of its entries is wrong.
    """
    value = _value(path)
    if isinstance(value, list):
        for number, item in enumerate(value, start=1):
            unfit = partial(_unfit_in, path, f"entry {number}")
            if not isinstance(item, dict):
                raise unfit(f"expected an object with a question's id and its statement and found {item!r:.40}")
            _add(path, None, item, answers, unfit)
    elif isinstance(value, dict):
        for question_id, (key, content) in zip(_questions(path, value, answers), value.items(), strict=True):
            unfit = partial(_unfit_in, path, f"entry {key!r:.60}")
            answers.add(question_id, _answer(content, unfit), unfit)
    else:
        raise BadFile(path, f"expected a list of predictions or an object by question and found {value!r:.40}")


def is_json_value(path: Path) -> bool:
    """Whether a file is one JSON list, or one object over several lines or without a question's id, and no lines."""
    lines = (line.strip() for _, line in read_lines(path))
    first = next(filter(None, lines), "")
    if first.startswith("["):
        return True
    if not first.startswith("{"):
        return False
    try:
        item = json.loads(first)
    except (ValueError, RecursionError):
        return first == "{" or path.name.removesuffix(".gz").endswith(".json")
    return not any(name in item for name in IDS) and next(filter(None, lines), None) is None


def _add(path: Path, number: int | None, item: Mapping[str, Any], answers: Answers, unfit: partial[BadFile]) -> None:
    names = [name for name in IDS if name in item]
    if not names and number is None:
        raise unfit(f"expected a field {' or '.join(IDS)} and found {', '.join(item) or 'none'}")
    question_id = id_field(path, number or 1, item, names or IDS)
    answers.add(question_id, answer_of(item, unfit), unfit)


def _answer(content: Any, unfit: partial[BadFile]) -> Answer:
    """A statement as BIRD writes it, or an object as in JSON lines."""
    if isinstance(content, dict):
        return answer_of(content, unfit)
    if not isinstance(content, str):
        raise unfit(f"expected a statement and found {content!r:.40}")
    return Answer(content.partition(_BIRD_MARK)[0], is_statement=True)


def _questions(path: Path, value: Mapping[str, Any], answers: Answers) -> Sequence[str]:
    """The questions that an object's keys stand for: their ids, else, as in BIRD's files, their places from 0."""
    known, n = frozenset(answers.question_ids), len(answers.question_ids)
    if any(key in known for key in value):
        return list(value)
    if all(key.isascii() and key.isdigit() and int(key) < n for key in value):
        return [answers.question_ids[int(key)] for key in value]
    strange = next(iter(value), "")
    raise BadFile(
        path, f"expected ids of questions or their places from 0 to {n - 1} as keys and found {strange!r:.40}"
    )


def _value(path: Path) -> Any:
    text = "\n".join(_texts(path))
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise BadFile(path, f"expected whole JSON ({error.msg} at column {error.colno})", error.lineno) from error
    except (ValueError, RecursionError) as error:
        raise BadFile(path, f"expected JSON of reasonable size ({error})") from error


def _texts(path: Path) -> Iterator[str]:
    return (line for _, line in read_lines(path))


def _unfit_at(path: Path, number: int, problem: str) -> BadFile:
    return BadFile(path, problem, number)


def _unfit_in(path: Path, place: str, problem: str) -> BadFile:
    return BadFile(path, f"{place}: {problem}")
