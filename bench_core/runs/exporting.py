"""Give runs away: as an archive of the same bytes whenever it is made, or as a folder."""

from __future__ import annotations

import gzip
import os
import shutil
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench_core.artifacts import OWNERS_FILE, OWNERS_FOLDER, folder_written_whole, move_synced
from bench_core.data_use import Access, check_export, recorded_access
from bench_core.errors import BenchError, UserError
from bench_core.runs.stored import StoredRun

_ARCHIVE_ENDS = (".tar.gz", ".tgz")
_OTHER_ARCHIVES = (".zip", ".tar", ".gz", ".bz2", ".xz", ".zst", ".7z")


def export_runs(runs: Sequence[StoredRun], to: Path, credentialed_too: bool) -> None:
    """Write runs to an archive (`.tar.gz`, `.tgz`) or a new folder, under the names they have below the results folder.

    Args:
        credentialed_too: the user said that results on credentialed data may be written; they are readable by their
            owner only.

    Raises:
        UserError: the place is taken; a run is damaged, or on data that is credentialed or of unknown access.
        BenchError: the archive cannot be written.
    """
    if to.suffix in _OTHER_ARCHIVES and not to.name.endswith(_ARCHIVE_ENDS):
        raise UserError(f"{to}: an archive is written as .tar.gz or .tgz, and any other name is that of a folder.")
    if to.exists():
        raise UserError(f"{to} exists already; give another name.")
    for run in runs:
        if run.status == "damaged":
            raise UserError(f"{run.place} is damaged: {run.problem} Run it again before it is exported.")
    accesses = [_access(run) for run in runs]
    check_export(str(to), accesses, credentialed_too)
    private = any(access != "public" for access in accesses)
    if to.name.endswith(_ARCHIVE_ENDS):
        _write_archive(runs, to, private)
    else:
        _write_folder(runs, to, private)


def _access(run: StoredRun) -> Access | None:
    recorded = run.manifest.get("recorded")
    return recorded_access(recorded) if isinstance(recorded, Mapping) else None


def _files(run: StoredRun) -> list[Path]:
    """What belongs to a run, without locks and what a kill left behind."""
    below = sorted(run.folder.rglob("*"))
    return [path for path in below if path.is_file() and not path.is_symlink() and not path.name.startswith(".")]


def _name(run: StoredRun, path: Path) -> Path:
    """A file's name below the results folder: `<half>/<dataset>/<run folder>/…`."""
    return path.resolve().relative_to(run.folder.resolve().parents[2])


def _write_archive(runs: Sequence[StoredRun], to: Path, private: bool) -> None:
    partial = to.with_name(f".{to.name}.partial")
    try:
        partial.unlink(missing_ok=True)
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, OWNERS_FILE if private else 0o666)
        with (
            os.fdopen(descriptor, "wb") as file,
            gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0, compresslevel=6) as packed,
            tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
        ):
            for run in runs:
                for path in _files(run):
                    _add(archive, path, _name(run, path).as_posix(), private)
        move_synced(partial, to)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise BenchError(f"{to} cannot be written: {error.strerror or error}.") from error


def _add(archive: tarfile.TarFile, path: Path, name: str, private: bool) -> None:
    """Add a file with nothing of this machine: no time, no owner."""
    with path.open("rb") as file:
        entry = tarfile.TarInfo(name)
        entry.size = os.fstat(file.fileno()).st_size
        entry.mode = OWNERS_FILE if private else 0o644
        archive.addfile(entry, file)


def _write_folder(runs: Sequence[StoredRun], to: Path, private: bool) -> None:
    try:
        with folder_written_whole(to) as partial:
            if private:
                partial.chmod(OWNERS_FOLDER)
            for run in runs:
                for path in _files(run):
                    copy = partial / _name(run, path)
                    copy.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(path, copy)
                    if private:
                        copy.chmod(OWNERS_FILE)
    except OSError as error:
        raise BenchError(f"{to} cannot be written: {error.strerror or error}.") from error
