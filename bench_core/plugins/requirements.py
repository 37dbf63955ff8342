"""Requirements of a stage on the machine that runs it; executors place cells by them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Gpu = Literal["unused", "useful", "needed"]
"""`useful`: taken where the machines have one, done without where they have none."""

_BY_WEIGHT: tuple[Gpu, ...] = ("unused", "useful", "needed")


@dataclass(frozen=True)
class Requirements:
    """Processors and accelerator of one stage.

    Attributes:
        n_cpus: processors that it keeps busy.
    """

    n_cpus: int = 1
    gpu: Gpu = "unused"


def all_of(stages: Iterable[Requirements]) -> Requirements:
    """What stages need that run one after another: the most that any of them does."""
    needs = list(stages)
    return Requirements(
        max((need.n_cpus for need in needs), default=1),
        max((need.gpu for need in needs), key=_BY_WEIGHT.index, default="unused"),
    )


def of_devices(names: str) -> Requirements:
    """Those of a model on devices as torch names them, with commas between; empty: on a GPU where there is one."""
    if not names.strip():
        return Requirements(gpu="useful")
    on_processor = all(name.strip().startswith("cpu") for name in names.split(","))
    return Requirements(gpu="unused" if on_processor else "needed")
