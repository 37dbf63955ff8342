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
    "mirror/failures.py",
)
# Imports, docstrings and comment lines decide nothing: moving a module or rewording its prose makes no other execution.
_PROSE = re.compile(
    r"^[ ]*(?:from[ ][\w.]+[ ]import[ ](?:\([^)]*\)|[^\n]*)|import[ ][^\n]*|#[^\n]*)\n"
    r'|^[ ]*"""(?:[^"]|"(?!""))*"""\n',
    re.MULTILINE,
)


@cache
def rules_sha256() -> str:
    """The hash: equal rules have equal hashes, wherever their modules lie and however they are commented."""
    root = Path(__file__).resolve().parents[1]
    files = sorted((path for pattern in _RULES for path in root.glob(pattern)), key=lambda path: path.name)
    return content_hash(
        _PROSE.sub("", text) if path.suffix == ".py" else text
        for path in files
        for text in [path.read_text(encoding="utf-8")]
    )
