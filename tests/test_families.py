"""Every family of stages there is, and every one to come: a protocol, a base, checks, contract tests, and a page."""

import importlib
import inspect
import json
import pkgutil
import re
import types
from pathlib import Path

import pytest
from click.testing import CliRunner

import bench_core
import retrieval_bench
import retrieval_bench.cli.main
import sql_bench
import sql_bench.cli.main
from bench_core.errors import UserError
from bench_core.plugins.arguments import arguments_of
from bench_core.plugins.registry import Family, StageSpec
from bench_core.plugins.returns import STAGE_FACTS

DOCS = Path(__file__).parents[1] / "docs"
# Methods that return nothing.
WRITES = {"index", "open", "close"}


def families() -> dict[str, Family]:
    found = {}
    for package in (bench_core, retrieval_bench, sql_bench):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if module.name.endswith(("__main__", ".worker", "_worker")):
                continue
            for name, value in vars(importlib.import_module(module.name)).items():
                if isinstance(value, Family):
                    found[f"{value.group} {name}"] = value
    return found


FAMILIES = families()
MEMBERS = [(family, name) for family in FAMILIES.values() for name in family.builtins]


def contract_tests(family: Family) -> type:
    place, _, name = family.contract.tests.partition(":")
    return getattr(importlib.import_module(place), name)


def test_all_families_are_found():
    groups = {family.group for family in FAMILIES.values()}
    assert groups >= {
        "retrieval_bench.retrievers", "retrieval_bench.rerankers", "retrieval_bench.query_generators",
        "retrieval_bench.datasets", "sql_bench.generators", "sql_bench.comparators", "sql_bench.datasets",
    }  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_what_a_member_gives_is_checked(family):
    contract = family.contract
    assert contract.methods, "the protocol asks for nothing"
    unchecked = {*contract.methods, *contract.optional} - set(contract.checks) - WRITES
    assert not unchecked
    assert set(contract.returns) <= {*contract.methods, *contract.optional, *dir(contract.base)}, "a check of nothing"


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_the_base_has_the_optional_members_and_fits_the_protocol(family):
    contract = family.contract
    inspect.getattr_static(contract.base, "missing_requirement")
    asked = {name for cls in contract.protocol.__mro__ for name in vars(cls) if not name.startswith("_")}
    assert {name for name in asked & set(STAGE_FACTS) if not hasattr(contract.base, name)} == set()

    members = {"__module__": "a_plugin", **{name: getattr(contract.protocol, name) for name in contract.methods}}
    Member = types.new_class("Member", (contract.base,), exec_body=lambda namespace: namespace.update(members))
    contract.check(contract.member(Member), family.kind, "a_plugin:Member", ())


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_there_are_contract_tests_of_several_points(family):
    tests = contract_tests(family)
    assert hasattr(tests, "create")
    assert sum(name.startswith("test_") for name in dir(tests)) >= 3


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_a_class_of_ones_own_is_shown_in_the_docs(family):
    page = (DOCS / "plugins.md").read_text(encoding="utf-8")
    base = family.contract.base
    assert f"from {base.__module__} import {base.__name__}" in page or f"{base.__name__}," in page


@pytest.mark.parametrize(("family", "name"), MEMBERS, ids=[name for _, name in MEMBERS])
def test_a_built_in_fits_its_protocol(family, name):
    cls = family.load(name)
    family.contract.check(cls, family.kind, name, {"card", "client", "n_at_once", "search", "questions", "predictions"})
    assert issubclass(cls, family.contract.base)
    if "is_remote" in family.contract.optional:
        assert inspect.getattr_static(cls, "is_remote") is not None, "it must say whether texts leave the machine"


@pytest.mark.parametrize(("family", "name"), MEMBERS, ids=[name for _, name in MEMBERS])
def test_every_argument_of_a_built_in_is_explained(family, name):
    unexplained = [argument.name for argument in arguments_of(family.load(name)) if not argument.meaning]
    assert not unexplained


SOURCE = "class Mine:\n    def cards(self): return []\n    def load(self, name): raise KeyError\n"
DUCK_TYPED = {
    "retrieval_bench.retrievers": (
        "from retrieval_bench.types import Description, RankedList\n"
        "class Mine:\n"
        "    def describe(self): return Description('mine')\n"
        "    def index(self, corpus, index_dir): pass\n"
        "    def open(self, corpus, index_dir): pass\n"
        "    def search(self, queries, k): return [RankedList(query.query_id, {}) for query in queries]\n"
    ),
    "retrieval_bench.rerankers": (
        "from retrieval_bench.types import Description\n"
        "class Mine:\n"
        "    def describe(self): return Description('mine')\n"
        "    def rerank(self, batch): return [[0.0] * len(candidates.documents) for candidates in batch]\n"
    ),
    "retrieval_bench.query_generators": (
        "from retrieval_bench.query_generators.base import GeneratedQuery\n"
        "from retrieval_bench.query_generators.combination import R2MED_REASONING\n"
        "from retrieval_bench.types import Description\n"
        "class Mine:\n"
        "    def describe(self): return Description('mine')\n"
        "    def generate(self, query): return GeneratedQuery(query.query_id, 'text', R2MED_REASONING)\n"
    ),
    "retrieval_bench.datasets": SOURCE,
    "sql_bench.datasets": SOURCE,
    "sql_bench.generators": (
        "from sql_bench.types import Prediction, PredictionStatus\n"
        "class Mine:\n"
        "    def describe(self): return {'class': 'mine'}\n"
        "    def generate(self, question, database):\n"
        "        return Prediction(question.question_id, '', PredictionStatus.NO_SQL)\n"
    ),
    "sql_bench.comparators": (
        "from sql_bench.types import Verdict, VerdictKind\n"
        "class Mine:\n"
        "    needs = frozenset()\n"
        "    def describe(self): return {'name': 'mine'}\n"
        "    def compare(self, gold, predicted, question): return Verdict(VerdictKind.WRONG)\n"
    ),
}


def test_a_class_in_the_place_of_another_familys_is_said_to_be_what_it_is(tmp_path):
    for number, family in enumerate(FAMILIES.values()):
        base = family.contract.base
        file = tmp_path / f"mine{number}.py"
        file.write_text(f"from {base.__module__} import {base.__name__}\n\n\nclass Mine({base.__name__}): pass\n")
        name = f"{file}:Mine"
        assert family.own(name).__name__ == "Mine"
        for other in FAMILIES.values():
            if other is family:
                continue
            half = "" if other.half == family.half else f" of {family.half}"
            said = f"{file}, line 4: Mine is a {family.kind}{half}, no {other.kind}; name it as in {family.used}"
            with pytest.raises(UserError, match=re.escape(said.format(name))):
                other.own(name)


@pytest.mark.slow
@pytest.mark.parametrize(("family", "name"), MEMBERS, ids=[name for _, name in MEMBERS])
def test_a_built_in_in_the_place_of_another_familys_is_said_to_be_what_it_is(family, name):
    for other in FAMILIES.values():
        if name not in other.names():
            with pytest.raises(UserError, match=rf"^{name} is a [\w -]+, no {other.kind}; name it as in "):
                other.load(name)


HALVES = {"retrieval-bench": retrieval_bench.cli.main.main, "sql-bench": sql_bench.cli.main.main}


@pytest.mark.parametrize(("half", "other"), [tuple(HALVES), tuple(HALVES)[::-1]])
@pytest.mark.parametrize("command", ["doctor", "show"])
def test_a_class_of_the_other_half_is_sent_there(half, other, command, tmp_path):
    for number, family in enumerate(FAMILIES.values()):
        base = family.contract.base
        (tmp_path / f"mine{number}.py").write_text(f"from {base.__module__} import {base.__name__} as Mine\n")
    (tmp_path / "mine.py").write_text("class Mine: pass\n")
    for number, family in enumerate(FAMILIES.values()):
        if family.half == other:
            done = CliRunner().invoke(HALVES[half], [command, f"{tmp_path}/mine{number}.py:Mine"])
            assert done.exit_code == 2
            assert f"is a {family.kind} of {other}; {other} doctor checks it" in done.output
    done = CliRunner().invoke(HALVES[half], ["doctor", f"{tmp_path}/mine.py:Mine"])
    assert f"({other} doctor checks classes of {other})" in done.output


LENGTHS = """
from retrieval_bench.rerankers.base import RerankerBase


class Lengths(RerankerBase):
    def rerank(self, batch):
        return [[len(found.text) for found in asked.documents] for asked in batch]
"""
LENIENT = """
from sql_bench.comparators.base import ComparatorBase
from sql_bench.types import Verdict, VerdictKind


class Lenient(ComparatorBase):
    def compare(self, gold, predicted, question):
        return Verdict(VerdictKind.CORRECT)
"""


@pytest.mark.parametrize(
    ("half", "source", "name"), [("retrieval-bench", LENGTHS, "Lengths"), ("sql-bench", LENIENT, "Lenient")]
)
def test_doctor_and_show_say_that_a_class_does_not_state_where_text_goes(half, source, name, tmp_path):
    (tmp_path / "mine.py").write_text(source)
    (tmp_path / "stated.py").write_text(source.replace("Base):\n", "Base):\n    is_remote = False\n"))
    silent = (
        f"mine.py:{name} does not say whether it sends text to another machine, and is refused on credentialed data"
    )
    for command in ("doctor", "show"):
        assert silent in CliRunner().invoke(HALVES[half], [command, f"{tmp_path}/mine.py:{name}"]).output
        said = CliRunner().invoke(HALVES[half], [command, f"{tmp_path}/stated.py:{name}"]).output
        assert "does not say" not in said
    assert "no (is_remote = False)" in said


def test_a_point_that_fails_names_the_classs_file(tmp_path):
    (tmp_path / "mine.py").write_text(LENIENT)
    done = CliRunner().invoke(HALVES["sql-bench"], ["doctor", f"{tmp_path}/mine.py:Lenient", "--format", "json"])
    failures = {row["point"]: row["failure"] for row in json.loads(done.stdout)["rows"] if row["state"] == "fails"}
    assert set(failures) == {"nothing is wrong where gold has rows", "other rows are wrong"} and done.exit_code == 1
    assert all(text.startswith(f"{tmp_path}/mine.py, line 6: Lenient: ") for text in failures.values())


@pytest.mark.parametrize(
    ("half", "field", "problem"),
    [
        ("retrieval-bench", "k: many", "dataset.yaml, line 1: k: Input should be a valid integer"),
        ("sql-bench", "dialect: klingon", "dataset.yaml: there is no SQL dialect 'klingon'"),
        ("retrieval-bench", "tsak: x", "dataset.yaml, line 1: there is no field tsak (did you mean task?)"),
        ("sql-bench", "dialekt: x", "dataset.yaml, line 1: there is no field dialekt (did you mean dialect?)"),
    ],
)
def test_doctor_checks_a_folder(half, field, problem, tmp_path):
    (tmp_path / "dataset.yaml").write_text(f"{field}\n")
    for given in (["-d", f"dir:{tmp_path}"], [f"dir:{tmp_path}"]):
        done = CliRunner().invoke(HALVES[half], ["doctor", *given, "--format", "json"])
        failures = [row["failure"] for row in json.loads(done.stdout)["rows"]]
        assert done.exit_code == 1 and any(problem in text for text in failures), failures


@pytest.mark.parametrize(
    ("tables", "problem"),
    [
        ({}, "tables: there is no table in it; expected files named *.csv"),
        ({"a.csv": "x,x\n1,2\n"}, "tables/a.csv, line 1: "),
        ({"a.csv": "x\n1\n", "a.tsv": "x\n1\n"}, "a.csv and a.tsv would be the same table a"),
        ({"a.csv": "x\n1\n"}, ""),
    ],
)
def test_doctor_looks_at_the_tables_of_a_folder(tables, problem, tmp_path):
    (tmp_path / "tables").mkdir()
    (tmp_path / "questions.jsonl").write_text('{"question_id": "q1", "question": "x?", "gold_sql": "SELECT 1"}\n')
    for name, content in tables.items():
        (tmp_path / "tables" / name).write_text(content)
    done = CliRunner().invoke(HALVES["sql-bench"], ["doctor", "-d", f"dir:{tmp_path}", "--format", "json"])
    failures = {row["point"]: row["failure"] for row in json.loads(done.stdout)["rows"] if row["state"] == "fails"}
    assert set(failures) == ({"tables and files are there"} if problem else set())
    assert problem in "".join(failures.values())


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_a_class_that_derives_from_nothing_has_all_members(family, tmp_path):
    (tmp_path / "mine.py").write_text(DUCK_TYPED[family.group])
    member = family.create(StageSpec(f"{tmp_path / 'mine.py'}:Mine"))
    assert type(member).__name__ == "Mine"
    missing = [name for name in (*family.contract.methods, *family.contract.optional) if not hasattr(member, name)]
    assert not missing
    if "is_remote" in family.contract.optional:
        assert member.is_remote is None and member.notes() == () and member.recorded() == {} and not member.failed


WARDS = """
from retrieval_bench.datasets.card import DatasetCard
from retrieval_bench.datasets.dataset import Dataset, DatasetSourceBase
from retrieval_bench.types import Document, Query


class Wards(DatasetSourceBase):
    \"\"\"Notes of wards.\"\"\"

    def load(self, name):
        documents = [Document("n1", "Metformin held before surgery."), Document("n2", "Gout, allopurinol started.")]
        return Dataset.of(DatasetCard(f"wards/{name}", "notes"), documents, [Query("q1", "gout")], {"q1": {"n2": 1}})
"""


def test_a_dataset_of_a_class_of_ones_own_is_run_shown_and_checked(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(WARDS)
    monkeypatch.chdir(tmp_path)

    def invoke(*words, code=0):
        result = CliRunner().invoke(retrieval_bench.cli.main.main, [*words, "--format", "json"])
        assert result.exit_code == code, result.output
        return result.stdout

    (row,) = json.loads(invoke("run", "-d", "mine.py:Wards/surgery", "-r", "bm25"))["rows"]
    assert (row["dataset"], row["ndcg@10"]) == ("wards/surgery", 1.0)
    assert "Notes of wards." in invoke("show", "mine.py:Wards")
    assert "wards/surgery" in invoke("show", "mine.py:Wards/surgery")
    states = {point["state"] for point in json.loads(invoke("doctor", "mine.py:Wards/surgery"))["rows"]}
    assert states == {"holds"}
    assert "name a dataset of it" in invoke("doctor", "mine.py:Wards", code=1)
