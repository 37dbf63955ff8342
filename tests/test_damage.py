"""Nothing damaged is believed: seeded damages to every file that runs leave behind, then `table` and `run` again.

`BIOMED_BENCH_DAMAGES=700` does them all, a twelfth as many to mirrors; a share of them stands for the rest by default.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parent))
from chat_server import ChatServer, choice
from damages import damage

import retrieval_bench.cli.main
import sql_bench.cli.main

SEED = 12
DAMAGES = int(os.environ.get("BIOMED_BENCH_DAMAGES", "14"))
DAMAGES_TO_MIRRORS = max(DAMAGES * 60 // 700, 2)
CLASSES = '''
from retrieval_bench.rerankers.base import RerankerBase
from sql_bench.generators.base import SqlGeneratorBase
from sql_bench.types import Prediction, PredictionStatus

class Shortest(RerankerBase):
    """The shorter a document the better."""
    is_remote = False

    def rerank(self, batch):
        return [[-float(len(document.text)) for document in candidates.documents] for candidates in batch]

class Counting(SqlGeneratorBase):
    """How long each question is."""
    is_remote = False

    def generate(self, question, database):
        sql = f"SELECT {len(question.text)}"
        return Prediction(question.question_id, sql, PredictionStatus.SQL, sql)
'''
MAINS = {"retrieval": retrieval_bench.cli.main.main, "sql": sql_bench.cli.main.main}
RETRIEVED = ("bm25", "rrf(bm25, bm25-qs)", "bm25 > classes.py:Shortest,depth=3", "hyde > bm25", "dense,factory=HNSW8")
PREDICTED = ("gold", "replay,path=hasty", "classes.py:Counting")


@dataclass(frozen=True)
class Answer:
    """What a command came to: its exit code, the rows on standard output, all that was said."""

    code: int
    rows: list[dict]
    said: str

    @property
    def is_expected(self) -> bool:
        return "unexpected" not in self.said and "Traceback" not in self.said


class Runs:
    """Small runs of both halves, made once; each damage is done to a copy."""

    def __init__(self, root: Path, server: ChatServer) -> None:
        self.root, self._server = root / "whole", server
        self.root.mkdir()
        (self.root / "classes.py").write_text(CLASSES)
        self.whole = {half: self.run(self.root, half) for half in MAINS}
        assert all(answer.code == 0 for answer in self.whole.values()), self.whole
        self.tables = {half: self.table(self.root, half) for half in MAINS}

    def kinds(self) -> dict[tuple[str, ...], list[Path]]:
        """The files by what they hold: any of a kind is as likely to be damaged as any of another."""
        kinds: dict[tuple[str, ...], list[Path]] = {}
        for path in sorted(path.relative_to(self.root) for path in self.root.rglob("*") if path.is_file()):
            if path.suffix in (".lock", ".py", ".duckdb"):
                continue
            kind = ("cache",) if path.parts[0] == "cache" else (*path.parts[:2], path.name)
            kinds.setdefault(kind, []).append(path)
        return kinds

    def copy(self, to: Path) -> Path:
        shutil.rmtree(to, ignore_errors=True)
        return Path(shutil.copytree(self.root, to))

    def table(self, folder: Path, half: str) -> Answer:
        return _invoke(folder, half, "table", "--results", "results", "--format", "json")

    def run(self, folder: Path, half: str) -> Answer:
        if half == "retrieval":
            stages = [("-r", name) for name in RETRIEVED]
            model = f"{self._server.base_url}#m"
            more = ("--generator-model", model, "--cache", "cache", "--indexes", "indexes", "-d", "demo/evidence")
        else:
            stages = [("-g", name) for name in PREDICTED]
            more = ("--mirrors", "indexes/mirrors", "-d", "demo/biomed", "-c", "answer", "-c", "exact")
        words = [word for pair in stages for word in pair]
        return _invoke(folder, half, "run", *words, *more, "--results", "results", "--format", "json")


def _invoke(folder: Path, half: str, *arguments: str) -> Answer:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        result = CliRunner().invoke(MAINS[half], list(arguments))
    rows = json.loads(result.stdout)["rows"] if result.stdout else []
    return Answer(result.exit_code, rows, result.stderr + (repr(result.exception) if result.exception else ""))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    with ChatServer(lambda number, body, handler: choice("gout is treated with colchicine")) as server:
        yield Runs(tmp_path_factory.mktemp("damage"), server)


def problems_after(runs: Runs, folder: Path, half: str) -> list[str]:
    """What is wrong with `table` on a damaged folder, and with the run that mends it."""
    problems, before = [], runs.tables[half].rows
    if (folder / "results" / half).exists():
        table = runs.table(folder, half)
        if not table.is_expected or not all(row in before for row in table.rows):
            problems.append(f"table: {table}")
        if len(table.rows) < len(before) and "is damaged" not in table.said:
            problems.append(f"a row is missing and nothing is said: {table.said!r}")
    again = runs.run(folder, half)
    if again.code or not again.is_expected or again.rows != runs.whole[half].rows:
        problems.append(f"run: {again}")
    if runs.table(folder, half).rows != before:
        problems.append("the table is another one afterwards")
    return problems


@pytest.mark.slow
def test_nothing_damaged_is_believed(runs, tmp_path):
    """No figure changes, nothing is unexpected, a row that a table lacks is named, and a run mends it all."""
    draw, kinds, found = random.Random(SEED), runs.kinds(), []
    for number in range(DAMAGES):
        path = draw.choice(kinds[draw.choice(sorted(kinds))])
        folder = runs.copy(tmp_path / "copy")
        how = damage(draw, folder / path)
        half = "sql" if {"sql", "mirrors"} & set(path.parts) else "retrieval"
        if path.parts[0] != "results":
            shutil.rmtree(folder / "results" / half)  # else nothing would be made from what is damaged
        found += [f"{number}: {path} {how}: {problem}" for problem in problems_after(runs, folder, half)]
    assert found == []


@pytest.mark.slow
def test_no_damage_to_a_mirror_changes_a_figure(runs, tmp_path):
    draw, found = random.Random(SEED), []
    for number in range(DAMAGES_TO_MIRRORS):
        folder = runs.copy(tmp_path / "copy")
        shutil.rmtree(folder / "results" / "sql")
        (mirror,) = folder.glob("indexes/mirrors/*.duckdb")
        how = damage(draw, mirror)
        again = runs.run(folder, "sql")
        if again.code:  # found while statements ran: nothing of it is a figure, and the next run imports again
            if again.rows or "damaged" not in again.said or not again.is_expected:
                found.append(f"{number} {how}: {again}")
            again = runs.run(folder, "sql")
        if again.code or not again.is_expected or again.rows != runs.whole["sql"].rows:
            found.append(f"{number} {how}: {again}")
    assert found == []
