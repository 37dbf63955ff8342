"""A mirror: a dataset's tables in one DuckDB file, and beside it what they hold, so that opening reads no table.

`<name>.duckdb` holds the tables, `<name>.mirror.json` describes them. The description is written last: a mirror
without one is what an interrupted import leaves behind. The tables carry their content hashes as comments, so that the
file can be told from another under the same name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from bench_core.artifacts import read_json, write_json
from bench_core.errors import BadFile, UserError
from bench_core.identity import Json, identity_hash
from sql_bench.types import Column

FORMAT = 1
"""Version of the description, and of the content hash in it."""

_HASH = "description_sha256"
_FIELDS_BEFORE = {"format", "engine", "n_bytes", "schema_sha256", "stamped", "sha256", "tables"}
"""Of descriptions of earlier versions, which have no hash of all of them: another field is that hash, damaged."""
_AGAIN = "import the tables again"


@dataclass(frozen=True)
class SourceFile:
    """The file a table was made from: its name in the imported folder, and the sha256 of its bytes."""

    name: str
    sha256: str


@dataclass(frozen=True)
class MirrorTable:
    """One table as it was imported.

    Attributes:
        column_hashes: a hash of the values of each column in row order (`sql_bench.mirror.content`).
        remarks: choices made where its file can be read in several ways; whole sentences.
    """

    name: str
    columns: tuple[Column, ...]
    n_rows: int
    column_hashes: tuple[str, ...]
    source: SourceFile
    remarks: tuple[str, ...] = ()

    @cached_property
    def sha256(self) -> str:
        """A hash of column names, types and values in row order."""
        columns = [
            {"name": column.name, "type": column.type, "values": values}
            for column, values in zip(self.columns, self.column_hashes, strict=True)
        ]
        return identity_hash({"format": FORMAT, "n_rows": self.n_rows, "columns": columns})


@dataclass(frozen=True)
class Mirror:
    """An imported database.

    Attributes:
        path: the DuckDB file.
        tables: in the order of their names.
        engine_version: the DuckDB that wrote the file.
        n_bytes: size of the file.
        schema_sha256: hash of the declared types (`Schema.sha256`); None where types were found in the files.
        is_stamped: the file itself says what it holds, as those of earlier versions do not.
    """

    path: Path
    tables: tuple[MirrorTable, ...]
    engine_version: str
    n_bytes: int
    schema_sha256: str | None = None
    is_stamped: bool = True

    @property
    def made_from(self) -> dict[str, Json]:
        """All that decides what is in the file: source files, declared types, engine."""
        return made_from({table.name: table.source for table in self.tables}, self.schema_sha256, self.engine_version)

    @cached_property
    def sha256(self) -> str:
        """The content hash: equal for mirrors whose tables, columns, types and rows in order are equal."""
        return identity_hash({table.name: table.sha256 for table in self.tables})

    @property
    def remarks(self) -> list[str]:
        """Choices made where files can be read in several ways, table by table."""
        return [remark for table in self.tables for remark in table.remarks]


def made_from(sources: Mapping[str, SourceFile], schema_sha256: str | None, engine_version: str) -> dict[str, Json]:
    """What a mirror is made from, to be compared and hashed."""
    return {
        "format": FORMAT,
        "engine": engine_version,
        "schema": schema_sha256,
        "tables": {name: asdict(source) for name, source in sources.items()},
    }


def description_path(mirror_path: Path) -> Path:
    """Where the description of a mirror stands.

    Raises:
        UserError: a mirror's file must end in `.duckdb`.
    """
    if mirror_path.suffix != ".duckdb":
        raise UserError(f"{mirror_path}: a mirror's file name ends in .duckdb; name it {mirror_path.stem}.duckdb.")
    return mirror_path.with_suffix(".mirror.json")


def open_mirror(path: Path) -> Mirror:
    """Read the description of a mirror; no table is read (`verify_mirror` does that).

    Raises:
        UserError: no such file.
        BadFile: not a mirror, an unfinished import, or a file that changed its size since it was imported.
    """
    mirror = read_description(path)
    n_bytes = path.stat().st_size
    if n_bytes != mirror.n_bytes:
        raise BadFile(path, f"the file has {n_bytes} bytes and had {mirror.n_bytes} when it was imported; {_AGAIN}")
    log = path.with_name(f"{path.name}.wal")
    if log.exists():
        raise BadFile(log, f"something wrote to the mirror after it was imported and left this log; {_AGAIN}")
    return mirror


def read_description(path: Path) -> Mirror:
    """What was written of a mirror at its import, whatever became of it since.

    Raises:
        UserError: no such file.
        BadFile: not a mirror, or an unfinished import.
    """
    described = description_path(path)
    if not path.is_file():
        raise UserError(f"{path}: there is no such mirror; `sql-bench mirror import` makes one.")
    if not described.is_file():
        raise BadFile(
            path, f"this is not a mirror, or its import was interrupted ({described.name} is missing); {_AGAIN}"
        )
    content = read_json(described)
    found = content.get("format") if isinstance(content, dict) else None
    if found != FORMAT:
        raise BadFile(described, f"expected a mirror's description of format {FORMAT} and found {found}; {_AGAIN}")
    whole_sha256 = content.pop(_HASH, None)  # what is older has none, and is believed by the hashes of its parts
    try:
        mirror = _mirror_of(path, content)
        hashes = [mirror.sha256, *(table.sha256 for table in mirror.tables)]
        is_whole = hashes == [content["sha256"], *(table["sha256"] for table in content["tables"])]
        is_whole = is_whole and (
            content.keys() <= _FIELDS_BEFORE if whole_sha256 is None else whole_sha256 == identity_hash(content)
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadFile(described, f"this is not a mirror's description ({error!r}); {_AGAIN}") from error
    if not is_whole:
        raise BadFile(described, f"the description is not as it was written; {_AGAIN}")
    return mirror


def write_description(mirror: Mirror) -> None:
    """Write the description; this is what makes an import complete."""
    tables = [
        {
            "name": table.name,
            "n_rows": table.n_rows,
            "sha256": table.sha256,
            "source": asdict(table.source),
            **({"remarks": list(table.remarks)} if table.remarks else {}),
            "columns": [
                {"name": column.name, "type": column.type, "values_sha256": values}
                for column, values in zip(table.columns, table.column_hashes, strict=True)
            ],
        }
        for table in mirror.tables
    ]
    content: dict[str, Json] = {
        "format": FORMAT,
        "engine": {"name": "duckdb", "version": mirror.engine_version},
        "n_bytes": mirror.n_bytes,
        "schema_sha256": mirror.schema_sha256,
        "stamped": mirror.is_stamped,
        "sha256": mirror.sha256,
        "tables": tables,
    }
    write_json(description_path(mirror.path), {**content, _HASH: identity_hash(content)})


def _mirror_of(path: Path, content: Mapping[str, Any]) -> Mirror:
    tables = tuple(
        MirrorTable(
            table["name"],
            tuple(Column(column["name"], column["type"]) for column in table["columns"]),
            table["n_rows"],
            tuple(column["values_sha256"] for column in table["columns"]),
            SourceFile(**table["source"]),
            tuple(table.get("remarks", ())),
        )
        for table in content["tables"]
    )
    engine_version, is_stamped = content["engine"]["version"], content.get("stamped") is True
    return Mirror(path, tables, engine_version, content["n_bytes"], content["schema_sha256"], is_stamped)
