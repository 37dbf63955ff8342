"""Words about a dialect: in `list` and `show`, and below a table of systems that wrote it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bench_core.results.inventory import Details, Kind, Named
from bench_core.results.scores import ItemScores
from bench_core.runs.manifest import RunFolder
from sql_bench.dialect.lists import LISTED, VERIFIED, standing

_NAMED = ("duckdb", "bigquery", *LISTED)


def dialects_kind() -> Kind:
    """The dialects that have a list, and DuckDB's own; `show` knows any that sqlglot has."""
    return Kind("dialect", "dialects", _named, _details)


def dialect_note(system: ItemScores) -> str | None:
    """How well the dialect is known in which a system's statements are; None where they are DuckDB's or not kept."""
    dialect = _dialect_of(system)
    if dialect is None or dialect == "duckdb":
        return None
    return f"Dialect {dialect}: verified on {_engine(dialect)} (sql-bench show dialect:{dialect})."


def _named() -> Iterable[Named]:
    return (Named(name, standing(name)) for name in _NAMED)


def _details(name: str) -> Details | None:
    from sqlglot.dialects.dialect import Dialects

    dialect = name.removeprefix("dialect:").lower()
    if dialect not in {known.value for known in Dialects} - {""} or (dialect not in _NAMED and dialect == name):
        return None
    facts: list[tuple[str, object]] = [
        ("kind", "dialect"),
        ("what", standing(dialect)),
        ("verified on", _engine(dialect)),
    ]
    if dialect in LISTED:
        names = LISTED[dialect].names()
        facts += [("translated", sorted(names.translated)), ("types", sorted(names.types))]
        facts.append(("known to be absent", sorted(names.absent | names.absent_types)))
    return Details(f"dialect {dialect}", facts)


def _engine(dialect: str) -> str:
    return VERIFIED.get(dialect, "the mirror's own engine" if dialect == "duckdb" else "no engine")


def _dialect_of(system: ItemScores) -> str | None:
    manifest = RunFolder(system.folder).read() if system.folder is not None and system.folder.is_dir() else None
    backend = manifest.identity.get("backend") if manifest is not None else None
    dialect = backend.get("dialect") if isinstance(backend, Mapping) else None
    return dialect if isinstance(dialect, str) else None
