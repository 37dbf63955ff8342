"""YAML beyond reason is refused in a sentence, and at once."""

import pytest

from bench_core.errors import BadFile, UserError
from bench_core.yaml_files import read_yaml

LAUGHS = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30))
MERGES = "a0: &a0 {x: 1}\n" + "".join(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 30))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[" * 10_000, r"line \d+: this is not YAML \(nested more than 100 deep\)"),
        ("[" * 10_000 + "]" * 10_000, r"line \d+: this is not YAML \(nested more than 100 deep\)"),
        ("".join(f"{' ' * n}a:\n" for n in range(1_000)), r"line \d+: this is not YAML \(nested more than 100 deep\)"),
        ("{a: " * 10_000, r"line \d+: this is not YAML \(nested more than 100 deep\)"),
        (f"a: {'9' * 10_000}\n", r"this is not YAML \(Exceeds the limit"),
        ("a: 2020-13-01\n", r"this is not YAML \(month must be in 1\.\.12\)"),
        (LAUGHS, r"more than 100,000 values with its aliases"),
        (MERGES, r"more than 100,000 values with its aliases"),
        ("a: &a [1, *a]\n", r"line 1: an alias names what it stands in"),
        ("a: &a {b: *a}\n", r"line 1: an alias names what it stands in"),
        ("a: *b\n", r"line 1: this is not YAML \(found undefined alias 'b'\)"),
        ("a: 1\n---\nb: 2\n", r"line 2: this is not YAML \(but found another document\)"),
        ("!!int ", r"this is not YAML"),
        ("a: \x00\n", r"this is not YAML"),
        ("a: !!python/object/apply:os.getpid []\n", r"could not determine a constructor"),
    ],
)
def test_a_file_beyond_reason_is_refused(tmp_path, content, message):
    path = tmp_path / "a.yaml"
    path.write_text(content)
    with pytest.raises(BadFile, match=message) as refused:
        read_yaml(path)
    assert str(refused.value).startswith(str(path)) and "\n" not in str(refused.value)


def test_what_is_reasonable_is_read(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("a: &a {x: 1}\nb: [*a, *a]\nc: {<<: *a, y: 1e400}\n")
    content, node = read_yaml(path)
    assert content == {"a": {"x": 1}, "b": [{"x": 1}] * 2, "c": {"x": 1, "y": "1e400"}} and node is not None
    path.write_text("")
    assert read_yaml(path) == (None, None)
    path.write_bytes(b"a: \xff\n")
    with pytest.raises(BadFile, match="not YAML"):
        read_yaml(path)
    with pytest.raises(UserError, match="there is no such file"):
        read_yaml(tmp_path / "absent.yaml")
