"""The errors a user sees: one sentence with the cause and the way out, and the exit code that goes with it."""

from __future__ import annotations

import re
from pathlib import Path

_LINE_BREAKS = re.compile(r"[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]+")


class BenchError(Exception):
    """A run failed: nothing the user typed was wrong (exit code 1)."""

    exit_code = 1


class UserError(BenchError):
    """The user's mistake: an unknown name, a missing file, a wrong argument (exit code 2)."""

    exit_code = 2


class BadFile(UserError):
    """A file that does not hold what it should; the sentence names file, line and what was expected.

    Args:
        path: the file, as the user named it.
        expected: what should have stood there, as a sentence without a full stop.
        line: line number from 1, where the fault is in one line.
    """

    def __init__(self, path: Path | str, expected: str, line: int | None = None) -> None:
        expected = _LINE_BREAKS.sub(" ", expected)  # what is shown of the file may hold some
        self.path, self.expected, self.line = Path(path), expected, line
        place = f"{path}, line {line}" if line is not None else f"{path}"
        super().__init__(f"{place}: {expected}.")
