"""The questions, database, bounds and results folder that all systems on a dataset share."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bench_core.data_use import NO_PERMISSION, Permission, Reach, check, recorded_use
from bench_core.identity import Json, canonical_json
from bench_core.plugins.reach import reach_of
from bench_core.runs.reporter import Reporter
from sql_bench.databases.view import MirrorView
from sql_bench.datasets.dataset import SqlDataset
from sql_bench.mirror.mirror import Mirror
from sql_bench.pipeline.as_of import AsOf
from sql_bench.types import Limits, SqlBackend

KIND = "sql"
PACKAGES = ("duckdb", "sqlglot", "pyarrow", "google-cloud-bigquery")
"""Distributions whose versions a manifest records."""

# Version of what is stored of an execution.
_FORMAT = 1


@dataclass(frozen=True)
class Bench:
    """See the module.

    Attributes:
        backend: runs statements in the dataset's dialect.
        open_backend: a further backend over the same tables, for statements in another dialect.
        as_of: where the clock of all of them stands.
    """

    dataset: SqlDataset
    mirror: Mirror
    backend: SqlBackend
    limits: Limits
    results_dir: Path
    tell: Reporter
    open_backend: Callable[[str], SqlBackend]
    as_of: AsOf
    permission: Permission = NO_PERMISSION

    @property
    def root(self) -> Path:
        """Where runs of this half are kept."""
        return self.results_dir / KIND

    @property
    def view(self) -> MirrorView:
        """What a generator may see of the database."""
        return MirrorView(self.mirror, self.backend, self.limits, self.dataset.card.dialect)

    @contextmanager
    def in_dialect(self, dialect: str) -> Iterator[Bench]:
        """The bench for a system that writes this dialect; an empty one is the dataset's.

        Raises:
            UserError: there is no such dialect.
        """
        if dialect in ("", self.dataset.card.dialect):
            yield self
            return
        with closing(self.open_backend(dialect)) as backend:
            yield replace(self, backend=backend)

    def check_data_use(self, what: str, reaches: Iterable[Reach] = ()) -> None:
        """Refuse what could send questions or rows of a credentialed dataset away: the backend, or a further part.

        Raises:
            UserError: as `bench_core.data_use.check`.
        """
        card = self.dataset.card
        check(what, card.dataset_id, card.access, (reach_of(self.backend), *reaches), self.permission)

    def recorded_use(self, reaches: Iterable[Reach] = ()) -> dict[str, Json]:
        """What the manifest of a stage records of its use of data."""
        return recorded_use(self.dataset.card.access, (reach_of(self.backend), *reaches), self.permission)

    def engine_identity(self) -> dict[str, Json]:
        """What an execution depends on besides its statement."""
        return {
            "backend": dict(self.backend.describe()),
            "mirror_sha256": self.mirror.sha256,
            "limits": json.loads(canonical_json(vars(self.limits))),
            "format": _FORMAT,
        }
