"""The questions, database, bounds and results folder that all systems on a dataset share."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from bench_core.identity import Json, canonical_json
from bench_core.runs.reporter import Reporter
from sql_bench.databases.view import MirrorView
from sql_bench.datasets.dataset import SqlDataset
from sql_bench.mirror.mirror import Mirror
from sql_bench.types import Limits, SqlBackend

KIND = "sql"
PACKAGES = ("duckdb", "sqlglot", "pyarrow", "google-cloud-bigquery")
"""Distributions whose versions a manifest records."""

# Version of what is stored of an execution.
_FORMAT = 1


@dataclass(frozen=True)
class Bench:
    """See the module."""

    dataset: SqlDataset
    mirror: Mirror
    backend: SqlBackend
    limits: Limits
    results_dir: Path
    tell: Reporter

    @property
    def root(self) -> Path:
        """Where runs of this half are kept."""
        return self.results_dir / KIND

    @property
    def view(self) -> MirrorView:
        """What a generator may see of the database."""
        return MirrorView(self.mirror, self.backend, self.limits, self.dataset.card.dialect)

    def engine_identity(self) -> dict[str, Json]:
        """What an execution depends on besides its statement."""
        return {
            "backend": dict(self.backend.describe()),
            "mirror_sha256": self.mirror.sha256,
            "limits": json.loads(canonical_json(vars(self.limits))),
            "format": _FORMAT,
        }
