"""Say in which fields two identities differ, and why a run is made though one of its name exists."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench_core.artifacts import read_json
from bench_core.errors import BadFile
from bench_core.identity import Json
from bench_core.runs.manifest import MANIFEST_NAME, RunFolder
from bench_core.runs.reporter import Reporter

_N_SHOWN = 4
_LONGEST = 24

ABSENT = "–"
"""What stands for a field that one of two identities does not have."""


@dataclass(frozen=True)
class Difference:
    """A field in which two identities differ: its path, `system.over.of[1].search.k1`, and both values as JSON."""

    path: str
    first: str
    second: str


def differences(first: Json, second: Json) -> list[Difference]:
    """The leaves in which two JSON values differ, in the order of their paths' names."""
    return list(_differences("", first, second))


def _differences(path: str, first: Json, second: Json) -> Iterator[Difference]:
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        for key in sorted({*first, *second}):
            inner = f"{path}.{key}" if path else str(key)
            if key in first and key in second:
                yield from _differences(inner, first[key], second[key])
            else:
                yield Difference(inner, _written(first, key), _written(second, key))
    elif isinstance(first, list) and isinstance(second, list) and len(first) == len(second):
        for place, (one, other) in enumerate(zip(first, second, strict=True)):
            yield from _differences(f"{path}[{place}]", one, other)
    elif (one := _json(first)) != (other := _json(second)):
        yield Difference(path, one, other)


def _written(value: Mapping[str, Json], key: str) -> str:
    return _json(value[key]) if key in value else ABSENT


def _json(value: Json) -> str:
    """As canonical JSON, but of what a damaged manifest may hold too (NaN)."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def report_other_identity(
    tell: Reporter, what: str, folder: RunFolder, identity: Mapping[str, Json], label: str | None = None
) -> None:
    """Report why a run is about to be made though a finished one of the same dataset and label exists.

    Nothing is said where none exists, or where the run itself is there already, whole or not.

    Args:
        what: the run, for the message.
        folder: where the run is going to be: its neighbours are looked at.
        label: what tables call the system; None for what has no such name (executions).
    """
    why = "" if (folder.path / MANIFEST_NAME).exists() else why_made_again(folder.path, identity, label)
    if why:
        tell.always(f"{what}: {why}")


def why_made_again(folder: Path, identity: Mapping[str, Json], label: str | None = None) -> str:
    """In which fields an identity differs from that of a finished neighbour of the same label; of several, the nearest.

    Returns:
        A sentence, or the empty string where there is no such neighbour.
    """
    nearest: tuple[int, str, list[Difference]] | None = None
    for path in sorted(folder.parent.glob(f"*/{MANIFEST_NAME}")):
        if path.parent.name == folder.name or path.parent.name.startswith("."):
            continue
        manifest = _readable(path)
        if manifest.get("status") not in ("complete", "partial") or _label(manifest) != label:
            continue
        found = differences(manifest["identity"], dict(identity))
        if found and (nearest is None or len(found) < nearest[0]):
            nearest = len(found), path.parent.name, found
    if nearest is None:
        return ""
    _, name, found = nearest
    shown = ", ".join(f"{field.path} ({_short(field.first)}, now {_short(field.second)})" for field in found[:_N_SHOWN])
    more = f" and {len(found) - _N_SHOWN} more" if len(found) > _N_SHOWN else ""
    return f"made again, since {name} was made from something else: {shown}{more}."


def _readable(path: Path) -> Mapping[str, Any]:
    """A manifest's content, or nothing where it is damaged: then it is no reason for anything."""
    try:
        content = read_json(path)
    except (BadFile, OSError, RecursionError):
        return {}
    return content if isinstance(content, dict) and isinstance(content.get("identity"), dict) else {}


def _label(manifest: Mapping[str, Any]) -> str | None:
    recorded = manifest.get("recorded")
    return recorded.get("system") if isinstance(recorded, dict) else None


def _short(value: str) -> str:
    value = value.strip('"')
    return value if len(value) <= _LONGEST else f"{value[:8]}…"
