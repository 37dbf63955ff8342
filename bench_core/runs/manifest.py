"""Manifests: the record beside each run of its identity, its outcome and its environment.

The identity decides whether a run can be reused; everything else is recorded for people and changes nothing.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from bench_core.artifacts import file_sha256, read_json, write_json
from bench_core.data_use import shown_of_error
from bench_core.errors import BadFile
from bench_core.identity import Json, identity_hash
from bench_core.machine.environment import memory_bytes

SCHEMA_VERSION = 2
"""2: lines of items carry hashes, and a manifest holds the hash of executions.jsonl too. Other versions are read."""
MANIFEST_NAME = "manifest.json"
_REPOSITORY = Path(__file__).resolve().parents[2]

Status = Literal["started", "complete", "partial", "failed"]
"""`partial`: what could be done is there and scored, the rest is asked for again by the next run."""


_HASH = "sha256"
_TYPES: Mapping[str, type] = {
    "identity": dict,
    "status": str,
    "error": str,
    "notes": list,
    "seconds": dict,
    "recorded": dict,
    "files": dict,
    "environment": dict,
    "schema_version": int,
}


def is_as_written(content: Mapping[str, Any]) -> bool:
    """Whether a manifest's content agrees with the hash in it; those of version 1 have none."""
    sha256 = content.get(_HASH)
    if sha256 is None:
        return content.get("schema_version") == 1
    return bool(sha256 == identity_hash({name: value for name, value in content.items() if name != _HASH}))


def slug(text: str) -> str:
    """A name that can be a folder: what is not a letter, digit, dot, `_` or `=` becomes one hyphen."""
    return re.sub(r"[^A-Za-z0-9._=]+", "-", text).strip("-.") or "unnamed"


@dataclass
class Manifest:
    """See the module. Times are seconds, file hashes sha256 by file name."""

    identity: Mapping[str, Json]
    status: Status = "started"
    error: str = ""
    notes: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    recorded: dict[str, Json] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    environment: dict[str, Json] = field(default_factory=dict)
    schema_version: int = SCHEMA_VERSION

    @property
    def age(self) -> str:
        """`older` or `newer` where another version of the suite has written it; else empty."""
        if self.schema_version == SCHEMA_VERSION:
            return ""
        return "older" if self.schema_version < SCHEMA_VERSION else "newer"

    def vouches_for(self, name: str, sha256: str) -> bool:
        """Whether it says of a finished run's file that this is the hash it was written with.

        Version 1 wrote no hash of executions; there a complete manifest itself is what there is to go by.
        """
        if self.status not in ("complete", "partial"):
            return False
        if name not in self.files:
            return self.schema_version == 1 and self.status == "complete"
        return self.files[name] == sha256

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Add the wall time of a block to a phase."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start


class RunFolder:
    """`<root>/<dataset>/<system>--<hash8>/`: one run's files and its manifest."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def of_identity(cls, root: Path, dataset: str, system: str, identity: Mapping[str, Json]) -> RunFolder:
        """The folder a run of this identity has, whether it exists or not."""
        return cls(root / slug(dataset) / f"{slug(system)}--{identity_hash(identity)[:8]}")

    def has_one_of_its_name(self) -> bool:
        """Whether there is a run of this system on this dataset, of whatever identity."""
        name, _, _ = self.path.name.rpartition("--")
        return any(self.path.parent.glob(f"{name}--*"))

    def read(self) -> Manifest | None:
        """The manifest, of whatever schema version; None where there is none or it is damaged."""
        try:
            content: dict[str, Any] = read_json(self.path / MANIFEST_NAME)
            known = {item.name for item in fields(Manifest)}
            manifest = Manifest(**{name: value for name, value in content.items() if name in known})
            is_whole = content["schema_version"] is not None and is_as_written(content)
        except (FileNotFoundError, BadFile, AttributeError, TypeError, KeyError, ValueError):
            return None
        has_its_types = all(isinstance(getattr(manifest, name), kind) for name, kind in _TYPES.items())
        return manifest if is_whole and has_its_types else None

    def complete_manifest(self, identity: Mapping[str, Json]) -> Manifest | None:
        """The manifest of a run that is whole: same identity, complete, and every file as it was written."""
        manifest = self.read()
        if (
            manifest is None
            or manifest.status != "complete"
            or identity_hash(manifest.identity) != identity_hash(identity)
        ):
            return None
        for name, sha256 in manifest.files.items():
            file = self.path / name
            if not file.is_file() or file_sha256(file) != sha256:
                return None
        return manifest

    @contextmanager
    def recording(self, manifest: Manifest, packages: Iterable[str]) -> Iterator[None]:
        """Write the manifest as started, then as complete or failed, whatever happens in between."""
        manifest.environment = environment(packages)
        self._write(manifest)
        try:
            yield
        except BaseException as error:
            manifest.status, manifest.error = "failed", shown_of_error(error)
            self._write(manifest)
            raise
        if manifest.status == "started":
            manifest.status = "complete"
        self._write(manifest)

    def add_files(self, manifest: Manifest, names: Iterable[str]) -> None:
        """Record the hashes of files that are now whole."""
        for name in names:
            manifest.files[name] = file_sha256(self.path / name)

    def _write(self, manifest: Manifest) -> None:
        content = asdict(manifest)
        write_json(self.path / MANIFEST_NAME, {**content, _HASH: identity_hash(content)})


def environment(packages: Iterable[str]) -> dict[str, Json]:
    """Commit, package versions and hardware. Holds no name of a user, a host or a folder."""
    return {
        "commit": _git("rev-parse", "HEAD"),
        "modified": bool(_git("status", "--porcelain", "--untracked-files=no")),
        "python": platform.python_version(),
        "packages": {name: found for name in sorted(packages) if (found := _version(name))},
        "system": f"{platform.system()} {platform.machine()}",
        "processors": os.cpu_count(),
        "memory_bytes": memory_bytes(),
        "accelerator": _accelerator(),
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


@cache
def _git(*arguments: str) -> str | None:
    if not (_REPOSITORY / ".git").exists():
        return None
    try:
        run = subprocess.run(
            ["git", "-C", str(_REPOSITORY), *arguments], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return run.stdout.strip()


def _accelerator() -> str | None:
    """The CUDA device's name, asked only of a torch that is already imported: this must not import it."""
    import sys

    torch = sys.modules.get("torch")
    return torch.cuda.get_device_name() if torch is not None and torch.cuda.is_available() else None
