"""Find the run folders of a results folder, whatever state they are in, and the one that a name means."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bench_core.artifacts import file_sha256, read_json
from bench_core.errors import BadFile, UserError
from bench_core.plugins.arguments import did_you_mean
from bench_core.runs.manifest import MANIFEST_NAME, SCHEMA_VERSION, is_as_written
from bench_core.runs.score_files import wrong_score_files

_FOLDER = re.compile(r"(?P<name>[^.].*)--(?P<hash8>[0-9a-f]{8})")
_HASH = re.compile(r"[0-9a-f]{4,8}")
_LABEL_AND_HASH = re.compile(r"(?P<label>.+) \((?P<hash8>[0-9a-f]{8})\)")
_N_CANDIDATES = 6

# From what needs a look to what does not; a run is as the worst of its parts.
_STATES = ("damaged", "failed", "started", "partial", "complete")


@dataclass(frozen=True)
class StoredRun:
    """A run folder as it stands.

    Attributes:
        folder: where it is; `<root>/<dataset>/<system>--<hash8>`.
        system: what tables call it.
        status: the manifest's, or `damaged`; of a run with folders below it (executions) the worst of all.
        problem: why it is damaged or failed; else empty.
        written_at: when its manifest was written, POSIX seconds; 0 where it has none.
        manifest: its content, as far as it could be read.
    """

    folder: Path
    dataset_id: str
    system: str
    status: str
    problem: str
    written_at: float
    size_bytes: int
    manifest: Mapping[str, Any] = field(default_factory=dict)

    @property
    def hash8(self) -> str:
        """The beginning of its identity's hash, as its folder has it."""
        return self.folder.name[-8:]

    @property
    def place(self) -> str:
        """Dataset folder and run folder, by which no other run of this half can be meant."""
        return f"{self.folder.parent.name}/{self.folder.name}"

    @property
    def age(self) -> str:
        """`older` or `newer` where another version of the suite wrote it; else empty."""
        version = self.manifest.get("schema_version")
        if not isinstance(version, int) or version == SCHEMA_VERSION:
            return ""
        return "older" if version < SCHEMA_VERSION else "newer"

    @property
    def made_of(self) -> set[str]:
        """The names of the run folders beside it that it was made of."""
        recorded = _mapping(self.manifest.get("recorded"))
        texts = [text for value in recorded.values() for text in (value if isinstance(value, list) else [value])]
        return {text for text in texts if isinstance(text, str) and _FOLDER.fullmatch(text)}


def stored_runs(root: Path, verified: bool = True) -> list[StoredRun]:
    """All run folders below a half's folder of results, by dataset and system. A damaged one hides no other.

    Args:
        verified: whether every file is read and compared with the hash in its manifest.
    """
    folders = [path for path in sorted(root.glob("*/*")) if path.is_dir() and _FOLDER.fullmatch(path.name)]
    runs = [read_stored(folder, verified) for folder in folders]
    # What is not made from questions (gold executions) has no dataset in its identity; its neighbours have.
    known = {run.folder.parent.name: run.dataset_id for run in runs if run.dataset_id != run.folder.parent.name}
    runs = [replace(run, dataset_id=known.get(run.folder.parent.name, run.dataset_id)) for run in runs]
    return sorted(runs, key=lambda run: (run.dataset_id, run.system, run.hash8))


def read_stored(folder: Path, verified: bool = True) -> StoredRun:
    """One run folder and those below it."""
    manifest, own = _examined(folder, verified)
    found = [own]
    for below in sorted(path for path in folder.iterdir() if path.is_dir() and _FOLDER.fullmatch(path.name)):
        state, problem = _examined(below, verified)[1]
        found.append((state, f"{below.name}: {problem}" if problem else ""))
    match = _FOLDER.fullmatch(folder.name)
    name = match["name"] if match else folder.name
    recorded, identity = _mapping(manifest.get("recorded")), _mapping(manifest.get("identity"))
    system = recorded.get("system")
    dataset_id = _mapping(identity.get("dataset")).get("dataset_id")
    return StoredRun(
        folder,
        dataset_id if isinstance(dataset_id, str) else folder.parent.name,
        system if isinstance(system, str) else name,
        min((state for state, _ in found), key=_STATES.index),
        " ".join(problem for _, problem in found if problem),
        (folder / MANIFEST_NAME).stat().st_mtime if manifest else 0.0,
        sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
        manifest,
    )


def _examined(folder: Path, verified: bool) -> tuple[Mapping[str, Any], tuple[str, str]]:
    """A folder's manifest, its state, and what there is to say of it."""
    try:
        manifest = read_json(folder / MANIFEST_NAME)
    except FileNotFoundError:
        return {}, ("damaged", f"there is no {MANIFEST_NAME}.")
    except (BadFile, OSError, RecursionError):  # the last of JSON nested beyond reason
        return {}, ("damaged", f"{MANIFEST_NAME} cannot be read.")
    if not isinstance(manifest, dict) or not isinstance(manifest.get("identity"), dict):
        return {}, ("damaged", f"{MANIFEST_NAME} has no identity.")
    if not is_as_written(manifest):
        return {}, ("damaged", f"{MANIFEST_NAME} is not as it was written.")
    status = manifest.get("status")
    if status not in _STATES:
        return manifest, ("damaged", f"{MANIFEST_NAME} has no status.")
    wrong = list(_wrong_files(folder, _mapping(manifest.get("files")), verified))
    wrong += wrong_score_files(folder) if verified else ()
    if wrong and status in ("complete", "partial"):
        return manifest, ("damaged", " ".join(wrong))
    return manifest, (str(status), str(manifest.get("error") or "") if status == "failed" else "")


def _wrong_files(folder: Path, files: Mapping[str, Any], verified: bool) -> Iterator[str]:
    for name, sha256 in files.items():
        if not (folder / name).is_file():
            yield f"{name} is missing."
        elif verified and file_sha256(folder / name) != sha256:
            yield f"{name} is not as it was written."


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def resolved(text: str, runs: Sequence[StoredRun]) -> StoredRun:
    """The one run a text means: a folder, its name, the beginning of its hash, or what tables call the system.

    Raises:
        UserError: it means none, or several.
    """
    found = meant(text, runs)
    if len(found) == 1:
        return found[0]
    if not found:
        known = [name for run in runs for name in (run.system, run.folder.name)]
        raise UserError(f"There is no run {text!r}{did_you_mean(text, known)}; `runs list` shows them.")
    shown = ", ".join(run.place for run in found[:_N_CANDIDATES])
    more = f" and {len(found) - _N_CANDIDATES} more" if len(found) > _N_CANDIDATES else ""
    raise UserError(f"{text!r} means {len(found)} runs: {shown}{more}; give one of these, or --dataset.")


def meant(text: str, runs: Sequence[StoredRun]) -> list[StoredRun]:
    """All runs that a text can mean, by the first of the ways of naming one that gives any."""
    path = Path(text)
    if path.is_dir():
        inside = [run for run in runs if run.folder.resolve() == path.resolve()]
        if inside or (path / MANIFEST_NAME).exists():
            return inside or [read_stored(path)]
    with_hash = _LABEL_AND_HASH.fullmatch(text)
    tests: list[Iterable[StoredRun]] = [
        (run for run in runs if text.rstrip("/") in (run.folder.name, run.place)),
        (run for run in runs if run.system == text),
        (run for run in runs if with_hash and (run.system, run.hash8) == (with_hash["label"], with_hash["hash8"])),
        (run for run in runs if _HASH.fullmatch(text) and run.hash8.startswith(text)),
    ]
    return next((found for test in tests if (found := list(test))), [])


def on_dataset(runs: Sequence[StoredRun], dataset: str | None) -> list[StoredRun]:
    """The runs on a dataset as a user names it, options behind it left out; all of them where none is named."""
    if dataset is None:
        return list(runs)
    name = dataset.partition(",")[0]
    return [run for run in runs if dataset in (run.dataset_id, run.folder.parent.name) or name == run.dataset_id]
