"""The command group of both command lines: every failure is one sentence and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any

import click

from bench_core.characters import printable_lines
from bench_core.cli.output import open_closed_streams, results_alone, say
from bench_core.errors import BenchError
from bench_core.plugins.failures import debugging, plugin_place, sentence_of

_SHORT_HELP = 200
"""Characters of a command's first sentence in the list of commands: all of it."""


class SectionedGroup(click.Group):
    """A command group that lists its commands in the order they were added, under headings where it has such."""

    _sections: Mapping[str, Sequence[str]] = {}

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        """Add a command, which has standard output for its results alone."""
        if cmd.callback is not None:
            cmd.callback = _with_results_alone(cmd.callback)
        super().add_command(cmd, name)

    def add_sections(self, sections: Mapping[str, Sequence[click.Command]]) -> None:
        """Add commands under headings."""
        for commands in sections.values():
            for command in commands:
                self.add_command(command)
        self._sections = {title: [command.name or "" for command in commands] for title, commands in sections.items()}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order they were added."""
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands, each with the whole first sentence of its help."""
        for title, names in (self._sections or {"Commands": self.list_commands(ctx)}).items():
            with formatter.section(title):
                formatter.write_dl([(name, self.commands[name].get_short_help_str(_SHORT_HELP)) for name in names])


def _with_results_alone(callback: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(callback)
    def within(*args: Any, **kwargs: Any) -> Any:
        with results_alone():
            return callback(*args, **kwargs)

    return within


class BenchGroup(SectionedGroup):
    """A command group whose failures are one sentence and an exit code: 2 the user's mistake, 1 a failed run."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run as a command line of its own."""
        open_closed_streams()
        return super().main(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the subcommand, and turn what it raises into a message."""
        try:
            return super().invoke(ctx)
        except click.ClickException as error:
            error.message = printable_lines(error.message)  # type: ignore[misc]  # click quotes what was typed
            raise
        except (click.exceptions.Exit, click.Abort):
            raise
        except KeyboardInterrupt:
            say("\nStopped. What was finished is kept; the same command resumes.")
            sys.stdout.flush()
            # Leaving as usual would wait for threads in which a model still writes or an endpoint still answers.
            os._exit(130)
        except BrokenPipeError:  # the reader of our output has gone, as in `… | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(0)
        except SystemExit as error:
            if not plugin_place(error):
                raise
            say(f"Error: {sentence_of(error)}")  # a user's class would end the command without a word
            ctx.exit(1)
        except Exception as error:  # the one place that decides how a failure looks
            if debugging():
                raise
            say(f"Error: {sentence_of(error)}")
            ctx.exit(error.exit_code if isinstance(error, BenchError) else 1)
