"""Run calls that mostly wait, such as requests, in several threads; count the cores for work that does not wait."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def n_usable_cores() -> int:
    """Cores that this process may use: those it is bound to, where the system tells."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_threads(work: Callable[[Item], Result], items: Iterable[Item], n_threads: int) -> Iterator[tuple[Item, Result]]:
    """Do `work` for each item in `n_threads` threads; yield items with their results as they come.

    An item is taken from `items` when a thread is free. After an exception, and where the caller goes away (Ctrl-C
    among the reasons), what is under way is not waited for: the threads end when their work does.
    """
    waiting = iter(items)
    under_way: dict[Future[Result], Item] = {}
    ended = False
    pool = ThreadPoolExecutor(n_threads)
    try:
        while True:
            while not ended and len(under_way) < n_threads:
                try:
                    item = next(waiting)
                except StopIteration:
                    ended = True
                    break
                under_way[pool.submit(work, item)] = item
            if not under_way:
                return
            for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                result = future.result()
                yield under_way.pop(future), result
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
