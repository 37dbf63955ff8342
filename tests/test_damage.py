"""Nothing damaged is believed: seeded damages to every file that runs leave behind, then `table` and `run` again.

`BIOMED_BENCH_DAMAGES=700` does them all, a twelfth as many to mirrors; a share of them stands for the rest by default.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import sys
from collections.abc import Sequence
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
DAMAGES = int(os.environ.get("BIOMED_BENCH_DAMAGES", "6"))
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

    def run(self, folder: Path, half: str, systems: Sequence[str] = ()) -> Answer:
        if half == "retrieval":
            stages = [("-r", name) for name in systems or RETRIEVED]
            model = f"{self._server.base_url}#m"
            more = ("--generator-model", model, "--cache", "cache", "--indexes", "indexes", "-d", "demo/evidence")
        else:
            stages = [("-g", name) for name in systems or PREDICTED]
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


def problems_in_results(runs: Runs, folder: Path, half: str) -> list[str]:
    """What is wrong with `table` on damaged results, and with the run that mends them."""
    table, before, problems = runs.table(folder, half), runs.tables[half].rows, []
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


def problems_in_source(runs: Runs, folder: Path, half: str, systems: Sequence[str]) -> list[str]:
    """What is wrong with runs of systems that are made anew from what is damaged."""
    shutil.rmtree(folder / "results" / half)
    again = runs.run(folder, half, systems)
    expected = [row for row in runs.whole[half].rows if row["system"] in (systems or PREDICTED)]
    return [f"run: {again}"] if again.code or not again.is_expected or again.rows != expected else []


MADE_FROM = {"embeddings": RETRIEVED[4:], "inverted-index": RETRIEVED[:1], "cache": RETRIEVED[3:4]}
"""Systems that are made from what begins with a name, in place of all of their half."""


def problems_of_damage(runs: Runs, folder: Path, number: int) -> list[str]:
    """Damage a file of a copy of the runs, as the number says, and look at what comes of it."""
    draw, kinds = random.Random(f"{SEED} {number}"), runs.kinds()
    path = draw.choice(kinds[draw.choice(sorted(kinds))])
    runs.copy(folder)
    how = damage(draw, folder / path)
    half = "sql" if {"sql", "mirrors"} & set(path.parts) else "retrieval"
    if path.parts[0] == "results":
        problems = problems_in_results(runs, folder, half)
    else:
        made_from = [names for part, names in MADE_FROM.items() if any(name.startswith(part) for name in path.parts)]
        problems = problems_in_source(runs, folder, half, made_from[0] if made_from else ())
    return [f"{number}: {path} {how}: {problem}" for problem in problems]


def problems_of_mirror(runs: Runs, folder: Path, number: int) -> list[str]:
    """Damage the mirror of a copy of the runs, as the number says, and look at what a run makes of it."""
    runs.copy(folder)
    shutil.rmtree(folder / "results" / "sql")
    (mirror,) = folder.glob("indexes/mirrors/*.duckdb")
    how, problems = damage(random.Random(f"{SEED} {number}"), mirror), []
    again = runs.run(folder, "sql")
    if again.code:  # found while statements ran: nothing of it is a figure, and the next run imports again
        if again.rows or "damaged" not in again.said or not again.is_expected:
            problems.append(f"{number} {how}: {again}")
        again = runs.run(folder, "sql")
    if again.code or not again.is_expected or again.rows != runs.whole["sql"].rows:
        problems.append(f"{number} {how}: {again}")
    return problems


@pytest.mark.slow
def test_nothing_damaged_is_believed(runs, tmp_path):
    """No figure changes, nothing is unexpected, a row that a table lacks is named, and a run mends it all."""
    assert [text for number in range(DAMAGES) for text in problems_of_damage(runs, tmp_path / "copy", number)] == []


@pytest.mark.slow
def test_no_damage_to_a_mirror_changes_a_figure(runs, tmp_path):
    numbers = range(DAMAGES_TO_MIRRORS)
    assert [text for number in numbers for text in problems_of_mirror(runs, tmp_path / "copy", number)] == []
