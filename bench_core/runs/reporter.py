"""Messages of a run while it works: everything with `--verbose`, else only what needs to be known."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Reporter:
    """Takes what stages have to say, and counts what they made.

    Called with a sentence it shows it if the user asked to be shown each. Several threads may use it.

    Args:
        show: where sentences go.
        is_verbose: whether the user asked to be shown each.

    Attributes:
        n_made: artefacts that were made: a run is "there already" if none was.
    """

    def __init__(self, show: Callable[[str], None], is_verbose: bool = False) -> None:
        self._show, self.is_verbose = show, is_verbose
        self.n_made = 0
        self._lock = threading.Lock()

    def __call__(self, sentence: str) -> None:
        """A remark on what goes on, or on what was there already."""
        if self.is_verbose:
            self._show(sentence)

    def made(self, sentence: str) -> None:
        """An artefact was made."""
        with self._lock:
            self.n_made += 1
        self(sentence)

    def always(self, sentence: str) -> None:
        """What a user must know whether they asked or not: what cannot run, and why what exists is made again."""
        self._show(sentence)


def silent() -> Reporter:
    """A reporter that shows nothing."""
    return Reporter(lambda sentence: None)
