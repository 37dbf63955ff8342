"""`sql-bench explain`: every verdict, comparators of one's own, results that have changed, forms, names."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench_core.runs.manifest import RunFolder
from sql_bench.cli.main import main

COMPARATOR = '''
from sql_bench.comparators.base import ComparatorBase
from sql_bench.types import Verdict, VerdictKind


class Never(ComparatorBase):
    """Finds everything wrong."""

    def compare(self, gold, predicted, question):
        return Verdict(VerdictKind.WRONG, detail="never right")
'''
REPLIES = {
    "right": "SELECT name FROM drugs",
    "cut": "```sql\nSELECT name FROM drugs WHERE year > 2000 -- \x1b[2J\n```\nHope this helps!",
    "behind": "SELECT name FROM drugs WHERE year > 2000<|im_end|> and more",
    "none": "Hello there.",
    "two": "```sql\nSELECT 1; SELECT 2\n```",
    "limit": "SELECT a.name FROM drugs a, drugs b, drugs c",
    "tie": "SELECT name FROM drugs ORDER BY ward LIMIT 1",
    "forbidden": "```sql\nDELETE FROM drugs\n```",
    "golds": "SELECT name, year FROM drugs WHERE year > 2004",
}
GOLDS = {
    "golds": ["SELECT name, year FROM drugs WHERE year > 1990", "SELECT name, year FROM drugs WHERE year > 2003"],
    "tie": "SELECT name FROM drugs ORDER BY ward LIMIT 1",
}


def invoke(*arguments, code=0):
    result = CliRunner().invoke(main, [*map(str, arguments)])
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return result


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Answers of many kinds, judged by three comparators; the database is gone afterwards."""
    folder = tmp_path_factory.mktemp("explain")
    (folder / "tables").mkdir()
    lines = "".join(f"drug{number},{1990 + number},{number % 2}\n" for number in range(30))
    (folder / "tables" / "drugs.csv").write_text(f"name,year,ward\n{lines}")
    (folder / "never.py").write_text(COMPARATOR)
    questions = [
        {"question_id": key, "question": f"Which {key}?\x1b[2J", "gold_sql": GOLDS.get(key, "SELECT name FROM drugs")}
        for key in REPLIES
    ]
    answers = [{"question_id": key, "response": text} for key, text in REPLIES.items()]
    for name, content in (("questions.jsonl", questions), ("mine.jsonl", answers)):
        (folder / name).write_text("".join(json.dumps(line) + "\n" for line in content))
    invoke(
        "score", "-d", f"dir:{folder}", "--predictions", folder / "mine.jsonl", "--mirrors", folder / "mirrors",
        "--results", folder / "results", "--max-rows", "50", "-c", "answer", "-c", "exact", "-c",
        f"{folder}/never.py:Never",
    )  # fmt: skip
    shutil.rmtree(folder / "mirrors")
    return folder


def explained(folder, question, *options):
    return invoke("explain", question, "-d", f"dir:{folder}", "--results", folder / "results", *options).stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("right", ["correct.", "all values in both"]),
        ("cut", ["All that are there are gold's".lower(), "WHERE", "Hope this helps!"]),
        ("behind", ["Left out behind the statement", "<|im_end|> and more"]),
        ("none", ["no sql.", "No statement was taken from it", "Hello there."]),
        ("two", ["refused.", "more than one statement", "SELECT 1; SELECT 2"]),
        ("limit", ["resource limit.", "A larger --max-rows raises that bound."]),
        ("forbidden", ["refused.", "Only a query is run, not DELETE"]),
        ("golds", ["Gold 1 of 2 counted", "14 rows of gold's are missing"]),
    ],
)
def test_every_verdict_is_explained(folder, question, words):
    said = explained(folder, question)
    folded = " ".join(said.split())
    for text in words:
        assert text in folded, said
    assert "\x1b" not in said and f"Which {question}?\\x1b[2J" in said


@pytest.mark.slow
def test_json_holds_what_the_terminal_has_and_the_translations(folder):
    content = json.loads(explained(folder, "golds", "--format", "json"))
    assert content["predicted_written"] == "" and "year > 1990" in content["gold"]
    assert content["only_gold"]["rows"][-1] == {"name": "drug5", "year": 1995}
    assert [row["gold"] for row in content["columns"]["rows"]] == ["name VARCHAR", "year BIGINT"]
    assert content["clauses"]["rows"] == [{"clause": "WHERE", "gold": "year > 1990", "predicted": "year > 2004"}]
    assert "drugs" in content["predicted_executed"] and content["question"] == ["Which golds?\x1b[2J"]
    for form in ("markdown", "latex", "csv"):
        said = explained(folder, "golds", "--format", form)
        assert "year > 2004" in said and "drug5" in said


@pytest.mark.slow
def test_other_comparators_are_heard_and_the_results_compared(folder):
    said = explained(folder, "golds", "-c", f"{folder}/never.py:Never")
    assert "Never right" in said or "never right" in said
    assert "decides by rules of its own" in said and "14 rows of gold's are missing" in said
    assert "correct." in explained(folder, "right", "-c", "exact")
    (folder / "never.py").rename(folder / "gone.py")
    try:
        said = explained(folder, "golds", "-c", f"{folder}/never.py:Never")
        assert "cannot be used now, so nothing was compared again" in " ".join(said.split())
    finally:
        (folder / "gone.py").rename(folder / "never.py")


@pytest.mark.slow
def test_lists_are_narrowed_by_verdict(folder):
    def listed(*options):
        result = invoke("explain", *options, "-d", f"dir:{folder}", "--results", folder / "results", "--format", "json")
        return {row["question_id"]: row["verdict"] for row in json.loads(result.stdout)["rows"]}

    wrong = listed("--wrong")
    assert "right" not in wrong and wrong["none"] == "no_sql" and wrong["limit"] == "resource_limit"
    assert set(listed("--verdict", "refused")) == {"two", "forbidden"}
    assert set(listed("--verdict", "refused", "--verdict", "no_sql")) == {"two", "forbidden", "none"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["explain"], "Give a QUESTION to explain, or --wrong"),
        (["explain", "cut", "--wrong"], "Give a QUESTION to explain, or --wrong"),
        (["explain", "cutt"], "has no question 'cutt' (did you mean cut?)"),
        (["explain", "cut", "-g", "min"], "There is no scored run of 'min' (did you mean mine?)"),
        (["explain", "cut", "-c", "bird"], "Name the comparator by --comparator; there are "),
        (["explain", "--verdict", "rong"], "There is no verdict 'rong' (did you mean wrong?)"),
        (["explain", "cut", "--columns", "a"], "an explanation is none"),
    ],
)
def test_a_mistake_is_one_sentence(folder, arguments, message):
    result = invoke(*arguments, "-d", f"dir:{folder}", "--results", folder / "results", code=2)
    assert message in result.stderr


@pytest.mark.slow
def test_what_has_changed_since_is_said(folder, tmp_path):
    copy = tmp_path / folder.name
    shutil.copytree(folder, copy)
    (lines,) = [path.read_text() for path in [copy / "questions.jsonl"]]
    (copy / "questions.jsonl").write_text(lines.replace("year > 2003", "year > 2002"))
    said = " ".join(explained(copy, "golds").split())
    assert "Gold 2 as it is now is not among the stored executions." in said
    assert "Compared again from the stored results the verdict is" not in said or "not the stored one" in said
    (executions,) = copy.glob("results/sql/*/golds--*/executions.jsonl")
    executions.write_text(executions.read_text().replace("drug29", "drug99", 1))
    result = invoke("explain", "right", "-d", f"dir:{copy}", "--results", copy / "results")
    assert "this line is damaged" in result.stderr
    assert RunFolder(executions.parent).read() is not None


@pytest.mark.slow
def test_results_of_the_version_before_are_explained_and_left_as_they_are(tmp_path):
    older = shutil.copytree(Path(__file__).parents[1] / "fixtures" / "results-0.1", tmp_path / "results")
    before = {path: path.read_bytes() for path in older.rglob("*") if path.is_file()}
    said = " ".join(invoke("explain", "D16.1", "-c", "answer", "--results", older).stdout.split())
    assert "An earlier version of the suite wrote the verdict" in said
    assert "Values of n_variants differ (gold has 39, the prediction 40 for frequency_class common)" in said
    exact = " ".join(invoke("explain", "D12.1", "-c", "exact", "--results", older).stdout.split())
    assert "but the columns stand in another order" in exact and "exact decides by rules of its own" in exact
    assert {path: path.read_bytes() for path in older.rglob("*") if path.is_file()} == before
