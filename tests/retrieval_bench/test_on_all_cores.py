"""Documents analysed by several processes: the index of one, bounded, quiet, and a killed process is an error."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Iterator

import pytest

from bench_core.errors import BenchError
from retrieval_bench.analysis import on_all_cores
from retrieval_bench.analysis.analysis_process import AnalysisProcess
from retrieval_bench.analysis.lucene_english import LuceneEnglishAnalyzer
from retrieval_bench.analysis.numbered_texts import ChunkNumbers, NumberedTexts
from retrieval_bench.retrievers.inverted_index import InvertedIndex

_ODD = [
    "", "İstanbul's ΣΊΣΥΦΟΣ", "a\u202fb 痛風 👩‍⚕️🏽 gout", "the of", "\x00 x\ny\tz", "ﬁ  ²³ ½", "word" * 200,
    "𝒳𝒴 p<0.05, well-known; e.g. U.S.A",
]  # fmt: skip


def _texts(n: int, seed: int) -> list[str]:
    draw = random.Random(seed)
    vocabulary = [
        f"{draw.choice(_ODD[:-2])}w{int(3000 ** draw.random())}{draw.choice(['', 'ing', 'ies', 's'])}"
        for _ in range(2000)
    ]
    return [" ".join(draw.choices([*vocabulary, *_ODD], k=draw.randrange(40))) for _ in range(n)]


def _same(first: InvertedIndex, second: InvertedIndex) -> bool:
    names = ("term_starts", "rows", "frequencies", "lengths")
    return list(first.term_numbers.items()) == list(second.term_numbers.items()) and all(
        getattr(first, name).tobytes() == getattr(second, name).tobytes() for name in names
    )


@pytest.mark.parametrize("n_processes", [2, 3])
def test_the_index_is_that_of_one_process(n_processes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = _texts(400, seed=n_processes)
    whole = InvertedIndex.of_texts(texts, LuceneEnglishAnalyzer(), n_processes=1)
    monkeypatch.setattr(on_all_cores, "_CHARACTERS_A_BLOCK", 300)
    monkeypatch.setattr(on_all_cores, "CHUNKS_REMEMBERED", 300 * n_processes)  # forgotten again and again
    assert _same(InvertedIndex.of_texts(texts, LuceneEnglishAnalyzer(), n_processes=n_processes), whole)
    assert _same(InvertedIndex.of_texts(texts, LuceneEnglishAnalyzer(), 50, n_processes=1), whole)


def test_what_passes_between_processes_comes_back() -> None:
    numbers = ChunkNumbers(LuceneEnglishAnalyzer(), limit=3)
    for texts in ([], [""], ["gout \ud800flare"], _ODD, ["gout"]):
        numbered = numbers.number(texts)
        assert NumberedTexts.from_bytes(numbered.to_bytes()) == numbered


def test_a_small_corpus_starts_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_all_cores, "_n_cores", lambda: 4)
    monkeypatch.setattr(on_all_cores, "AnalysisProcess", _never)
    assert len(InvertedIndex.of_texts(["gout"] * 1000, LuceneEnglishAnalyzer()).lengths) == 1000


def test_a_corpus_that_is_worth_it_starts_one_for_each_further_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_all_cores, "_n_cores", lambda: 4)
    monkeypatch.setattr(on_all_cores, "_FEWEST_CHARACTERS", 4000)
    monkeypatch.setattr(on_all_cores, "AnalysisProcess", _never)
    with pytest.raises(_Started):
        InvertedIndex.of_texts(["gout"] * 1000, LuceneEnglishAnalyzer())

    class Own(LuceneEnglishAnalyzer):
        """What another interpreter does not know."""

    assert len(InvertedIndex.of_texts(["gout"] * 1000, Own()).lengths) == 1000


class _Started(Exception):
    pass


def _never(limit: int) -> None:
    raise _Started


def test_a_killed_process_is_named() -> None:
    with AnalysisProcess(100) as process:
        process.give(7, ["gout"])
        assert process.take()[0] == 7
        os.kill(process.pid, signal.SIGKILL)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        with pytest.raises(BenchError, match="was killed by signal 9"):
            process.give(8, ["gout"])


def test_one_that_is_killed_while_it_works_is_named_too() -> None:
    with AnalysisProcess(100) as process:
        os.kill(process.pid, signal.SIGSTOP)
        process.give(0, ["gout"])
        os.kill(process.pid, signal.SIGKILL)
        with pytest.raises(BenchError, match="was killed by signal 9"):
            process.take()


def test_nothing_waits_for_a_process_that_stands_still_until_much_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is done out of turn is bounded: the next of the process is waited for."""
    taken: list[int] = []

    class Stopped:
        """Takes texts, and answers when it is asked."""

        has_answered = False

        def __init__(self, limit: int) -> None:
            self._numbers, self._given = ChunkNumbers(LuceneEnglishAnalyzer(), limit), []

        def __enter__(self) -> Stopped:
            return self

        def __exit__(self, *_: object) -> None: ...

        @property
        def has_room(self) -> bool:
            return len(self._given) < 2

        @property
        def next_number(self) -> int | None:
            return self._given[0][0] if self._given else None

        def give(self, number: int, texts: list[str]) -> None:
            self._given.append((number, texts))

        def take(self) -> tuple[int, NumberedTexts]:
            number, texts = self._given.pop(0)
            taken.append(number)
            return number, self._numbers.number(texts)

    def texts() -> Iterator[str]:
        for number in range(100):
            assert number - len(out) <= 2 + on_all_cores._BLOCKS_AHEAD * 2
            yield f"gout w{number}"

    out: list[object] = []
    monkeypatch.setattr(on_all_cores, "_CHARACTERS_A_BLOCK", 1)
    monkeypatch.setattr(on_all_cores, "AnalysisProcess", Stopped)
    out.extend(on_all_cores.numbered_texts(texts(), LuceneEnglishAnalyzer(), 2))
    assert len(out) == 100
    assert taken == sorted(taken)


def test_processes_end_with_whoever_asked() -> None:
    coming = on_all_cores.numbered_texts(iter(["gout"] * 3), LuceneEnglishAnalyzer(), 2)
    next(coming)
    process = coming.gi_frame.f_locals["others"][0]
    coming.close()
    with pytest.raises(ChildProcessError):
        os.waitpid(process.pid, 0)
