"""Values handed on: no process reads back what it wrote, and what it hands on is what reading would give."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from bench_core.runs.reporter import silent
from retrieval_bench.datasets.dataset import load_dataset
from retrieval_bench.pipeline.run import Workspace, make_run, run_system
from retrieval_bench.pipeline.system import Setting, create_system
from retrieval_bench.scoring.scored_runs import RUN_FILE, read_canonical_run, stored_run

# Notes each file that is opened for writing or renamed to, and each of these that is opened for reading afterwards.
# Compiled code that numba keeps for the next process is not a value of the suite; numba reads its own index of it.
WATCHED = """
import os, sys
written, read = set(), []

def whole(path):
    return os.path.abspath(os.fspath(path))

def watch(event, args):
    if event != "open" and event != "os.rename":
        return
    if event == "os.rename":
        if whole(args[0]) in written or any(name.startswith(whole(args[0]) + os.sep) for name in written):
            moved = {name for name in written if name == whole(args[0]) or name.startswith(whole(args[0]) + os.sep)}
            written.update(whole(args[1]) + name[len(whole(args[0])):] for name in moved)
    elif isinstance(args[0], str | os.PathLike):
        path, mode, flags = whole(args[0]), args[1], args[2]
        writes = (mode[0] != "r") if mode else bool(flags & (os.O_WRONLY | os.O_RDWR))
        if writes:
            written.add(path)
        elif path in written and os.path.isfile(path) and "numba" not in path:
            read.append(path)

sys.addaudithook(watch)
from retrieval_bench.cli.main import main
main(sys.argv[1:], standalone_mode=False)
import json
print(json.dumps({"written": sorted(written), "read": read}))
"""


@pytest.mark.slow
@pytest.mark.parametrize("system", ["rrf(bm25, bm25-qs) > bi-encoder,model=minilm"])
def test_no_file_that_the_process_wrote_is_opened_for_reading(tmp_path, system):
    where = ("--results", str(tmp_path / "results"), "--indexes", str(tmp_path / "indexes"), "--format", "json")
    command = [sys.executable, "-c", WATCHED, "run", "-d", "demo/evidence", "-r", system, *where]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(ended.stdout.splitlines()[-1])
    names = {path.rpartition("/")[2] for path in found["written"]}
    assert names >= {"run.trec.gz", "reranked.jsonl", "scores.json", "manifest.json", "rows.npy", "vocabulary.txt"}
    assert found["read"] == []


SYSTEMS = [
    "bm25",
    "random",
    "exact-match",
    "rrf(bm25, bm25-qs)",
    "lamer > bm25-qs",
    "bm25 > {shortest},depth=5",
    "bm25 > {shortest},depth=5,keep=all",
    "rrf(lamer > bm25, bm25-qs) > {shortest}",
]
SHORTEST = """
from retrieval_bench.rerankers.base import RerankerBase

class Shortest(RerankerBase):
    def rerank(self, batch):
        return [[1 / len(document.text) for document in candidates.documents] for candidates in batch]
"""


@pytest.mark.slow
@pytest.mark.parametrize("text", SYSTEMS)
def test_what_is_handed_on_equals_what_reading_it_back_gives(tmp_path, text):
    (tmp_path / "shortest.py").write_text(SHORTEST)
    dataset = load_dataset("demo/evidence")
    system = create_system(text.format(shortest=f"{tmp_path / 'shortest.py'}:Shortest"), Setting(dataset.card))
    workspace = Workspace(tmp_path / "results", tmp_path / "indexes", silent())
    made = make_run(dataset, system, 50, workspace)
    assert made.handed_on is not None and made.run is made.handed_on
    read_back = read_canonical_run(made.folder.path / RUN_FILE)
    assert read_back == made.run and list(read_back) == list(made.run)
    assert all(type(score) is float for ranking in made.run.values() for _, score in ranking)
    again = make_run(dataset, system, 50, workspace)
    assert again.handed_on is None and again.run == made.run
    assert again.manifest == made.manifest


def test_scores_are_handed_on_as_they_are_stored(tmp_path):
    dataset = load_dataset("demo/ehr")
    workspace = Workspace(tmp_path / "results", tmp_path / "indexes", silent())
    system = create_system("rrf(bm25, bm25-qs)", Setting(dataset.card))
    made = run_system(dataset, system, dataset.card.k, workspace)
    assert made.folder is not None and stored_run(made.folder) == made
    assert run_system(dataset, system, dataset.card.k, workspace) == made
