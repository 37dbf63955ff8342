"""Files of scores, each with a hash of all of it and of the files of items beside it: a damaged one is not believed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bench_core.artifacts import file_sha256, read_json, write_json
from bench_core.errors import BadFile
from bench_core.identity import Json, identity_hash

_HASH, _FILES = "sha256", "files"
_ITEM_FILES = ("per_query.csv", "per_question.*.csv", "verdicts.*.jsonl")


def write_score_file(path: Path, content: Mapping[str, Json], item_files: Mapping[str, str]) -> None:
    """Write scores as JSON, with a hash of all of it.

    Args:
        item_files: sha256 of the files beside it that hold the items, by name.
    """
    content = {**content, _FILES: dict(item_files)}
    write_json(path, {**content, _HASH: identity_hash(content)})


def read_score_file(path: Path) -> dict[str, Any]:
    """What was written; of an earlier version, which has neither `format` nor hash, whatever is there.

    Raises:
        FileNotFoundError: no such file.
        BadFile: the file, or one of items beside it, is not as it was written.
    """
    content = read_json(path)
    if not isinstance(content, dict):
        raise BadFile(path, "expected a JSON object")
    found = content.pop(_HASH, None)
    if (found is not None or "format" in content) and found != identity_hash(content):
        raise BadFile(path, "the scores are not as they were written; they are made again by the next run")
    for name, sha256 in content.get(_FILES, {}).items():
        file = path.with_name(name)
        if not file.is_file() or file_sha256(file) != sha256:
            raise BadFile(file, "the scores of items are not as they were written; the next run makes them again")
    return content


def wrong_score_files(folder: Path) -> Iterator[str]:
    """A sentence for each file of scores in a run folder that is damaged, or gone while its items are there."""
    for path in sorted(folder.glob("scores*.json")):
        try:
            content = read_score_file(path)
        except BadFile as error:
            yield f"{error.path.name} is not as it was written."
            continue
        except FileNotFoundError:
            continue  # deleted meanwhile
        if "made_from" not in content:
            yield f"{path.name} is not as it was written."
    for name in sorted({_scores_of(path) for pattern in _ITEM_FILES for path in folder.glob(pattern)}):
        if not (folder / name).exists():
            yield f"{name} is missing."


def _scores_of(item_file: Path) -> str:
    """The name of the file that sums items up: `per_question.exact.csv` belongs to `scores.exact.json`."""
    _, *rule, _ = item_file.name.split(".")
    return ".".join(("scores", *rule, "json"))
