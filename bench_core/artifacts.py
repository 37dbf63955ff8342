"""Files and folders that are either whole or not there: atomic writes, JSON lines that survive a kill, locks.

A file is written under a temporary name, synced and renamed. A folder is filled under a temporary name and renamed.
Per-item work is appended to a JSON lines file: a killed process loses at most the item in flight.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from bench_core.errors import BadFile, BenchError
from bench_core.identity import Json, canonical_json

# A killed process loses nothing that was written; a power cut loses what was appended since the last sync.
_SYNC_INTERVAL_S = 0.5


OWNERS_FILE, OWNERS_FOLDER = 0o600, 0o700
"""Permissions of what is its owner's alone."""


def write_atomically(path: Path, content: str | bytes, mode: int = 0o666) -> None:
    """Write a whole file so that a reader sees the old one or the new one, never a part.

    Args:
        path: its name.
        content: all of it; text becomes UTF-8.
        mode: its permissions, less those that the process's umask takes away.

    Two processes that may write the same file hold a lock (`locked`); what a kill leaves behind is written over.
    """
    data = content.encode() if isinstance(content, str) else content
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.partial")
    try:
        temporary.unlink(missing_ok=True)  # what a kill left may have other permissions
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise BenchError(f"{path} cannot be written: {error.strerror or error}.") from error
    _sync_folder(path.parent)


def append_synced(path: Path, content: bytes) -> None:
    """Add to the end of a file; it is on disk when this returns."""
    with path.open("ab") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def move_synced(written: Path, path: Path) -> None:
    """Give a file that is written its name, once it is on disk."""
    _sync(written)
    written.replace(path)
    _sync_folder(path.parent)


def gzip_bytes(content: bytes) -> bytes:
    """Gzip without a time stamp or a name: the same content gives the same bytes."""
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=buffer, mtime=0, compresslevel=6) as file:
        file.write(content)
    return buffer.getvalue()


def write_json(path: Path, value: Json, mode: int = 0o666) -> None:
    """Write JSON to be read by people and diffed: sorted keys, two spaces, a final newline."""
    text = json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_atomically(path, text, mode)


def read_json(path: Path) -> Any:
    """Read one JSON value.

    Raises:
        FileNotFoundError: no such file.
        BadFile: the file does not hold JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise BadFile(path, f"this is not JSON ({error})") from error


def file_sha256(path: Path) -> str:
    """The sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def folder_written_whole(path: Path) -> Iterator[Path]:
    """Give a new empty folder to fill; it takes the name `path` only when the block ends without an error."""
    with folder_continued(path) as partial:
        for left in partial.iterdir():
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        try:
            yield partial
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise


@contextmanager
def folder_continued(path: Path) -> Iterator[Path]:
    """As `folder_written_whole`, but what an interrupted block left stays, and the next one resumes it.

    Two processes that may fill the same folder hold a lock (`locked`).
    """
    partial = path.with_name(f".{path.name}.partial")
    partial.mkdir(parents=True, exist_ok=True)
    yield partial
    for file in partial.rglob("*"):
        if file.is_file():
            _sync(file)
    if path.exists():
        shutil.rmtree(path)
    partial.rename(path)
    _sync_folder(path.parent)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock that belongs to a file or folder; a second process waits until the first is through."""
    from filelock import FileLock

    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f".{path.name}.lock")):
        yield


class JsonLines:
    """A file of one JSON object a line, appended to as items are finished.

    A last line without its newline is what a kill leaves behind: it is ignored, and cut off before the next append.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: io.BufferedWriter | None = None
        self._synced = 0.0

    def read(self) -> Iterator[dict[str, Any]]:
        """The finished items, in the order they were appended.

        Raises:
            BadFile: a line that is whole and yet not a JSON object.
        """
        return (item for _, item in self.read_with_offsets())

    def read_with_offsets(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """As `read`, each item with the byte its line begins at, for `line_at`."""
        if not self.path.exists():
            return
        offset = 0
        with self.path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if not line.endswith(b"\n"):
                    return
                try:
                    item = json.loads(line)
                except ValueError as error:
                    expected = f"this is not JSON ({error}); delete the run's folder to redo it"
                    raise BadFile(self.path, expected, number) from error
                if not isinstance(item, dict):
                    raise BadFile(self.path, "expected a JSON object", number)
                yield offset, item
                offset += len(line)

    def line_at(self, offset: int) -> bytes:
        """The line that begins at a byte."""
        with self.path.open("rb") as file:
            file.seek(offset)
            return file.readline()

    def __enter__(self) -> JsonLines:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._cut_torn_line()
        self._file = self.path.open("ab")
        return self

    def append(self, item: Mapping[str, Json]) -> int:
        """Add one item; it is in the file when this returns. Returns the byte its line begins at."""
        if self._file is None:
            raise BenchError(f"{self.path} is not open for appending.")
        offset = self._file.tell()
        self._file.write(canonical_json(item).encode() + b"\n")
        self._file.flush()
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

    def _cut_torn_line(self) -> None:
        if not self.path.exists():
            return
        with self.path.open("rb+") as file:
            content = file.read()
            whole = content.rfind(b"\n") + 1
            if whole != len(content):
                file.truncate(whole)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_folder(path: Path) -> None:
    if os.name == "posix":  # elsewhere a folder cannot be opened
        _sync(path)
