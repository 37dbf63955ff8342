"""Results of other systems on the same dataset, found by the statements that they came of.

They lie in `<dataset>/<system>/<engine>--<hash8>/executions.jsonl`, a folder of one name for all that was run by one
engine on one mirror under the same limits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path

from bench_core.identity import Json, identity_hash
from bench_core.runs.item_lines import Item, ItemLines, parsed
from bench_core.runs.manifest import RunFolder
from sql_bench.pipeline.executions import EXECUTIONS, stored_result
from sql_bench.pipeline.runner import Index
from sql_bench.types import ExecutionResult, Variant

_Place = tuple[Path, int]


class Neighbours:
    """What other systems have run, read once it is first asked for. Lines without a hash are passed over.

    Args:
        folder: the executions of the system that asks.
        identity: theirs; what was run under another one is not looked at.
    """

    def __init__(self, folder: RunFolder, identity: Mapping[str, Json]) -> None:
        self._folder, self._identity_sha256 = folder, identity_hash(identity)
        self._places: dict[tuple[str, str], _Place] = {}

    def of_text(self, sql: str) -> ExecutionResult | None:
        """See `sql_bench.pipeline.runner.Known`."""
        return self._index.of_text(sql)

    def of_translation(self, executed_sql: str, variant: Variant) -> ExecutionResult | None:
        """See `sql_bench.pipeline.runner.Known`."""
        return self._index.of_translation(executed_sql, variant)

    @cached_property
    def _index(self) -> Index:
        index = Index(self._result)
        for path in self._files():
            for line in ItemLines(path).read():
                if line.item is not None and line.is_hashed:
                    self._note(index, path, line.offset, line.item)
        return index

    def _files(self) -> Iterator[Path]:
        name = self._folder.path.name
        for other in sorted(self._folder.path.parent.parent.glob(f"*/{name}")):
            manifest = RunFolder(other).read()
            is_equal = manifest is not None and identity_hash(manifest.identity) == self._identity_sha256
            if is_equal and other != self._folder.path:
                yield other / EXECUTIONS.file_name

    def _note(self, index: Index, path: Path, offset: int, item: Item) -> None:
        try:
            name, variant = f"{path.parent.parent.name} {item.content['item']}", str(item.content["variant"])
            if variant == Variant.AS_WRITTEN.value:
                index.note(name, str(item.content["sql"]), EXECUTIONS.load(item).result)
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
            return  # of an earlier version, or damaged: its own system's next run says so
        self._places[name, variant] = path, offset

    def _result(self, name: str, variant: Variant) -> ExecutionResult | None:
        """A result, unless its file was written again meanwhile."""
        place = self._places.get((name, variant.value))
        if place is None:
            return None
        path, offset = place
        try:
            item, _ = parsed(ItemLines(path).line_at(offset))
        except FileNotFoundError:
            return None
        if (
            item is None
            or item.content.get("variant") != variant.value
            or not name.endswith(f" {item.content['item']}")
        ):
            return None
        return stored_result(item)
