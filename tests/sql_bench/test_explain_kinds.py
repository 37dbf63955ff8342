"""What `explain` says of wrong answers of many kinds, each a statement that models write over the demo's tables."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from sql_bench.cli.main import main
from sql_bench.datasets.dataset import load_dataset
from sql_bench.pipeline.stored_answers import StoredSystem
from sql_bench.pipeline.stored_verdicts import stored_systems
from sql_bench.reports.explanation import explanation

pytestmark = pytest.mark.slow

CASES = [
    json.loads(line)
    for line in (Path(__file__).parent / "fixtures" / "explain" / "wrong.jsonl").read_text("utf-8").splitlines()
]
DEMO = Path(__file__).parents[2] / "sql_bench" / "datasets" / "demo" / "biomed"
TABLES = {
    "$drugs": "`demo.DrugGeneTargets_ComprehensiveAnnotations_updated`",
    "$ad": "`demo.AlzheimerDisease_CombinedGeneData_UUID`",
    "$pd": "`demo.ParkinsonDisease_CompleteGeneData_No23andMe`",
    "$freq": "`demo.NeurodegenerativeDisease_AlleleFrequencies_UUID`",
}


def with_tables(sql: str) -> str:
    for short, name in TABLES.items():
        sql = sql.replace(short, name)
    return sql


def invoke(*arguments: str) -> str:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The options that name a scored file of these answers."""
    folder = tmp_path_factory.mktemp("wrong")
    shutil.copytree(DEMO / "tables", folder / "tables")
    shutil.copy(DEMO / "schema.yaml", folder)
    declared = (DEMO / "dataset.yaml").read_text("utf-8").splitlines(keepends=True)
    (folder / "dataset.yaml").write_text("".join(line for line in declared if not line.startswith("safety_limits")))
    questions = [
        {"question_id": case["kind"], "question": case["question"], "gold_sql": with_tables(case["gold"])}
        for case in CASES
    ]
    answers = [{"question_id": case["kind"], "sql": with_tables(case["predicted"])} for case in CASES]
    for name, lines in (("questions.jsonl", questions), ("answers.jsonl", answers)):
        (folder / name).write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    places = ["-d", f"dir:{folder}", "--results", str(folder / "results")]
    invoke("score", *places, "--predictions", str(folder / "answers.jsonl"), "--mirrors", str(folder / "mirrors"))
    shutil.rmtree(folder / "mirrors")  # no database is opened to explain
    return places


@pytest.fixture(scope="module")
def system(results: list[str]) -> StoredSystem:
    """What `explain` reads."""
    (scores,) = stored_systems(Path(results[-1]))
    return StoredSystem(scores, load_dataset(results[1]), print)


@pytest.mark.parametrize("case", CASES, ids=[case["kind"] for case in CASES])
def test_it_is_said_why_an_answer_is_wrong(system, case):
    said = " ".join(explanation(system, case["kind"]).render("rich").split())
    for words in case["says"]:
        assert words in said, said
    assert case["question"] in said and "have changed since" not in said


def test_each_has_its_verdict_and_a_reason_in_the_list(results):
    listed = {
        row["question_id"]: row
        for row in json.loads(invoke("explain", "--wrong", *results, "--format", "json"))["rows"]
    }
    assert len(listed) == len(CASES) >= 30
    for case in CASES:
        row = listed[case["kind"]]
        assert (row["verdict"], row["difference"]) == (case["verdict"], case["difference"])
        assert row["reason"]
    narrowed = json.loads(invoke("explain", "--verdict", "invalid_sql", *results, "--format", "json"))["rows"]
    assert [row["verdict"] for row in narrowed] == ["invalid_sql"]
