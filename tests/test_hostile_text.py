"""Text that a terminal would act on, in every place that data comes from, printed by both command lines."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parent))
from on_terminal import on_terminal, without_styles

from retrieval_bench.cli.main import main as retrieval
from sql_bench.cli.main import main as sql

pytestmark = pytest.mark.slow

HOSTILE = "a\x1b[2J\x07\x9b1m\u202e\u2066\x7fb"
ACTED_ON = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
FORMS = ("rich", "markdown", "latex", "json")


def lines(*objects: dict[str, object]) -> str:
    return "".join(json.dumps(content) + "\n" for content in objects)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Questions, statements, replies, cells and names; documents, ids, queries and judgments; all of them hostile."""
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "asked" / "tables").mkdir(parents=True)
    (folder / "asked" / "tables" / "t.csv").write_text(f'a,"{HOSTILE}"\n{HOSTILE},1\ny,2\n', "utf-8")
    (folder / "asked" / "questions.jsonl").write_text(
        lines(
            {"question_id": "q1", "question": HOSTILE, "gold_sql": f"SELECT a FROM t -- {HOSTILE}"},
            {"question_id": "q2", "question": "x", "gold_sql": "SELECT a FROM t"},
        )
    )
    (folder / "answers\x1b[2J.jsonl").write_text(
        lines(
            {
                "question_id": "q1",
                "response": f"```sql\nSELECT a || '{HOSTILE}' AS \"{HOSTILE}\" FROM t\n```\n{HOSTILE}",
            },
            {"question_id": "q2", "response": f"I cannot. {HOSTILE}"},
        )
    )
    (folder / "found" / "qrels").mkdir(parents=True)
    document, query = "d\x9b\u202e\x7f", "q\x9b\u202e"
    (folder / "found" / "corpus.jsonl").write_text(lines({"_id": document, "text": f"alpha {HOSTILE}"}))
    (folder / "found" / "queries.jsonl").write_text(lines({"_id": query, "text": f"alpha {HOSTILE}"}))
    (folder / "found" / "qrels" / "test.tsv").write_text(
        f"query-id\tcorpus-id\tscore\n{query}\t{document}\t1\n", "utf-8"
    )
    return folder


COMMANDS = [
    (sql, ["score", "-d", "dir:asked", "--predictions", "answers\x1b[2J.jsonl", "--per-question"]),
    (sql, ["table"]),
    (sql, ["explain", "-d", "dir:asked", "q1"]),
    (sql, ["explain", "-d", "dir:asked", "q2"]),
    (sql, ["explain", "-d", "dir:asked", "--wrong"]),
    (sql, ["query", "-d", "dir:asked", "SELECT * FROM t"]),
    (sql, ["runs", "list"]),
    (retrieval, ["run", "-d", "dir:found", "-r", "bm25"]),
    (retrieval, ["explain", "-d", "dir:found", "q\x9b\u202e"]),
    (retrieval, ["explain", "-d", "dir:found", "--worst", "3"]),
    (retrieval, ["show", "dir:found"]),
]


def test_no_command_prints_what_a_terminal_acts_on(here, monkeypatch):
    monkeypatch.chdir(here)
    for main, arguments in COMMANDS:
        for form in FORMS if arguments[0] == "explain" else FORMS[1:2]:
            result = CliRunner().invoke(main, [*arguments, "--format", form])
            assert result.exit_code == 0, f"{arguments}: {result.output}"
            assert not ACTED_ON.search(result.output), f"{arguments} {form}: {result.output!r}"
    for arguments in (["show", HOSTILE], ["explain", HOSTILE], ["query", "-d", f"dir:{HOSTILE}", "x"], [HOSTILE]):
        result = CliRunner().invoke(sql, arguments)
        assert result.exit_code == 2 and not ACTED_ON.search(result.output) and "\\x1b" in result.output


def test_csv_is_as_it_is_but_on_a_terminal(here, monkeypatch):
    monkeypatch.chdir(here)
    arguments = ["query", "-d", "dir:asked", "SELECT * FROM t", "--format", "csv"]
    assert HOSTILE in CliRunner().invoke(sql, arguments).stdout, "not a character of data is taken out"
    shown = without_styles(on_terminal("sql_bench", arguments, 90, here))
    assert not ACTED_ON.search(shown) and "\\x1b[2J" in shown
