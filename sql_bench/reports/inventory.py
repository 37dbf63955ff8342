"""What there is: the tables of `list`, `show` and `doctor`."""

from __future__ import annotations

import json
from pathlib import Path

from bench_core.errors import UserError
from bench_core.machine.environment import machine_findings, package_findings
from bench_core.plugins.contracts import Point, check
from bench_core.plugins.registry import Family, Member, StageSpec
from bench_core.results.tables import Cell, Column, Table
from bench_core.runs.manifest import MANIFEST_NAME, RunFolder
from sql_bench.comparators.base import COMPARATORS
from sql_bench.datasets.dataset import SOURCES, SqlDataset, load_dataset
from sql_bench.generators.base import GENERATORS
from sql_bench.mirror.mirror import Mirror, open_mirror
from sql_bench.testing import ComparatorContract, GeneratorContract
from sql_bench.types import Comparator, SqlGenerator

_PACKAGES = {
    "duckdb": ("duckdb", "pip install biomed-bench"),
    "sqlglot": ("sqlglot", "pip install biomed-bench"),
    "pyarrow": ("pyarrow", "pip install biomed-bench"),
}
_PAIR_COLUMNS = (Column("what", "what"), Column("value", "value"))


def inventory_table(kind: str) -> Table:
    """Datasets, generators, comparators, or all of them; a member that cannot be loaded says why."""
    rows: list[list[Cell]] = []
    if kind in ("datasets", "all"):
        for member in SOURCES.members():
            cards = [] if member.problem else SOURCES.create(StageSpec(member.name)).cards()
            rows += [["dataset", card.dataset_id, card.summary, "ok"] for card in cards]
            if not cards:
                rows.append(["dataset", f"{member.name}:PATH", *_summary(member)])
    families: dict[str, Family] = {"generators": GENERATORS, "comparators": COMPARATORS}
    for plural, family in families.items():
        if kind in (plural, "all"):
            rows += [[family.kind, member.name, *_summary(member)] for member in family.members()]
    columns = [Column("kind", "kind"), Column("name", "name"), Column("summary", "what"), Column("status", "status")]
    return Table("What can be named", columns, rows)


def _summary(member: Member) -> list[Cell]:
    return [member.summary, member.problem or "ok"]


def details_table(name: str) -> Table:
    """One dataset, mirror or run folder in full.

    Raises:
        UserError: the name is none of them.
    """
    path = Path(name)
    if (path / MANIFEST_NAME).is_file():
        manifest = RunFolder(path).read()
        return Table(name, _PAIR_COLUMNS, _rows(list(vars(manifest).items()) if manifest else []))
    if path.suffix == ".duckdb":
        return mirror_table(open_mirror(path))
    try:
        return _dataset_table(load_dataset(name))
    except UserError as error:
        if "/" in name or ":" in name:
            raise
        raise UserError(f"{name!r} is no dataset, mirror or run folder; `sql-bench list` shows the names.") from error


def _dataset_table(dataset: SqlDataset) -> Table:
    card = dataset.card
    answerable = sum(bool(question.golds) for question in dataset.questions)
    rules = card.rules
    pairs: list[tuple[str, object]] = [
        ("what", card.summary),
        ("dialect", card.dialect),
        ("licence", card.licence or "unknown: it is yours"),
        ("access", card.access),
        ("questions", len(dataset.questions)),
        ("with gold SQL", answerable),
        ("identifiers", sorted(rules.identifiers.columns) if rules.identifiers else "none declared"),
        ("safety limits", sorted(rules.safety_limits)),
        ("predictions", ", ".join(dataset.predictions) or "none"),
        ("tables", dataset.tables_dir.name if dataset.tables_dir else "none: give a mirror by --mirror"),
        *dataset.identity.items(),
    ]
    return Table(card.dataset_id, _PAIR_COLUMNS, _rows(pairs))


def mirror_table(mirror: Mirror) -> Table:
    """The tables of a mirror with their rows and columns."""
    rows: list[list[Cell]] = [
        [table.name, table.n_rows, ", ".join(f"{column.name} {column.type}" for column in table.columns)]
        for table in mirror.tables
    ]
    columns = [Column("table", "table"), Column("n_rows", "rows"), Column("columns", "columns")]
    notes = [f"Content sha256 {mirror.sha256}, written by DuckDB {mirror.engine_version}."]
    return Table(mirror.path.name, columns, rows, notes)


def machine_table() -> Table:
    """What runs here, and what to install for the rest."""
    rows: list[list[Cell]] = [list(finding) for finding in [*machine_findings(), *package_findings(_PACKAGES)]]
    for family in (GENERATORS, COMPARATORS):
        for member in family.members():
            state = "missing" if member.problem else "ok"
            rows.append([f"{family.kind} {member.name}", state, member.problem or "can run here"])
    columns = [Column("what", "what"), Column("state", "state"), Column("detail", "detail")]
    return Table("This machine", columns, rows)


def contract_table(generator: str | None, comparator: str | None) -> tuple[Table, int]:
    """The contract's points for a class of the user's, and how many of them do not hold."""
    points: list[tuple[str, Point]] = []
    if generator is not None:
        points += [(generator, point) for point in _generator_points(StageSpec.parse(generator))]
    if comparator is not None:
        points += [(comparator, point) for point in _comparator_points(StageSpec.parse(comparator))]
    rows: list[list[Cell]] = [
        [name, point.name, "fails" if point.failure else "holds", point.failure] for name, point in points
    ]
    columns = [Column("class", "class"), Column("point", "point"), Column("state", "state"), Column("failure", "why")]
    return Table("Contract", columns, rows), sum(bool(point.failure) for _, point in points)


def _generator_points(spec: StageSpec) -> list[Point]:
    class Contract(GeneratorContract):
        def create(self) -> SqlGenerator:
            created: SqlGenerator = GENERATORS.create(spec)
            return created

    Contract().create()  # a wrong name or argument is the user's mistake, not a broken contract
    return check(Contract())


def _comparator_points(spec: StageSpec) -> list[Point]:
    class Contract(ComparatorContract):
        def create(self) -> Comparator:
            created: Comparator = COMPARATORS.create(spec)
            return created

    Contract().create()
    return check(Contract())


def _rows(pairs: list[tuple[str, object]]) -> list[list[Cell]]:
    return [
        [key, value if isinstance(value, str | int) else json.dumps(value, sort_keys=True, default=str)]
        for key, value in pairs
    ]
