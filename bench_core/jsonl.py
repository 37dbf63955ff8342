"""JSON lines files that users bring, checked line by line."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench_core.errors import BadFile, UserError


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a text file with their numbers from 1, without line ends; `.gz` is unpacked.

    Raises:
        UserError: no such file.
        BadFile: not UTF-8, or not gzip though named so.
    """
    if not path.exists() or path.is_dir():  # a pipe is fine
        raise UserError(f"{path}: there is no such file.")
    number = 0
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                # A byte order mark may begin a file that an editor wrote; it is no part of the first id.
                yield number, line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise BadFile(path, f"this is not UTF-8 text ({error.reason} at byte {error.start})", number) from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise BadFile(path, f"this is not a whole gzip file ({error})", number + 1) from error


def read_objects(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The JSON objects of a file with their line numbers; blank lines are passed over.

    Raises:
        BadFile: a line that is not a JSON object.
    """
    for number, line in read_lines(path):
        if not line.strip():
            continue
        try:
            item = json.loads(line)
        except json.JSONDecodeError as error:
            expected = f"expected a whole JSON object ({error.msg} at column {error.colno})"
            raise BadFile(path, expected, number) from error
        except (ValueError, RecursionError) as error:  # numbers of thousands of digits, thousands of brackets
            raise BadFile(path, f"expected a JSON object of reasonable size ({error})", number) from error
        if not isinstance(item, dict):
            raise BadFile(path, f"expected a JSON object and found a {type(item).__name__}", number)
        yield number, item


def first_line_with(path: Path, value: str) -> int | None:
    """The number of the first line of a text file that holds an id between blanks, tabs, quotes or commas.

    For messages about a file that was read before; None where it is no text file, or the id is written otherwise.
    """
    if not path.is_file():
        return None
    try:
        return next((number for number, line in read_lines(path) if value in re.split(r"[\s\",:{}]+", line)), None)
    except BadFile:
        return None


def text_field(path: Path, number: int, item: Mapping[str, Any], names: Sequence[str]) -> str:
    """The first of the named fields that an object has, as text; whole numbers are taken as ids.

    Raises:
        BadFile: none of them is there, or it is not text.
    """
    name = next((name for name in names if name in item), None)
    if name is None:
        raise BadFile(path, f"expected a field {' or '.join(names)} and found {', '.join(item) or 'none'}", number)
    value = item[name]
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise BadFile(path, f"expected text in {name} and found {json.dumps(value)[:40]}", number)
    return value


def id_field(path: Path, number: int, item: Mapping[str, Any], names: Sequence[str]) -> str:
    """As `text_field`, for an id: not empty, and without what run files could not carry (tabs, line breaks)."""
    value = text_field(path, number, item, names)
    if not value.isascii() and not _is_unicode(value):
        raise BadFile(path, f"expected an id of whole Unicode characters and found {value!r}", number)
    if not value or any(character in value for character in "\t\n\r"):
        raise BadFile(path, f"expected an id without tabs or line breaks and found {value!r}", number)
    return value


def _is_unicode(text: str) -> bool:
    """Whether a text has no half of a surrogate pair by itself."""
    return not any("\ud800" <= character <= "\udfff" for character in text)
