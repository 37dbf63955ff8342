import pytest
from pydantic import BaseModel, ConfigDict

from bench_core.errors import BadFile, UserError
from bench_core.runs.config import load_config


class Inner(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    depth: int = 1


class Outer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    names: tuple[str, ...]
    inner: Inner = Inner()


def test_a_file_becomes_a_frozen_model(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("names: [x, y]\ninner:\n  depth: 3\n")
    assert load_config(path, Outer) == Outer(names=("x", "y"), inner=Inner(depth=3))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("names: [x]\ninner:\n  depth: deep\n", r"a\.yaml, line 3: inner\.depth: "),
        ("names: [x]\n\nextra: 1\n", r"a\.yaml, line 3: there is no field extra; known are "),
        ("inner: {depth: 1}\n", r"a\.yaml, line 1: names: Field required"),
        ("names: [x\n", r"a\.yaml, line \d: this is not YAML"),
        ("", r"a\.yaml: the file: "),
    ],
)
def test_a_fault_is_named_with_its_line(tmp_path, content, message):
    path = tmp_path / "a.yaml"
    path.write_text(content)
    with pytest.raises(BadFile, match=message):
        load_config(path, Outer)


def test_a_missing_file_is_the_users_mistake(tmp_path):
    with pytest.raises(UserError, match="there is no such file"):
        load_config(tmp_path / "absent.yaml", Outer)
