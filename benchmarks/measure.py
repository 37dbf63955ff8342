"""Time candidates in turns, and tabulate their ratios."""

from __future__ import annotations

import gc
import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from bench_core.results.tables import Cell, Column, Table

# Threads of a matrix library spin for a while after their work, and would slow down who comes next.
_REST_S = 0.2


@dataclass(frozen=True)
class Spent:
    """What one run took.

    Attributes:
        wall: seconds.
        cpu: seconds of all cores, in this process and in those it started and that have ended.
    """

    wall: float
    cpu: float


def seconds_in_turns(candidates: Mapping[str, Callable[[], object]], n_runs: int) -> dict[str, list[Spent]]:
    """What each run of each candidate took; each is run once before, and then all in turns, `n_runs` times."""
    seconds: dict[str, list[Spent]] = {name: [] for name in candidates}
    for turn in range(n_runs + 1):
        for name, run in candidates.items():
            gc.collect()
            time.sleep(_REST_S)
            start, cpu = time.perf_counter(), _cpu_seconds()
            run()
            if turn:
                seconds[name].append(Spent(time.perf_counter() - start, _cpu_seconds() - cpu))
            print(f"{name}: turn {turn} of {n_runs}", file=sys.stderr)
    return seconds


def ratio_table(title: str, seconds: Mapping[str, Sequence[Spent]], notes: list[str]) -> Table:
    """One row a candidate: its median over the first one's, with the least and the greatest ratio turn by turn."""
    first = next(iter(seconds.values()))
    rows: list[list[Cell]] = []
    for name, values in seconds.items():
        ratios = [value.wall / base.wall for value, base in zip(values, first, strict=True)]
        wall, cpu = (
            statistics.median(getattr(value, what) for value in values)
            / statistics.median(getattr(base, what) for base in first)
            for what in ("wall", "cpu")
        )
        rows.append([name, wall, min(ratios), max(ratios), cpu])
    columns = [
        Column("candidate", "candidate"),
        Column("ratio", "time / first"),
        Column("least", "least"),
        Column("greatest", "greatest"),
        Column("cpu", "CPU / first"),
    ]
    told = f"Ratios of medians of {len(first)} runs taken in turns; above 1 is slower. CPU is that of all cores."
    return Table(title, columns, rows, [told, *notes])


def kernels() -> str:
    """Which kernels the matrix libraries of this process took for its processor, by library."""
    if find_spec("threadpoolctl") is None:
        return "Kernels unknown: threadpoolctl is not installed."
    import threadpoolctl

    found = [
        f"{_owner(library['filepath'])}: {library['internal_api']} {library['version']} "
        f"{library.get('architecture') or ''}, {library['num_threads']} threads"
        for library in threadpoolctl.threadpool_info()
        if library["user_api"] == "blas"
    ]
    asked = os.environ.get("OPENBLAS_CORETYPE", "unset")
    return f"Kernels: {'; '.join(sorted(found))}; OPENBLAS_CORETYPE {asked}."


def _owner(path: str) -> str:
    """The package a library came with."""
    parts = Path(path).parts
    inside = parts[parts.index("site-packages") + 1] if "site-packages" in parts else parts[-1]
    return inside.removesuffix(".libs")


def _cpu_seconds() -> float:
    return sum(os.times()[:4])
