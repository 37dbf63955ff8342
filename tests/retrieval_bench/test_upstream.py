import textwrap

import pytest
import yaml

from bench_core.errors import BadFile, UserError
from bench_core.plugins.registry import StageSpec
from retrieval_bench.datasets.r2med import find_set, r2med_sets
from retrieval_bench.encoders.models import registry
from retrieval_bench.retrievers.base import create_retriever
from retrieval_bench.upstream.constants import FolderConstants
from retrieval_bench.upstream.r2med import MODEL_KEYS, import_r2med, load_upstream

NAMES = [entry.upstream_name for entry in r2med_sets()]
IDS = [entry.dataset_id for entry in r2med_sets()]


def table(text, names=NAMES):
    """The source of a dictionary by dataset; {n} in the text becomes the dataset's name."""
    return "{" + ", ".join(f"{name!r}: {text.replace('{n}', name)!r}" for name in names) + "}"


# Entries of templates that are filled in part, as upstream fills its worked examples in.
SHOWN = ", ".join(
    f'{name!r}: "Like these: {{EXAMPLE}} Now: {{TEXT}}".format(EXAMPLE=Example[{name!r}], TEXT="{{TEXT}}")'
    for name in NAMES
)
# The upstream layout in words of our own: one file of tables that share, derive and extend each other, examples in a
# file beside it, tables of another benchmark, and code that must not run.
TABLES = f"""
from example import Example
import os

query_instruction_other = {{"inst-l": "another benchmark", "e5": "another benchmark"}}
q_inst = {table("ask {n}: ")}
d_inst = {table("file {n}: ")}
q_e5 = {table("Task: find {n}" + chr(10) + "Q: ")}
q_bmr = {{k: v.removeprefix("Task: ") for k, v in q_e5.items()}}
q_bmr["Another-Set"] = "other"
nv = q_e5
nv["Another-Set"] = "other"
query_instruction = {{
    "inst-l": q_inst, "inst-xl": q_inst, "bge": "the same for all: ", "e5": q_e5, "bmr-2b": q_bmr, "nv": nv,
    "another-model": q_inst,
}}
doc_instruction = {{"inst-l": d_inst, "bmr-2b": "one " + "passage: ", "nv": ""}}
hyde = {table("Write for {n}." + chr(10) + "{TEXT}")}
query2doc = {{{SHOWN}}}
generate = {{"hyde": hyde, "query2doc": query2doc, "lamer": {table("{TEXT} of {n} with {PASSAGE}")}}}

open({{marker!r}}, "w").write("executed")
def main():
    query_instruction["e5"] = dict()
    raise SystemExit(os.environ["NOT_SET"])
main()
"""
EXAMPLES = f"Example = {table('example of {n}')}\n"


@pytest.fixture
def clone(tmp_path):
    folder = tmp_path / "clone"
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "tables.py").write_text(TABLES.replace("{marker!r}", repr(str(tmp_path / "executed"))))
    (folder / "src" / "example.py").write_text(EXAMPLES)
    return folder


def test_the_tables_of_a_clone_are_imported_without_running_it(tmp_path, clone):
    report = import_r2med(clone, tmp_path / "config")
    tables = load_upstream(tmp_path / "config")
    assert report.path == tmp_path / "config" / "upstream" / "r2med.yaml"
    assert not (tmp_path / "executed").exists()
    assert set(tables.instructions) == {
        "instructor-l", "instructor-xl", "bge-large", "e5-mistral", "bmretriever-2b", "nv-embed-v2",
    }  # fmt: skip
    assert all(list(by_dataset) == sorted(IDS) for by_dataset in tables.instructions.values())
    biology = {key: by_dataset["r2med/biology"] for key, by_dataset in tables.instructions.items()}
    assert biology == {
        "instructor-l": {"query": "ask Stack-Biology: ", "document": "file Stack-Biology: "},
        "instructor-xl": {"query": "ask Stack-Biology: "},
        "bge-large": {"query": "the same for all: "},
        "e5-mistral": {"query": "Task: find Stack-Biology\nQ: "},
        "bmretriever-2b": {"query": "find Stack-Biology\nQ: ", "document": "one passage: "},
        "nv-embed-v2": {"query": "Task: find Stack-Biology\nQ: ", "document": ""},
    }
    assert tables.prompts["hyde"]["r2med/pmc-clinical"] == "Write for PMCPatients.\n{TEXT}"
    assert tables.prompts["query2doc"]["r2med/iiyi-clinical"] == ("Like these: example of IIYiPatients-EN Now: {TEXT}")
    assert tables.prompts["lamer"]["r2med/pmc-treatment"] == "{TEXT} of PMC-Treat with {PASSAGE}"
    assert set(tables.sources) == {"src/tables.py"}
    assert any(
        line.startswith("query instructions for 6 models (query_instruction, src/tables.py, line ")
        for line in report.found
    )
    assert report.missing == ("query instructions of another-model: no model of ours is called so",)


def test_a_missing_file_of_examples_is_told_and_the_rest_is_taken(tmp_path, clone):
    (clone / "src" / "example.py").unlink()
    report = import_r2med(clone, tmp_path / "config")
    assert sorted(load_upstream(tmp_path / "config").prompts) == ["hyde", "lamer"]
    assert "query2doc prompts: no table by dataset" in report.missing
    (reason,) = [line for line in report.missing if line.startswith("8 entries")]
    assert "src/tables.py, line" in reason and reason.endswith("it needs Example of example.py, which is not there")


def test_the_folder_of_the_tables_alone_will_do(tmp_path, clone):
    import_r2med(clone, tmp_path / "whole")
    import_r2med(clone / "src", tmp_path / "part")
    whole, part = load_upstream(tmp_path / "whole"), load_upstream(tmp_path / "part")
    assert (whole.instructions, whole.prompts) == (part.instructions, part.prompts)
    assert whole.instructions == part.instructions


def test_names_as_on_the_hub_are_known_too(tmp_path, clone):
    titles = [entry.title for entry in r2med_sets()]
    (clone / "src" / "tables.py").write_text(
        f"class Prompts:\n    queries: dict = {{'e5': {table('find {n}', titles)}}}\n"
    )
    report = import_r2med(clone, tmp_path / "config")
    tables = load_upstream(tmp_path / "config")
    assert tables.instructions["e5-mistral"]["r2med/medical-sciences"] == {"query": "find Medical-Sciences"}
    assert "document instructions: no table by model and dataset" in report.missing


def test_instructions_and_prompts_follow_their_texts_and_nothing_else(tmp_path, clone):
    import_r2med(clone, tmp_path / "config")
    first = load_upstream(tmp_path / "config")
    file = clone / "src" / "tables.py"
    file.write_text("# a remark\n" + file.read_text())
    import_r2med(clone, tmp_path / "config")
    remarked = load_upstream(tmp_path / "config")
    file.write_text(file.read_text().replace("Write for", "Compose for"))
    import_r2med(clone, tmp_path / "config")
    changed = load_upstream(tmp_path / "config")
    assert remarked.instructions == first.instructions == changed.instructions
    assert remarked.prompts == first.prompts != changed.prompts
    assert remarked.sources != first.sources


def test_nothing_imported_is_none(tmp_path):
    assert load_upstream(tmp_path) is None


def test_the_users_configuration_folder_is_the_place(tmp_path, clone, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    assert import_r2med(clone).path == tmp_path / "home" / "biomed-bench" / "upstream" / "r2med.yaml"
    assert load_upstream() is not None
    described = [
        create_retriever(
            StageSpec.parse(f"dense,model={model},instructions=upstream"), find_set("biology").card("")
        ).describe()
        for model in ("e5-mistral", "intfloat/e5-mistral-7b-instruct")  # by key, and by the hub's name
    ]
    assert described[0] == described[1]
    assert "Stack-Biology" not in str(described[0])


def test_what_is_no_clone_is_refused_and_changes_nothing(tmp_path, clone):
    import_r2med(clone, tmp_path / "config")
    before = (tmp_path / "config" / "upstream" / "r2med.yaml").read_bytes()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a.py").write_text("query_instruction = {'e5': 'one for all'}\n")
    with pytest.raises(UserError, match="no Python file there has a table by R2MED's datasets"):
        import_r2med(tmp_path / "other", tmp_path / "config")
    with pytest.raises(UserError, match="there is no such folder"):
        import_r2med(tmp_path / "absent", tmp_path / "config")
    assert (tmp_path / "config" / "upstream" / "r2med.yaml").read_bytes() == before


def test_a_file_changed_by_hand_is_checked(tmp_path, clone):
    path = import_r2med(clone, tmp_path / "config").path
    content = yaml.safe_load(path.read_text())
    content["instructions"]["e5-mistral"]["r2med/biology"] = {"question": "x"}
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(BadFile, match=r"r2med.yaml, line \d+: instructions.e5-mistral.r2med/biology.question"):
        load_upstream(tmp_path / "config")


def test_every_model_it_names_is_in_the_registry():
    assert set(MODEL_KEYS.values()) <= {entry.key for entry in registry().models}


def constants(tmp_path, source, **others):
    for name, text in {"m": source, **others}.items():
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(text))
    return FolderConstants.read(tmp_path)


def values(read):
    return {definition.name: definition.value for definition in read.definitions}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a = {'x': 'one' 'two', 'y': 'p' + 'q'}", {"x": "onetwo", "y": "pq"}),
        ("b = 'v'\na: dict = {'x': b}", {"x": "v"}),
        ("b = {'x': '1'}\na = {**b, 'y': '2'}", {"x": "1", "y": "2"}),
        ("b = {'x': '1'}\na = b\na['y'] = '2'\nb['z'] = '3'", {"x": "1", "y": "2", "z": "3"}),
        ("b = {'x': '1'}\na = b.copy()\nb['z'] = '3'", {"x": "1"}),
        ("a = dict(x='1')\na.update({'y': '2'})", {"x": "1", "y": "2"}),
        ("a = {k: 'for {}'.format(k) for k in ['x', 'y']}", {"x": "for x", "y": "for y"}),
        ("t = '{0} {{kept}} {w}'\na = {'x': t.format('1', w='{w}')}", {"x": "1 {kept} {w}"}),
        ("a = {'x': ' p '.strip().removesuffix('!')}", {"x": "p"}),
        ("from other import b as c\na = {'x': c['k']}", {"x": "far"}),
        ("from other import *\na = {'x': b['k']}", {"x": "far"}),
        ("try:\n    a = {'x': '1'}\nexcept E:\n    pass", {"x": "1"}),
        ("b = '1'\nb = b + '2'\na = {'x': b}", {"x": "12"}),
        ("a = {'x': '1'}\ndef f():\n    a['x'] = '2'", {"x": "1"}),
    ],
)
def test_constants_are_worked_out(tmp_path, source, expected):
    assert values(constants(tmp_path, source, other="b = {'k': 'far'}"))["a"] == expected


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("f('x')", "the call in line 1"),
        ("f'{v}'", "a JoinedStr in line 1"),
        ("undefined", "undefined"),
        ("'{x.__class__}'.format(x='1')", "format fields with more than a name"),
        ("'{x:>99999999999}'.format(x='1')", "format fields with more than a name"),
        ("'{}{}'.format('1')", "a text for the field {}"),
        ("'{7}'.format('1')", "a text for the field {7}"),
        ("{'p': '1'}['q']", "the entry 'q'"),
        ("'a'.strip(1)", "a text in line 1"),
        ("'a'.removeprefix()", "removeprefix in line 1"),
        ("__import__('os').system('false')", "the call in line 1"),
    ],
)
def test_an_entry_that_is_not_constant_is_left_out_and_told(tmp_path, entry, reason):
    read = constants(tmp_path, f"a = {{'x': {entry}, 'y': 'kept'}}\n")
    assert values(read)["a"] == {"y": "kept"}
    assert [(entries.place, entries.keys, entries.reason) for entries in read.left_out] == [
        ("m.py, line 1", ("x",), reason)
    ]


def test_a_name_given_something_else_is_no_constant_any_more(tmp_path):
    read = constants(tmp_path, "b = '1'\nb = compute()\na = {'x': b}\n")
    assert values(read)["a"] == {}


@pytest.mark.parametrize("source", ["a = {", "print 'python 2'", "a = 1\0", "a = " + "(" * 5000 + ")" * 5000])
def test_a_file_that_is_not_python_is_told_and_the_others_are_read(tmp_path, source):
    read = constants(tmp_path, source, other="b = {'k': 'v'}")
    assert values(read) == {"b": {"k": "v"}}
    assert len(read.unreadable) == 1 and read.unreadable[0].startswith("m.py could not be read as Python")


def test_texts_made_to_fill_the_memory_are_left_out(tmp_path):
    doubled = "t = 'x' * 1\nt = 'xxxxxxxxxxxxxxxx'\n" + "t = t + t\n" * 40 + "a = {'x': t}\n"
    assert values(constants(tmp_path, doubled))["a"] == {}
    filled = f"t = {'{0}' * 2000!r}\nb = {'y' * 2000!r}\na = {{'x': t.format(b)}}\n"
    assert values(constants(tmp_path, filled))["a"] == {}


def test_files_that_import_each_other_end(tmp_path):
    read = constants(tmp_path, "from other import b\na = {'x': '1'}", other="from m import a\nb = {'y': '2'}")
    assert values(read) == {"a": {"x": "1"}, "b": {"y": "2"}}
