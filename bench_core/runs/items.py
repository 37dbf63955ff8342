"""A resumable stage over items: what is there already is kept, what is missing is made, each item is one stored line.

*Items* are what is stored (a query's text, one form of a statement's result); *units* are what is made at once (a
query, a reranker's group, one statement for all items that ask for it), cut from all items, done or not, so that a
resumed run gives each item the company it would have had. The file ends with its lines in the order of the items:
undisturbed or killed and resumed the same bytes, but for what is measured.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import Generic, TypeVar

from bench_core.errors import BenchError, UserError
from bench_core.identity import Json, identity_hash
from bench_core.machine.progress import progress
from bench_core.machine.threads import in_threads
from bench_core.runs.item_lines import Item, ItemLines, StoredLine, parsed
from bench_core.runs.manifest import Manifest, RunFolder

Work = TypeVar("Work")
Value = TypeVar("Value")

Key = tuple[str, ...]
"""What an item is stored under: one text a key field."""

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Unit(Generic[Work]):
    """What is made at once, and the items that come of it."""

    work: Work
    keys: Sequence[Key]


@dataclass(frozen=True)
class Plan(Generic[Work]):
    """All that is asked for.

    Attributes:
        items: every key in the order of the file, with the values that the stage's `made_from` fields must have for a
            stored line to be about what is asked for now (empty where the key says it all), in JSON's own types.
        units: all items' units, done or not.
    """

    items: Mapping[Key, Mapping[str, Json]]
    units: Sequence[Unit[Work]]


@dataclass(frozen=True)
class Made:
    """What came of a unit.

    Attributes:
        items: those with a result, in any order.
        gaps: in a few words why others have none (a refusal, a dead endpoint); the next run asks for them again.
        is_alike: what is kept in memory is equal for all items.
    """

    items: Sequence[Item] = ()
    gaps: Mapping[Key, str] = field(default_factory=dict)
    is_alike: bool = False


class NoItem(Exception):
    """A line of an earlier version that says that there was no result; it is passed over."""


Budget = Callable[[], str]
"""In a few words why no further unit may be begun (a spending cap was reached); empty while one may."""


def no_budget() -> str:
    """The budget of work that costs nothing."""
    return ""


@dataclass(frozen=True)
class Maker(Generic[Work]):
    """How units are made.

    Attributes:
        make: makes one; in several threads where `n_threads` says so.
        title: what a bar of progress says.
        budget: looked at before each unit.
    """

    make: Callable[[Work], Made]
    title: str
    n_threads: int = 1
    budget: Budget = no_budget


@dataclass(frozen=True)
class _Place(Generic[Value]):
    offset: int
    made_from: Mapping[str, Json]
    value: Value


@dataclass(frozen=True)
class ItemKind(Generic[Value]):
    """What the items of a stage are.

    Attributes:
        file_name: the file they are stored in.
        key_fields: the fields of an item that are its key.
        load: what is kept in memory of a stored item, whose whole line stays on disk. KeyError, TypeError, ValueError,
            AttributeError and UserError mean that the line is damaged, NoItem that it is no item.
        made_from: fields that decide, beside the key, whether a stored item is the one that is asked for.
    """

    file_name: str
    key_fields: Sequence[str]
    load: Callable[[Item], Value]
    made_from: Sequence[str] = ()


class ItemStage(Generic[Value]):
    """The items of one kind in a run folder whose lock the caller holds.

    Args:
        kind: what they are.
        folder: the run folder.
        identity: what the run is made from; stored items of another identity are not believed.
        earlier: the manifest that stood there before this process wrote one.
        tell: told of lines that are not believed.
    """

    def __init__(
        self,
        kind: ItemKind[Value],
        folder: RunFolder,
        identity: Mapping[str, Json],
        earlier: Manifest | None,
        tell: Tell,
    ) -> None:
        self._kind, self._folder = kind, folder
        self._lines = ItemLines(folder.path / kind.file_name)
        self._places: dict[Key, _Place[Value]] = {}
        self._unhashed: set[Key] = set()
        self.gaps: dict[Key, str] = {}
        """Items that were asked for and have no result, with the reason."""
        if earlier is not None and identity_hash(earlier.identity) != identity_hash(identity):
            self._lines.path.unlink(missing_ok=True)  # two identities whose folders have one name
        self._read(earlier, tell)

    def has(self, key: Key, made_from: Mapping[str, Json] | None = None) -> bool:
        """Whether an item is there, made from what is asked for now."""
        place = self._places.get(key)
        return place is not None and (made_from is None or place.made_from == made_from)

    def value(self, key: Key) -> Value:
        """What is kept in memory of an item.

        Raises:
            KeyError: it is not there.
        """
        return self._places[key].value

    def made_from(self, key: Key) -> Mapping[str, Json]:
        """The `made_from` fields of an item.

        Raises:
            KeyError: it is not there.
        """
        return self._places[key].made_from

    def values(self) -> Iterator[tuple[Key, Value]]:
        """All items that are there."""
        return ((key, place.value) for key, place in self._places.items())

    def item(self, key: Key) -> Item:
        """The whole item, read from its place on disk.

        Raises:
            KeyError: it is not there.
            BenchError: its line was damaged after it was read first.
        """
        item, _ = parsed(self._lines.line_at(self._places[key].offset))
        if item is None:
            raise BenchError(f"{self._lines.path}: the line of {' '.join(key)} was damaged while in use; run again.")
        return item

    def is_complete(self, plan: Plan[Work]) -> bool:
        """Whether every item asked for is there."""
        return all(self.has(key, made_from) for key, made_from in plan.items.items())

    def complete(
        self,
        manifest: Manifest,
        packages: Iterable[str],
        phase: str,
        plan: Callable[[], Plan[Work]],
        maker: Maker[Work],
    ) -> int:
        """`fill` a folder that belongs to this stage alone, and write its manifest.

        What is asked for decides whether there is anything to do, not the status: a run that was killed between its
        last item and its manifest is finished here.

        Args:
            packages: distributions whose versions are recorded.
            phase: what the manifest calls the time it took.

        Returns:
            How many items were made.
        """
        if self.is_complete(plan()) and self._folder.complete_manifest(manifest.identity) is not None:
            return 0
        with self._folder.recording(manifest, packages), manifest.phase(phase):
            n_made = self.fill(plan, maker)
            self.record(manifest)
        return n_made

    def fill(self, plan: Callable[[], Plan[Work]], maker: Maker[Work]) -> int:
        """Make what is missing, then put the file in order.

        Args:
            plan: what is asked for; asked again after its units are done, since what is needed may depend on what came
                of them. Each item is tried once.

        Returns:
            How many items were made.

        Raises:
            BenchError: from the maker; what was made before is kept.
        """
        n_made, tried, planned = 0, set[Key](), plan()
        while waiting := self._waiting(planned, tried):
            if self._unhashed:  # as long as the manifest that vouches for them is known
                self._move(sorted(self._places, key=lambda key: self._places[key].offset))
            with self._lines:
                for unit, made in _done(waiting, maker):
                    n_made += self._keep(unit, made, planned)
            tried.update(key for unit in waiting for key in unit.keys)
            if reason := maker.budget():
                self.gaps.update({key: reason for key in tried if key not in self.gaps and key not in self._places})
            planned = plan()
        self._put_in_order(planned)
        missing = [key for key, made_from in planned.items.items() if not self.has(key, made_from)]
        self.gaps = {key: self.gaps.get(key, "not made") for key in missing}
        return n_made

    def record(self, manifest: Manifest) -> None:
        """Write the file's hash into its folder's manifest, and `partial` where items are missing."""
        if self._lines.n_lines:
            manifest.files[self._kind.file_name] = self._lines.sha256
        if self.gaps:
            manifest.status = "partial"

    def gap_reasons(self) -> str:
        """How many items are missing for which reason: `1 empty, 2 refused`."""
        return ", ".join(f"{n} {reason}" for reason, n in sorted(Counter(self.gaps.values()).items()))

    def _read(self, earlier: Manifest | None, tell: Tell) -> None:
        damaged = [line.number for line in self._lines.read() if not self._note_stored(line)]
        is_vouched_for = earlier is not None and earlier.vouches_for(self._kind.file_name, self._lines.sha256)
        if self._unhashed and not is_vouched_for:
            tell(
                f"{self._lines.path}: {len(self._unhashed)} lines carry no hash, and no finished manifest vouches for "
                "them; they are made again."
            )
            for key in self._unhashed:
                del self._places[key]
            self._unhashed.clear()
        for number in damaged:
            tell(f"{self._lines.path}, line {number}: this line is damaged; what it held is made again.")

    def _note_stored(self, line: StoredLine) -> bool:
        """Note what a line holds; False where it is damaged."""
        if line.item is None:
            return False
        try:
            key = self._key_of(line.item)
            self._note(key, line.offset, line.item, self._kind.load(line.item))
        except NoItem:
            return True
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError, UserError):
            return False
        (self._unhashed.discard if line.is_hashed else self._unhashed.add)(key)
        return True

    def _note(self, key: Key, offset: int, item: Item, value: Value) -> None:
        made_from = {name: _once(item.content[name]) for name in self._kind.made_from}
        self._places[key] = _Place(offset, made_from, value)

    def _key_of(self, item: Item) -> Key:
        return tuple(str(item.content[name]) for name in self._kind.key_fields)

    def _waiting(self, plan: Plan[Work], tried: Collection[Key]) -> list[Unit[Work]]:
        return [
            unit
            for unit in plan.units
            if any(key not in tried and not self.has(key, plan.items[key]) for key in unit.keys)
        ]

    def _keep(self, unit: Unit[Work], made: Made, plan: Plan[Work]) -> int:
        """Append what is missing of a unit's items; those that are there already stay as they are."""
        self.gaps.update(made.gaps)
        asked, loaded = set(unit.keys), list[Value]()
        n_kept = 0
        for item in made.items:
            key = self._key_of(item)
            if key not in asked:
                raise BenchError(f"{self._kind.file_name}: {' '.join(key)} was made and not asked for.")
            if self.has(key, plan.items[key]):
                continue
            stored = item.as_read()  # what is handed on is what reading the line would give
            if not loaded or not made.is_alike:
                loaded = [self._kind.load(stored)]
            self._note(key, self._lines.append(item.line()), stored, loaded[0])
            n_kept += 1
        return n_kept

    def _put_in_order(self, plan: Plan[Work]) -> None:
        """Rewrite the file in the items' order, without lines of what is no longer asked for."""
        keys = [key for key, made_from in plan.items.items() if self.has(key, made_from)]
        offsets = [self._places[key].offset for key in keys]
        if offsets != sorted(offsets) or len(keys) != self._lines.n_lines:
            self._move(keys)

    def _move(self, keys: Sequence[Key]) -> None:
        """Rewrite the file with these items, in this order, each with its hash."""
        there = self._lines.lines_at(self._places[key].offset for key in keys)
        lines = (
            self.item(key).line() if key in self._unhashed else line for key, line in zip(keys, there, strict=True)
        )
        offsets = self._lines.rewrite(lines)
        self._places = {
            key: replace(self._places[key], offset=offset) for key, offset in zip(keys, offsets, strict=True)
        }
        self._unhashed.clear()


def _once(value: Json) -> Json:
    """A text that many items have in common is kept once."""
    return sys.intern(value) if isinstance(value, str) else value


def _done(waiting: Sequence[Unit[Work]], maker: Maker[Work]) -> Iterator[tuple[Unit[Work], Made]]:
    """Units with what came of them, as they come."""
    begun = takewhile(lambda unit: not maker.budget(), waiting)
    coming: Iterable[tuple[Unit[Work], Made]]
    if maker.n_threads > 1:
        coming = in_threads(lambda unit: maker.make(unit.work), begun, maker.n_threads)
    else:
        coming = ((unit, maker.make(unit.work)) for unit in begun)
    return progress(coming, maker.title, total=len(waiting))
