"""The command line as a user meets it, in folders of its own, over the embedded set and the guarded mirror."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parents[1]))
from killing import kill_before

from bench_core.identity import content_hash
from sql_bench.cli.main import main
from sql_bench.datasets.dataset import load_dataset

GENERATOR = '''
from sql_bench.generators.base import SqlGeneratorBase


class CountsRows(SqlGeneratorBase):
    """Counts the rows of the first table, whatever is asked."""

    def __init__(self, greeting: str = "Sure:"):
        self.greeting = greeting

    def complete(self, question, database):
        table = database.schema_text().partition("(")[0]
        return f"{self.greeting}\\n```sql\\nSELECT COUNT(*) AS n FROM {table}\\n```"
'''


@pytest.fixture(scope="module")
def mirrors(tmp_path_factory):
    """One folder of mirrors for the module: the import is tested elsewhere."""
    return tmp_path_factory.mktemp("mirrors")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def invoke(*arguments, code=0):
    shown = ["-v"] if arguments[:1] == ("run",) else []
    result = CliRunner().invoke(main, [*map(str, arguments), *shown])
    assert result.exit_code == code, result.output + result.stderr
    assert "Traceback" not in result.stderr
    return result


def rows(result):
    return json.loads(result.stdout)["rows"]


def small_set(folder: Path, **changed: str) -> Path:
    files = {
        "questions.jsonl": (
            '{"question_id": "a", "question": "Who?", "gold_sql": "SELECT name FROM drugs ORDER BY year"}\n'
            '{"question_id": "b", "question": "How many?", "gold_sql": ["SELECT COUNT(*) FROM drugs", "SELECT 2"]}\n'
            '{"question_id": "c", "question": "Why?", "gold_sql": null}\n'
        ),
        "tables/drugs.csv": "name,year\nmetformin,1995\nallopurinol,1966\n",
    }
    for name, content in {**files, **changed}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder


def test_every_expected_verdict_on_the_embedded_predictions(here, mirrors):
    """Each fault in the two embedded files gets the verdict its author wrote down, under each comparator."""
    arguments = ["-d", "demo/biomed", "-g", "replay,path=careful", "-g", "replay,path=hasty", "--mirrors", mirrors]
    invoke("run", *arguments, "-c", "answer", "-c", "exact", "-c", "biomedsql")
    dataset = load_dataset("demo/biomed")
    expected = yaml.safe_load((dataset.predictions["careful"].parent / "expected.yaml").read_text())
    for system, verdicts in expected.items():
        for comparator in ("answer", "exact", "biomedsql"):
            scored = ["score", "-d", "demo/biomed", "--predictions", system, "-c", comparator, "--mirrors", mirrors]
            found = {
                row["question_id"]: row[f"{comparator}_verdict"]
                for row in rows(invoke(*scored, "--per-question", "--format", "json"))
            }
            assert found == {question_id: verdict[comparator] for question_id, verdict in verdicts.items()}, system


@pytest.mark.slow
def test_gold_is_right_and_nothing_is_wrong_under_every_comparator(here, mirrors):
    (here / "nothing.jsonl").write_text('{"question_id": "D1.1", "response": ""}\n')
    comparators = ["-c", "answer", "-c", "exact", "-c", "biomedsql"]
    result = invoke(
        "run", "-d", "demo/biomed", "-g", "gold", "-g", "replay,path=nothing.jsonl", *comparators, "--mirrors", mirrors,
        "--format", "json",
    )  # fmt: skip
    by_system = {(row["system"], row["comparator"]): (row["n"], row["ex_percent"]) for row in rows(result)}
    for comparator in ("answer", "exact", "biomedsql"):
        assert by_system["gold", comparator] == (20, 100.0)
        assert by_system["replay,path=nothing.jsonl", comparator] == (20, 0.0)


@pytest.mark.slow
def test_a_second_run_redoes_nothing_and_prints_the_same_bytes(here, mirrors):
    command = ["run", "-d", "demo/biomed", "-g", "replay,path=careful", "-c", "exact", "--mirrors", mirrors]
    first = invoke(*command)
    stamps = {path: path.stat().st_mtime_ns for path in here.rglob("*") if path.is_file()}
    second = invoke(*command)
    assert first.stdout == second.stdout
    assert second.stderr.count("skipped") == 4
    assert stamps == {path: path.stat().st_mtime_ns for path in here.rglob("*") if path.is_file()}


def test_each_stage_leaves_its_file(here, mirrors):
    generated = Path(invoke("generate", "-d", "demo/biomed", "-g", "gold", "--mirrors", mirrors).stdout.strip())
    assert sorted(path.name for path in generated.iterdir()) == ["manifest.json", "predictions.jsonl"]
    executed = Path(invoke("execute", "-d", "demo/biomed", "-g", "gold", "--mirrors", mirrors).stdout.strip())
    assert executed.parent == generated
    assert sorted(path.name for path in executed.iterdir()) == ["executions.jsonl", "manifest.json"]
    result = invoke("run", "-d", "demo/biomed", "-g", "gold", "-c", "exact", "--mirrors", mirrors)
    assert result.stderr.count("skipped") == 2
    assert {path.name for path in executed.iterdir()} >= {
        "scores.exact.json",
        "verdicts.exact.jsonl",
        "per_question.exact.csv",
    }


@pytest.mark.slow
def test_other_limits_are_another_execution(here, mirrors):
    command = ["execute", "-d", "demo/biomed", "-g", "gold", "--mirrors", mirrors]
    assert invoke(*command).stdout != invoke(*command, "--max-rows", "5").stdout


@pytest.mark.slow
def test_a_folder_of_ones_own_with_several_golds_and_no_gold(here):
    small_set(here / "set")
    (here / "mine.jsonl").write_text(
        '{"question_id": "a", "sql": "SELECT name FROM drugs ORDER BY name"}\n'
        '{"question_id": "b", "response": "It is `SELECT 2`"}\n'
        '{"question_id": "c", "response": "This cannot be answered."}\n'
    )
    command = ["score", "-d", "dir:set", "--predictions", "mine.jsonl", "-c", "answer", "--mirrors", "mirrors"]
    verdicts = {
        row["question_id"]: row["answer_verdict"]
        for row in rows(invoke(*command, "--per-question", "--format", "json"))
    }
    assert verdicts == {"a": "correct", "b": "correct", "c": "correct_abstention"}
    small_set(here / "set", **{"tables/drugs.csv": "name,year\nmetformin,1995\nallopurinol,2001\n"})
    verdicts = {
        row["question_id"]: row["answer_verdict"]
        for row in rows(invoke(*command, "--per-question", "--format", "json"))
    }
    assert verdicts["a"] == "wrong", "changed tables are imported again"


def test_a_generator_of_the_users_own_runs_and_is_checked(here):
    small_set(here / "set")
    (here / "mine.py").write_text(GENERATOR)
    result = invoke(
        "run", "-d", "dir:set", "-g", "mine.py:CountsRows,greeting=Hello", "--mirrors", "m", "--format", "json"
    )
    row = rows(result)[0]
    assert (row["n"], row["correct"], row["wrong"], row["answered_unanswerable"]) == (2, 1, 1, 1)
    checked = invoke("doctor", "-g", "mine.py:CountsRows", "-c", "exact", "--format", "json")
    assert {row["state"] for row in rows(checked)} == {"holds"}


def test_gold_self_check_says_which_do_not_run_and_why(here):
    small_set(
        here / "set",
        **{
            "questions.jsonl": (
                '{"question_id": "a", "question": "?", "gold_sql": "SELECT nme FROM drugs"}\n'
                '{"question_id": "b", "question": "?", "gold_sql": "SELECT * FROM drug"}\n'
                '{"question_id": "c", "question": "?", "gold_sql": "No answer possible"}\n'
                '{"question_id": "d", "question": "?", "gold_sql": "SELECT 1"}\n'
            )
        },
    )
    result = invoke("mirror", "golds", "-d", "dir:set", "--mirrors", "m", "--format", "json")
    found = {row["question_id"]: (row["outcome"], row["message"]) for row in rows(result)}
    assert found["a"][0] == "invalid_sql" and "nme" in found["a"][1]
    assert found["b"][0] == "invalid_sql" and "did you mean drugs?" in found["b"][1]
    assert found["c"] == ("unanswerable", "no gold SQL")
    assert "d" not in found


@pytest.mark.slow
def test_query_takes_the_guarded_path(here, mirrors):
    sql = "SELECT COUNT(*) AS n FROM `x.demo.DrugTargets_UsesAndDosages`"
    found = rows(invoke("query", sql, "-d", "demo/biomed", "--mirrors", mirrors, "--format", "json"))
    assert list(found[0]) == ["n"] and found[0]["n"] > 0
    for refused in (
        "DELETE FROM DrugTargets_UsesAndDosages",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT 1; SELECT 2",
    ):
        result = invoke("query", refused, "-d", "demo/biomed", "--mirrors", mirrors, code=2)
        assert result.stderr.startswith("Error: refused: ") and result.stdout == ""
    slow = invoke(
        "query", "SELECT COUNT(*) FROM range(1000000) a, range(1000000) b", "--mirror",
        next(mirrors.glob("demo-biomed--*.duckdb")), "--dialect", "duckdb", "--timeout", "0.5", code=1,
    )  # fmt: skip
    assert slow.stderr.startswith("Error: timeout: ")


def test_mirrors_are_imported_shown_and_verified(here):
    small_set(here / "set")
    (table,) = rows(invoke("mirror", "import", "--from", "set/tables", "--to", "x.duckdb", "--format", "json"))
    assert (table["table"], table["n_rows"], table["columns"]) == ("drugs", 2, "name VARCHAR, year BIGINT")
    assert rows(invoke("show", "x.duckdb", "--format", "json")) == [table]
    invoke("mirror", "verify", "x.duckdb")
    (here / "schema.yaml").write_text("tables:\n  drugs: {name: STRING, year: FLOAT64}\n")
    (typed,) = rows(
        invoke(
            "mirror",
            "import",
            "--from",
            "set/tables",
            "--to",
            "y.duckdb",
            "--schema",
            "schema.yaml",
            "--format",
            "json",
        )
    )
    assert typed["columns"] == "name VARCHAR, year DOUBLE"


@pytest.mark.slow
def test_compare_pairs_questions(here, mirrors):
    result = invoke(
        "compare", "-d", "demo/biomed", "-b", "replay,path=hasty", "-g", "replay,path=careful", "-c", "exact",
        "--mirrors", mirrors, "--format", "json",
    )  # fmt: skip
    (row,) = rows(result)
    assert row["wins"] > row["losses"] and 0 < row["p"] <= 1
    assert row["difference_points_low"] < row["difference_points"] < row["difference_points_high"]
    assert row["ex_percent"] == 70.0 and row["wins"] + row["losses"] + row["ties"] == 20
    assert "judged by exact" in result.stdout


@pytest.mark.slow
def test_compare_takes_the_best_where_no_baseline_is_named(here, mirrors):
    result = invoke(
        "compare", "-d", "demo/biomed", "-g", "replay,path=hasty", "-g", "gold", "--mirrors", mirrors,
        "--format", "json",
    )  # fmt: skip
    assert [row["system"] for row in rows(result)] == ["replay,path=hasty"]
    assert "the best): gold" in result.stdout


@pytest.mark.slow
def test_compare_goes_by_template_where_questions_have_one(here, mirrors):
    small_set(here / "set", **{"tables/drugs.csv": "name,year\nmetformin,1995\nallopurinol,1966\n"})
    path = here / "set/questions.jsonl"
    questions = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps({**question, "template": "t"}) + "\n" for question in questions))
    (here / "p.jsonl").write_text(
        "".join(json.dumps({"question_id": q["question_id"], "sql": ""}) + "\n" for q in questions)
    )
    result = invoke("compare", "-d", "dir:set", "-g", "gold", "-g", "replay,path=p.jsonl", "--format", "json")
    assert "template (1 templates)" in result.stdout


@pytest.mark.slow
def test_table_lists_what_was_scored(here, mirrors):
    invoke("run", "-d", "demo/biomed", "-g", "gold", "-g", "replay,path=hasty", "-c", "exact", "--mirrors", mirrors)
    assert [row["system"] for row in rows(invoke("table", "--format", "json"))] == ["gold", "replay,path=hasty"]


@pytest.mark.slow
def test_table_takes_what_run_took(here, mirrors):
    for place in ("one", "two"):
        year = "1966" if place == "one" else "2001"
        small_set(here / place / "set", **{"tables/drugs.csv": f"name,year\nmetformin,1995\nallopurinol,{year}\n"})
    text = (here / "two/set/questions.jsonl").read_text()
    (here / "two/set/questions.jsonl").write_text(text.replace('"question": "', '"question": "Really: '))
    for place in ("one", "two"):
        invoke("run", "-d", f"dir:{place}/set", "-g", "gold")
    both = rows(invoke("table", "--format", "json"))
    assert len({row["dataset"] for row in both}) == 2, "datasets of one name are told apart"
    (first,) = rows(invoke("table", "-d", "dir:one/set", "--format", "json"))
    assert first["dataset"] == "dir/set"
    (second,) = rows(invoke("table", "-d", both[1]["dataset"], "--format", "json"))
    assert second["system"] == "gold"
    assert "no scored run in results on demo/biomed" in invoke("table", "-d", "demo/biomed", code=2).stderr


@pytest.mark.slow
def test_verdicts_of_the_version_before_are_skipped_and_marked(here, mirrors):
    """Format 2 hashed what Python printed of the questions, and kept its figures under names of their own."""
    command = ("run", "-d", "demo/biomed", "-g", "replay,path=hasty", "--mirrors", mirrors, "--format", "json")
    before = rows(invoke(*command))
    (path,) = here.glob("results/sql/*/*/*/scores.answer.json")
    content = json.loads(path.read_text())
    for name in ("format", "sha256", "n", "figures", "labels", "verdicts", "verdicts_outside_n", "gold_contents"):
        del content[name]
    questions = load_dataset("demo/biomed").questions
    content["made_from"] |= {"format": 2, "questions": content_hash(repr(question) for question in questions)}
    older = json.dumps(content | {"scores": {"ex": 0.35}})
    path.write_text(older)
    again = invoke(*command)
    assert path.read_text() == older, "it was not compared again"
    assert rows(again) == before
    assert "earlier version" in again.stdout


@pytest.mark.parametrize("form", ["rich", "markdown", "latex", "csv", "json"])
def test_lists_take_every_form(form):
    assert "biomedsql" in invoke("list", "comparators", "--format", form).stdout


def test_show_tells_about_a_dataset():
    assert "bigquery" in invoke("show", "demo/biomed").stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "-d", "demo/nowhere", "-g", "gold"], "There is no demo set 'nowhere'"),
        (["run", "-d", "demo/biomed", "-g", "golf"], "did you mean gold?"),
        (["run", "-d", "demo/biomed", "-g", "gold", "-c", "exacct"], "did you mean exact?"),
        (["run", "-d", "demo/biomed", "-g", "replay"], "needs path"),
        (["run", "-d", "demo/biomed", "-g", "replay,path=absent"], "there is no such file of predictions"),
        (["run", "-d", "demo/biomed"], "Give --dataset and --generator"),
        (["run", "-d", "dir:.,dialect=bigqueri", "-g", "gold"], "did you mean bigquery?"),
        (["query", "SELECT 1"], "Give --dataset NAME or --mirror FILE"),
        (["query", "SELECT 1", "--mirror", "absent.duckdb"], "absent.duckdb: there is no such mirror"),
        (["mirror", "import", "--from", "absent", "--to", "x.duckdb"], "absent"),
        (["table"], "There is no scored run in results"),
        (["show", "nothing"], "'nothing' is nothing that can be shown"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(here, mirrors, arguments, message):
    if arguments[:2] == ["run", "-d"]:
        arguments = [*arguments, "--mirrors", mirrors]
    result = invoke(*arguments, code=2)
    assert message in result.stderr
    assert result.stderr.splitlines()[-1].startswith("Error: ")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("questions.jsonl", "", "set/questions.jsonl: expected at least one question"),
        ("questions.jsonl", '{"question_id": "a", "qu', "set/questions.jsonl, line 1: expected a whole JSON object"),
        (
            "questions.jsonl",
            '{"question_id": "a", "text": "?"}\n',
            "set/questions.jsonl, line 1: expected a field question",
        ),
        (
            "questions.jsonl",
            '{"question_id": "a", "question": "?", "gold_sql": 3}\n',
            "set/questions.jsonl, line 1: expected gold_sql",
        ),
        (
            "dataset.yaml",
            "dialect: oracel\n",
            "set/dataset.yaml: there is no SQL dialect 'oracel' (did you mean oracle?)",
        ),
        (
            "dataset.yaml",
            "dialekt: duckdb\n",
            "set/dataset.yaml, line 1: there is no field dialekt (did you mean dialect?)",
        ),
        ("tables/drugs.csv", "name,year\nmetformin\n", "set/tables/drugs.csv, line 2: "),
        ("mine.jsonl", '{"question_id": "z", "sql": "SELECT 1"}\n', "set/mine.jsonl, line 1: question z is not among"),
        (
            "mine.jsonl",
            '{"question_id": "a", "answer": "x"}\n',
            "set/mine.jsonl, line 1: expected a field of response, output, sql",
        ),
    ],
)
def test_a_bad_file_is_one_sentence_with_its_line(here, name, content, message):
    small_set(here / "set", **{"mine.jsonl": '{"question_id": "a", "sql": "SELECT 1"}\n', name: content})
    result = invoke("score", "-d", "dir:set", "--predictions", "set/mine.jsonl", "--mirrors", "m", code=2)
    assert result.stderr.splitlines()[-1].startswith(f"Error: {message}")


COMMANDS = ["list", "show", "mirror", "generate", "execute", "run", "score", "table", "compare", "query", "doctor"]


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS), ["mirror", "import"], ["mirror", "golds"]])
def test_help_imports_nothing_heavy(command):
    program = (
        "import sys\nfrom sql_bench.cli.main import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'ranx', 'numba', 'duckdb', 'pandas', 'numpy', 'pydantic', 'sqlglot', 'pyarrow'}\n"
        "print('HEAVY', sorted(heavy & set(sys.modules)))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, *command, "--help"], capture_output=True, text=True, check=True
    )
    assert "Usage:" in result.stdout and result.stdout.endswith("HEAVY []\n"), result.stdout


# Each is reached by the run after a kill at the one before it.
KILLED_BEFORE = [
    (r"\.mirror\.json$", 1),
    (r"/golds--\w+/executions\.jsonl$", 1),
    (r"/gold--\w+/predictions\.jsonl$", 1),
    (r"/gold--\w+/duckdb--\w+/executions\.jsonl$", 1),
    (r"/gold--\w+/duckdb--\w+/verdicts\.exact\.jsonl$", 1),
    (r"/replay--\w+/duckdb--\w+/manifest\.json$", 2),
    (r"/replay--\w+/duckdb--\w+/scores\.exact\.json$", 1),
]


@pytest.mark.slow
def test_killed_at_any_point_the_next_run_completes_and_keeps_what_was_finished(here, mirrors):
    arguments = ["run", "-d", "demo/biomed", "-g", "gold", "-g", "replay,path=hasty", "-c", "exact"]
    command = [sys.executable, "-c", "from sql_bench.cli.main import main; main()", *arguments]
    reference = subprocess.run([*command, "--results", "whole", "--mirrors", mirrors], capture_output=True, check=True)
    kept: dict[Path, bytes] = {}
    for file, nth in KILLED_BEFORE:
        kill_before(file, [*command, "--mirrors", "m"], here / "watcher", nth)
        assert_still_there(kept)
        kept = {path: path.read_bytes() for path in here.glob("results/**/*.jsonl")}
    beside_them = ["--max-rows", "7"]
    subprocess.run([*command, "--mirrors", "m", *beside_them], capture_output=True, check=True)
    assert_still_there(kept)
    finished = subprocess.run([*command, "--mirrors", "m"], capture_output=True, check=True)
    assert finished.stdout == reference.stdout


def assert_still_there(kept):
    for path, content in kept.items():
        assert path.read_bytes().startswith(content[: content.rfind(b"\n") + 1])
