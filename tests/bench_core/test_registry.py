from pathlib import Path
from typing import Literal

import pytest

from bench_core.errors import UserError
from bench_core.plugins.arguments import Argument, arguments_of, convert_arguments
from bench_core.plugins.protocols import Contract
from bench_core.plugins.registry import Family, StageSpec
from bench_core.plugins.stage import Stage, StageBase

FAMILY = Family(
    "retriever",
    {"bm25": "retrieval_bench.retrievers.bm25:Bm25", "broken": "no_such_module:X"},
    "no.group",
    Contract(Stage, StageBase, {}, "no:tests"),
)


class Example:
    """An example."""

    def __init__(
        self,
        depth: int = 3,
        rate: float = 0.5,
        name="x",
        exact: bool = False,
        kind: Literal["a", "b"] = "a",
        *,
        corpus=None,
    ) -> None:
        self.values = (depth, rate, name, exact, kind, corpus)


@pytest.mark.parametrize(
    ("text", "parameters", "spec"),
    [
        ("bm25", (), StageSpec("bm25")),
        ("dense,model=minilm,batch_size=8", (), StageSpec("dense", (("model", "minilm"), ("batch_size", "8")))),
        ("my file.py:A", ("words=a,b",), StageSpec("my file.py:A", (("words", "a,b"),))),
        ("dir:/data/a,b/c", (), StageSpec("dir:/data/a,b/c")),
        ("faiss,factory=IVF4096,PQ48", (), StageSpec("faiss", (("factory", "IVF4096,PQ48"),))),
        ("x,expression=a=b", (), StageSpec("x", (("expression", "a=b"),))),
    ],
)
def test_a_stage_is_a_name_with_arguments(text, parameters, spec):
    assert StageSpec.parse(text, parameters) == spec


def test_an_argument_without_a_value_is_named():
    with pytest.raises(UserError, match=r"'bm25,k1': k1 has no value; write bm25,k1=VALUE"):
        StageSpec.parse("bm25,k1")


def test_arguments_are_told_with_what_their_docstrings_say():
    class Base:
        """Something.

        Args:
            depth: how far
                it goes.
            low, high: bounds.
        """

    class Derived(Base):
        def __init__(self, depth: int = 3, kind: Literal["a", "b"] = "a", high: float | None = None) -> None: ...

    assert arguments_of(Derived) == [
        Argument("depth", "a whole number", "3", "how far it goes."),
        Argument("kind", "a or b", "a", ""),
        Argument("high", "a number", "", "bounds."),
    ]


@pytest.mark.parametrize(("text", "parameters"), [("bm25", ("depth",)), ("bm25", ("=3",)), ("bm25,k1=1", ("k1=2",))])
def test_what_is_no_argument_is_refused(text, parameters):
    with pytest.raises(UserError):
        StageSpec.parse(text, parameters)


def test_values_are_converted_by_annotation_or_default():
    texts = {"depth": "7", "rate": "1e-3", "name": "12", "exact": "true", "kind": "b"}
    assert Example(**convert_arguments(Example, texts, "x")).values == (7, 0.001, "12", True, "b", None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dept": "3"}, r"did you mean depth\?"),
        ({"depth": "three"}, "depth=three does not fit"),
        ({"kind": "c"}, "kind=c does not fit"),
        ({"corpus": "x"}, "has no argument 'corpus'"),
    ],
)
def test_a_wrong_argument_is_named(arguments, message):
    with pytest.raises(UserError, match=message):
        convert_arguments(Example, arguments, "retriever x")


def test_a_missing_argument_is_named():
    class Needs:
        def __init__(self, path: str) -> None: ...

    with pytest.raises(UserError, match="needs path"):
        convert_arguments(Needs, {}, "generator replay")


def test_an_unknown_name_is_answered_with_the_closest():
    with pytest.raises(UserError, match=r"did you mean bm25\?"):
        FAMILY.load("bm52")


def test_a_broken_member_is_listed_with_its_reason():
    problems = {member.name: member.problem for member in FAMILY.members()}
    assert problems["broken"].startswith("unavailable: no_such_module cannot be imported")


def test_a_class_in_a_file_is_loaded_and_built(tmp_path: Path):
    file = tmp_path / "mine.py"
    file.write_text("class Mine:\n    def __init__(self, depth: int = 1):\n        self.depth = depth\n")
    assert FAMILY.create(StageSpec.parse(f"{file}:Mine,depth=4")).depth == 4


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (
            "x = 1\ny = 1 / 0\n",
            "Mine",
            r"mine.py cannot be imported: ZeroDivisionError: [\w ]+ \(\S+mine.py, line 2\)\.$",
        ),
        ("class Mine:\n  def\n", "Mine", r"mine.py cannot be imported: SyntaxError: [\w ]+ \(\S+mine.py, line 2\)\.$"),
        ("import os\nimport no_such\n", "Mine", r"No module named 'no_such' \(\S+mine.py, line 2\)\.$"),
        ("import json\nimport beside\n", "Mine", r"SyntaxError: [\w ]+ \(\S+beside.py, line 1\)\.$"),
        (
            "from bench_core.plugins.registry import StageSpec\n\nStageSpec.parse('a,b')\n",
            "Mine",
            r"cannot be imported: 'a,b': b has no value; write a,b=VALUE \(\S+mine.py, line 3\)\.$",
        ),
        ("class Mine: ...\n", "Mime", r"no class 'Mime' \(did you mean Mine\?\)"),
    ],
)
def test_a_broken_file_says_where(tmp_path: Path, content, name, message):
    file = tmp_path / "mine.py"
    file.write_text(content)
    (tmp_path / "beside.py").write_text("def\n")
    with pytest.raises(UserError, match=message):
        FAMILY.load(f"{file}:{name}")


def test_a_broken_module_says_where(tmp_path: Path, monkeypatch):
    (tmp_path / "a_broken_module.py").write_text("import json\n\nimport no_such_module\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(UserError, match=r"No module named 'no_such_module' \(\S+a_broken_module.py, line 3\)\.$"):
        FAMILY.load("a_broken_module:Mine")


def test_a_missing_file_is_one_sentence(tmp_path: Path):
    with pytest.raises(UserError, match="there is no such file"):
        FAMILY.load(f"{tmp_path}/absent.py:Mine")
