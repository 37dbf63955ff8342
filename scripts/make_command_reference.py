"""Write docs/commands.md: every command and option of both command lines, read from click."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))
PAGE = REPOSITORY / "docs" / "commands.md"
INTRODUCTION = """# Commands

Made by `scripts/make_command_reference.py` from the commands themselves; `--help` prints the same in the terminal.
Exit codes: 0 done, 1 something that was asked for failed, 2 a mistake in what was asked, 130 stopped by Ctrl-C.
"""


def page() -> str:
    """The whole page."""
    import retrieval_bench.cli.main
    import sql_bench.cli.main

    programs = {"retrieval-bench": retrieval_bench.cli.main.main, "sql-bench": sql_bench.cli.main.main}
    parts = [INTRODUCTION]
    for name, program in programs.items():
        context = click.Context(program, info_name=name)
        parts.append(f"## {name}\n\n{_text(program)}\n")
        parts += _commands(program, context)
    return "\n".join(parts)


def _commands(group: click.Group, context: click.Context) -> Iterator[str]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        own = click.Context(command, info_name=name, parent=context)
        if isinstance(command, click.Group):
            yield f"### {own.command_path}\n\n{_text(command)}\n"
            yield from _commands(command, own)
        else:
            yield _section(command, own)


def _section(command: click.Command, context: click.Context) -> str:
    arguments = " ".join(parameter.make_metavar(context) for parameter in _arguments(command))
    lines = [f"### {context.command_path}{' ' + arguments if arguments else ''}", "", _text(command), ""]
    options = [
        record
        for parameter in command.params
        if isinstance(parameter, click.Option) and (record := parameter.get_help_record(context))
    ]
    if options:
        lines += ["| option | meaning |", "|---|---|"]
        lines += [f"| `{_cell(names)}` | {_cell(explained)} |" for names, explained in options]
        lines.append("")
    return "\n".join(lines)


def _arguments(command: click.Command) -> list[click.Argument]:
    return [parameter for parameter in command.params if isinstance(parameter, click.Argument)]


def _text(command: click.Command) -> str:
    """The command's help, one line a paragraph."""
    paragraphs = (command.help or "").replace("\b", "").strip().split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
