"""Number the texts of a corpus on all cores, in blocks that come out in the order of the corpus."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import chain

from bench_core.machine.threads import n_usable_cores
from retrieval_bench.analysis.analysis_process import AnalysisProcess
from retrieval_bench.analysis.lucene_english import LuceneEnglishAnalyzer
from retrieval_bench.analysis.numbered_texts import CHUNKS_REMEMBERED, ChunkAnalyzer, ChunkNumbers, NumberedTexts

_CHARACTERS_A_BLOCK = 1 << 17
"""A hundredth of a second's work: at the end nobody waits longer for another."""

_FEWEST_CHARACTERS = 1 << 20
"""A smaller corpus is analysed before another process has started."""

_MOST_PROCESSES = 8
"""More would wait for this process, which joins what they make."""

_BLOCKS_AHEAD = 16
"""How many blocks for each process may be done while one before them is not."""

Block = tuple[int, NumberedTexts]
"""Which of several `ChunkNumbers` numbered some texts, from 0, and what it made of them."""


def numbered_texts(texts: Iterable[str], analyzer: ChunkAnalyzer, n_processes: int | None = None) -> Generator[Block]:
    """Number texts; blocks come in the order of the corpus, those of one `ChunkNumbers` in the order it numbered them.

    Args:
        n_processes: how many take part, this one among them; None: one for each core that may be used, for a corpus
            that is worth it and Lucene's English analysis, else this one alone.

    Raises:
        BenchError: one of them was killed.
    """
    blocks: Iterator[list[str]] = _blocks(texts)
    if n_processes is None:
        first = _up_to(blocks, _FEWEST_CHARACTERS)
        is_worth_it = sum(len(text) for block in first for text in block) >= _FEWEST_CHARACTERS
        n_processes = _n_cores() if is_worth_it and type(analyzer) is LuceneEnglishAnalyzer else 1
        blocks = chain(first, blocks)
    limit = CHUNKS_REMEMBERED // n_processes
    own = ChunkNumbers(analyzer, limit)
    with ExitStack() as stack:
        others = [stack.enter_context(AnalysisProcess(limit)) for _ in range(n_processes - 1)]
        yield from _in_order(blocks, own, others)


def _in_order(blocks: Iterable[Sequence[str]], own: ChunkNumbers, others: Sequence[AnalysisProcess]) -> Iterator[Block]:
    """Give each block to whoever has room, else number it here; hand out what is done and next in turn."""
    done: dict[int, Block] = {}
    n_given = n_out = 0

    def take(source: int) -> None:
        number, numbered = others[source].take()
        done[number] = source + 1, numbered

    for block in blocks:
        free = next((other for other in others if other.has_room), None)
        if free is not None:
            free.give(n_given, block)
        else:
            done[n_given] = 0, own.number(block)
        n_given += 1
        for source, other in enumerate(others):
            while other.has_answered or other.next_number == n_given - _BLOCKS_AHEAD * (len(others) + 1):
                take(source)
        while n_out in done:
            yield done.pop(n_out)
            n_out += 1
    while n_out < n_given:
        if n_out not in done:
            take(next(source for source, other in enumerate(others) if other.next_number == n_out))
        yield done.pop(n_out)
        n_out += 1


def _blocks(texts: Iterable[str]) -> Iterator[list[str]]:
    """Texts one after another, in lists of about `_CHARACTERS_A_BLOCK` characters; no list is empty."""
    block: list[str] = []
    n_characters = 0
    for text in texts:
        block.append(text)
        n_characters += len(text)
        if n_characters >= _CHARACTERS_A_BLOCK:
            yield block
            block, n_characters = [], 0
    if block:
        yield block


def _up_to(blocks: Iterator[list[str]], n_characters: int) -> list[list[str]]:
    """The first blocks, until they hold so many characters."""
    first: list[list[str]] = []
    while n_characters > 0 and (block := next(blocks, None)) is not None:
        first.append(block)
        n_characters -= sum(map(len, block))
    return first


def _n_cores() -> int:
    """Cores this process may use; 1 where another interpreter cannot be started."""
    if not sys.executable:
        return 1
    return min(n_usable_cores(), _MOST_PROCESSES)
