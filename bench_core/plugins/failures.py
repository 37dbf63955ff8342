"""A failure as one sentence: the suite's own as they are written, a user's class with the place in its file."""

from __future__ import annotations

import os
from pathlib import Path

from bench_core.errors import BenchError, UserError
from bench_core.plugins.places import is_users_module

DEBUG_VARIABLE = "BIOMED_BENCH_DEBUG"
"""Set to 1, an error comes with its traceback."""

# Packages that members of families were loaded from, beside files of the user's.
_INSTALLED: set[str] = set()


def count_as_users(module: str) -> None:
    """Let the package of a module count as a user's own in `plugin_place`, also where it is installed."""
    _INSTALLED.add(_package(module))


def sentence_of(error: BaseException) -> str:
    """What a user reads of an exception: its cause, and the place where it arose in a class of theirs."""
    if isinstance(error, BenchError):
        return str(error)
    place = plugin_place(error)
    if place:
        what = " ".join(f"{type(error).__name__}: {error}".split())
        return f"{place}: {what} (set {DEBUG_VARIABLE}=1 for the traceback)."
    if isinstance(error, OSError):
        place = error.filename or "a file could not be read or written (is the disk full?)"
        return f"{place}: {error.strerror or error}."
    hint = f"set {DEBUG_VARIABLE}=1 to see where, and please report it"
    what = " ".join(f"{type(error).__name__}: {error}".split())
    return f"unexpected {what} (a fault of the suite: {hint})."


def placed(error: UserError) -> UserError:
    """A mistake that the suite found in what a user's class gave it, with the place in their file; a file's stays."""
    place = plugin_place(error)
    if type(error) is not UserError or not place or place in str(error):
        return error
    return UserError(f"{place}: {error}")


def is_users_mistake(error: BaseException) -> bool:
    """Whether what the user typed or brought was wrong (exit code 2), and not a run that failed (exit code 1)."""
    return isinstance(error, UserError)


def debugging() -> bool:
    """Whether errors are to come with their traceback."""
    return os.environ.get(DEBUG_VARIABLE) == "1"


def plugin_place(error: BaseException) -> str:
    """'file.py, line n' of the innermost line of a user's own that an error passed through, or the empty string.

    A class that a user has installed and named, or that comes by an entry point, is a user's own.
    """
    place = ""
    trace = error.__traceback__
    while trace is not None:
        names = trace.tb_frame.f_globals  # and not sys.modules, which a module that cannot be imported has left
        name = str(names.get("__name__", ""))
        if name != "__main__" and (is_users_module(name, names.get("__file__")) or _package(name) in _INSTALLED):
            place = f"{trace.tb_frame.f_code.co_filename}, line {trace.tb_lineno}"
        trace = trace.tb_next
    if isinstance(error, SyntaxError) and error.filename and Path(error.filename).is_file():
        return f"{error.filename}, line {error.lineno}"
    return place


def import_sentence(what: str, error: BaseException) -> str:
    """What a user reads of a module that cannot be imported: the cause, and the innermost line of theirs, once."""
    if isinstance(error, BenchError):
        cause = str(error)
    elif isinstance(error, SyntaxError):  # its text names file and line too
        cause = f"{type(error).__name__}: {error.msg}"
    else:
        cause = f"{type(error).__name__}: {error}"
    place = plugin_place(error)
    at = f" ({place})" if place and place not in cause else ""
    return f"{what} cannot be imported: {' '.join(cause.split()).rstrip('.')}{at}."


def _package(module: str) -> str:
    return module.partition(".")[0]
