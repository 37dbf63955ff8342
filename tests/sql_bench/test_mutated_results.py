"""Mutated files of the SQL half: nothing stored is believed that was not written, and nothing else raised."""

import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from mutations import NUMBERS, Reader, check, mutated_json, stored_items

from bench_core.runs.item_lines import Item
from bench_core.runs.manifest import Manifest, RunFolder
from sql_bench.generators.predictions import PREDICTIONS, prediction_item
from sql_bench.mirror.importing import import_folder
from sql_bench.mirror.mirror import description_path, open_mirror
from sql_bench.pipeline.executions import EXECUTIONS
from sql_bench.pipeline.stored_verdicts import stored_verdicts, verdicts_of, write_verdicts
from sql_bench.scoring.metrics import QuestionVerdict, item_scores
from sql_bench.types import (
    Column,
    Difference,
    ExecutionResult,
    Outcome,
    Prediction,
    PredictionStatus,
    Verdict,
    VerdictKind,
)
from sql_bench.values import result_to_json

SCORES, VERDICTS = "scores.answer.json", "verdicts.answer.jsonl"


def execution(item, *rows):
    result = result_to_json(ExecutionResult(Outcome.OK, (Column("a", "BIGINT"), Column("b", "VARCHAR")), rows))
    seconds = result.pop("seconds")
    return Item({"item": item, "variant": "as_written", "sql": "SELECT 1", "result": result}, {"seconds": seconds})


ITEMS = {
    **stored_items(
        PREDICTIONS,
        [
            prediction_item(
                Prediction(name, "SELECT 1", PredictionStatus.SQL, "```SELECT 1```", usage={"seconds": 1.5})
            )
            for name in ("q1", "q2", "q3")
        ],
    ),
    **stored_items(EXECUTIONS, [execution("q1", (1, "x"), (2, None)), execution("q2"), execution("q3", (2**70, "é"))]),
}


@pytest.mark.parametrize("n", NUMBERS)
@pytest.mark.parametrize("name", ITEMS)
def test_mutated_items_are_not_believed(tmp_path, name, n):
    check(ITEMS[name], name, tmp_path, n)


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """The folder of a system's executions with verdicts by `answer`."""
    folder = tmp_path_factory.mktemp("system") / "duckdb--01234567"
    folder.mkdir()
    system = RunFolder(folder.parent)
    with system.recording(Manifest({"dataset": {"dataset_id": "demo/a"}}), []):
        pass
    verdicts = [
        QuestionVerdict("q1", Verdict(VerdictKind.CORRECT, figures={"precision": 1.0})),
        QuestionVerdict("q2", Verdict(VerdictKind.WRONG, Difference.ROWS, "1 row is missing", {"precision": 0.5})),
    ]
    scores = item_scores(verdicts, "demo/a", "gold", "answer", {"kind": {"q1": "a", "q2": "b"}})
    write_verdicts(replace(scores, folder=folder), verdicts, {"golds": "0" * 64})
    return folder


@pytest.mark.parametrize("n", NUMBERS)
@pytest.mark.parametrize("name", [SCORES, VERDICTS])
def test_mutated_verdicts_are_not_believed(compared, tmp_path, name, n):
    copy = Path(shutil.copytree(compared.parent, tmp_path / "copy")) / compared.name

    def read(path):
        found = stored_verdicts(path.with_name(SCORES))
        return None if found is None else (found.made_from, verdicts_of(found.scores))

    stored, seed = read(copy / SCORES), (copy / name).read_bytes()
    assert stored is not None
    check(Reader(read, [seed], name, believed=[None, stored]), name, copy, n)
    if name == SCORES:
        check(Reader(read, [seed], name, mutated_json, [None, stored]), name, copy, n)


@pytest.mark.parametrize("n", NUMBERS)
def test_a_mutated_description_of_a_mirror_is_not_believed(tmp_path, n):
    tables = tmp_path / "tables"
    tables.mkdir()
    (tables / "t.csv").write_text("a,b\n1,x\n2,y\n")
    mirror = import_folder(tables, tmp_path / "m.duckdb", None)
    described = description_path(mirror.path)
    seed = described.read_bytes()
    reader = Reader(lambda path: open_mirror(mirror.path), [seed], described.name, mutated_json, [mirror])
    check(reader, "mirror", tmp_path, n)
