"""The exception with which parsing, guarding and translation refuse a statement."""

from __future__ import annotations

from sql_bench.types import Outcome


class Rejected(Exception):
    """A statement that will not be run.

    Args:
        outcome: the verdict on it: invalid_sql, refused, untranslatable or resource_limit.
        message: why, in words a model can act on.
    """

    def __init__(self, outcome: Outcome, message: str) -> None:
        super().__init__(message)
        self.outcome, self.message = outcome, message


def untranslatable(what: str) -> Rejected:
    """The verdict on something that the mirror's engine cannot be made to do as the source dialect does."""
    return Rejected(Outcome.UNTRANSLATABLE, f"{what} is not translated")
