"""Tables of run folders: what is there, one in full, and what two were made from."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bench_core.results.inventory import Details, Facts, facts_table
from bench_core.results.tables import Cell, Column, Table
from bench_core.runs.differences import differences
from bench_core.runs.stored import StoredRun


def runs_table(runs: Sequence[StoredRun], title: str) -> Table:
    """One row a run folder; what is wrong with one, and that another version wrote it, stands below."""
    columns = [
        Column("dataset", "dataset", priority=1),
        Column("system", "system", priority=1, least=30),
        Column("status", "status", priority=1),
        Column("hash8", "hash", priority=1),
        Column("written", "written", priority=2),
        Column("size_bytes", "bytes", priority=3),
        Column("age", "written by", priority=1, optional=True),
        Column("folder", "folder", priority=5, least=40),
        Column("problem", "problem", priority=6, optional=True),
    ]
    rows: list[list[Cell]] = [
        [
            run.dataset_id,
            run.system,
            run.status,
            run.hash8,
            _when(run.written_at),
            run.size_bytes,
            f"{run.age} version" if run.age else None,
            run.place,
            run.problem or None,
        ]
        for run in runs
    ]
    return Table(title, columns, rows, [f"{run.place}: {run.problem}" for run in runs if run.problem])


def run_details(run: StoredRun) -> Details:
    """A run's manifest in full, under what `runs list` says of it."""
    facts: list[tuple[str, object]] = [
        ("folder", str(run.folder)),
        ("dataset", run.dataset_id),
        ("system", run.system),
        ("status", run.status),
        ("hash", run.hash8),
        ("written", _when(run.written_at)),
        ("bytes", run.size_bytes),
        ("made of", sorted(run.made_of) or None),
        *((name, value) for name, value in _in_order(run) if value not in (None, "", [], {})),
    ]
    return Details(run.folder.name, facts, [run.problem] if run.problem else [])


def system_details(label: str, runs: Sequence[StoredRun]) -> Details:
    """Several runs of one label: where each is, and what all were made from beside their datasets."""
    facts: list[tuple[str, object]] = [("kind", "system"), *((f"run on {run.dataset_id}", run.place) for run in runs)]
    descriptions = [run.manifest.get("identity", {}).get("system") for run in runs]
    if all(description == descriptions[0] for description in descriptions):
        facts.append(("description", descriptions[0]))
        return Details(label, facts)
    return Details(
        label, facts, ["They were not all made from the same; `runs diff` shows in which fields they differ."]
    )


def _in_order(run: StoredRun) -> Facts:
    """The manifest's fields: first what the run was made from, last what it was made on; its status stands above."""
    first = ("identity", "notes", "seconds", "recorded", "files", "environment", "schema_version")
    others = [name for name in run.manifest if name not in (*first, "status")]
    return [(name, run.manifest.get(name)) for name in (*first, *others)]


def run_table(run: StoredRun) -> Table:
    """A run's facts, one a row."""
    return facts_table(run_details(run))


def differences_table(first: StoredRun, second: StoredRun) -> Table:
    """The fields in which what two runs were made from differs."""
    found = differences(first.manifest["identity"], second.manifest["identity"])
    columns = [
        Column("field", "field", priority=1, least=30),
        Column("first", first.folder.name, priority=1),
        Column("second", second.folder.name, priority=1),
    ]
    notes = [] if found else ["Both were made from the same: their identities are equal."]
    rows: list[list[Cell]] = [[field.path, field.first, field.second] for field in found]
    return Table(f"{first.place} and {second.place}", columns, rows, notes)


def _when(seconds: float) -> str | None:
    """Local time to the minute."""
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M") if seconds else None
