"""Why a run is made again, in one sentence."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from run_folders import make_run

from bench_core.runs.differences import differences, why_made_again


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
    wanted = identity(source="d" * 64)
    said = why_made_again(far.with_name("mine--00000000"), "mine", wanted)
    assert near.name in said and "system.source (bbbbbbbb…, now dddddddd…)" in said and said.count("system.") == 1


def test_nothing_is_said_where_nothing_of_that_label_is_there(tmp_path):
    folder = make_run(tmp_path, "mine", identity=identity())
    assert why_made_again(folder.with_name("other--00000000"), "other", identity(b=1)) == ""
    assert why_made_again(folder, "mine", identity()) == "", "it is this very folder"
    assert why_made_again(tmp_path / "nowhere/mine--00000000", "mine", identity()) == ""


def test_many_differences_are_counted_and_not_listed(tmp_path):
    folder = make_run(tmp_path, "mine", identity=identity(**{f"f{number}": 0 for number in range(9)}))
    said = why_made_again(
        folder.with_name("mine--00000000"), "mine", identity(**{f"f{number}": 1 for number in range(9)})
    )
    assert said.endswith("and 5 more.")
