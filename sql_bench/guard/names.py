"""Names of the guard's lists: pinned beside this module, and those only an attack would call."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

# Functions that sqlglot does not know and that reach outside the query or tell about the server.
_FORBIDDEN_NAME = re.compile(
    r"(duckdb|pragma|pg|sqlite|lo|dblink|read|write|scan|parquet|sniff|load|has|inet|setting|set|query|txid|enable|"
    r"disable|json_execute|json_serialize|json_deserialize|st_read|which|sql|current)_\w*"
    r"|\w+_(scan|scan_dumb|privilege|setting|settings|serialized_sql)"
    r"|query|glob|getenv|getvariable|nextval|currval|setval|setseed|version|summary|stats|sleep|sleep_ms|benchmark|"
    r"load_file|load_extension|readfile|writefile|edit|fts3_tokenizer|user|database|schema|session_user|system_user|"
    r"current_catalog|current_role|checkpoint|force_checkpoint|test_all_types|test_vector_types|repeat_row|xp_cmdshell|"
    r"in_search_path|external_query|external_object_transform|python_map_function|from_substrait|get_substrait|dblink",
    re.IGNORECASE,
)


def is_forbidden_function(name: str) -> bool:
    """Whether no ordinary query calls a function of this name: files, catalogue, settings, session, SQL in SQL."""
    return _FORBIDDEN_NAME.fullmatch(name) is not None and name.lower() not in engine_functions()


@cache
def engine_functions() -> frozenset[str]:
    """The pinned functions of `engine_functions.tsv`."""
    return frozenset(name for _, names in read_groups(Path(__file__).parent / "engine_functions.tsv") for name in names)


def read_groups(path: Path) -> Iterator[tuple[str, list[str]]]:
    """The groups of a file of names: one a line, the group's name, a tab, the names in it; # starts a comment line."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            group, _, names = line.partition("\t")
            yield group, names.split()


@cache
def guard_names(group: str) -> frozenset[str]:
    """A group of `guard_names.tsv`."""
    return frozenset(dict(read_groups(Path(__file__).parent / "guard_names.tsv"))[group])


def words(name: str) -> str:
    """`SelectInto` and `SHOW_REF` as people say them."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", name).upper()
