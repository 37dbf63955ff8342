"""`runs`: the run folders of a half, listed, shown, compared by what they are made from, deleted and exported."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench_core.cli.group import SectionedGroup
from bench_core.cli.options import format_option, results_option
from bench_core.cli.output import print_table, say
from bench_core.data_use import EXPORT_FLAG
from bench_core.results.tables import Format

if TYPE_CHECKING:
    from bench_core.runs.stored import StoredRun

_dataset = click.option("--dataset", "-d", "dataset", help="Only the runs on this dataset.")
_RUN = "A run is named by its folder, its hash (or the first four characters of it), or what a table calls the system."


def _counted(n: int) -> str:
    return f"{n} run" if n == 1 else f"{n} runs"


def runs_group(kind: str) -> click.Group:
    """`runs`, for the half whose runs are kept in the folder `kind` of results."""

    def found(results_dir: Path, dataset: str | None, verified: bool = False) -> list[StoredRun]:
        from bench_core.runs.stored import on_dataset, stored_runs

        return on_dataset(stored_runs(results_dir / kind, verified), dataset)

    def chosen(names: Sequence[str], results_dir: Path, dataset: str | None) -> list[StoredRun]:
        from bench_core.runs.stored import read_stored, resolved

        runs = found(results_dir, dataset)
        places = dict.fromkeys(resolved(name, runs).folder for name in names)
        return [read_stored(folder) for folder in places]

    @click.group(cls=SectionedGroup)
    def runs() -> None:
        """List, show, compare, delete and export run folders."""

    @runs.command("list")
    @_dataset
    @click.option(
        "--quick", is_flag=True, help="Do not read the files to compare them with the hashes of the manifest."
    )
    @results_option
    @format_option
    def list_command(dataset: str | None, quick: bool, results_dir: Path, form: Format) -> None:
        """List run folders with their state; damaged ones are named with the reason."""
        from bench_core.results.run_tables import runs_table

        listed = found(results_dir, dataset, not quick)
        print_table(runs_table(listed, f"{_counted(len(listed))} in {results_dir / kind}"), form)

    @runs.command(help=f"Show what a run was made from and on, and whether its files are whole. {_RUN}")
    @click.argument("run")
    @_dataset
    @results_option
    @format_option
    def show(run: str, dataset: str | None, results_dir: Path, form: Format) -> None:
        from bench_core.results.run_tables import run_table

        print_table(run_table(chosen([run], results_dir, dataset)[0]), form)

    @runs.command(help=f"Show the fields in which the identities of two runs differ. {_RUN}")
    @click.argument("first")
    @click.argument("second")
    @_dataset
    @results_option
    @format_option
    def diff(first: str, second: str, dataset: str | None, results_dir: Path, form: Format) -> None:
        from bench_core.errors import UserError
        from bench_core.results.run_tables import differences_table

        pair = [chosen([name], results_dir, dataset)[0] for name in (first, second)]
        for one in pair:
            if "identity" not in one.manifest:
                raise UserError(f"{one.place} is damaged: {one.problem} What it was made from is not known.")
        print_table(differences_table(*pair), form)

    @runs.command(help=f"Delete runs, after asking. {_RUN}")
    @click.argument("names", metavar="RUN…", nargs=-1, required=True)
    @_dataset
    @click.option("--yes", is_flag=True, help="Do not ask.")
    @results_option
    def rm(names: Sequence[str], dataset: str | None, yes: bool, results_dir: Path) -> None:
        from bench_core.runs.removing import remove_run, users_of

        everything = found(results_dir, None)
        doomed = chosen(names, results_dir, dataset)
        for run in doomed:
            say(f"{run.folder}: {run.system} on {run.dataset_id}, {run.status}, {run.size_bytes} bytes.")
            for user in users_of(run, everything):
                say(f"  {user.folder.name} was made of it; that one stays whole.")
        if not yes:
            click.confirm(f"Delete {_counted(len(doomed))}?", abort=True, err=True)
        for run in doomed:
            remove_run(run)
        say(f"Deleted {len(doomed)}.")

    @runs.command(help=f"Write runs to an archive or a folder, to be kept or given away. {_RUN}")
    @click.argument("names", metavar="RUN…", nargs=-1, required=True)
    @click.option(
        "--to",
        type=click.Path(path_type=Path),
        required=True,
        help="FILE.tar.gz, of the same bytes whenever it is made; or a new folder.",
    )
    @_dataset
    @click.option(
        EXPORT_FLAG,
        "credentialed",
        is_flag=True,
        help="Export runs on credentialed data too (or of unknown access), readable by you alone.",
    )
    @results_option
    def export(names: Sequence[str], to: Path, dataset: str | None, credentialed: bool, results_dir: Path) -> None:
        from bench_core.runs.exporting import export_runs

        exported = chosen(names, results_dir, dataset)
        export_runs(exported, to, credentialed)
        say(f"{to}: {_counted(len(exported))}.")

    return runs
