"""Time candidates in turns, and tabulate their ratios."""

from __future__ import annotations

import gc
import statistics
import sys
import time
from collections.abc import Callable, Mapping

from bench_core.results.tables import Cell, Column, Table

# Threads of a matrix library spin for a while after their work, and would slow down who comes next.
_REST_S = 0.2


def seconds_in_turns(candidates: Mapping[str, Callable[[], object]], n_runs: int) -> dict[str, list[float]]:
    """Seconds of each run of each candidate; each is run once before, and then all in turns, `n_runs` times."""
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for turn in range(n_runs + 1):
        for name, run in candidates.items():
            gc.collect()
            time.sleep(_REST_S)
            start = time.perf_counter()
            run()
            if turn:
                seconds[name].append(time.perf_counter() - start)
            print(f"{name}: turn {turn} of {n_runs}", file=sys.stderr)
    return seconds


def ratio_table(title: str, seconds: Mapping[str, list[float]], notes: list[str]) -> Table:
    """One row a candidate: its median over the first one's, with the least and the greatest ratio turn by turn."""
    first = next(iter(seconds.values()))
    rows: list[list[Cell]] = []
    for name, values in seconds.items():
        ratios = [value / base for value, base in zip(values, first, strict=True)]
        rows.append([name, statistics.median(values) / statistics.median(first), min(ratios), max(ratios)])
    columns = [
        Column("candidate", "candidate"),
        Column("ratio", "time / first"),
        Column("least", "least"),
        Column("greatest", "greatest"),
    ]
    n_runs = len(first)
    return Table(
        title, columns, rows, [f"Ratios of medians of {n_runs} runs taken in turns; above 1 is slower.", *notes]
    )
