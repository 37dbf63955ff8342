"""The mirror a dataset runs on: the user's, or one imported from the dataset's own tables when first needed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bench_core.errors import BenchError, UserError
from bench_core.runs.manifest import slug
from sql_bench.datasets.dataset import SqlDataset
from sql_bench.mirror.importing import ImportStep, import_folder, is_made_from
from sql_bench.mirror.mirror import Mirror, open_mirror
from sql_bench.mirror.schema import load_schema


def mirror_of(dataset: SqlDataset, mirror_path: Path | None, mirrors_dir: Path, tell: Callable[[str], None]) -> Mirror:
    """Open the mirror a user names; otherwise the dataset's own, imported again if its tables have changed.

    Raises:
        UserError: no such mirror; or the dataset brings no tables and none was named.
    """
    if mirror_path is not None:
        return open_mirror(mirror_path)
    name = dataset.card.dataset_id
    if dataset.tables_dir is None:
        raise UserError(
            f"{name} brings no folder tables/; make a mirror with `sql-bench mirror import`, give it by --mirror."
        )
    path = mirrors_dir / f"{slug(name)}.duckdb"
    schema = load_schema(dataset.schema_path) if dataset.schema_path else None
    try:
        found = open_mirror(path)
        if is_made_from(found, dataset.tables_dir, schema):
            return found
    except BenchError:
        pass  # not there yet, or left unfinished: the import below makes it whole
    mirror = import_folder(dataset.tables_dir, path, schema, lambda step: tell(_told(name, step)))
    tell(f"{name}: imported {len(mirror.tables)} tables, {sum(table.n_rows for table in mirror.tables)} rows.")
    return mirror


def _told(name: str, step: ImportStep) -> str:
    return f"{name}: importing {step.table} ({step.number} of {step.n_tables})"
