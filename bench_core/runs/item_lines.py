"""A file of items, one JSON object a line, each with a hash of its content; appended to as items are made.

A line is the canonical JSON of the content, then `sha256` of exactly that text, then `measured` (seconds, latency,
cache hits), where there is any: `{"query_id":"q1","text":"…","sha256":"…","measured":{"seconds":1.5}}`.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from json.encoder import encode_basestring
from pathlib import Path
from types import TracebackType
from typing import Any

from bench_core.artifacts import HashedFile, move_synced, remember_sha256
from bench_core.errors import BenchError
from bench_core.identity import Json, canonical_json

# A killed process loses nothing that was written; a power cut loses what was appended since the last sync.
_SYNC_INTERVAL_S = 0.5

_SHA256, _MEASURED = "sha256", "measured"
_HASH_MARK = f',"{_SHA256}":"'.encode()
_TAIL = re.compile(rf'([0-9a-f]{{64}})"(?:,"{_MEASURED}":(\{{.*\}}))?\}}\n?'.encode(), re.DOTALL)


@dataclass(frozen=True)
class Shared:
    """The value of a field that many items have in common: a large one is written out once for all of them."""

    value: Json

    @cached_property
    def text(self) -> str:
        """Its canonical JSON."""
        return canonical_json(self.value)

    @cached_property
    def as_read(self) -> Any:
        """The value as it is read back."""
        return json.loads(self.text)


@dataclass(frozen=True)
class Item:
    """What is stored of one item.

    Attributes:
        content: what came of it, with the fields of its key; hashed. Values may be `Shared`.
        measured: what differs from one making to the next (seconds, latency, cache hits); not hashed.
    """

    content: Mapping[str, Any]
    measured: Mapping[str, Any] = field(default_factory=dict)

    def line(self) -> bytes:
        """The item as a line of its file.

        Raises:
            BenchError: a field has the name of what the line adds.
        """
        if {_SHA256, _MEASURED} & self.content.keys() or _SHA256 in self.measured:
            raise BenchError(f"An item cannot have a field {_SHA256} or {_MEASURED}.")
        content = self._canonical.encode()
        sha256 = hashlib.sha256(content).hexdigest().encode()
        measured = f',"{_MEASURED}":{canonical_json(self.measured)}'.encode() if self.measured else b""
        return content[:-1] + _HASH_MARK + sha256 + b'"' + measured + b"}\n"

    def as_read(self) -> Item:
        """The item as reading its line would give it."""
        if not self._has_shared:
            return Item(json.loads(self._canonical), json.loads(canonical_json(self.measured)))
        return Item(_as_read(self.content), _as_read(self.measured))

    @cached_property
    def _canonical(self) -> str:
        if not self._has_shared:
            return canonical_json(self.content)
        fields = (f"{_text_of(name)}:{_text_of(value)}" for name, value in sorted(self.content.items()))
        return f"{{{','.join(fields)}}}"

    @cached_property
    def _has_shared(self) -> bool:
        return any(isinstance(value, Shared) for value in self.content.values())


def _text_of(value: Any) -> str:
    """Canonical JSON; of a text what `canonical_json` makes of it, without an encoder of its own for each."""
    if isinstance(value, str):
        return encode_basestring(value)
    return value.text if isinstance(value, Shared) else canonical_json(value)


def _as_read(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value.as_read if isinstance(value, Shared) else _value_as_read(value) for name, value in fields.items()
    }


def _value_as_read(value: Any) -> Any:
    return value if isinstance(value, str | float) else json.loads(canonical_json(value))


@dataclass(frozen=True)
class StoredLine:
    """A whole line as it stands in a file.

    Attributes:
        number: from 1.
        offset: the byte it begins at.
        item: None where the line is damaged.
        is_hashed: False for lines of the version before hashes; the file's own hash vouches for them.
    """

    number: int
    offset: int
    item: Item | None
    is_hashed: bool


def parsed(line: bytes) -> tuple[Item | None, bool]:
    """The item of a line, None where it is damaged; and whether the line carries a hash.

    The content is what was hashed and nothing behind it, where a damaged byte could make a field of another name.
    """
    position = line.rfind(_HASH_MARK)
    try:
        if position < 0:
            return _unhashed(json.loads(line)), False
        hashed, tail = line[:position] + b"}", _TAIL.fullmatch(line, position + len(_HASH_MARK))
        if tail is None or hashlib.sha256(hashed).hexdigest().encode() != tail[1]:
            return None, True
        return Item(json.loads(hashed), json.loads(tail[2] or b"{}")), True
    except (ValueError, RecursionError):
        return None, position >= 0


def _unhashed(found: Any) -> Item | None:
    if not isinstance(found, dict):
        return None
    return Item({name: value for name, value in found.items() if name not in (_SHA256, _MEASURED)})


class ItemLines:
    """The file: read once, then appended to, then put in order.

    A last line without its newline is what a kill leaves behind: it is ignored, and cut off before the next append.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.n_lines = 0
        self._file: io.BufferedWriter | None = None
        self._digest = hashlib.sha256()
        self._n_bytes = 0
        self._is_torn = False
        self._synced = 0.0

    @property
    def sha256(self) -> str:
        """The hash of all whole lines."""
        return self._digest.hexdigest()

    def read(self) -> Iterator[StoredLine]:
        """All whole lines, damaged ones too."""
        self._start_again()
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    self._is_torn = True
                    return
                offset = self._count(line)
                item, is_hashed = parsed(line)
                yield StoredLine(self.n_lines, offset, item, is_hashed)

    def line_at(self, offset: int) -> bytes:
        """The line that begins at a byte."""
        (line,) = self.lines_at((offset,))
        return line

    def lines_at(self, offsets: Iterable[int]) -> Iterator[bytes]:
        """The lines that begin at these bytes."""
        with self.path.open("rb") as file:
            for offset in offsets:
                file.seek(offset)
                yield file.readline()

    def __enter__(self) -> ItemLines:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self._is_torn:
            os.truncate(self.path, self._n_bytes)
            self._is_torn = False
        self._file = self.path.open("ab")
        return self

    def append(self, line: bytes) -> int:
        """Add a line; it is in the file when this returns. Returns the byte it begins at."""
        if self._file is None:
            raise BenchError(f"{self.path} is not open for appending.")
        self._file.write(line)
        self._file.flush()
        offset = self._count(line)
        if time.monotonic() - self._synced > _SYNC_INTERVAL_S:
            os.fsync(self._file.fileno())
            self._synced = time.monotonic()
        return offset

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            os.fsync(self._file.fileno())
            self._file.close()
            self._file = None
            remember_sha256(self.path, self.sha256)

    def rewrite(self, lines: Iterable[bytes]) -> Sequence[int]:
        """Replace all lines at once, one in memory at a time. Returns the bytes they begin at."""
        partial = self.path.with_name(f".{self.path.name}.partial")
        self._start_again()
        with HashedFile(partial) as file:
            offsets = [self._count(line) for line in lines if file.write(line)]
        move_synced(partial, self.path)
        return offsets

    def _start_again(self) -> None:
        self._digest, self._n_bytes, self.n_lines, self._is_torn = hashlib.sha256(), 0, 0, False

    def _count(self, line: bytes) -> int:
        offset = self._n_bytes
        self._digest.update(line)
        self._n_bytes += len(line)
        self.n_lines += 1
        return offset
