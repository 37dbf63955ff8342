"""Mutated files, drawn by a seed: readers take them or refuse them by an error of the suite's own, and nothing else.

`BIOMED_BENCH_MUTATIONS=10000` gives each reader so many in its slow test.
"""

from __future__ import annotations

import gzip
import json
import os
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bench_core.errors import BenchError
from bench_core.identity import canonical_json
from bench_core.runs.item_lines import Item, parsed
from bench_core.runs.items import ItemKind, ItemStage
from bench_core.runs.manifest import RunFolder

FEW = 30
"""For each reader in a fast test."""

MANY = int(os.environ.get("BIOMED_BENCH_MUTATIONS", "150"))
"""For each reader in a slow test."""

NUMBERS = [FEW, pytest.param(MANY, marks=pytest.mark.slow)]
"""Of mutations, as a parameter of a test."""

PIECES = (
    b"\t", b" ", b"\n", b"\r", b"\r\n", b"\x00", b"#", b",", b";", b"|", b":", b": ", b"- ", b"-", b"'", b'"', b'""',
    b"\\", b"{", b"}", b"[", b"]", b"&a", b"*a", b"<<: *a", b"!!int ", b"<top>", b"</top>", b"<num>", b"<title>", b"</",
    b'<topic number="', b">", b"&#xD800;", b"&#99999999;", b"<![CDATA[", b"<!--", b"]]>", b"\xff", b"\xef\xbb\xbf",
    b"\xed\xa0\x80", b"\xc2\xa0", b"\xe2\x80\xa8", b"\\ud83d", b"\\u0000", b"1e999", b"1e99999", b"9" * 50,
    b"9" * 5_000, b"[" * 3_000, b'{"a":' * 3_000, b"03/14/2020", b"14/03/2020", b"2020-13-01", b"null", b"true", b"NaN",
    b"Infinity", b"-1", b"0", b"1.5",
)  # fmt: skip
"""What means something in one of the forms that are read."""

VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 1e308, 10**30, "", "x", "1", "\ud83d", "\x00", "complete", [], {}, [[]], {"a": None},
)  # fmt: skip
"""What may stand in place of a value in JSON."""


def mutated(content: bytes, draw: random.Random) -> bytes:
    """A text with up to four pieces changed: bytes replaced, cut, doubled, or what means something put in."""
    changed = bytearray(content)
    for _ in range(draw.randint(1, 4)):
        place = draw.randint(0, len(changed))
        kind = draw.randrange(4)
        if kind == 0:
            changed[place:place] = draw.choice(PIECES)
        elif kind == 1:
            del changed[place : place + draw.randint(1, 5)]
        elif kind == 2:
            changed[place : place + 1] = bytes([draw.randrange(256)])
        else:
            changed[place:place] = changed[max(0, place - draw.randint(1, 20)) : place] * draw.randint(1, 3)
    return bytes(changed)


def changed_value(value: Any, draw: random.Random) -> Any:
    """JSON with one value changed, dropped or put in, somewhere within."""
    if isinstance(value, dict) and value and draw.random() < 0.9:
        name = draw.choice(sorted(value))
        kind = draw.random()
        if kind < 0.1:
            return {key: item for key, item in value.items() if key != name}
        if kind < 0.15:
            return {**value, "more": draw.choice(VALUES)}
        return {**value, name: changed_value(value[name], draw)}
    if isinstance(value, list) and value and draw.random() < 0.9:
        number = draw.randrange(len(value))
        if draw.random() < 0.1:
            return [*value[:number], *value[number + 1 :]]
        return [*value[:number], changed_value(value[number], draw), *value[number + 1 :]]
    return draw.choice(VALUES)


def mutated_json(content: bytes, draw: random.Random) -> bytes:
    """A JSON text with a value changed, or as many bytes as in `mutated`."""
    if draw.random() < 0.3:
        return mutated(content, draw)
    return json.dumps(changed_value(json.loads(content), draw)).encode("utf-8", "surrogatepass")


def mutated_gzip(content: bytes, draw: random.Random) -> bytes:
    """What a gzipped file holds, mutated and packed again; or the packed bytes mutated."""
    if draw.random() < 0.3:
        return mutated(content, draw)
    return gzip.compress(mutated(gzip.decompress(content), draw), mtime=0)


def mutated_line(content: bytes, draw: random.Random) -> bytes:
    """Lines of items, one of them of another shape and with the hash of that."""
    lines = content.splitlines(keepends=True)
    place = draw.randrange(len(lines))
    item, _ = parsed(lines[place])
    assert item is not None
    changed = json.loads(json.dumps(changed_value(dict(item.content), draw)).replace("\\ud83d", "?"))
    if isinstance(changed, dict) and not {"sha256", "measured"} & changed.keys():
        lines[place] = Item(changed, item.measured).line()
    return b"".join(lines)


Mutate = Callable[[bytes, random.Random], bytes]


@dataclass(frozen=True)
class Reader:
    """Something that reads a file.

    Attributes:
        read: reads it; what it returns is taken, an error of the suite's own refuses it.
        seeds: contents, most of them good.
        file_name: what the file is called.
        mutate: changes a content.
        believed: of stored files: all that may be taken, as `read` returns it.
    """

    read: Callable[[Path], Any]
    seeds: Sequence[bytes]
    file_name: str = "file"
    mutate: Mutate = mutated
    believed: Sequence[Any] | None = None


def check(reader: Reader, name: str, folder: Path, n: int) -> None:
    """Give a reader n mutated files.

    Raises:
        AssertionError: another exception, a refusal that is not one sentence that begins with the file or its folder, a
            damaged content that is believed; or all were taken, or none.
    """
    draw, path, n_taken = random.Random(f"{name} 12"), folder / reader.file_name, 0
    path.parent.mkdir(parents=True, exist_ok=True)
    for number in range(n):
        content = reader.mutate(draw.choice(reader.seeds), draw)
        case = f"{number} of {name}: {content[:400]!r}"
        path.write_bytes(content)
        try:
            found = reader.read(path)
        except BenchError as error:
            begins = (str(path), f"{path.parent}:")
            assert str(error).startswith(begins) and "\n" not in str(error), f"{case}: {error}"
        except Exception as error:
            raise AssertionError(f"{case}: {error!r}") from error
        else:
            n_taken += 1
            assert reader.believed is None or found in reader.believed, f"{case}: {found!r}"
    assert n <= FEW or reader.believed is not None or 0 < n_taken < n, f"{name}: {n_taken} of {n} were taken"


def stored_items(kind: ItemKind[Any], items: Sequence[Item]) -> dict[str, Reader]:
    """Readers of a file of items: none is believed that was not stored, and another shape is no failure."""
    lines = b"".join(item.line() for item in items)
    contents = [json.loads(canonical_json(item.content)) for item in items]

    def stage_of(path: Path) -> ItemStage[Any]:
        return ItemStage(kind, RunFolder(path.parent), {}, None, lambda sentence: None)

    def strange(path: Path) -> list[Any]:
        stage = stage_of(path)
        found = [dict(stage.item(key).content) for key, _ in stage.values()]
        return [content for content in found if content not in contents]

    def loaded(path: Path) -> None:
        assert len(list(stage_of(path).values())) <= len(items)

    name = kind.file_name
    return {
        f"{name} in bytes": Reader(strange, [lines], name, believed=[[]]),
        f"{name} of another shape": Reader(loaded, [lines], name, mutated_line, [None]),
    }
