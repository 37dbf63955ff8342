"""docs/formats.md against the files of a run of both halves: no field that is not described, none described in vain."""

from __future__ import annotations

import csv
import gzip
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from click.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parent))
from chat_server import ChatServer, echo

import retrieval_bench.cli.main
import sql_bench.cli.main

PAGE = Path(__file__).resolve().parent.parent / "docs" / "formats.md"
RERANKER = """
from retrieval_bench.rerankers.base import RerankerBase

class Shortest(RerankerBase):
    def rerank(self, batch):
        return [[-float(len(document.text)) for document in candidates.documents] for candidates in batch]
"""
WRITTEN = {"results", "indexes", "CACHE"}
TYPES = {
    "text": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "object": lambda value: isinstance(value, dict),
    "any": lambda value: True,
}


@dataclass(frozen=True)
class Field:
    """A row of a table of fields: `a.b[].*`, its types, and whether it may be missing."""

    path: str
    types: tuple[str, ...]
    optional: bool

    @property
    def steps(self) -> list[str]:
        return re.findall(r"\[\]|[^.\[\]]+", self.path)


@dataclass(frozen=True)
class Section:
    """A kind of file: the patterns of its paths, and its fields or columns if it has a table of them."""

    patterns: tuple[str, ...]
    fields: tuple[Field, ...]
    columns: tuple[str, ...]


def sections() -> list[Section]:
    found = []
    for part in re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        heading, _, body = part.partition("\n")
        if "`" not in heading:  # about several kinds of files
            continue
        rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in re.findall(r"^\| `.*", body, re.M)]
        assert len({row[0] for row in rows}) == len(rows), f"{heading} has a field twice"
        named = {
            row[0].strip("`"): row[1].removesuffix(", optional").split(" or ") for row in rows if "| type |" in body
        }
        optional = {row[0].strip("`") for row in rows if row[1].endswith(", optional")}
        fields = tuple(Field(path, tuple(types), path in optional) for path, types in named.items())
        columns = tuple(row[0].strip("`") for row in rows if "| column |" in body)
        found.append(Section(tuple(re.findall(r"`([^`]+)`", heading)), fields, columns))
    return found


def leaves(value: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    """Every value that holds no other, and every object and list, with the steps that lead to it."""
    if path:
        yield path, value
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item, (*path, "[]"))


def agrees(steps: list[str], path: tuple[str, ...]) -> bool:
    return len(steps) == len(path) and all(
        step in ("*", key) and (step == "[]") == (key == "[]") for step, key in zip(steps, path, strict=True)
    )


def check(value: object, fields: tuple[Field, ...], where: str) -> None:
    whole = [field.steps for field in fields if "any" in field.types]
    for path, item in leaves(value):
        if any(len(path) > len(steps) and agrees(steps, path[: len(steps)]) for steps in whole):
            continue
        described = [field for field in fields if agrees(field.steps, path)]
        above = any(agrees(field.steps[: len(path)], path) for field in fields)
        assert described or (above and isinstance(item, dict | list)), f"{where}: {'.'.join(path)} is not described"
        for field in described:
            assert any(TYPES[name](item) for name in field.types), f"{where}: {field.path} is {item!r:.80}"
    for field in fields:
        if not field.optional:
            assert_there(value, field.steps, f"{where}: {field.path}")


def assert_there(value: object, steps: list[str], what: str) -> None:
    """The field is in every object and list item that may hold it."""
    if not steps or value is None:
        return
    if steps[0] == "[]":
        assert isinstance(value, list), f"{what} is no list"
        for item in value:
            assert_there(item, steps[1:], what)
    elif steps[0] == "*":
        assert isinstance(value, dict), f"{what} is no object"
        for item in value.values():
            assert_there(item, steps[1:], what)
    else:
        assert isinstance(value, dict) and steps[0] in value, f"{what} is missing"
        assert_there(value[steps[0]], steps[1:], what)


def contents(path: Path) -> Iterator[object]:
    if path.suffix == ".jsonl":
        yield from map(json.loads, path.read_text(encoding="utf-8").splitlines())
    else:
        yield json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    """A folder with the results, indexes and mirrors of small runs."""
    folder = tmp_path_factory.mktemp("formats")
    (folder / "shortest.py").write_text(RERANKER)
    systems = ["bm25", "hyde > bm25", "rrf(bm25, bm25-qs)", f"bm25 > {folder}/shortest.py:Shortest,depth=3"]
    retrieval = ["run", "-d", "demo/evidence", *(word for system in systems for word in ("-r", system))]
    sql = ["run", "-d", "demo/biomed", "-g", "gold", "-g", "replay,path=hasty", "-c", "answer", "-c", "biomedsql"]
    places = ["--results", str(folder / "results")]
    with ChatServer(echo) as server:
        model = ["-r", f"query2doc,llm={server.base_url}#m > bm25", "--cache", str(folder / "CACHE")]
        for program, arguments in (
            (retrieval_bench.cli.main.main, [*retrieval, *model, "--indexes", str(folder / "indexes")]),
            (sql_bench.cli.main.main, [*sql, "--mirrors", str(folder / "indexes" / "mirrors")]),
        ):
            result = CliRunner().invoke(program, [*arguments, *places], env={"XDG_CACHE_HOME": str(folder / "cache")})
            assert result.exit_code == 0, result.output
    return folder


def is_in(relative: str, section: Section) -> bool:
    # `*` of a folder pattern stands for one name, `**` for any number of them.
    def fits(pattern: list[str], names: list[str]) -> bool:
        if not pattern or not names:
            return pattern == names
        if pattern[0] == "**":
            return fits(pattern[1:], names) or fits(pattern, names[1:])
        return fnmatchcase(names[0], pattern[0]) and fits(pattern[1:], names[1:])

    return any(fits(pattern.split("/"), relative.split("/")) for pattern in section.patterns)


@pytest.mark.slow
def test_every_file_is_as_described(run_folder):
    described, seen = sections(), set()
    for path in sorted(run_folder.rglob("*")):
        relative = path.relative_to(run_folder).as_posix()
        if not path.is_file() or path.suffix in (".lock", ".duckdb") or relative.partition("/")[0] not in WRITTEN:
            continue
        own = next((section for section in described if is_in(relative, section)), None)
        assert own is not None, f"{relative} is not described"
        seen.add(own)
        if own.fields:
            for number, content in enumerate(contents(path), start=1):
                check(content, own.fields, f"{relative}:{number}")
        elif own.columns:
            check_columns(path, own.columns)
        elif path.suffix == ".gz":
            assert {len(line.split()) for line in gzip.decompress(path.read_bytes()).decode().splitlines()} == {6}
    assert [section.patterns for section in described if section not in seen] == []


def check_columns(path: Path, columns: tuple[str, ...]) -> None:
    with path.open(encoding="utf-8", newline="") as file:
        header = next(csv.reader(file))
    named = [column for column in columns if column != "*"]
    assert [column for column in header if column in named] == named, f"{path}: {header}"
    assert "*" in columns or header == named


SMALL = (Field("a", ("text",), False), Field("b[].c", ("integer", "null"), False), Field("d.*", ("any",), True))


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ({"a": "x", "b": [{"c": 1}], "d": {"free": [1]}}, None),
        ({"a": "x", "b": []}, None),
        ({"a": "x", "b": [], "e": 1}, "e is not described"),
        ({"a": "x", "b": [{"c": 1, "e": 1}]}, r"b\.\[\]\.e is not described"),
        ({"a": "x", "b": [{}]}, r"b\[\]\.c is missing"),
        ({"a": 1, "b": []}, "a is 1"),
        ({"b": []}, "a is missing"),
    ],
)
def test_the_check_finds_what_the_page_does_not_say(content, complaint):
    if complaint is None:
        check(content, SMALL, "here")
    else:
        with pytest.raises(AssertionError, match=complaint):
            check(content, SMALL, "here")
