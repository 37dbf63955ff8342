"""The view a generator has of a mirror: schema as text, and guarded previews. Provisional: it has one member."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bench_core.errors import BenchError
from sql_bench.mirror.mirror import Mirror
from sql_bench.types import ExecutionResult, Limits, Outcome, SqlBackend

# What a model is shown of a result; a longer one is a resource_limit there, and no verdict.
_PREVIEW_ROWS = 1_000


@dataclass(frozen=True)
class MirrorView:
    """A mirror behind its guarded backend."""

    mirror: Mirror
    backend: SqlBackend
    limits: Limits
    dialect: str

    def schema_text(self) -> str:
        """One line a table: its name, and its columns with their types."""
        return "\n".join(
            f"{table.name}({', '.join(f'{column.name} {column.type}' for column in table.columns)})"
            for table in self.mirror.tables
        )

    def preview(self, sql: str) -> ExecutionResult:
        """Run a statement of the generator's, as guarded as any prediction.

        Raises:
            BenchError: the database failed, of which a generator is not to make an answer.
        """
        result = self.backend.execute(sql, replace(self.limits, max_rows=_PREVIEW_ROWS))
        if result.outcome is Outcome.BACKEND_ERROR:
            raise BenchError(f"The database failed: {result.message.rstrip('.')}.")
        return result
