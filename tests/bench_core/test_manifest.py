import json

import pytest

from bench_core.identity import identity_hash
from bench_core.runs.manifest import Manifest, RunFolder, slug


def test_a_folder_is_named_by_what_it_is_made_from(tmp_path):
    one = RunFolder.of_identity(tmp_path, "dir/my set", "dense", {"k": 100})
    other = RunFolder.of_identity(tmp_path, "dir/my set", "dense", {"k": 10})
    assert one.path.parent.name == "dir-my-set"
    assert one.path.name.startswith("dense--")
    assert one.path != other.path


def test_slugs_cannot_leave_their_folder():
    assert slug("../../etc/passwd") == "etc-passwd"
    assert slug("...") == "unnamed"


def test_a_run_is_complete_only_with_its_files_and_identity(tmp_path):
    folder = RunFolder(tmp_path / "run")
    manifest = Manifest({"k": 1})
    with folder.recording(manifest, ["pytest"]):
        (folder.path / "out.txt").write_text("result")
        folder.add_files(manifest, ["out.txt"])
        assert json.loads((folder.path / "manifest.json").read_text())["status"] == "started"
        assert folder.complete_manifest({"k": 1}) is None
    assert folder.complete_manifest({"k": 1}) is not None
    assert folder.complete_manifest({"k": 2}) is None
    (folder.path / "out.txt").write_text("changed")
    assert folder.complete_manifest({"k": 1}) is None


def test_a_failure_is_recorded_and_raised(tmp_path):
    folder = RunFolder(tmp_path / "run")
    with pytest.raises(RuntimeError), folder.recording(Manifest({"k": 1}), []):
        raise RuntimeError("out of luck")
    found = folder.read()
    assert found is not None and found.status == "failed" and "out of luck" in found.error


@pytest.mark.parametrize(("version", "age"), [(1, "older"), (99, "newer")])
def test_a_manifest_of_another_version_is_read_and_marked(tmp_path, version, age):
    folder = RunFolder(tmp_path / "run")
    with folder.recording(Manifest({"k": 1}), []):
        pass
    path = folder.path / "manifest.json"
    content = {**json.loads(path.read_text()), "schema_version": version, "unheard_of": 1}
    del content["sha256"]  # version 1 had none
    path.write_text(json.dumps(content if version == 1 else {**content, "sha256": identity_hash(content)}))
    found = folder.read()
    assert found is not None and found.age == age
    assert folder.complete_manifest({"k": 1}) == found


@pytest.mark.parametrize(
    ("field", "value"), [("status", "partial"), ("notes", ["x"]), ("identity", {}), ("files", []), ("sha256", 1)]
)
def test_a_changed_manifest_is_none(tmp_path, field, value):
    folder = RunFolder(tmp_path / "run")
    with folder.recording(Manifest({"k": 1}), []):
        pass
    path = folder.path / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), field: value}))
    assert folder.read() is None


@pytest.mark.parametrize("content", ["{", "[]", "3", '{"identity": 1, "schema_version": 1}', '{"identity": {}}'])
def test_a_damaged_manifest_is_none(tmp_path, content):
    (tmp_path / "manifest.json").write_text(content)
    assert RunFolder(tmp_path).read() is None


def test_a_manifest_names_no_folder_host_or_user(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setenv("USER", "somebody-unique")
    folder = RunFolder(tmp_path / "run")
    with folder.recording(Manifest({"k": 1}), ["pytest", "numpy"]):
        pass
    text = (folder.path / "manifest.json").read_text()
    assert "sk-secret" not in text and "somebody-unique" not in text and str(tmp_path) not in text
    assert json.loads(text)["environment"]["packages"]["numpy"]
