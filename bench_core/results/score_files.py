"""Files of scores, each with a hash of its content: a damaged one is not believed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench_core.artifacts import read_json, write_json
from bench_core.errors import BadFile
from bench_core.identity import Json, identity_hash

_HASH = "sha256"


def write_score_file(path: Path, content: Mapping[str, Json]) -> None:
    """Write scores as JSON, with a hash of all of it."""
    write_json(path, {**content, _HASH: identity_hash(content)})


def read_score_file(path: Path) -> dict[str, Any]:
    """What was written; of an earlier version, which has neither `format` nor hash, whatever is there.

    Raises:
        FileNotFoundError: no such file.
        BadFile: the file is not as it was written.
    """
    content = read_json(path)
    if not isinstance(content, dict):
        raise BadFile(path, "expected a JSON object")
    found = content.pop(_HASH, None)
    if "format" in content and found != identity_hash(content):
        raise BadFile(path, "the scores are not as they were written; they are made again by the next run")
    return content
