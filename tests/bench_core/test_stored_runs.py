"""Run folders found, named, and given away, whatever state they are in."""

import json
import sys
import tarfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from run_folders import make_run

from bench_core.errors import UserError
from bench_core.results.run_tables import differences_table, runs_table
from bench_core.runs.exporting import export_runs
from bench_core.runs.removing import remove_run, users_of
from bench_core.runs.stored import on_dataset, read_stored, resolved, stored_runs


def states(root: Path) -> dict[str, tuple[str, str]]:
    return {run.system: (run.status, run.problem) for run in stored_runs(root)}


def test_every_kind_of_damage_is_named_and_hides_nothing_else(tmp_path):
    make_run(tmp_path, "whole")
    (make_run(tmp_path, "no-manifest") / "manifest.json").unlink()
    (make_run(tmp_path, "torn") / "manifest.json").write_text('{"identity": {')
    (make_run(tmp_path, "binary") / "manifest.json").write_bytes(b"\xff\xfe\x00")
    (make_run(tmp_path, "deep") / "manifest.json").write_text("[" * 100_000)
    (make_run(tmp_path, "a-list") / "manifest.json").write_text("[]")
    (make_run(tmp_path, "changed") / "run.trec.gz").write_text("other bytes")
    (make_run(tmp_path, "missing") / "run.trec.gz").unlink()
    make_run(tmp_path, "odd", status="finished")
    found = states(tmp_path)
    assert found.pop("whole") == ("complete", "")
    assert {status for status, _ in found.values()} == {"damaged"} and len(found) == 8
    assert found["no-manifest"][1] == "there is no manifest.json."
    assert found["torn"][1] == found["binary"][1] == found["deep"][1] == "manifest.json cannot be read."
    assert found["a-list"][1] == "manifest.json has no identity."
    assert found["changed"][1] == "run.trec.gz is not as it was written."
    assert found["missing"][1] == "run.trec.gz is missing."
    table = runs_table(stored_runs(tmp_path), "t")
    assert any("changed--" in note and "not as it was written" in note for note in table.notes)


def test_a_quick_look_believes_the_hashes(tmp_path):
    (make_run(tmp_path, "changed") / "run.trec.gz").write_text("other bytes")
    assert [run.status for run in stored_runs(tmp_path, verified=False)] == ["complete"]


def test_what_is_no_fault_of_the_files_is_said_too(tmp_path):
    make_run(tmp_path, "older", schema_version=0)
    make_run(tmp_path, "failed", status="failed", error="BenchError: the disk is full", files={})
    make_run(tmp_path, "going-on", status="started", files={"run.trec.gz": "not yet"})
    assert states(tmp_path) == {
        "older": ("complete", ""),
        "failed": ("failed", "BenchError: the disk is full"),
        "going-on": ("started", ""),
    }
    table = runs_table(stored_runs(tmp_path), "t")
    assert table.rows[2][1] == "older" and "older version" in table.rows[2]
    assert "older version" in table.render("rich", 80)


def test_a_run_is_as_the_worst_of_the_folders_below_it(tmp_path):
    folder = make_run(tmp_path, "gold")
    below = folder / "duckdb--0123abcd"
    below.mkdir()
    (below / "manifest.json").write_text(json.dumps({"identity": {}, "status": "started", "schema_version": 1}))
    assert states(tmp_path)["gold"] == ("started", "")
    (below / "manifest.json").write_text("{")
    assert states(tmp_path)["gold"] == ("damaged", "duckdb--0123abcd: manifest.json cannot be read.")


def test_what_is_no_run_folder_is_left_alone(tmp_path):
    make_run(tmp_path, "bm25")
    for name in (".bm25--01234567.removed", "notes", "bm25--0123"):
        (tmp_path / "demo-qa" / name).mkdir()
    (tmp_path / "demo-qa" / "a--01234567").write_text("a file")
    assert list(states(tmp_path)) == ["bm25"]


def test_a_run_is_meant_by_folder_hash_or_label(tmp_path, monkeypatch):
    folder = make_run(tmp_path, "bm25 > bi-encoder,depth=20")
    make_run(tmp_path, "bm25")
    runs = stored_runs(tmp_path)
    monkeypatch.chdir(tmp_path)
    names = [folder.name, f"demo-qa/{folder.name}", folder.name[-8:], folder.name[-8:][:4], str(folder) + "/"]
    for name in [*names, "bm25 > bi-encoder,depth=20", f"bm25 > bi-encoder,depth=20 ({folder.name[-8:]})"]:
        assert resolved(name, runs).folder == folder, name
    with pytest.raises(UserError, match=r"did you mean bm25\?"):
        resolved("bm52", runs)


def test_a_name_that_means_several_runs_gets_the_candidates(tmp_path):
    one, other = make_run(tmp_path, "bm25", "demo/qa"), make_run(tmp_path, "bm25", "demo/ehr")
    runs = stored_runs(tmp_path)
    with pytest.raises(UserError, match="means 2 runs") as caught:
        resolved("bm25", runs)
    assert all(f"{folder.parent.name}/{folder.name}" in str(caught.value) for folder in (one, other))
    assert resolved("bm25", on_dataset(runs, "demo/ehr")).folder == other


def test_the_fields_in_which_two_identities_differ(tmp_path):
    first = {"dataset": {"dataset_id": "d"}, "system": {"of": [{"k1": 0.9}, {"b": 1}], "name": "rrf"}, "k": 100}
    second = {"dataset": {"dataset_id": "d"}, "system": {"of": [{"k1": 1.2}, {"b": 1}], "depth": None}, "k": 100}
    runs = [read_stored(make_run(tmp_path, name, identity=identity)) for name, identity in
            (("one", first), ("two", second))]  # fmt: skip
    table = differences_table(*runs)
    assert table.rows == [
        ["system.depth", "–", "null"],
        ["system.name", '"rrf"', "–"],
        ["system.of[0].k1", "0.9", "1.2"],
    ]
    assert "equal" in differences_table(runs[0], runs[0]).notes[0]


def test_the_users_of_a_part_are_found_and_stay(tmp_path):
    part = make_run(tmp_path, "bm25")
    fused = make_run(tmp_path, "rrf(bm25, dense)", recorded={"system": "rrf", "fused": [part.name, "dense--00000000"]})
    runs = stored_runs(tmp_path)
    run = resolved("bm25", runs)
    assert [user.folder for user in users_of(run, runs)] == [fused]
    remove_run(run)
    assert not part.exists() and (fused / "manifest.json").exists()
    assert [path.name for path in part.parent.iterdir() if path.is_dir()] == [fused.name]


def test_a_run_that_another_process_makes_is_not_deleted(tmp_path):
    from bench_core.artifacts import locked

    run = read_stored(make_run(tmp_path, "bm25"))
    with locked(run.folder), pytest.raises(UserError, match="being made by another process"):
        remove_run(run)
    assert run.folder.exists()


def test_an_archive_has_the_same_bytes_whenever_it_is_made(tmp_path):
    root = tmp_path / "results/retrieval"
    folders = [make_run(root, "bm25"), make_run(root, "dense")]
    (folders[0] / ".lock").write_text("")
    runs = [read_stored(folder) for folder in folders]
    export_runs(runs, tmp_path / "a.tar.gz", credentialed_too=False)
    for path in folders[0].iterdir():
        path.touch()
        path.chmod(0o640)
    export_runs(runs, tmp_path / "b.tar.gz", credentialed_too=False)
    assert (tmp_path / "a.tar.gz").read_bytes() == (tmp_path / "b.tar.gz").read_bytes()
    with tarfile.open(tmp_path / "a.tar.gz") as archive:
        entries = archive.getmembers()
    names = [f"retrieval/demo-qa/{folder.name}/{name}" for folder in folders for name in
             ("manifest.json", "run.trec.gz")]  # fmt: skip
    assert [entry.name for entry in entries] == names
    assert {(entry.mtime, entry.uid, entry.uname, entry.mode) for entry in entries} == {(0, 0, "", 0o644)}


def test_an_exported_folder_is_a_results_folder(tmp_path):
    run = read_stored(make_run(tmp_path / "results/sql", "gold"))
    export_runs([run], tmp_path / "given", credentialed_too=False)
    (copy,) = stored_runs(tmp_path / "given/sql")
    assert (copy.system, copy.status, copy.hash8) == ("gold", "complete", run.hash8)
    with pytest.raises(UserError, match="exists already"):
        export_runs([run], tmp_path / "given", credentialed_too=False)


@pytest.mark.parametrize("recorded", [{"data_use": {"access": "credentialed"}}, {}, {"data_use": "?"}])
@pytest.mark.parametrize("to", ["given", "given.tar.gz"])
def test_what_is_not_known_to_be_public_needs_a_word_and_is_its_owners(tmp_path, recorded, to):
    run = read_stored(make_run(tmp_path / "results/retrieval", "bm25", recorded=recorded))
    with pytest.raises(UserError, match="--credentialed"):
        export_runs([run], tmp_path / to, credentialed_too=False)
    assert not (tmp_path / to).exists()
    export_runs([run], tmp_path / to, credentialed_too=True)
    files = [path for path in [tmp_path / to, *(tmp_path / to).rglob("*")] if path.is_file()]
    assert files and {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert (tmp_path / to).stat().st_mode & 0o077 == 0


def test_an_archive_of_another_kind_is_not_taken_for_a_folder(tmp_path):
    run = read_stored(make_run(tmp_path / "results/sql", "gold"))
    with pytest.raises(UserError, match=r"\.tar\.gz"):
        export_runs([run], tmp_path / "given.zip", credentialed_too=False)


def test_a_damaged_run_is_not_given_away(tmp_path):
    folder = make_run(tmp_path / "results/retrieval", "bm25")
    (folder / "run.trec.gz").write_text("other")
    with pytest.raises(UserError, match="damaged"):
        export_runs([read_stored(folder)], tmp_path / "x.tgz", credentialed_too=False)
