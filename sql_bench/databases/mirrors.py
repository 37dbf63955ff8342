"""The mirror a dataset runs on: the user's, or one imported from the dataset's own tables when first needed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from bench_core.artifacts import OWNERS_FILE
from bench_core.data_use import is_credentialed, readable_by_its_owner_only
from bench_core.errors import BenchError, UserError
from bench_core.identity import identity_hash
from bench_core.runs.manifest import slug
from sql_bench.datasets.dataset import SqlDataset
from sql_bench.mirror.importing import ImportStep, import_folder, would_be_made_from
from sql_bench.mirror.mirror import Mirror, description_path, open_mirror
from sql_bench.mirror.schema import Schema, load_schema
from sql_bench.mirror.verifying import verify_mirror


def mirror_of(
    dataset: SqlDataset,
    mirror_path: Path | None,
    mirrors_dir: Path,
    tell: Callable[[str], None],
    warn: Callable[[str], None],
) -> Mirror:
    """Open the mirror a user names; otherwise the dataset's own, which is imported where it is not there.

    Args:
        tell: told of each table that is imported.
        warn: told of a mirror that is damaged, and of choices made where a table can be read in several ways.

    Raises:
        UserError: no such mirror; or the dataset brings no tables and none was named.
    """
    if mirror_path is not None:
        return open_mirror(mirror_path)
    name = dataset.card.dataset_id
    tables_dir, schema = check_tables(dataset)
    path = own_mirror_path(dataset, mirrors_dir)
    if is_credentialed(dataset.card.access):
        _make_private(path)  # it may have been made before the dataset said so
    found = _own_mirror(path, tables_dir, schema, warn)
    if found is not None:
        return found
    with readable_by_its_owner_only(dataset.card.access):
        mirror = import_folder(tables_dir, path, schema, lambda step: tell(_told(name, step)))
    tell(f"{name}: imported {len(mirror.tables)} tables, {sum(table.n_rows for table in mirror.tables)} rows.")
    for remark in mirror.remarks:
        warn(f"{name}: {remark}")
    return mirror


def own_mirror_path(dataset: SqlDataset, mirrors_dir: Path) -> Path:
    """Where the mirror of a dataset's own tables lies: it is named by what it is made from, and opened by that name."""
    identity = would_be_made_from(*check_tables(dataset))
    return mirrors_dir / f"{slug(dataset.card.dataset_id)}--{identity_hash(identity)[:8]}.duckdb"


def check_tables(dataset: SqlDataset) -> tuple[Path, Schema | None]:
    """Where a dataset's own tables are and what types are declared for them; no table is read.

    Raises:
        UserError: it brings none, or names what is not there.
        BadFile: the declared types cannot be read.
    """
    if dataset.tables_dir is None:
        raise UserError(
            f"{dataset.card.dataset_id} brings no folder tables/; make a mirror with `sql-bench mirror import`, give "
            "it by --mirror."
        )
    dataset.check_files()
    return dataset.tables_dir, load_schema(dataset.schema_path) if dataset.schema_path else None


def read_tables(dataset: SqlDataset, mirror_path: Path | None, mirrors_dir: Path) -> None:
    """Read every row that a dataset is run on, and leave nothing behind: the check before a long run.

    Raises:
        BenchError: a table cannot be read, or the mirror does not hold what was imported.
    """
    path = mirror_path or own_mirror_path(dataset, mirrors_dir)
    if mirror_path is None:
        tables_dir, schema = check_tables(dataset)
        if _own_mirror(path, tables_dir, schema) is None:
            with TemporaryDirectory() as folder:
                import_folder(tables_dir, Path(folder) / "check.duckdb", schema, lambda step: None)
            return
    differences = verify_mirror(path).differences
    if differences:
        raise BenchError(f"{path}: {differences[0]} Import the tables again.")


def _own_mirror(
    path: Path, tables_dir: Path, schema: Schema | None, warn: Callable[[str], None] = lambda sentence: None
) -> Mirror | None:
    """The mirror of a dataset's own tables, if it is there and whole."""
    if not path.is_file() or not description_path(path).is_file():
        return None  # not there yet, or left unfinished: another import makes it whole
    try:
        found = open_mirror(path)
        return found if found.made_from == would_be_made_from(tables_dir, schema) else None
    except BenchError as error:
        warn(f"{error} That is done now.")
        return None


def forget(mirror: Mirror) -> None:
    """Let the next run import a mirror again that was found damaged."""
    description_path(mirror.path).unlink(missing_ok=True)


def _make_private(path: Path) -> None:
    for file in (path, description_path(path)):
        if file.exists():
            file.chmod(OWNERS_FILE)


def _told(name: str, step: ImportStep) -> str:
    return f"{name}: importing {step.table} ({step.number} of {step.n_tables})"
