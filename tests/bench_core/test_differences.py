"""Why a run is made again, in one sentence."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from run_folders import make_run

from bench_core.runs.differences import differences, report_other_identity, why_made_again
from bench_core.runs.manifest import RunFolder
from bench_core.runs.reporter import Reporter


def identity(**system: object) -> dict[str, object]:
    return {"dataset": {"dataset_id": "demo/qa"}, "system": {"name": "mine", **system}, "k": 100}


def test_equal_numbers_of_two_types_are_told_apart_as_their_hashes_are():
    assert differences({"k": 1}, {"k": 1}) == []
    assert [field.path for field in differences({"k": 1, "l": [1, 2]}, {"k": 1.0, "l": [1, 2, 3]})] == ["k", "l"]


def test_the_nearest_finished_run_of_the_same_label_is_named(tmp_path):
    far = make_run(tmp_path, "mine", identity=identity(source="a" * 64, k1=1, b=2))
    near = make_run(tmp_path, "mine", identity=identity(source="b" * 64))
    make_run(tmp_path, "mine", identity=identity(source="c" * 64, b=0), status="started")
    make_run(tmp_path, "mine", identity=identity(b=1), recorded={"system": "mine,b=1"})
    (make_run(tmp_path, "mine", identity=identity(b=7)) / "manifest.json").write_text("{")
    odd = make_run(tmp_path, "mine", identity=identity(b=8)) / "manifest.json"
    odd.write_text(odd.read_text().replace('"b": 8', '"b": NaN'))
    wanted = identity(source="d" * 64)
    said = why_made_again(far.with_name("mine--00000000"), wanted, "mine")
    assert near.name in said and "system.source (bbbbbbbb…, now dddddddd…)" in said and said.count("system.") == 1


def test_nothing_is_said_where_nothing_of_that_label_is_there(tmp_path):
    folder = make_run(tmp_path, "mine", identity=identity())
    assert why_made_again(folder.with_name("other--00000000"), identity(b=1), "other") == ""
    assert why_made_again(folder, identity(), "mine") == "", "it is this very folder"
    assert why_made_again(tmp_path / "nowhere/mine--00000000", identity(), "mine") == ""


def test_many_differences_are_counted_and_not_listed(tmp_path):
    folder = make_run(tmp_path, "mine", identity=identity(**{f"f{number}": 0 for number in range(9)}))
    said = why_made_again(
        folder.with_name("mine--00000000"), identity(**{f"f{number}": 1 for number in range(9)}), "mine"
    )
    assert said.endswith("and 5 more.")


def test_what_has_no_label_is_compared_with_what_has_none(tmp_path):
    folder = make_run(tmp_path, "golds", identity={"limits": {"timeout_s": 60.0}}, recorded={"n_statements": 3})
    make_run(tmp_path, "gold", identity={"limits": {"timeout_s": 5.0}, "k": 1})
    said = why_made_again(folder.with_name("golds--00000000"), {"limits": {"timeout_s": 5.0}})
    assert folder.name in said and "limits.timeout_s (60.0, now 5.0)" in said


def test_it_is_reported_once_and_not_of_what_is_resumed(tmp_path):
    said: list[str] = []
    folder = make_run(tmp_path, "mine", identity=identity(b=1))
    other = RunFolder(folder.with_name("mine--00000000"))
    report_other_identity(Reporter(said.append), "mine on demo/qa", other, identity(b=2), "mine")
    assert len(said) == 1 and said[0].startswith("mine on demo/qa: made again, since mine--")
    other.path.mkdir()
    (other.path / "manifest.json").write_text("{}")
    report_other_identity(Reporter(said.append), "mine on demo/qa", other, identity(b=2), "mine")
    assert len(said) == 1
