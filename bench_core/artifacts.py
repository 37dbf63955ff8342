"""Files and folders that are either whole or not there: atomic writes, hashes of what was written, locks.

A file is written under a temporary name, synced and renamed. A folder is filled under a temporary name and renamed.
The hash of a file that this process wrote is computed from the bytes as they go out, so that no file is read back.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from bench_core.errors import BadFile, BenchError
from bench_core.identity import Json, canonical_json

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
        remember_sha256(path, hashlib.sha256(data).hexdigest())
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


def gzip_bytes(pieces: Iterable[bytes]) -> bytes:
    """Gzip of pieces one after another, without a time stamp or a name: the same content gives the same bytes.

    A piece is compressed while the next one is made; large pieces are best, and the cuts between them change nothing.
    """
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=buffer, mtime=0, compresslevel=6) as file,
        ThreadPoolExecutor(1) as compressing,
    ):
        for done in [compressing.submit(file.write, piece) for piece in pieces]:
            done.result()
    return buffer.getvalue()


def write_json(path: Path, value: Json, mode: int = 0o666) -> None:
    """Write JSON to be read by people and diffed: sorted keys, two spaces, a final newline."""
    text = json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_atomically(path, text, mode)
    state = path.stat()
    key = (state.st_dev, state.st_ino)
    if key in _written:
        _texts[key] = (*_written[key][:2], text)


def read_json(path: Path) -> Any:
    """Read one JSON value; from memory where this process wrote the file and nobody has touched it since.

    Raises:
        FileNotFoundError: no such file.
        BadFile: the file does not hold JSON, or holds what `write_json` never writes: NaN, infinity, half characters.
    """
    try:
        value = json.loads(_text_of(path))
        canonical_json(value).encode()
        return value
    except (ValueError, RecursionError) as error:  # numbers of thousands of digits, thousands of brackets
        raise BadFile(path, f"this is not JSON ({error})") from error


def _text_of(path: Path) -> str:
    state = path.stat()
    known = _texts.get((state.st_dev, state.st_ino))
    if known is not None and known[:2] == (state.st_size, state.st_mtime_ns):
        return known[2]
    return path.read_text(encoding="utf-8")


# (device, inode) -> (bytes, modified at, text) of the JSON that this process wrote: manifests and scores are small.
_texts: dict[tuple[int, int], tuple[int, int, str]] = {}
# (device, inode) -> (bytes, modified at, sha256) of the files that this process wrote.
_written: dict[tuple[int, int], tuple[int, int, str]] = {}


def file_sha256(path: Path) -> str:
    """The sha256 of a file's bytes; one that this process wrote and nobody has touched since is not read again."""
    state = path.stat()
    known = _written.get((state.st_dev, state.st_ino))
    if known is not None and known[:2] == (state.st_size, state.st_mtime_ns):
        return known[2]
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def remember_sha256(path: Path, sha256: str) -> None:
    """Let `file_sha256` know the hash of a file that this process has just written, under whatever name it goes on."""
    state = path.stat()
    # A change within the same tick of the file system's clock would leave the time as it is: this one no write gives.
    try:
        os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns - 1))
    except OSError:
        return  # a file system where times cannot be set: the file is read to be hashed
    state = path.stat()
    _written[state.st_dev, state.st_ino] = (state.st_size, state.st_mtime_ns, sha256)


class HashedFile:
    """A new file for writing whose hash is remembered when it is closed."""

    def __init__(self, path: Path) -> None:
        self._path, self._file, self._digest = path, path.open("wb"), hashlib.sha256()

    def write(self, data: bytes) -> int:
        """Add bytes."""
        self._digest.update(data)
        return self._file.write(data)

    def __enter__(self) -> HashedFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if error is None:
            remember_sha256(self._path, self._digest.hexdigest())


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
    """Hold the lock that belongs to a file or folder; a second process waits until the first is through.

    Raises:
        BenchError: the folder that it is in cannot be written.
    """
    from filelock import FileLock

    lock = FileLock(path.with_name(f".{path.name}.lock"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except OSError as error:
        cause = error.strerror or error
        raise BenchError(
            f"{path.parent} cannot be written ({cause}); name another folder, or make it yours."
        ) from error
    try:
        yield
    finally:
        lock.release()


def _sync(path: Path) -> None:
    can_be_written = os.access(path, os.W_OK) and not path.is_dir()
    descriptor = os.open(path, os.O_WRONLY if can_be_written else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_folder(path: Path) -> None:
    if os.name == "posix":  # elsewhere a folder cannot be opened
        _sync(path)
