"""Item stages: order, resume, gaps, budgets, damage, and lines of the version before."""

import json
import threading
from dataclasses import replace

import pytest

from bench_core.errors import BenchError
from bench_core.identity import canonical_json, identity_hash
from bench_core.runs.item_lines import Item, Shared, parsed
from bench_core.runs.items import ItemKind, ItemStage, Made, Maker, NoItem, Plan, Unit
from bench_core.runs.manifest import MANIFEST_NAME, Manifest, RunFolder

IDENTITY = {"of": "test"}


def length_of(item):
    if item.content.get("text") is None:
        raise NoItem
    return len(item.content["text"])


KIND = ItemKind("items.jsonl", ("name", "form"), length_of, made_from=("asked",))


def plan_of(names, forms=("plain",), asked="", group=1):
    keys = [(name, form) for name in names for form in forms]
    groups = [keys[start : start + group] for start in range(0, len(keys), group)]
    return Plan({key: {"asked": asked} for key in keys}, [Unit(keys, keys) for keys in groups])


class Making:
    """Makes what it is asked for, but for `without`; counts."""

    def __init__(self, without=(), asked="", stop_after=None):
        self.units, self.without, self.asked, self.stop_after = [], without, asked, stop_after

    def __call__(self, keys):
        if self.stop_after is not None and len(self.units) >= self.stop_after:
            raise BenchError("stopped")
        self.units.append(keys)
        items = [
            Item({"name": name, "form": form, "asked": self.asked, "text": name + form}, {"seconds": len(self.units)})
            for name, form in keys
            if name not in self.without
        ]
        return Made(items, {key: "refused" for key in keys if key[0] in self.without})


class Here:
    def __init__(self, path):
        self.folder, self.told = RunFolder(path), []
        self.path = path / KIND.file_name

    def stage(self):
        return ItemStage(KIND, self.folder, IDENTITY, self.folder.read(), self.told.append)

    def complete(self, plan, making, **options):
        stage = self.stage()
        maker = Maker(making, "make", **options)
        stage.complete(Manifest(IDENTITY), [], "make", plan if callable(plan) else lambda: plan, maker)
        return stage

    def names(self):
        return [json.loads(line)["name"] for line in self.path.read_text().splitlines()]

    def status(self):
        return json.loads((self.folder.path / MANIFEST_NAME).read_text())["status"]


@pytest.fixture
def here(tmp_path):
    return Here(tmp_path / "run")


def test_a_line_is_its_content_then_its_hash_then_what_is_measured():
    item = Item({"b": "ü", "a": [1.5, None]}, {"seconds": 2.0})
    sha256 = identity_hash(item.content)
    assert item.line().decode() == f'{{"a":[1.5,null],"b":"ü","sha256":"{sha256}","measured":{{"seconds":2.0}}}}\n'
    assert parsed(item.line()) == (item, True)
    assert parsed(Item({"a": 1}).line()) == (Item({"a": 1}), True)
    inner = Item({"a": {"sha256": "x", "text": ',"sha256":"'}})
    assert parsed(inner.line()) == (inner, True)
    for name in ("sha256", "measured"):
        with pytest.raises(BenchError):
            Item({name: 1}).line()


def test_every_changed_character_of_the_content_is_damage():
    line = Item({"name": "gout", "n": 12}, {"seconds": 3}).line()
    for position in range(line.index(b',"measured"')):
        changed = line[:position] + bytes([line[position] ^ 1]) + line[position + 1 :]
        assert parsed(changed)[0] is None or not parsed(changed)[1], changed


@pytest.mark.parametrize("n_threads", [1, 4])
def test_lines_stand_in_the_order_of_the_items_whoever_is_done_first(here, n_threads):
    names = [f"n{number}" for number in range(9, -1, -1)]
    others_done = threading.Event()
    n_done = []

    def make(keys):
        if n_threads > 1 and keys[0][0] == "n9":
            assert others_done.wait(60)
        n_done.append(keys)
        if len(n_done) == 5:
            others_done.set()
        return Making()(keys)

    stage = here.complete(plan_of(names), make, n_threads=n_threads)
    assert here.names() == names
    assert (here.status(), stage.gaps) == ("complete", {})
    assert [stage.value((name, "plain")) for name in names] == [7] * 10
    assert [stage.item((name, "plain")).content["name"] for name in names] == names


def test_a_resumed_stage_has_the_bytes_of_an_undisturbed_one_but_for_what_is_measured(here, tmp_path):
    whole = Here(tmp_path / "whole")
    plan = plan_of([f"n{number}" for number in range(10)], group=3)
    whole.complete(plan, Making())
    with pytest.raises(BenchError):
        here.complete(plan, Making(stop_after=2))
    assert here.status() == "failed" and len(here.names()) == 6
    with here.path.open("ab") as file:
        file.write(b'{"name":"n6","te')
    rest = Making()
    here.complete(plan, rest)
    assert [len(keys) for keys in rest.units] == [3, 1]

    def content(path):
        return [parsed(line)[0].content for line in path.read_bytes().splitlines(keepends=True)]

    assert content(here.path) == content(whole.path)
    assert here.status() == "complete" and here.told == []


def test_a_group_that_is_done_in_part_is_made_whole_and_adds_only_what_was_missing(here):
    plan = plan_of("abcd", group=4)
    here.complete(plan, Making())
    lines = here.path.read_bytes().splitlines(keepends=True)
    here.path.write_bytes(b"".join(lines[:2]))
    again = Making()
    here.complete(plan, again)
    assert again.units == [[(name, "plain") for name in "abcd"]]
    assert here.path.read_bytes().splitlines(keepends=True)[:2] == lines[:2]
    assert here.names() == list("abcd")


def test_killed_between_the_last_item_and_the_manifest_it_is_finished_by_the_next(here):
    plan = plan_of("ab")
    here.complete(plan, Making())
    path = here.folder.path / MANIFEST_NAME
    path.write_text(json.dumps({**json.loads(path.read_text()), "status": "started", "files": {}}))
    making = Making()
    here.complete(plan, making)
    assert making.units == [] and here.status() == "complete"
    before = path.read_bytes()
    here.complete(plan, making)
    assert path.read_bytes() == before


def test_gaps_are_no_lines_and_make_the_run_partial_until_they_are_filled(here):
    plan = plan_of("abc")
    stage = here.complete(plan, Making(without="b"))
    assert here.names() == ["a", "c"] and here.status() == "partial"
    assert stage.gaps == {("b", "plain"): "refused"} and stage.gap_reasons() == "1 refused"
    again = Making()
    assert here.complete(plan, again).gaps == {}
    assert again.units == [[("b", "plain")]] and here.names() == ["a", "b", "c"] and here.status() == "complete"


def test_once_the_budget_is_spent_nothing_more_is_begun(here):
    making = Making()
    stage = here.complete(plan_of("abcde"), making, budget=lambda: "spending cap" if len(making.units) == 2 else "")
    assert here.names() == ["a", "b"] and stage.gap_reasons() == "3 spending cap" and here.status() == "partial"


def test_what_came_of_one_item_may_ask_for_another(here):
    forms = ["plain"]
    making = Making()

    def plan():
        return plan_of("ab", forms)

    def make(keys):
        if forms == ["plain"]:
            forms.append("sorted")
        return making(keys)

    here.complete(plan, make)
    assert [(line["name"], line["form"]) for line in map(json.loads, here.path.open())] == [
        ("a", "plain"), ("a", "sorted"), ("b", "plain"), ("b", "sorted")
    ]  # fmt: skip


def test_an_item_made_from_something_else_is_made_again_and_the_old_one_forgotten(here):
    here.complete(plan_of("abc"), Making())
    changed = Making(asked="other")
    here.complete(plan_of("ac", asked="other"), changed)
    assert len(changed.units) == 2 and here.names() == ["a", "c"]


@pytest.mark.parametrize("damage", [
    lambda line: line.replace(b'"n1', b'"n7', 1), lambda line: b"no json\n", lambda line: b"[1]\n",
    lambda line: b"\n", lambda line: line.replace(b'"sha256"', b'"sha255"'), lambda line: b"\xff\n",
    lambda line: Item({"name": "n1"}).line(), lambda line: b'{"name":"n1","form":"plain","asked":"","text":3}\n',
])  # fmt: skip
def test_a_damaged_line_is_named_and_made_again(here, damage):
    plan = plan_of(["n0", "n1", "n2"])
    here.complete(plan, Making())
    before = here.path.read_bytes().splitlines(keepends=True)
    here.path.write_bytes(b"".join([before[0], damage(before[1]), before[2]]))
    again = Making()
    here.complete(plan, again)
    assert [keys[0][0] for keys in again.units] == ["n1"]
    assert len(here.told) == 1 and ("line 2" in here.told[0] or "no hash" in here.told[0])
    assert [json.loads(line)["text"] for line in here.path.read_text().splitlines()] == [
        "n0plain",
        "n1plain",
        "n2plain",
    ]
    assert here.status() == "complete"


OLD = "".join(
    canonical_json({"name": name, "form": "plain", "asked": "", "text": name, "seconds": 1}) + "\n" for name in "ab"
)


def old(here, content=OLD, **manifest):
    folder = here.folder
    written = Manifest(IDENTITY, schema_version=1)
    with folder.recording(written, []):
        here.path.write_text(content)
        folder.add_files(written, [KIND.file_name])
    path = folder.path / MANIFEST_NAME
    as_then = {name: value for name, value in json.loads(path.read_text()).items() if name != "sha256"}
    path.write_text(json.dumps({**as_then, **manifest}))


def test_lines_without_hashes_are_believed_where_a_finished_manifest_has_the_files(here):
    old(here)
    before = here.path.read_bytes()
    making = Making()
    assert here.complete(plan_of("ab"), making).value(("a", "plain")) == 1
    assert making.units == [] and here.path.read_bytes() == before and here.told == []
    here.complete(plan_of("abc"), making)
    assert [keys[0][0] for keys in making.units] == ["c"]
    assert all(len(json.loads(line)["sha256"]) == 64 for line in here.path.open())


@pytest.mark.parametrize(
    ("content", "manifest"),
    [(OLD, {"status": "started"}), (OLD, {"status": "failed"}), (OLD, {"files": {KIND.file_name: "0" * 64}})],
)
def test_and_else_are_not(here, content, manifest):
    old(here, content, **manifest)
    making = Making()
    here.complete(plan_of("ab"), making)
    assert len(making.units) == 2 and "2 lines carry no hash" in here.told[0]


def test_a_line_that_said_there_was_no_result_is_passed_over(here):
    nothing = canonical_json({"name": "c", "form": "plain", "asked": "", "text": None}) + "\n"
    old(here, OLD + nothing, status="partial")
    making = Making()
    here.complete(plan_of("abc"), making)
    assert [keys[0][0] for keys in making.units] == ["c"] and here.told == []


def test_items_of_another_identity_in_a_folder_of_the_same_name_are_not_believed(here):
    here.complete(plan_of("ab"), Making())
    path = here.folder.path / MANIFEST_NAME
    content = {**json.loads(path.read_text()), "identity": {"of": "another"}}
    del content["sha256"]
    path.write_text(json.dumps({**content, "sha256": identity_hash(content)}))
    making = Making()
    here.complete(plan_of("ab"), making)
    assert len(making.units) == 2 and here.status() == "complete"


def test_an_item_that_was_not_asked_for_is_an_error(here):
    with pytest.raises(BenchError, match="made and not asked for"):
        here.complete(plan_of("a"), lambda keys: Making()([("b", "plain")]))


@pytest.mark.parametrize("text", ['a"b\\\n\t\x00\x7f\u2028é😀', "", "plain"])
def test_a_value_that_items_share_is_written_as_any_other(text):
    plain = {"name": text, "rows": [[1, None, text], [2.5, True, {"x": text}]], "empty": None}
    shared = Item({**plain, "rows": Shared(plain["rows"])}, {"seconds": 0.5})
    assert shared.line() == Item(plain, {"seconds": 0.5}).line()
    assert shared.as_read() == parsed(shared.line())[0] == Item(plain, {"seconds": 0.5})
    assert Item({"pair": ("a", 1)}).as_read() == parsed(Item({"pair": ("a", 1)}).line())[0]


def test_items_that_are_alike_are_loaded_once(here):
    loaded = []

    def load(item):
        loaded.append(item)
        return len(item.content["text"])

    kind = replace(KIND, load=load)
    stage = ItemStage(kind, here.folder, IDENTITY, here.folder.read(), here.told.append)
    keys = [(name, "plain") for name in "abc"]
    content = {"form": "plain", "asked": "", "text": Shared("four")}

    def make(work):
        return Made([Item({**content, "name": name}) for name, _ in keys], is_alike=True)

    plan = Plan({key: {"asked": ""} for key in keys}, [Unit("all", keys)])
    stage.fill(lambda: plan, Maker(make, "make"))
    assert len(loaded) == 1 and [stage.value(key) for key in keys] == [4, 4, 4]
    assert [line["name"] for line in map(json.loads, here.path.open())] == ["a", "b", "c"]
