"""What README and docs/ show works as it is written: commands on embedded data, and classes of one's own."""

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

import retrieval_bench.cli.main
import sql_bench.cli.main

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMANDS = {"retrieval-bench": retrieval_bench.cli.main.main, "sql-bench": sql_bench.cli.main.main}
# They need an endpoint, or a folder of answers that somebody sent.
NEEDS_MORE = ("http://", "cache import", "import-upstream", "fetch ")


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def shown_commands(page):
    for block in blocks(page, "bash"):
        for line in block.splitlines():
            words = shlex.split(line, comments=True)
            runs_here = any(word.startswith("demo/") for word in words) or words[1:2] in (["list"], ["doctor"])
            if words and words[0] in COMMANDS and runs_here and not any(text in line for text in NEEDS_MORE):
                yield words


def write_shown_classes(page, folder):
    for block in blocks(page, "python"):
        (folder / block.splitlines()[0].removeprefix("# ")).write_text(block)


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if any(shown_commands(page))], ids=lambda page: page.name)
def test_commands_that_are_shown_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_shown_classes(page, tmp_path)
    (tmp_path / "my_predictions.jsonl").write_text('{"question_id": "D1.1", "sql": "SELECT 1"}\n')
    for words in shown_commands(page):
        result = CliRunner().invoke(COMMANDS[words[0]], words[1:], env={"XDG_CACHE_HOME": str(tmp_path / "cache")})
        assert result.exit_code == 0 and result.stdout, f"{shlex.join(words)}\n{result.output}"


def test_pages_that_are_linked_exist():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
