"""What README and docs/ show works as it is written: commands on embedded data, and classes of one's own."""

import configparser
import re
import runpy
import shlex
from importlib.util import find_spec
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import retrieval_bench.cli.main
import sql_bench.cli.main

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
COMMANDS = {"retrieval-bench": retrieval_bench.cli.main.main, "sql-bench": sql_bench.cli.main.main}
RUN_ALL = ROOT / "run_all.sh"
OPTIONS_OF_OTHERS = {"--no-deps"}  # pip's
USERS_FOLDERS = {"results", "indexes", "qrels", ".venv"}
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


def options_of(command):
    """Every option of a command or, of a group, of the commands in it."""
    within = command.commands.values() if isinstance(command, click.Group) else ()
    own = {name for parameter in command.params for name in [*parameter.opts, *parameter.secondary_opts]}
    return own.union({"--help"}, *map(options_of, within))


def command_of(words):
    """The command that a line names, and the words behind it."""
    command, rest = COMMANDS[words[0]], words[1:]
    while isinstance(command, click.Group) and rest and rest[0] in command.commands:
        command, rest = command.commands[rest[0]], rest[1:]
    return command, rest


def in_backticks(page):
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return [found for found in re.findall(r"`([^`\n]+)`", text) if "<" not in found]


def write_shown_classes(page, folder):
    for block in blocks(page, "python"):
        (folder / block.splitlines()[0].removeprefix("# ")).write_text(block)


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if any(shown_commands(page))], ids=lambda page: page.name)
def test_commands_that_are_shown_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_shown_classes(page, tmp_path)
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "drugs.csv").write_text("name\nmetformin\n")
    (tmp_path / "my_predictions.jsonl").write_text('{"question_id": "D1.1", "sql": "SELECT 1"}\n')
    for words in shown_commands(page):
        result = CliRunner().invoke(COMMANDS[words[0]], words[1:], env={"XDG_CACHE_HOME": str(tmp_path / "cache")})
        assert result.exit_code == 0 and result.stdout, f"{shlex.join(words)}\n{result.output}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
class TestWhatAPageNames:
    def test_commands_have_the_options_they_are_shown_with(self, page):
        lines = [line for block in blocks(page, "\\w*") for line in block.replace("\\\n", " ").splitlines()]
        spans = [span for span in in_backticks(page) if page.name != "commands.md"]
        for line in [*lines, *spans]:
            if line.partition(" ")[0] not in COMMANDS:
                continue
            command, rest = command_of(shlex.split(line, comments=True))
            assert not (isinstance(command, click.Group) and rest and rest[0].islower()), f"no such command: {line}"
            known = options_of(command)
            given = [word.partition("=")[0] for word in rest if re.match(r"--?[a-z]", word)]
            assert [option for option in given if option not in known] == [], line

    def test_options_that_stand_alone_are_some_command_s(self, page):
        known = set().union(*map(options_of, COMMANDS.values()), re.findall(r"--[a-z-]+", RUN_ALL.read_text()))
        named = {word for span in in_backticks(page) for word in re.findall(r"(?<![\w-])--[a-z][a-z-]+", span)}
        assert named - known - OPTIONS_OF_OTHERS == set()

    def test_files_exist(self, page):
        tops = {path.name for path in ROOT.iterdir()}
        for span in in_backticks(page):
            for path in re.findall(r"(?<![\w./:-])[.\w-]+(?:/[\w.*{},-]+)+/?", span):
                if path.partition("/")[0] in tops - USERS_FOLDERS:
                    assert any(ROOT.glob(path.rstrip("/"))), f"{page.name} names {path}"

    def test_modules_exist(self, page):
        for span in in_backticks(page):
            for name in re.findall(r"\b(?:bench_core|retrieval_bench|sql_bench)(?:\.\w+)+", span):
                assert is_importable(name), f"{page.name} names {name}"


def is_importable(name):
    """Whether a dotted name is a module, or something in one."""
    try:
        if find_spec(name) is not None:
            return True
    except ModuleNotFoundError:
        pass
    module, _, member = name.rpartition(".")
    spec = find_spec(module)
    return spec is not None and re.search(rf"\b{member}\b", Path(spec.origin).read_text(encoding="utf-8")) is not None


def test_the_command_reference_is_that_of_the_commands():
    made = runpy.run_path(str(ROOT / "scripts" / "make_command_reference.py"))["page"]()
    written = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert written == made, "run scripts/make_command_reference.py"


def test_every_option_and_command_has_a_help_text():
    def without_help(command, name):
        if not command.help:
            yield name
        for parameter in command.params:
            if isinstance(parameter, click.Option) and not parameter.help:
                yield f"{name} {parameter.opts[0]}"
        for within in command.commands.values() if isinstance(command, click.Group) else ():
            yield from without_help(within, f"{name} {within.name}")

    assert [missing for name, command in COMMANDS.items() for missing in without_help(command, name)] == []


def test_pages_that_are_linked_exist():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_readme_lists_the_extras():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    listed = re.findall(r"^\| `(\w+)` \|", (ROOT / "README.md").read_text().partition("\n## Extras\n")[2], re.MULTILINE)
    assert set(listed) == set(setup["options.extras_require"])


def test_every_page_is_linked_from_another():
    linked = {
        (page.parent / target).resolve()
        for page in PAGES
        for target in re.findall(r"\]\(([^)#:]+\.md)", page.read_text(encoding="utf-8"))
    }
    assert [page.name for page in PAGES if page.resolve() not in linked and page.name != "README.md"] == []
