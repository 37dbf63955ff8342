"""A hash of the suite's own code that decides the text that runs: guard, dialect and engine rules."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from bench_core.identity import content_hash

_RULES = (
    "backends/duckdb_*.py",
    "dialect/*.py",
    "dialect/*.tsv",
    "guard/*.py",
    "guard/*.tsv",
)
# Imports, docstrings and comment lines decide nothing: moving a module or rewording its prose makes no other execution.
_PROSE = re.compile(
    r"^[ ]*(?:from[ ][\w.]+[ ]import[ ](?:\([^)]*\)|[^\n]*)|import[ ][^\n]*|#[^\n]*)\n"
    r'|^[ ]*"""(?:[^"]|"(?!""))*"""\n',
    re.MULTILINE,
)
# Rules that stored executions were made by under an earlier way of hashing them, by what they hash to now.
_EARLIER_HASHES = {
    "7e3ea280ca01928fd1340f874d14c97f42ccb985ba608f765b8892fa6bd29e3e": (
        "cf815f39826366846eebde52d02a472cd2f67309022dd40c9af59a454ba17863"
    ),
}


@cache
def rules_sha256() -> str:
    """The hash: equal rules have equal hashes, wherever their modules lie and however they are commented."""
    root = Path(__file__).resolve().parents[1]
    files = sorted((path for pattern in _RULES for path in root.glob(pattern)), key=lambda path: path.name)
    found = content_hash(
        _PROSE.sub("", text) if path.suffix == ".py" else text
        for path in files
        for text in [path.read_text(encoding="utf-8")]
    )
    return _EARLIER_HASHES.get(found, found)
