"""The budget of stages that ask a language model: nothing more is begun once a spending cap was reached."""

from __future__ import annotations

from bench_core.llm.limits import SPENDING_CAP


class SpendingCap:
    """Learns from the outcomes of requests whether their model's cap was reached; several threads may use it."""

    def __init__(self) -> None:
        self._reason = ""

    def note(self, status: str) -> None:
        """An outcome in a few words, as `NoAnswer.status` has it."""
        if status == SPENDING_CAP:
            self._reason = status

    def __call__(self) -> str:
        """Why no further unit may be begun; empty while one may (see `bench_core.runs.items.Budget`)."""
        return self._reason
