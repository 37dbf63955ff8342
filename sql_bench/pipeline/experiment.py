"""Experiment files: systems on one or several datasets and the comparators to use, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Systems = dict[str, str] | tuple[str, ...]
"""The name tables show -> a generator with its arguments; or generators that are shown as they are written."""


class SqlGrid(BaseModel):
    """Every system on every dataset."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    datasets: tuple[str, ...] = Field(min_length=1)
    systems: Systems = Field(min_length=1)

    @property
    def named_systems(self) -> Mapping[str, str]:
        """The name tables show -> a generator with its arguments."""
        return self.systems if isinstance(self.systems, dict) else {text: text for text in self.systems}


class SqlExperiment(BaseModel):
    """Systems on one dataset (`dataset`, `systems`), or one or several grids, shown in one table.

    Attributes:
        comparators: how results are compared; each gives a row of its own.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str | None = None
    systems: Systems = ()
    grids: tuple[SqlGrid, ...] = ()
    comparators: tuple[str, ...] = ("answer",)

    @model_validator(mode="after")
    def _in_one_form(self) -> Self:
        if bool(self.grids) == bool(self.dataset and self.systems) or (self.grids and (self.dataset or self.systems)):
            raise ValueError("give either dataset and systems, or grids of datasets and systems")
        return self

    @property
    def all_grids(self) -> tuple[SqlGrid, ...]:
        """The grids, whatever form they are written in."""
        return self.grids or (SqlGrid(datasets=(str(self.dataset),), systems=self.systems),)
