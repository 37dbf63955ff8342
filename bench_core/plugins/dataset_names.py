"""Names of datasets in both halves: `source/name` or `source:path`, with `,option=value` behind it."""

from __future__ import annotations

from typing import Any

from bench_core.errors import UserError
from bench_core.plugins.registry import Family, StageSpec


def load_named(sources: Family, text: str) -> Any:
    """Make the source that a name begins with, and let it load the rest.

    Raises:
        UserError: the text names no source or nothing behind it; or the source knows no such dataset.
    """
    spec = StageSpec.parse(text)
    position = min((index for index in (spec.name.find("/"), spec.name.find(":")) if index >= 0), default=-1)
    source, name = spec.name[:position], spec.name[position + 1 :]
    if position < 0 or not name:
        known = ", ".join(name + (":PATH" if name == "dir" else "/NAME") for name in sources.names())
        raise UserError(f"{spec.name!r} names no dataset; write one of {known} (the command list shows them).")
    return sources.create(StageSpec(source, spec.arguments)).load(name)
