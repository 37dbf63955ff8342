"""Declared column types of a folder of tables, as YAML: `tables:` -> table -> column -> type."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, field_validator

from bench_core.identity import identity_hash
from bench_core.plugins.arguments import did_you_mean
from bench_core.runs.config import load_config

# BigQuery's names, old and new, and DuckDB's where they mean the same in both: INTEGER and FLOAT have 64 bits here.
TYPES = {
    "STRING": "VARCHAR",
    "VARCHAR": "VARCHAR",
    "INTEGER": "BIGINT",
    "INT64": "BIGINT",
    "BIGINT": "BIGINT",
    "FLOAT": "DOUBLE",
    "FLOAT64": "DOUBLE",
    "DOUBLE": "DOUBLE",
    "BOOLEAN": "BOOLEAN",
    "BOOL": "BOOLEAN",
    "DATE": "DATE",
    "TIME": "TIME",
    "DATETIME": "TIMESTAMP",
    "TIMESTAMP": "TIMESTAMP WITH TIME ZONE",
}
"""Names a schema may use -> DuckDB types. TIMESTAMP is BigQuery's, an instant; DATETIME has no zone."""


class Schema(BaseModel):
    """The types of all columns of all tables, columns in the order of the files.

    Attributes:
        tables: table -> column -> one of `TYPES`, in capitals.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    tables: dict[str, dict[str, str]]

    @field_validator("tables")
    @classmethod
    def _known_types(cls, tables: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
        for table, columns in tables.items():
            for column, name in columns.items():
                if name not in TYPES:
                    hint = did_you_mean(name, list(TYPES))
                    raise ValueError(f"{table}.{column} has an unknown type {name!r}{hint}; known: {', '.join(TYPES)}")
        return tables

    def engine_types(self, table: str) -> dict[str, str]:
        """Column -> DuckDB type of one table."""
        return {column: TYPES[name] for column, name in self.tables[table].items()}

    @property
    def sha256(self) -> str:
        """A hash of the declared types; names for one type count as the same."""
        return identity_hash({table: list(self.engine_types(table).items()) for table in self.tables})


def load_schema(path: Path) -> Schema:
    """Read a schema file.

    Raises:
        UserError: no such file.
        BadFile: not YAML, or a type that is not known.
    """
    return load_config(path, Schema)
