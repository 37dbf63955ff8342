"""Kill runs at points of an undisturbed one, finish them, and compare; a program, run by `test_kills.py`.

An undisturbed run of each stage is watched: every file that it opens for writing or puts in place, and every line that
it appends. Then points among these are drawn with a fixed seed; a fork of this process runs up to the point and sends
itself SIGKILL there (before a file is written, or before, after or in the middle of a line), another fork finishes what
it left. Nothing waits for a time. Prints one JSON object: stage -> number of kills and what differed.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench_core.runs.item_lines import ItemLines
from bench_core.runs.manifest import MANIFEST_NAME
from bench_core.runs.reporter import silent
from retrieval_bench.cli.main import main as retrieval_main
from retrieval_bench.datasets.dataset import load_dataset
from retrieval_bench.pipeline.run import Workspace, make_run, run_system
from retrieval_bench.pipeline.system import Setting, create_system
from retrieval_bench.scoring.compiled import load_ranx
from sql_bench.generators.base import SqlGeneratorBase
from sql_bench.pipeline.generate import System, generate
from sql_bench.pipeline.run import run_system as run_sql
from sql_bench.pipeline.workbench import DatabaseChoice, make_comparators, open_bench
from sql_bench.types import Prediction, PredictionStatus

SEED = 11
_CLASSES = '''
from retrieval_bench.query_generators.base import GeneratedQuery, QueryGeneratorBase
from retrieval_bench.query_generators.combination import Combination
from retrieval_bench.rerankers.base import RerankerBase


class Writer(QueryGeneratorBase):
    """Says each query backwards, and has nothing to say on some where it is told so."""

    def __init__(self, silent_on: str = "") -> None:
        self.silent_on = silent_on

    def generate(self, query):
        status = "refused" if query.query_id == self.silent_on else "ok"
        text = " ".join(reversed(query.text.split())) if status == "ok" else ""
        return GeneratedQuery(query.query_id, text, Combination("query-generated", "mean"), status, seconds=0.5)


class Shortest(RerankerBase):
    def rerank(self, batch):
        return [[1 / len(document.text) for document in candidates.documents] for candidates in batch]
'''
_WORDS = [
    "gout",
    "urate",
    "stroke",
    "artery",
    "fever",
    "cough",
    "rash",
    "joint",
    "tophus",
    "colchicine",
    "allopurinol",
    "valve",
]


# Lines that come out of their order are put in order at the end, which is one more file written: whether that happens
# must not hang on which thread is quicker. So the first question is answered after a line of another one is there.
_HELD_BACK = "s0"
_line_is_there, _is_resumed = threading.Event(), threading.Event()


class Answering(SqlGeneratorBase):
    """Answers questions by their golds, in threads; the first one not first, but where a run is resumed."""

    is_remote = False

    def __init__(self, golds: dict[str, str]) -> None:
        self._golds = golds

    def generate(self, question: Any, database: Any) -> Prediction:
        if question.question_id == _HELD_BACK and not _is_resumed.is_set():
            _line_is_there.wait()
        sql = self._golds[question.question_id]
        return Prediction(question.question_id, sql, PredictionStatus.SQL, sql, usage={"seconds": 0.25})


@dataclass(frozen=True)
class Stage:
    """What is run, into which folder, and the paths (relative to it) at which it may be killed."""

    run: Callable[[Path], None]
    files: str
    n_kills: int


@dataclass(frozen=True)
class Event:
    """Something written: a `line` or a `file`, and its path below the folder of results."""

    kind: str
    name: str


@dataclass(frozen=True)
class Point:
    """The n-th event of a run whose path fits, and for a line where in it."""

    nth: int
    where: str


class Watch:
    """Counts events of this process; kills it at a point."""

    def __init__(self, root: Path, files: str, point: Point | None) -> None:
        self._root, self._files, self._point = str(root), re.compile(files), point
        self.events: list[Event] = []

    def install(self) -> None:
        append, watch = ItemLines.append, self

        def appended(lines: ItemLines, line: bytes) -> int:
            is_here = watch.event("line", lines.path)
            if is_here == "half":
                assert lines._file is not None
                lines._file.write(line[: len(line) // 2])
                lines._file.flush()
                _die()
            offset = append(lines, line)
            if is_here == "after":
                _die()
            _line_is_there.set()
            return offset

        ItemLines.append = appended  # type: ignore[method-assign]
        sys.addaudithook(self._hook)

    def event(self, kind: str, path: object) -> str:
        """Note an event; the part of the line at which to die if this is the point."""
        if not isinstance(path, str | os.PathLike) or not os.fspath(path).startswith(self._root):
            return ""
        name = os.fspath(path)[len(self._root) :]
        if name.endswith(".lock") or not self._files.search(name):
            return ""
        self.events.append(Event(kind, name))
        if self._point is None or len(self.events) - 1 != self._point.nth:
            return ""
        if self._point.where == "before":
            _die()
        return self._point.where

    def _hook(self, event: str, args: tuple[Any, ...]) -> None:
        if event == "os.rename":
            self.event("file", args[1])
        elif event == "open" and _is_for_writing(args[1], args[2]):
            self.event("file", args[0])


def _is_for_writing(mode: str | None, flags: int) -> bool:
    return mode[0] != "r" if mode else bool(flags & (os.O_WRONLY | os.O_RDWR))


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def forked(stage: Stage, folder: Path, point: Point | None = None) -> tuple[int, list[Event]]:
    """Run a stage in a fork; its exit status, and its events."""
    folder.mkdir(parents=True, exist_ok=True)
    events_path = folder.with_name(f"{folder.name}.events")
    child = os.fork()
    if child == 0:
        status = 1
        try:
            log = os.open(folder.with_name(f"{folder.name}.log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(log, 1)
            os.dup2(log, 2)
            watch = Watch(folder, stage.files, point)
            watch.install()
            stage.run(folder)
            events_path.write_text(json.dumps([asdict(event) for event in watch.events]))
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)
    _, status = os.waitpid(child, 0)
    return status, [Event(**event) for event in json.loads(events_path.read_text())] if status == 0 else []


def content_of(folder: Path) -> dict[str, Any]:
    """What must be equal: all bytes, but of lines without what is measured, and of manifests what is no measurement."""
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if not path.is_file() or path.name.endswith(".lock"):
            continue
        if path.name == MANIFEST_NAME:
            manifest = json.loads(path.read_text())
            found[name] = [manifest[field] for field in ("identity", "status", "notes", "error", "schema_version")]
            found[name].append(sorted(manifest["files"]))
        elif path.suffix == ".jsonl":
            found[name] = [re.sub(rb',"measured":\{.*\}\}$', b"}", line) for line in path.read_bytes().splitlines()]
        else:
            found[name] = path.read_bytes()
    return found


def points_of(events: list[Event], n: int, drawn: random.Random) -> Iterator[Point]:
    """Points of a run, each event at most once as long as there are enough."""
    chosen = drawn.sample(range(len(events)), min(n, len(events)))
    chosen += drawn.choices(range(len(events)), k=n - len(chosen))
    for nth in chosen:
        yield Point(nth, drawn.choice(("before", "half", "after")) if events[nth].kind == "line" else "before")


def last_manifests(events: list[Event]) -> list[Point]:
    """Right before each run's manifest is written for the last time, when all of its items are there."""
    last = {event.name: nth for nth, event in enumerate(events) if event.name.endswith(f".{MANIFEST_NAME}.partial")}
    return [Point(nth, "before") for nth in last.values()]


def stages_of(root: Path) -> dict[str, Stage]:
    """The stages, on small data written to `root`."""
    drawn = random.Random(SEED)
    (root / "classes.py").write_text(_CLASSES)
    notes = root / "notes"
    notes.mkdir()
    texts = [" ".join(drawn.choices(_WORDS, k=drawn.randint(4, 30))) for _ in range(40)]
    _write(notes / "corpus.jsonl", [{"id": f"d{n}", "text": text} for n, text in enumerate(texts)])
    queries = [{"id": f"q{n}", "text": " ".join(drawn.choices(_WORDS, k=3))} for n in range(10)]
    _write(notes / "queries.jsonl", queries)
    (notes / "qrels.tsv").write_text("".join(f"q{n}\t0\td{n}\t1\n" for n in range(10)))
    tables = root / "database" / "tables"
    tables.mkdir(parents=True)
    (tables / "t.csv").write_text("UUID,g,n\n" + "".join(f"T_{n},{_WORDS[n % 12]},{n}\n" for n in range(50)))
    golds = {f"s{n}": f"SELECT g, n FROM t WHERE n < {n % 5} ORDER BY n LIMIT 3" for n in range(8)}
    questions = [{"question_id": key, "question": "Which?", "gold_sql": sql} for key, sql in golds.items()]
    _write(root / "database" / "questions.jsonl", questions)

    def retrieve(text: str, scores: bool = False) -> Callable[[Path], None]:
        def run(folder: Path) -> None:
            dataset = load_dataset(f"dir:{notes}")
            workspace = Workspace(folder / "results", folder / "indexes", silent())
            system = create_system(text, Setting(dataset.card))
            if scores:
                run_system(dataset, system, dataset.card.k, workspace)
            else:
                make_run(dataset, system, dataset.card.k, workspace)

        return run

    def ask(comparators: tuple[str, ...]) -> Callable[[Path], None]:
        def run(folder: Path) -> None:
            if any(folder.rglob("predictions.jsonl")):
                _is_resumed.set()  # in this fork; the others may be answered already
            choice = DatabaseChoice(None, root / "mirrors", None, None, None)
            with open_bench(f"dir:{root / 'database'},dialect=duckdb", choice, folder / "results", silent()) as bench:
                system = System("answering", Answering(golds), n_at_once=3)
                if comparators:
                    run_sql(bench, system, make_comparators(comparators))
                else:
                    generate(bench, system)

        return run

    def grid(folder: Path) -> None:
        systems = ("bm25", "rrf(bm25, bm25-qs)", f"bm25 > {root / 'classes.py'}:Shortest")
        arguments = [part for text in systems for part in ("--retriever", text)]
        where = ["--results", str(folder / "results"), "--indexes", str(folder / "indexes")]
        retrieval_main(["run", "-d", f"dir:{notes}", *arguments, *where], standalone_mode=False)

    classes = root / "classes.py"
    return {
        "generated": Stage(retrieve(f"{classes}:Writer > bm25-qs"), "-before-", 5),
        "generated in part": Stage(retrieve(f"{classes}:Writer,silent_on=q4 > bm25-qs"), "-before-", 5),
        "reranked": Stage(retrieve(f"bm25 > {classes}:Shortest,depth=5"), "-over-", 7),
        "predictions": Stage(ask(()), "Answering--", 7),
        "executions": Stage(ask(("answer",)), "executions|duckdb--[^/]*/[^/]*manifest|golds--", 6),
        "verdicts": Stage(ask(("answer", "exact")), "verdicts|scores|per_question", 5),
        "index": Stage(retrieve("bm25"), "indexes/", 6),
        "scores": Stage(retrieve("bm25", scores=True), "scores|per_query|run.trec", 5),
        "grid": Stage(grid, "", 5),
    }


def _write(path: Path, items: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(item) + "\n" for item in items))


def check(stage: Stage, folder: Path, drawn: random.Random) -> dict[str, Any]:
    """Kill and finish a stage at all its points."""
    whole = folder / "whole"
    status, events = forked(stage, whole)
    if status:
        return {"kills": 0, "at_manifests": 0, "problems": [f"undisturbed: {(folder / 'whole.log').read_text()}"]}
    expected, problems = content_of(whole), []
    at_manifests = last_manifests(events)
    points = [*at_manifests, *points_of(events, stage.n_kills, drawn)]
    for number, point in enumerate(points):
        place = folder / f"killed-{number}"
        status, _ = forked(stage, place, point)
        if not os.WIFSIGNALED(status) or os.WTERMSIG(status) != signal.SIGKILL:
            problems.append(f"{point} of {len(events)}: not killed")
            continue
        status, _ = forked(stage, place)
        log = place.with_name(f"{place.name}.log").read_text()
        found = content_of(place)
        different = [name for name in {**expected, **found} if expected.get(name) != found.get(name)]
        if status or different or "damaged" in log:
            problems.append(f"{point} of {len(events)}: status {status}, different {different}: {log}")
    return {"kills": len(points), "at_manifests": len(at_manifests), "problems": problems}


def main(root: Path) -> None:
    """Check all stages under a new folder."""
    load_ranx()  # once, instead of in every fork
    stages, drawn = stages_of(root), random.Random(SEED)
    found = {name: check(stage, root / name, drawn) for name, stage in stages.items()}
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
