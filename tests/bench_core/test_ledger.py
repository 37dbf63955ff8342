"""One ledger for all workers: bounds by minute and the spending cap hold for them together, and after a death."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench_core.llm.chat import ChatRequest, Message, NoAnswer, Sampling, Usage
from bench_core.llm.ledger import FileLedger, MemoryLedger
from bench_core.llm.limits import Limits, Price

PRICE = Price(prompt=0.0, completion=100_000.0)  # 3 completion tokens are 0.3 dollars
REQUEST = ChatRequest([Message("user", "gout")], Sampling(max_tokens=3))

DYING = """
import os, sys
from pathlib import Path
from bench_core.llm.chat import ChatRequest, Message, Sampling
from bench_core.llm.ledger import FileLedger
from bench_core.llm.limits import Limits, Price

limits = Limits(price=Price(0.0, 100_000.0), most_dollars=1.0, ledger=FileLedger(Path(sys.argv[1])))
with limits.turn(ChatRequest([Message("user", "gout")], Sampling(max_tokens=3))):
    os._exit(9)  # as SIGKILL: nothing is given back
"""
MANY = """
import sys
from pathlib import Path
from bench_core.llm.chat import ChatRequest, Message, NoAnswer, Sampling, Usage
from bench_core.llm.ledger import FileLedger
from bench_core.llm.limits import Limits, Price

limits = Limits(price=Price(0.0, 100_000.0), most_dollars=3.0, ledger=FileLedger(Path(sys.argv[1])))
n = 0
try:
    while True:
        with limits.turn(ChatRequest([Message("user", "gout")], Sampling(max_tokens=3))) as spent:
            spent(Usage(1, 3))
        n += 1
except NoAnswer:
    print(n)
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ledger.json"


def ask(limits, usage=None):
    with limits.turn(REQUEST) as spent:
        spent(usage or Usage(1, 3))


def test_processes_share_one_cap(path):
    started = [
        subprocess.Popen([sys.executable, "-c", MANY, str(path)], stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    asked = [int(process.communicate()[0]) for process in started]
    assert sum(asked) == 10
    assert Limits(price=PRICE, ledger=FileLedger(path)).dollars == pytest.approx(3.0)


def test_what_a_dead_worker_had_reserved_counts_as_spent(path):
    for _ in range(2):
        died = subprocess.run([sys.executable, "-c", DYING, str(path)], check=False)
        assert died.returncode == 9
    limits = Limits(price=PRICE, most_dollars=1.0, ledger=FileLedger(path))
    ask(limits)
    with pytest.raises(NoAnswer, match="spending cap"):
        ask(limits)
    assert limits.dollars == pytest.approx(0.3), "two of 0.3 dollars are reserved for ever"


@pytest.mark.parametrize("kind", ["memory", "file"])
def test_two_clients_of_one_ledger_share_the_minute(path, kind):
    now, waited = [100.0], []

    def sleep(seconds):
        waited.append(seconds)
        now[0] += seconds

    ledger = MemoryLedger() if kind == "memory" else FileLedger(path)
    ledger.clock = lambda: now[0]
    one, other = (Limits(requests_per_minute=2, ledger=ledger, sleep=sleep) for _ in range(2))
    for limits in (one, other, one, other):
        ask(limits)
        now[0] += 1
    assert waited == pytest.approx([58])


def test_tokens_are_as_counted_once_they_are(path):
    now, waited = [100.0], []
    ledger = FileLedger(path)
    ledger.clock = lambda: now[0]
    limits = Limits(tokens_per_minute=100, ledger=ledger, sleep=lambda s: (waited.append(s), now.__setitem__(0, 161)))
    ask(limits, Usage(40, 50))
    ask(limits, Usage(1, 1))
    ask(limits, Usage(1, 1))
    assert len(waited) == 0, "5 tokens are expected beside the 94 counted"
    ask(limits, Usage(1, 1))
    ask(limits, Usage(1, 1))
    assert len(waited) == 1


def test_a_failed_request_gives_back_what_it_had_reserved(path):
    limits = Limits(price=PRICE, most_dollars=0.3, ledger=FileLedger(path))
    with pytest.raises(RuntimeError), limits.turn(REQUEST):
        raise RuntimeError
    ask(limits)
    assert json.loads(Path(path).read_text())["reserved"] == {}


def test_the_file_is_its_owners_alone(path):
    ask(Limits(price=PRICE, ledger=FileLedger(path)))
    assert path.stat().st_mode & 0o077 == 0
