"""Canonical JSON and the hashes made of it: a run's identity, a content's hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

# Anything JSON can hold; mappings and sequences may be nested.
Json = None | bool | int | float | str | Sequence[Any] | Mapping[str, Any]


def canonical_json(value: Json) -> str:
    """The one text of a JSON value: keys sorted, no spaces, no NaN, UTF-8 kept as it is."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def identity_hash(value: Json) -> str:
    """The sha256 of a value's canonical JSON, as 64 hexadecimal digits."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def content_hash(fields: Iterable[str | bytes]) -> str:
    """The sha256 of a sequence of texts; each is preceded by its length, so that no two sequences share a hash."""
    digest = hashlib.sha256()
    for field in fields:
        data = field.encode("utf-8", "surrogatepass") if isinstance(field, str) else field
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return digest.hexdigest()
