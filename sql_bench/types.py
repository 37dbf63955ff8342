"""Values that flow through the text-to-SQL half, and the contracts of its stages."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from bench_core.errors import UserError
from bench_core.identity import Json
from bench_core.plugins.stage import Stage

Value = (
    None
    | bool
    | int
    | float
    | Decimal
    | str
    | bytes
    | datetime.datetime
    | datetime.date
    | datetime.time
    | datetime.timedelta
    | list[Any]
    | dict[str, Any]
)
"""A cell: lists are arrays, dicts are structs, zoned timestamps are aware datetimes; UUIDs and enums come as text."""

Row = tuple[Value, ...]


@dataclass(frozen=True)
class IdentifierRule:
    """How a dataset's identifier columns are known: by name (any case) or because all non-null values match.

    Raises:
        UserError: the columns are no set of names, or the pattern is no regular expression.
    """

    columns: frozenset[str] = frozenset()
    pattern: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.columns, frozenset):
            raise UserError(f"The identifier columns {self.columns!r} are no frozenset of names.")
        try:
            re.compile(self.pattern or "")
        except (re.error, TypeError) as error:
            raise UserError(f"The identifier pattern {self.pattern!r} is no regular expression ({error}).") from error


@dataclass(frozen=True)
class ComparisonRules:
    """What a dataset declares about comparing its results (docs/rules/comparing.md C1.1, C4.6)."""

    identifiers: IdentifierRule | None = None
    safety_limits: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Question:
    """One question with its gold statements; none means that it cannot be answered from the database."""

    question_id: str
    text: str
    golds: tuple[str, ...] = ()
    answer: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    rules: ComparisonRules = ComparisonRules()


@dataclass(frozen=True)
class AskedQuestion:
    """What a generator may see of a question."""

    question_id: str
    text: str


class PredictionStatus(StrEnum):
    """What was found in a model's text."""

    SQL = "sql"
    NO_SQL = "no_sql"
    ABSTAINED = "abstained"
    REFUSED = "refused"  # more than one statement


@dataclass(frozen=True)
class Prediction:
    """A generator's work on one question; `raw` is kept whatever was found in it.

    Attributes:
        cut: what followed the statement in `raw` and was cut off (docs/rules/extraction.md X5).
        cut_off: the endpoint reported that it ended the reply before the model did.
    """

    question_id: str
    raw: str
    status: PredictionStatus
    sql: str | None = None
    detail: str = ""
    answer: str | None = None
    usage: Mapping[str, Json] = field(default_factory=dict)
    cut: str = ""
    cut_off: bool = False


@dataclass(frozen=True)
class Limits:
    """Bounds on one statement; each is part of an execution's identity.

    Attributes:
        timeout_s: wall time after which the statement is interrupted; the worker is killed one second later.
        memory_bytes: the engine's memory limit; the process may take 3 GiB of address space more.
        max_rows: rows fetched; a longer result is a resource_limit, never silently cut.
        max_result_bytes: size of the encoded result.
        max_columns: columns of a result.
        max_temp_bytes: what the engine may spill to its own temporary folder.
    """

    timeout_s: float = 30.0
    memory_bytes: int = 2 * 1024**3
    max_rows: int = 100_000
    max_result_bytes: int = 64 * 1024**2
    max_columns: int = 1_000
    max_temp_bytes: int = 1024**3


class Outcome(StrEnum):
    """How an execution ended; all but `ok` and `backend_error` are verdicts on the statement."""

    OK = "ok"
    INVALID_SQL = "invalid_sql"
    REFUSED = "refused"
    UNTRANSLATABLE = "untranslatable"
    TIMEOUT = "timeout"
    RESOURCE_LIMIT = "resource_limit"
    BACKEND_ERROR = "backend_error"


class Variant(StrEnum):
    """Which form of a statement is run; comparators say what they need."""

    AS_WRITTEN = "as_written"
    WITH_SORT_KEYS = "with_sort_keys"  # the outermost ORDER BY's keys come back beside each row
    WITHOUT_LIMIT = "without_limit"  # the outermost LIMIT and OFFSET taken off, sort keys beside each row
    # The outermost OFFSET taken off, and a LIMIT that lets through one row more and, where the query is ordered, all
    # rows that tie with the last one; sort keys beside each row.
    LONGER_LIMIT = "longer_limit"


@dataclass(frozen=True)
class Reach:
    """The rows that one run of a LONGER_LIMIT lets through.

    Attributes:
        n_rows: at most so many.
        tie: the sort keys of the only rows that are wanted, in no order; rows whose numbers differ by less than 1e-11
            of them come too. None: the first rows.
    """

    n_rows: int
    tie: Row | None = None


@dataclass(frozen=True)
class Column:
    """A result column: its name as the engine gives it and the engine's type name."""

    name: str
    type: str


class Gathered(NamedTuple):
    """A result column that gathers the values of a group, as ARRAY_AGG and STRING_AGG do.

    Attributes:
        place: its index among the columns, from the front, or from the back if negative.
        delimiter: what stands between the members of a text; None for a list.
        ordered: it says in which order it gathers.
    """

    place: int
    delimiter: str | None
    ordered: bool


@dataclass(frozen=True)
class StatementShape:
    """What the outermost query of a statement is, read off its syntax tree in the worker.

    Attributes:
        canonical_sql: the statement regenerated from its tree in the source dialect; equal texts, same statement.
        ordered: the outermost query has an ORDER BY.
        limit: its LIMIT, if it has a literal one.
        offset: its OFFSET: 0 if it has none, None if it has no literal one.
        has_limit: it has any LIMIT, OFFSET, FETCH or sample clause.
        duplicate_free: it cannot return duplicates because of DISTINCT, GROUP BY with all keys projected, or a set
            operation without ALL; an aggregate without GROUP BY is not meant.
        gathered: its columns that are ARRAY_AGG, STRING_AGG or the like, followed through subqueries.
        volatile: it may give another result each time it runs: RAND, UUIDs, samples.
        reads_clock: it asks for the day or the time, which is that of the run's `as_of`.
    """

    canonical_sql: str
    ordered: bool = False
    limit: int | None = None
    has_limit: bool = False
    duplicate_free: bool = False
    gathered: tuple[Gathered, ...] = ()
    volatile: bool = False
    reads_clock: bool = False
    offset: int | None = 0

    @property
    def has_plain_limit(self) -> bool:
        """Whether rows are cut by a literal LIMIT, behind a literal OFFSET if any."""
        return self.has_limit and self.limit is not None and self.offset is not None

    def exhausted_by(self, n_rows: int) -> bool:
        """Whether so many rows show that the LIMIT leaves none out."""
        return self.has_plain_limit and self.offset == 0 and self.limit is not None and n_rows < self.limit


@dataclass(frozen=True)
class ExecutionResult:
    """One statement's run. `columns`, `rows` are those of the statement as written even where keys were fetched too.

    Attributes:
        complaints: why the source dialect's own engine would reject the statement though this one ran it.
        key_columns: the columns, from 0, that are sort keys; known where `sort_keys` are.
        cut: the LIMIT that a variant put in place of the statement's own may have left rows out.
        tie_is_whole: no row that ties with the last one was left out.
    """

    outcome: Outcome
    columns: tuple[Column, ...] = ()
    rows: tuple[Row, ...] = ()
    sort_keys: tuple[Row, ...] | None = None
    message: str = ""
    executed_sql: str | None = None
    shape: StatementShape | None = None
    complaints: tuple[str, ...] = ()
    seconds: float = 0.0
    key_columns: tuple[int, ...] = ()
    cut: bool = False
    tie_is_whole: bool = False


class SqlBackend(Stage, Protocol):
    """Runs one guarded statement. Never raises for what the statement does; that is an outcome."""

    def describe(self) -> Mapping[str, Json]: ...

    def prepare(self, sql: str, limits: Limits) -> ExecutionResult:
        """Guard, check and translate a statement without running it.

        Returns:
            Its result without rows and columns: `ok` where `executed_sql` is what `execute` would run, else why it is
            not run.
        """

    def execute(
        self, sql: str, limits: Limits, variant: Variant = Variant.AS_WRITTEN, reach: Reach | None = None
    ) -> ExecutionResult:
        """Run one form of a statement; `reach` says what a LONGER_LIMIT lets through.

        A run of the rows of one tie is `untranslatable` where it cannot be written.
        """

    def close(self) -> None: ...


class DatabaseView(Protocol):
    """What a generator may see of a database. Provisional: it has one member."""

    @property
    def dialect(self) -> str:
        """sqlglot's name of the dialect to write."""

    def schema_text(self) -> str: ...

    def preview(self, sql: str) -> ExecutionResult: ...


class SqlGenerator(Stage, Protocol):
    """Turns a question into SQL; never sees gold, answer or category."""

    @property
    def dialect(self) -> str:
        """sqlglot's name of the dialect that it writes; empty for the dataset's."""

    def describe(self) -> Mapping[str, Json]: ...

    def generate(self, question: AskedQuestion, database: DatabaseView) -> Prediction: ...


class VerdictKind(StrEnum):
    """The decision on a question (docs/rules/counting.md N1)."""

    CORRECT = "correct"
    WRONG = "wrong"
    UNDETERMINED = "undetermined"
    UNTRANSLATABLE = "untranslatable"
    INVALID_SQL = "invalid_sql"
    REFUSED = "refused"
    TIMEOUT = "timeout"
    RESOURCE_LIMIT = "resource_limit"
    NO_SQL = "no_sql"
    ABSTAINED = "abstained"
    CORRECT_ABSTENTION = "correct_abstention"
    GOLD_INVALID = "gold_invalid"
    GOLD_UNTRANSLATABLE = "gold_untranslatable"
    GOLD_LIMIT = "gold_limit"
    BACKEND_ERROR = "backend_error"


class Difference(StrEnum):
    """The kind of difference between two results (docs/rules/comparing.md C2.5)."""

    ROWS = "rows"
    DUPLICATES_ONLY = "duplicates_only"
    ORDER_ONLY = "order_only"
    COLUMNS = "columns"
    VALUES = "values"
    TYPE_ONLY = "type_only"
    CUT_SHORT = "cut_short"


@dataclass(frozen=True)
class Evidence:
    """What a comparator sees of one side: its runs by variant. A variant not asked for, or not possible, is None."""

    as_written: ExecutionResult
    with_sort_keys: ExecutionResult | None = None
    without_limit: ExecutionResult | None = None
    longer_limit: ExecutionResult | None = None


@dataclass(frozen=True)
class Verdict:
    """A comparator's decision on one question.

    Attributes:
        figures: further numbers by name, each averaged into the table (`set`, `rows`, `jaccard`, `extra_columns`).
    """

    kind: VerdictKind
    difference: Difference | None = None
    detail: str = ""
    figures: Mapping[str, float] = field(default_factory=dict)


QUESTION_FIELDS = frozenset({"question_id", "text", "golds", "answer", "labels", "rules", "stated_limits"})
"""Fields of a question; `stated_limits` are those of its safety limits that its text states."""


class Comparator(Stage, Protocol):
    """Decides whether two results that both ran (`Outcome.OK`) answer a question alike."""

    @property
    def needs(self) -> frozenset[Variant]:
        """The variants of a statement's result that it looks at beside the one as written.

        LONGER_LIMIT stands for what is needed of a LIMIT: the result without it comes too where the rows that it leaves
        out count and no order says which those are.
        """

    @property
    def question_fields(self) -> frozenset[str]:
        """What of a question a verdict hangs on, beside the two results: names of `QUESTION_FIELDS`."""

    def describe(self) -> Mapping[str, Json]: ...

    def compare(self, gold: Evidence, predicted: Evidence, question: Question) -> Verdict: ...


def best_verdict(verdicts: Sequence[Verdict]) -> Verdict:
    """The verdict that counts where a question has several golds: correct, else undetermined, else the nearest."""
    order = {VerdictKind.CORRECT: 0, VerdictKind.UNDETERMINED: 1}
    return min(verdicts, key=lambda verdict: (order.get(verdict.kind, 2), -sum(verdict.figures.values())))
