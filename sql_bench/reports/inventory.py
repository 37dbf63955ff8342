"""Tables of `list`, `show` and `doctor`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench_core.llm.stage_models import LanguageModelSettings, Modelled, create_with_model
from bench_core.plugins.registry import StageSpec
from bench_core.results.doctor import MachineWords
from bench_core.results.inventory import Details, FamilyWords, Kind, half_kinds, model_facts, runs_kind
from bench_core.results.tables import Cell, Column, Table
from sql_bench.comparators.base import COMPARATORS
from sql_bench.datasets.dataset import SOURCES, SqlDataset, load_dataset
from sql_bench.generators.base import GENERATORS
from sql_bench.mirror.mirror import Mirror, open_mirror
from sql_bench.pipeline.bench import KIND
from sql_bench.reports.dialects import dialects_kind
from sql_bench.reports.glossary import measures_kind, verdicts_kind
from sql_bench.testing import ComparatorContract, DatasetSourceContract, GeneratorContract
from sql_bench.types import IdentifierRule, SqlGenerator

_PACKAGES = {
    "duckdb": ("duckdb", "pip install biomed-bench"),
    "sqlglot": ("sqlglot", "pip install biomed-bench"),
    "pyarrow": ("pyarrow", "pip install biomed-bench"),
}


def stage_families() -> Sequence[FamilyWords]:
    """The families of stages a user may name or write."""
    return (
        FamilyWords(GENERATORS, "generators", _generator, GeneratorContract, model_facts),
        FamilyWords(COMPARATORS, "comparators", COMPARATORS.create, ComparatorContract, described=True),
    )


def contract_families() -> Sequence[FamilyWords]:
    """The families whose members `doctor` checks: stages, and sources of datasets."""
    return (*stage_families(), FamilyWords(SOURCES, "datasets", SOURCES.create, DatasetSourceContract))


def kinds(results_dir: Path) -> Sequence[Kind]:
    """All that can be named, in the order of `list`; mirrors and run folders are shown and not listed."""
    return (
        dialects_kind(),  # before the families: `dialect:sqlite` reads like a class in a module
        *half_kinds(stage_families(), SOURCES, load_dataset, _dataset_details),
        measures_kind(),
        verdicts_kind(),
        Kind("mirror", "mirrors", lambda: (), _mirror_details),
        runs_kind(results_dir / KIND),
    )


def machine_words() -> MachineWords:
    """What is looked for on a machine."""
    return MachineWords(_PACKAGES, _needs)


def _generator(spec: StageSpec) -> SqlGenerator:
    modelled: Modelled[SqlGenerator] = create_with_model(GENERATORS, spec, LanguageModelSettings())
    return modelled.stage


def _needs(cls: type[Any]) -> str:
    return "can run here"


def _dataset_details(dataset: SqlDataset) -> Details:
    card = dataset.card
    answerable = sum(bool(question.golds) for question in dataset.questions)
    rules = card.rules
    facts: list[tuple[str, object]] = [
        ("what", card.summary),
        ("dialect", card.dialect),
        ("licence", card.licence or "unknown: it is yours"),
        ("access", card.access),
        ("questions", len(dataset.questions)),
        ("with gold SQL", answerable),
        ("identifiers", _identifiers(rules.identifiers)),
        ("safety limits", sorted(rules.safety_limits)),
        ("clock stands at", card.as_of.isoformat() if card.as_of else "the day of the first run"),
        ("predictions", ", ".join(dataset.predictions) or "none"),
        ("tables", dataset.tables_dir.name if dataset.tables_dir else "none: give a mirror by --mirror"),
        *dataset.identity.items(),
    ]
    return Details(card.dataset_id, facts)


def _identifiers(rule: IdentifierRule | None) -> str:
    if rule is None:
        return "none declared"
    pattern = [] if rule.pattern is None else [f"columns whose values all match {rule.pattern}"]
    return ", ".join([*sorted(rule.columns), *pattern]) or "none declared"


def _mirror_details(name: str) -> Table | None:
    return mirror_table(open_mirror(Path(name))) if name.endswith(".duckdb") else None


def mirror_table(mirror: Mirror) -> Table:
    """The tables of a mirror with their rows and columns."""
    rows: list[list[Cell]] = [
        [table.name, table.n_rows, ", ".join(f"{column.name} {column.type}" for column in table.columns)]
        for table in mirror.tables
    ]
    columns = [
        Column("table", "table", priority=1),
        Column("n_rows", "rows", priority=1),
        Column("columns", "columns", priority=1, wraps=True),
    ]
    notes = [f"Content sha256 {mirror.sha256}, written by DuckDB {mirror.engine_version}."]
    return Table(mirror.path.name, columns, rows, [*notes, *mirror.remarks])
