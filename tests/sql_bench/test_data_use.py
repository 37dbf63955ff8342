"""Generators that ask a language model, and where text of credentialed datasets may go: as in the retrieval half."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parents[1]))
from chat_server import ChatServer, choice

from sql_bench.cli.main import main

SECRET = "Patient Smith was seen on the third of May"

CLASSES = '''
from bench_core.llm.chat import ChatRequest, Message
from sql_bench.comparators.exact import ExactComparator
from sql_bench.generators.base import SqlGeneratorBase


class Asks(SqlGeneratorBase):
    """Asks a language model once."""

    is_remote = False

    def __init__(self, words: str = "Write SQL.", *, client):
        self.words, self.model = words, client

    def complete(self, question, database):
        prompt = f"{self.words} {database.schema_text()} {question.text}"
        return self.model.complete(ChatRequest((Message("user", prompt),))).text


class Silent(SqlGeneratorBase):
    """Says nothing about where text goes."""

    def complete(self, question, database):
        return "```sql\\nSELECT name FROM drugs\\n```"


class Fails(Silent):
    """Fails with the question in its words."""

    is_remote = False

    def complete(self, question, database):
        raise ValueError(f"cannot answer {question.text}")


class Same(ExactComparator):
    """A comparator that says nothing."""
'''


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(CLASSES)
    before = os.umask(0o022)
    yield tmp_path
    os.umask(before)


def dataset(access):
    folder = Path("notes")
    (folder / "tables").mkdir(parents=True)
    (folder / "tables" / "drugs.csv").write_text(f"name,note\nallopurinol,{SECRET}\n")
    question = {"question_id": "q1", "question": f"{SECRET}: which drug?", "gold_sql": "SELECT name FROM drugs"}
    (folder / "questions.jsonl").write_text(json.dumps(question) + "\n")
    (folder / "dataset.yaml").write_text(f"access: {access}\n")
    return "dir:notes"


def invoke(*arguments, code=0):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output + result.stderr
    return result


def run(name, *arguments, code=0, command="run"):
    return invoke(command, "-d", name, *arguments, "--cache", "cache", code=code)


def writes_sql(number, body, handler):
    return choice("```sql\nSELECT name FROM drugs\n```")


@pytest.fixture
def remote(monkeypatch):
    """A server on loopback that stands for a remote one."""
    from bench_core.machine.http import JsonEndpoint

    monkeypatch.setattr(JsonEndpoint, "is_remote", True)
    with ChatServer(writes_sql) as server:
        yield server


def manifests():
    return [json.loads(path.read_text()) for path in Path("results").rglob("manifest.json")]


@pytest.mark.slow
def test_a_generator_of_the_users_gets_the_model_that_is_named(here):
    name = dataset("public")
    with ChatServer(writes_sql) as server:
        model = f"{server.base_url}#m"
        shown = run(name, "-g", f"mine.py:Asks,llm={model}", "--format", "json")
        assert json.loads(shown.stdout)["rows"][0]["ex_percent"] == 100.0
        assert len(server.requests) == 1 and SECRET in server.requests[0]["messages"][0]["content"]
        run(name, "-g", "mine.py:Asks", "--generator-model", model)  # the same system, named otherwise
        assert len(list(Path("results/sql/dir-notes").glob("Asks--*"))) == 1
        run(name, "-g", f"mine.py:Asks,llm={server.base_url}#other,n_at_once=2")
        assert len(list(Path("results/sql/dir-notes").glob("Asks--*"))) == 2  # another model is another system
        assert [body["model"] for body in server.requests] == ["m", "other"]
        run(name, "-g", f"mine.py:Asks,llm={model}", "--results", "again")  # answered from the store
        assert len(server.requests) == 2
    without = run(name, "-g", "mine.py:Asks", code=2)
    assert "needs a language model" in without.stderr and "--generator-model" in without.stderr
    assert "n_at_once=0" in run(name, "-g", f"mine.py:Asks,llm={model},n_at_once=0", code=2).stderr
    stats = json.loads(invoke("cache", "stats", "--cache", "cache", "--format", "json").stdout)["rows"]
    assert {row["model"]: row["answers"] for row in stats} == {"m": 1, "other": 1}
    assert "2 answers" in invoke("cache", "export", "--cache", "cache", "answers.gz").stdout
    assert "2 new" in invoke("cache", "import", "--cache", "other", "answers.gz").stdout
    assert "2 answers deleted" in invoke("cache", "prune", "--cache", "other", "--yes").stdout


@pytest.mark.parametrize(
    "command",
    [
        ("run", "-g", "mine.py:Asks,llm={url}#m"),
        ("run", "-g", "mine.py:Asks", "--generator-model", "{url}#m"),
        ("generate", "-g", "mine.py:Asks,llm={url}#m"),
        ("execute", "-g", "mine.py:Asks,llm={url}#m"),
        ("compare", "-b", "gold", "-g", "mine.py:Asks,llm={url}#m"),
    ],
    ids=" ".join,
)
def test_nothing_credentialed_leaves_the_machine(here, remote, command):
    name = dataset("credentialed")
    first, *arguments = (word.format(url=remote.base_url) for word in command)
    result = run(name, *arguments, command=first, code=2)
    assert "dir/notes is credentialed" in result.stderr and "--allow-remote-for-credentialed" in result.stderr
    assert remote.requests == []


def test_it_may_leave_where_the_user_says_to_whom(here, remote):
    name = dataset("credentialed")
    system = ("-g", f"mine.py:Asks,llm={remote.base_url}#m")
    assert "PROVIDER; RETENTION" in run(name, *system, "--allow-remote-for-credentialed", "yes", code=2).stderr
    run(name, *system, "--allow-remote-for-credentialed", "Azure of the institute; none")
    used = [manifest["recorded"]["data_use"] for manifest in manifests()]
    assert {(use["sent_to_other_machines"], use["allow_remote_for_credentialed"]) for use in used} == {
        (True, "Azure of the institute; none"),  # the predictions
        (False, "Azure of the institute; none"),  # executions of gold and of the predictions
    }
    folders = {path.name for path in Path("results/sql/dir-notes").iterdir()}
    run(name, *system, "--allow-remote-for-credentialed", "Another; a month")
    assert {path.name for path in Path("results/sql/dir-notes").iterdir()} == folders  # recorded, not hashed


@pytest.mark.parametrize(
    ("arguments", "cls"),
    [(("-g", "mine.py:Silent"), "mine.py:Silent"), (("-g", "gold", "-c", "mine.py:Same"), "mine.py:Same")],
)
def test_a_class_that_says_nothing_is_refused_until_the_user_speaks_for_it(here, arguments, cls):
    name = dataset("credentialed")
    assert f"--is-local {cls}" in run(name, *arguments, code=2).stderr
    assert not Path("results").exists()
    run(name, *arguments, "--is-local", cls)
    if "Silent" in cls:
        assert ["mine.py:Silent"] in [manifest["recorded"]["data_use"]["is_local"] for manifest in manifests()]


def test_a_backend_that_says_nothing_is_refused(here, monkeypatch):
    from sql_bench.backends.duckdb import DuckDbBackend

    monkeypatch.setattr(DuckDbBackend, "is_remote", None)
    name = dataset("credentialed")
    for command in ("run", "generate", "execute"):
        assert "does not say" in run(name, "-g", "gold", command=command, code=2).stderr
    monkeypatch.setattr(DuckDbBackend, "is_remote", True)
    assert "another machine" in run(name, "-g", "gold", code=2).stderr


def test_what_is_made_of_credentialed_data_is_its_owners_alone(here):
    name = dataset("credentialed")
    with ChatServer(writes_sql) as server:
        run(name, "-g", f"mine.py:Asks,llm={server.base_url}#m", "-c", "answer", "-c", "exact")
    made = [path for top in ("results", "indexes", "cache") for path in Path(top).rglob("*")]
    secret = [path for path in made if path.is_file() and not path.name.endswith(".lock")]
    assert {".duckdb", ".json", ".jsonl", ".csv"} <= {path.suffix for path in secret}
    assert [path for path in secret if path.stat().st_mode & 0o077] == []
    folders = [path for path in made if path.is_dir() and ("dir-notes" in path.parts or path.name == "mirrors")]
    assert folders and [path for path in folders if path.stat().st_mode & 0o077] == []
    for manifest in manifests():
        assert SECRET not in json.dumps(manifest)
    assert invoke("cache", "export", "--cache", "cache", "a.gz", code=2).stderr.count("--credentialed") == 1
    invoke("cache", "export", "--cache", "cache", "a.gz", "--credentialed")
    assert Path("a.gz").stat().st_mode & 0o077 == 0


def test_runs_of_a_version_that_held_nothing_back_are_closed(here):
    name = dataset("public")
    run(name, "-g", "gold")
    folder = Path("results/sql/dir-notes")
    assert folder.stat().st_mode & 0o055
    Path("notes/dataset.yaml").write_text("access: credentialed\n")
    run(name, "-g", "gold")
    assert folder.stat().st_mode & 0o077 == 0


def test_a_failure_on_credentialed_data_leaves_no_sentence_of_it_in_a_manifest(here):
    run(dataset("credentialed"), "-g", "mine.py:Fails", code=1)
    texts = [path.read_text() for path in Path("results").rglob("manifest.json")]
    assert any('"failed"' in text and "ValueError" in text for text in texts)
    assert not any(SECRET in text for text in texts)


def test_mirrors_of_credentialed_tables_are_their_owners_alone(here):
    dataset("credentialed")
    public = here / "public"
    (public / "tables").mkdir(parents=True)
    (public / "tables" / "drugs.csv").write_text("name\nallopurinol\n")
    invoke("mirror", "import", "--from", "notes/tables", "--to", "a.duckdb")
    invoke("mirror", "import", "--from", "public/tables", "--to", "b.duckdb", "--credentialed")
    invoke("mirror", "import", "--from", "public/tables", "--to", "c.duckdb")
    modes = {name: (here / name).stat().st_mode & 0o077 for name in ("a.duckdb", "a.mirror.json", "b.duckdb")}
    assert set(modes.values()) == {0} and (here / "c.duckdb").stat().st_mode & 0o044
    invoke("query", "-d", "dir:notes", "SELECT name FROM drugs")
    (mirror,) = Path("indexes/mirrors").glob("dir-notes--*.duckdb")
    mirror.chmod(0o644)  # as it was made before the dataset said so
    invoke("query", "-d", "dir:notes", "SELECT name FROM drugs")
    assert mirror.stat().st_mode & 0o077 == 0


def test_a_generator_that_takes_a_model_is_shown_and_checked(here):
    assert "argument llm" in invoke("show", "mine.py:Asks").stdout
    assert "needs a language model" in invoke("doctor", "mine.py:Asks", code=2).stderr
    with ChatServer(writes_sql) as server:
        invoke("doctor", f"mine.py:Asks,llm={server.base_url}#m")


@pytest.mark.slow
def test_the_agent_of_the_docs_runs(here):
    page = (Path(__file__).parents[2] / "docs" / "plugins.md").read_text(encoding="utf-8")
    code = next(block for block in page.split("```python\n") if block.startswith("# my_sql_agent.py"))
    (here / "my_sql_agent.py").write_text(code.partition("```")[0])

    def tries_first(number, body, handler):
        if body["messages"][-1]["role"] == "tool":
            assert "allopurinol" in body["messages"][-1]["content"]
            return writes_sql(number, body, handler)
        arguments = json.dumps({"sql": "SELECT name FROM drugs"})
        call = {"id": "c", "type": "function", "function": {"name": "run", "arguments": arguments}}
        return choice(None, "tool_calls", tool_calls=[call])

    with ChatServer(tries_first) as server:
        system = ("-g", f"my_sql_agent.py:Tries,llm={server.base_url}#m")
        shown = run(dataset("public"), *system, "--format", "json")
        assert json.loads(shown.stdout)["rows"][0]["ex_percent"] == 100.0
        assert len(server.requests) == 2 and server.requests[0]["tools"][0]["function"]["name"] == "run"
        run("dir:notes", *system, "--results", "again")
        assert len(server.requests) == 2


@pytest.mark.slow
def test_a_question_without_an_answer_is_asked_again_by_the_next_run(here):
    name = dataset("public")
    with ChatServer(
        lambda number, *_: choice("```sql\nSELECT", "length") if number == 1 else writes_sql(0, {}, 0)
    ) as server:
        (here / "checked.py").write_text(
            "from bench_core.llm.chat import Message, Sampling\n"
            "from bench_core.llm.conversation import Conversation\n"
            "from sql_bench.generators.base import SqlGeneratorBase\n"
            "class Once(SqlGeneratorBase):\n"
            "    def __init__(self, *, client):\n"
            "        self.client = client\n"
            "    def complete(self, question, database):\n"
            "        return Conversation(self.client, [Message('user', question.text)]).ask(Sampling())\n"
        )
        first = run(name, "-g", f"checked.py:Once,llm={server.base_url}#m", code=1)
        assert "1 cut off" in first.stderr and len(server.requests) == 1
        again = run(name, "-g", f"checked.py:Once,llm={server.base_url}#m", "--format", "json")
    assert json.loads(again.stdout)["rows"][0]["ex_percent"] == 100.0 and len(server.requests) == 2
