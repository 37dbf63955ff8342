"""Results on standard output, messages on standard error."""

from __future__ import annotations

import click

from bench_core.results.tables import Format, Table


def print_table(table: Table, form: Format) -> None:
    """Write a table to standard output; what stands below it goes to standard error where the form has no place."""
    click.echo(table.render(form), nl=False)
    if form == "csv":
        for note in table.notes:
            say(note)


def say(message: str) -> None:
    """Tell the user what happens; on standard error, so that standard output stays the result."""
    click.echo(message, err=True)
