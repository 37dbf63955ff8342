"""Stored results of statements, `executions.jsonl`: one line for each item and form of its statement.

A result is stored under what it answers and the form of the statement that was run; it counts as long as the same
statement is asked there. The folder it stands in is named by engine, mirror and limits, so that nothing else can
differ. A backend_error is never stored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from bench_core.errors import BenchError
from bench_core.identity import Json, canonical_json, content_hash, identity_hash
from bench_core.runs.item_lines import Item
from bench_core.runs.items import ItemKind, ItemStage, Key, Maker, Plan, Tell, Unit
from bench_core.runs.manifest import Manifest, RunFolder
from sql_bench.pipeline.bench import PACKAGES
from sql_bench.pipeline.runner import Asked, Index, Runner
from sql_bench.scoring.metrics import GoldContent, gold_content
from sql_bench.types import Evidence, ExecutionResult, Outcome, StatementShape, Variant
from sql_bench.values import decode_row, result_from_json


@dataclass(frozen=True)
class Statement:
    """One statement to run.

    Attributes:
        item: what it answers: a question_id, or a `gold_item`.
        ignored_limits: numbers of an outermost LIMIT that does not count, so that what it leaves out is asked for.
        against_sample: it is compared with a gold whose LIMIT has no order, so that both must be whole.
    """

    item: str
    sql: str
    ignored_limits: frozenset[int] = frozenset()
    against_sample: bool = False


def gold_item(question_id: str, number: int) -> str:
    """The item a question's n-th gold stands under."""
    return f"{question_id}#{number}"


@dataclass(frozen=True)
class Ran:
    """What planning, hashing and counting need of a result; its rows stay on disk.

    Attributes:
        result: the result without its rows.
        content: what gold of these rows would hold.
    """

    result: ExecutionResult
    n_rows: int
    content: GoldContent
    result_sha256: str

    @property
    def shape(self) -> StatementShape | None:
        """The statement's shape, where it ran."""
        return self.result.shape if self.result.outcome is Outcome.OK else None


def _ran(item: Item) -> Ran:
    content = item.content["result"]
    Variant(item.content["variant"])
    result = result_from_json({"seconds": 0.0, **content, "rows": [], "sort_keys": None})
    return Ran(result, len(content["rows"]), _content(content["rows"]), identity_hash({**content, "seconds": None}))


def _content(rows: Sequence[Sequence[Json]]) -> GoldContent:
    """Rows are looked at as they are stored: NULL and numbers are themselves there, but for decimals."""
    if len(rows) > 1 and any(cell is not None for cell in rows[0]):
        return "rows"
    return gold_content([decode_row(row) for row in rows])


EXECUTIONS: ItemKind[Ran] = ItemKind("executions.jsonl", ("item", "variant"), _ran, made_from=("sql",))
"""A statement's result, in each variant that was run."""

_WRITTEN = Variant.AS_WRITTEN.value
_BESIDE = tuple(variant for variant in Variant if variant is not Variant.AS_WRITTEN)


class Executions:
    """The executions of one folder, whose lock the caller holds. Results stay on disk and are read one at a time.

    Args:
        folder: where they are stored.
        identity: what they depend on besides their statements.
        tell: told of lines that are damaged.
    """

    def __init__(self, folder: RunFolder, identity: Mapping[str, Json], tell: Tell) -> None:
        self._stored = ItemStage(EXECUTIONS, folder, identity, folder.read(), tell)
        self._identity = identity

    def evidence(self, item: str) -> Evidence:
        """All runs of an item."""
        runs = {variant: self._result(item, variant) for variant in Variant}
        as_written = runs[Variant.AS_WRITTEN]
        if as_written is None:
            raise BenchError(f"{item} was not executed; run the execution stage first.")
        longer = runs[Variant.LONGER_LIMIT]
        keyed = runs[Variant.WITH_SORT_KEYS] or _window(as_written, longer)
        return Evidence(as_written, keyed, runs[Variant.WITHOUT_LIMIT], longer)

    def has(self, item: str, sql: str) -> bool:
        """Whether an item was executed, and its statement is this one."""
        return self._stored.has((item, _WRITTEN), {"sql": sql})

    def ran(self, item: str) -> ExecutionResult:
        """An item's result as written, without its rows.

        Raises:
            BenchError: it was not executed.
        """
        return self._ran(item).result

    def content(self, item: str) -> GoldContent:
        """What the result of an item that ran holds."""
        return self._ran(item).content

    def results_sha256(self, item: str) -> tuple[str, ...]:
        """A hash for each variant of an item's result, empty where it was not run: equal hashes, equal evidence."""
        keys = [(item, variant.value) for variant in Variant]
        return tuple(self._stored.value(key).result_sha256 if self._stored.has(key) else "" for key in keys)

    def is_sample(self, item: str) -> bool:
        """Whether its LIMIT leaves rows out, as far as is known, and no order says which."""
        ran = self._ran(item)
        shape, longer = ran.shape, (item, Variant.LONGER_LIMIT.value)
        if shape is None or not shape.has_limit or shape.ordered or shape.exhausted_by(ran.n_rows):
            return False
        return not self._stored.has(longer) or self._stored.value(longer).result.cut

    def known(self) -> Index:
        """Where the results that are there now are stored."""
        index = Index(self._result)
        for (item, variant), ran in self._stored.values():
            if variant == _WRITTEN:
                index.note(item, str(self._stored.made_from((item, variant))["sql"]), ran.result)
        return index

    def ran_on(self, engine: Mapping[str, Json]) -> bool:
        """Whether the statements were run, from the dialect they are in, by what this identity describes."""
        return all(canonical_json(self._identity.get(name)) == canonical_json(value) for name, value in engine.items())

    @property
    def n_reading_clock(self) -> int:
        """How many statements ask for the day or the time."""
        written = (ran for (_, variant), ran in self._stored.values() if variant == _WRITTEN)
        return sum(ran.result.shape is not None and ran.result.shape.reads_clock for ran in written)

    def content_sha256(self) -> str:
        """A hash of all results, without the seconds they took."""
        return content_hash(
            text
            for (item, variant), ran in sorted(self._stored.values(), key=lambda stored: stored[0])
            for text in (item, variant, ran.result_sha256)
        )

    def execute(
        self,
        statements: Sequence[Statement],
        needs: frozenset[Variant],
        runner: Runner,
        recorded: Mapping[str, Json] = MappingProxyType({}),
    ) -> int:
        """Run what is not there yet: each statement as written, then the variants that are needed and make sense.

        Args:
            recorded: what the manifest records besides.

        Returns:
            How many results came of it; one statement's run gives one to each item that asks for it.

        Raises:
            BenchError: the backend itself failed; what was done before is kept.
        """
        manifest = Manifest(self._identity, recorded={"n_statements": len(statements), **recorded})
        own = self.known()
        maker = Maker[Asked](lambda asked: runner.run(asked, own), runner.title)
        return self._stored.complete(manifest, PACKAGES, "execute", lambda: self._plan(statements, needs), maker)

    def _plan(self, statements: Sequence[Statement], needs: frozenset[Variant]) -> Plan[Asked]:
        """Which variants a statement's shape asks for is known once it ran as written."""
        items: dict[Key, Mapping[str, Json]] = {}
        asking: dict[tuple[str, Variant], list[tuple[Key, str]]] = {}
        made_from = {sql: {"sql": sql} for sql in {statement.sql for statement in statements}}
        for statement in statements:
            asked = made_from[statement.sql]
            written = self._written(statement.item, asked)
            equal = statement.sql if written is None else str(written.result.executed_sql or statement.sql)
            for variant in self._useful(statement, written, asked, needs):
                key = (statement.item, variant.value)
                items[key] = asked
                text = statement.sql if variant is Variant.AS_WRITTEN else equal
                asking.setdefault((text, variant), []).append((key, statement.sql))
        return Plan(items, [self._unit(variant, texts) for (_, variant), texts in asking.items()])

    def _unit(self, variant: Variant, texts: Sequence[tuple[Key, str]]) -> Unit[Asked]:
        (item, _), sql = texts[0]
        written = self._written(item, {"sql": sql}) if variant is not Variant.AS_WRITTEN else None
        executed_sql = None if written is None else written.result.executed_sql
        asked = Asked(sql, variant, texts, executed_sql, 0 if written is None else _n_reached(written))
        return Unit(asked, [key for key, _ in texts])

    def _written(self, item: str, made_from: Mapping[str, Json]) -> Ran | None:
        """What an item's statement gave as written, if that was run."""
        key = (item, _WRITTEN)
        return self._stored.value(key) if self._stored.has(key, made_from) else None

    def _useful(
        self, statement: Statement, written: Ran | None, made_from: Mapping[str, Json], needs: frozenset[Variant]
    ) -> Iterator[Variant]:
        """The variants that are needed, and those that are there though they are not."""
        yield Variant.AS_WRITTEN
        useful = frozenset() if written is None else self._useful_beside(statement, written, made_from, needs)
        for variant in _BESIDE:
            if variant in useful or self._stored.has((statement.item, variant.value), made_from):
                yield variant

    def _useful_beside(
        self, statement: Statement, ran: Ran, made_from: Mapping[str, Json], needs: frozenset[Variant]
    ) -> frozenset[Variant]:
        """The variants that make sense beside a statement as written, which has run (docs/rules/executing.md E3.3)."""
        shape = ran.shape
        if shape is None or shape.volatile:
            return frozenset()
        longer = Variant.LONGER_LIMIT in needs and shape.has_limit and not shape.exhausted_by(ran.n_rows)
        makes_sense = {
            Variant.LONGER_LIMIT: longer and shape.has_plain_limit,
            Variant.WITH_SORT_KEYS: shape.ordered and not (longer and shape.has_plain_limit),
            Variant.WITHOUT_LIMIT: shape.has_limit,
        }
        useful = frozenset(variant for variant in needs if makes_sense[variant])
        must_be_whole = longer and self._must_be_whole(statement, shape, made_from)
        return useful | {Variant.WITHOUT_LIMIT} if must_be_whole else useful

    def _must_be_whole(self, statement: Statement, shape: StatementShape, made_from: Mapping[str, Json]) -> bool:
        """Whether a statement's LIMIT leaves rows out that no longer LIMIT brings back."""
        if not shape.has_plain_limit:
            return True
        key = (statement.item, Variant.LONGER_LIMIT.value)
        if not self._stored.has(key, made_from):
            return False  # which is run first
        longer = self._stored.value(key).result
        if longer.outcome is Outcome.OK and not longer.cut:
            return False
        return not shape.ordered or statement.against_sample or shape.limit in statement.ignored_limits

    def _ran(self, item: str) -> Ran:
        key = (item, _WRITTEN)
        if not self._stored.has(key):
            raise BenchError(f"{item} was not executed; run the execution stage first.")
        return self._stored.value(key)

    def _result(self, item: str, variant: Variant) -> ExecutionResult | None:
        key = (item, variant.value)
        return stored_result(self._stored.item(key)) if self._stored.has(key) else None


def stored_result(stored: Item) -> ExecutionResult:
    """The result of a stored line; the seconds stand outside the line's hash."""
    seconds = stored.measured.get("seconds")
    return result_from_json({"seconds": seconds if isinstance(seconds, float) else 0.0, **stored.content["result"]})


def _n_reached(ran: Ran) -> int:
    """How many rows a statement's own OFFSET and LIMIT reach over."""
    shape = ran.shape
    return 0 if shape is None else (shape.offset or 0) + max(shape.limit or 0, ran.n_rows)


def _window(written: ExecutionResult, longer: ExecutionResult | None) -> ExecutionResult | None:
    """The statement's own rows with their sort keys, out of its run with a longer LIMIT."""
    shape = written.shape
    if longer is None or longer.sort_keys is None or shape is None or shape.offset is None:
        return None
    own = slice(shape.offset, shape.offset + len(written.rows))
    return replace(longer, rows=longer.rows[own], sort_keys=longer.sort_keys[own], cut=False)
