"""Experiment files: systems on a dataset and the comparators to use, as data."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class SqlExperiment(BaseModel):
    """Systems on one dataset.

    Attributes:
        systems: the name tables show -> a generator with its arguments.
        comparators: how results are compared; each gives a row of its own.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str
    systems: dict[str, str] = Field(min_length=1)
    comparators: tuple[str, ...] = ("answer",)
