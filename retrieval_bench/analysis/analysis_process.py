"""A process that numbers texts beside this one, and the program it runs.

It is a new interpreter with the standard library and this package alone, which is there in a twentieth of a second, and
not a fork: whatever threads this process has, none of their locks is copied. Texts and answers pass through temporary
files, and what is said through the pipes is a few bytes, so that neither side ever waits for the other to read.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import subprocess
import sys
import tempfile
from array import array
from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from bench_core.errors import BenchError
from retrieval_bench.analysis.lucene_english import LuceneEnglishAnalyzer
from retrieval_bench.analysis.numbered_texts import ENCODING, ChunkNumbers, NumberedTexts

_GIVEN_AHEAD = 2
"""Texts the process may have before it has answered: those it works on, and the next."""

_PROGRAM = (
    "import sys; sys.path.insert(0, sys.argv[1]); from retrieval_bench.analysis.analysis_process import main; main()"
)


class AnalysisProcess:
    """One process, which numbers texts for itself with Lucene's English analysis; to be used in a `with` statement.

    Args:
        limit: see `ChunkNumbers`.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._given: deque[int] = deque()
        self._n_given = self._n_taken = 0

    def __enter__(self) -> AnalysisProcess:
        with ExitStack() as stack:
            self._files = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(_GIVEN_AHEAD)]
            numbers = [file.fileno() for file in self._files]
            package_parent = str(Path(__file__).resolve().parents[2])
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _PROGRAM, package_parent, str(self._limit), *map(str, numbers)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # what goes wrong there is said here
                pass_fds=numbers,
            )
            stack.callback(self._end)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    @property
    def has_room(self) -> bool:
        """Whether it takes further texts."""
        return len(self._given) < _GIVEN_AHEAD

    @property
    def next_number(self) -> int | None:
        """The number of the texts that it answers next; None where it has none."""
        return self._given[0] if self._given else None

    @property
    def has_answered(self) -> bool:
        """Whether `take` would not wait."""
        assert self._process.stdout is not None
        return bool(self._given and select.select([self._process.stdout], [], [], 0)[0])

    def give(self, number: int, texts: Sequence[str]) -> None:
        """Have texts numbered, which follow all that it was given before.

        Raises:
            BenchError: the process is gone.
        """
        data = "".join(texts).encode(*ENCODING)
        lengths = array("i", map(len, texts)).tobytes()
        _write(self._files[self._n_given % _GIVEN_AHEAD].fileno(), lengths + data)
        self._given.append(number)
        self._n_given += 1
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{len(lengths)} {len(data)}\n".encode())
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise self._gone() from error

    def take(self) -> tuple[int, NumberedTexts]:
        """The number of the texts given first of those not answered, and the answer; waits for it.

        Raises:
            BenchError: the process is gone.
        """
        assert self._process.stdout is not None
        said = self._process.stdout.readline()
        if not said.endswith(b"\n"):
            raise self._gone()
        file = self._files[self._n_taken % _GIVEN_AHEAD]
        self._n_taken += 1
        return self._given.popleft(), NumberedTexts.from_bytes(os.pread(file.fileno(), int(said), 0))

    def _gone(self) -> BenchError:
        status = self._process.wait()
        how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        return BenchError(
            f"A process that analyses documents {how}; where memory is short, close what else runs, and run again."
        )

    def _end(self) -> None:
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with suppress(BrokenPipeError):
                pipe.close()
        self._process.wait()


def main() -> None:
    """What the process does: number the texts that the pipe names, until it is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all: the process that started this one ends it
    gc.disable()  # nothing here refers to itself, and looking for such things among many texts takes time
    _, _, limit, *files = sys.argv
    numbers, fds = ChunkNumbers(LuceneEnglishAnalyzer(), int(limit)), list(map(int, files))
    for turn, line in enumerate(sys.stdin):
        fd = fds[turn % len(fds)]
        n_lengths, n_data = map(int, line.split())
        lengths = array("i")
        lengths.frombytes(os.pread(fd, n_lengths, 0))
        answer = numbers.number(_cut(os.pread(fd, n_data, n_lengths).decode(*ENCODING), lengths)).to_bytes()
        _write(fd, answer)
        sys.stdout.write(f"{len(answer)}\n")
        sys.stdout.flush()


def _cut(joined: str, lengths: Sequence[int]) -> list[str]:
    texts, start = [], 0
    for length in lengths:
        texts.append(joined[start : start + length])
        start += length
    return texts


def _write(fd: int, data: bytes) -> None:
    """Put bytes at the beginning of a file, whatever it held."""
    view, at = memoryview(data), 0
    while at < len(data):
        at += os.pwrite(fd, view[at:], at)
