"""Experiment files: systems on datasets, as data."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Grid(BaseModel):
    """Every system on every dataset.

    Attributes:
        systems: each in the line of text that names it (`retrieval_bench.pipeline.system`).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    datasets: tuple[str, ...] = Field(min_length=1)
    systems: tuple[str, ...] = Field(min_length=1)


class RetrievalExperiment(BaseModel):
    """One or several grids, shown in one table.

    Attributes:
        k: documents kept for each query; each dataset's own depth where it is not given.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    grids: tuple[Grid, ...] = Field(min_length=1)
    k: int | None = Field(default=None, ge=1)
