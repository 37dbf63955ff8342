"""Data use: who may see credentialed text, in the user's words and in the classes' own."""

import os
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from bench_core.cli.options import cluster_option, permission_options
from bench_core.data_use import (
    NO_PERMISSION,
    Permission,
    Reach,
    check,
    check_export,
    check_local_classes,
    hosts_of,
    readable_by_its_owner_only,
    recorded_access,
    recorded_use,
)
from bench_core.errors import UserError
from bench_core.llm.caching import Remembering
from bench_core.llm.chat import ChatRequest, ChatResponse, Message
from bench_core.llm.store import ResponseStore
from bench_core.plugins.protocols import Contract
from bench_core.plugins.reach import reach_of
from bench_core.plugins.registry import Family
from bench_core.plugins.stage import Stage, StageBase
from retrieval_bench.datasets.card import DatasetCard
from retrieval_bench.retrievers.bm25 import Bm25
from sql_bench.datasets.dataset import SqlCard

HERE, AWAY, SILENT = Reach("a:Here", False), Reach("a:Away", True), Reach("a:Silent", None)
ALLOWED = Permission("The institute's Azure; zero retention")


@pytest.mark.parametrize(
    ("reaches", "permission", "refused"),
    [
        ([HERE], NO_PERMISSION, ""),
        ([], NO_PERMISSION, ""),
        ([HERE, AWAY], NO_PERMISSION, "--allow-remote-for-credentialed"),
        ([HERE, AWAY], ALLOWED, ""),
        ([SILENT], NO_PERMISSION, "--is-local a:Silent"),
        ([SILENT], ALLOWED, "--is-local a:Silent"),
        ([SILENT], Permission(local_classes=("a:Silent",)), ""),
        ([SILENT], Permission(local_classes=("Silent",)), ""),
        ([SILENT], Permission(local_classes=("b:Silent", "Other")), "--is-local a:Silent"),
        ([AWAY], Permission(local_classes=("a:Away",)), "--allow-remote-for-credentialed"),
    ],
)
def test_credentialed_text_is_closed_by_default(reaches, permission, refused):
    check("a system", "dir/notes", "public", reaches, permission)
    if not refused:
        check("a system", "dir/notes", "credentialed", reaches, permission)
        return
    with pytest.raises(UserError, match="dir/notes is credentialed") as error:
        check("a system", "dir/notes", "credentialed", reaches, permission)
    assert refused in str(error.value)


@pytest.mark.parametrize(
    ("named", "there_are"),
    [
        (("Silen",), "--is-local Silen: no class of what is to run is called so; those that do not say so .* a:Silent"),
        (("b:Silent",), "--is-local b:Silent: no class"),
        (("Here", "Hero"), "--is-local Hero: no class"),
        (("Silent", "a:Here", "a:Away"), ""),
        ((), ""),
    ],
)
def test_a_class_that_is_said_to_be_local_is_one_of_those_that_run(named, there_are):
    if not there_are:
        check_local_classes([HERE, AWAY, SILENT], Permission(local_classes=named))
        return
    with pytest.raises(UserError, match=there_are):
        check_local_classes([HERE, AWAY, SILENT], Permission(local_classes=named))


def test_a_refusal_names_the_hosts_of_endpoints_and_no_secret():
    described = {"over": [{"endpoint": "https://llm.example.org/v1/s3cret"}], "endpoint": "https://a.org/v1?sha256=0"}
    reach = Reach("a:Away", True, hosts=hosts_of(described))
    with pytest.raises(UserError, match=r"\(by a:Away at a.org, llm.example.org\)") as error:
        check("dense,endpoint=https://a.org/v1?key=s3cret", "dir/notes", "credentialed", [reach], NO_PERMISSION)
    assert "s3cret" not in str(error.value) and "dense,endpoint=https://a.org would" in str(error.value)


@pytest.mark.parametrize("access", ["Credentialed", "credentialled", "Public", "private", "", None])
def test_what_is_not_exactly_public_counts_as_credentialed(tmp_path, access):
    for make in (
        lambda: DatasetCard("my/notes", "x", access=access),
        lambda: SqlCard("my/notes", "x", "duckdb", access=access),
    ):
        with pytest.raises(UserError, match=r"my/notes: access is .*; it must be exactly 'public' or 'credentialed'"):
            make()
    with pytest.raises(UserError, match="--allow-remote-for-credentialed"):
        check("a system", "my/notes", access, [AWAY], NO_PERMISSION)
    assert recorded_use(access, [HERE], NO_PERMISSION)["access"] == "credentialed"
    with readable_by_its_owner_only(access):
        (tmp_path / "notes").write_text("x")
    assert (tmp_path / "notes").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("text", ["", "  ", "Azure", "Azure;", "; none", " ; ", "yes"])
def test_permission_names_provider_and_retention(text):
    with pytest.raises(UserError, match='--allow-remote-for-credentialed "PROVIDER; RETENTION"'):
        Permission(text)


def test_what_is_recorded():
    said = Permission("Azure; none", ("Silent", "Unused"), cluster_is_ours=True)
    assert recorded_use("credentialed", [AWAY, SILENT], said) == {
        "access": "credentialed",
        "sent_to_other_machines": True,
        "allow_remote_for_credentialed": "Azure; none",
        "is_local": ["a:Silent"],
        "cluster_is_ours": True,
    }
    assert recorded_use("credentialed", [HERE], NO_PERMISSION)["sent_to_other_machines"] is False
    assert recorded_use("public", [HERE, SILENT], said) == {"access": "public", "sent_to_other_machines": None}
    assert recorded_access({"data_use": {"access": "credentialed"}}) == "credentialed"
    assert recorded_access({"data_use": {"access": "secret"}}) is recorded_access({}) is None


def test_a_class_speaks_for_itself_and_not_for_what_is_derived_from_it(tmp_path, monkeypatch):
    file = tmp_path / "mine.py"
    file.write_text(
        "from bench_core.plugins.stage import StageBase\n"
        "from retrieval_bench.retrievers.bm25 import Bm25\n"
        "class Silent(StageBase): pass\n"
        "class Derived(Bm25): pass\n"
        "class Local(StageBase):\n    is_remote = False\n"
        "class BelowLocal(Local): pass\n"
        "class Away(Bm25):\n    is_remote = True\n"
        "class Set:\n    def __init__(self): self.is_remote = False\n"
        "class Method:\n    def is_remote(self): return False\n"
        "class Text:\n    is_remote = 'no'\n"
        "class Bare: pass\n"
    )
    family = Family("retriever", {}, "no.such.group", Contract(Stage, StageBase, {}, ""))
    found = {
        name: reach_of(family.load(f"{file}:{name}")())
        for name in ("Silent", "Derived", "Local", "BelowLocal", "Away", "Set", "Method", "Text", "Bare")
    }
    assert {name: reach.is_remote for name, reach in found.items()} == {
        "Silent": None,
        "Derived": None,
        "Local": False,
        "BelowLocal": False,
        "Away": True,
        "Set": False,
        "Method": None,
        "Text": None,
        "Bare": None,
    }
    assert reach_of(Bm25()).is_remote is False and reach_of(StageBase()).is_remote is None
    monkeypatch.chdir(tmp_path)
    for text in ("mine.py:Silent", f"{file}:Silent", "../" + tmp_path.name + "/mine.py:Silent", "Silent"):
        check("a system", "dir/notes", "credentialed", [found["Silent"]], Permission(local_classes=(text,)))
    assert str(tmp_path) not in found["Silent"].part


@click.command()
@permission_options
def said(permission):
    click.echo(repr((permission.remote, permission.local_classes)))


def test_permission_is_given_on_the_command_line_and_nowhere_else(monkeypatch):
    typed = ["--allow-remote-for-credentialed", "Azure; none", "--is-local", "A", "--is-local", "B"]
    assert CliRunner().invoke(said, typed).output == "('Azure; none', ('A', 'B'))\n"
    assert CliRunner().invoke(said).output == "(None, ())\n"
    group = click.Group(commands={"said": said}, context_settings={"auto_envvar_prefix": "BENCH"})
    monkeypatch.setenv("BENCH_SAID_ALLOWED_REMOTE", "Azure; none")
    monkeypatch.setenv("BENCH_SAID_LOCAL_CLASSES", "A")
    defaults = {"said": {"allowed_remote": "Azure; none", "local_classes": ["A"]}}
    assert CliRunner().invoke(group, ["said"], default_map=defaults).output == "(None, ())\n"
    refused = CliRunner().invoke(said, ["--allow-remote-for-credentialed", "yes"])
    assert isinstance(refused.exception, UserError)


@click.command()
@permission_options
@cluster_option
def clustered(permission):
    click.echo(repr(permission.cluster_is_ours))


def test_that_a_cluster_is_ours_is_said_on_the_command_line_alone(monkeypatch):
    assert CliRunner().invoke(clustered, ["--cluster-is-ours"]).output == "True\n"
    group = click.Group(commands={"clustered": clustered}, context_settings={"auto_envvar_prefix": "BENCH"})
    monkeypatch.setenv("BENCH_CLUSTERED_CLUSTER_IS_OURS", "1")
    defaults = {"clustered": {"cluster_is_ours": True}}
    assert CliRunner().invoke(group, ["clustered"], default_map=defaults).output == "False\n"


def test_cells_carry_what_the_user_said_as_text():
    from retrieval_bench.pipeline.cells import CellSettings as RetrievalSettings
    from sql_bench.pipeline.cells import CellSettings as SqlSettings
    from sql_bench.pipeline.workbench import DatabaseChoice

    permission = Permission("Azure; none", ("mine.py:A", "B"), cluster_is_ours=True)
    here = Path("results")
    choice = DatabaseChoice(None, here, None, None, None)
    for settings in (
        RetrievalSettings(here, here, here, "hf:m", permission, ("ndcg@10",), here),
        SqlSettings(here, choice, here, "hf:m", permission, ("answer",), here),
        SqlSettings(here, choice, here),
    ):
        assert type(settings).of_text(settings.as_text()) == settings


def test_exports_need_the_users_word():
    check_export("a.gz", ["public", "public"], allowed=False)
    for accesses, named in (
        (["public", "credentialed"], "made of credentialed data: 1"),
        ([None, None], "not known of which data: 2"),
    ):
        with pytest.raises(UserError, match=f"{named}.*--credentialed"):
            check_export("a.gz", accesses, allowed=False)
        check_export("a.gz", accesses, allowed=True)


def test_the_mask_is_for_credentialed_data_alone(tmp_path):
    before = os.umask(0o022)
    try:
        for access, mode in (("credentialed", 0o600), ("public", 0o644)):
            with readable_by_its_owner_only(access):
                (tmp_path / access).write_text("x")
            assert (tmp_path / access).stat().st_mode & 0o777 == mode
            (tmp_path / f"after-{access}").write_text("x")
            assert (tmp_path / f"after-{access}").stat().st_mode & 0o777 == 0o644
    finally:
        os.umask(before)


class Answers:
    """A model that is always there."""

    is_remote = False

    def describe(self):
        return {"model": "m"}

    def complete(self, request):
        return ChatResponse(f"on {request.messages[-1].content}")


def test_stored_answers_know_that_they_are_of_credentialed_data(tmp_path):
    def asked(text, access):
        Remembering(Answers(), ResponseStore(tmp_path / "store"), access).complete(
            ChatRequest((Message("user", text),))
        )

    store = ResponseStore(tmp_path / "store")
    asked("gout", "public")
    asked("Patient Smith", None)
    keys = {stored.key for stored in store}
    assert [stored.access for stored in store].count("public") == 1
    with pytest.raises(UserError, match="not known of which data: 1"):
        store.export(tmp_path / "a.gz")
    asked("Patient Smith", "credentialed")  # the same answer, now used for credentialed data
    asked("Patient Smith", "public")
    assert {stored.access for stored in store} == {"public", "credentialed"}
    assert {stored.key for stored in store} == keys
    with pytest.raises(UserError, match="made of credentialed data: 1"):
        store.export(tmp_path / "a.gz")
    assert not (tmp_path / "a.gz").exists()
    assert store.export(tmp_path / "a.gz", may_be_credentialed=True) == 2
    assert (tmp_path / "a.gz").stat().st_mode & 0o777 == 0o600
    other = ResponseStore(tmp_path / "other")
    other.import_archive(tmp_path / "a.gz")
    with pytest.raises(UserError, match="made of credentialed data: 1"):
        other.export(tmp_path / "b.gz")
    assert all(path.stat().st_mode & 0o077 == 0 for path in Path(tmp_path / "other").rglob("*.json"))
