"""Small run folders, as the stages of both halves leave them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench_core.artifacts import file_sha256, write_json
from bench_core.identity import identity_hash
from bench_core.runs.manifest import SCHEMA_VERSION, slug


def make_run(root: Path, system: str, dataset: str = "demo/qa", **changed: Any) -> Path:
    """A complete run with one file; `changed` are fields of its manifest. Returns its folder."""
    identity = changed.pop("identity", {"dataset": {"dataset_id": dataset}, "system": {"name": system}, "k": 100})
    folder = root / slug(dataset) / f"{slug(system)}--{identity_hash(identity)[:8]}"
    folder.mkdir(parents=True)
    (folder / "run.trec.gz").write_bytes(system.encode())
    manifest = {
        "schema_version": SCHEMA_VERSION,
        "status": "complete",
        "identity": identity,
        "recorded": {"system": system, "data_use": {"access": "public"}},
        "files": {"run.trec.gz": file_sha256(folder / "run.trec.gz")},
        **changed,
    }
    write_json(folder / "manifest.json", {**manifest, "sha256": identity_hash(manifest)})
    return folder
