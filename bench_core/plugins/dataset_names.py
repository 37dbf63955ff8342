"""Names of datasets in both halves: `source/name` or `source:path`, with `,option=value` behind it.

A source of a user's own is named by its class: `path/to/file.py:Class/name`, or `package.module:Class/name`.
"""

from __future__ import annotations

import re
from typing import Any

from bench_core.errors import UserError
from bench_core.plugins.registry import Family, StageSpec

# A class in a file, or in a module, which has a dot in it as no built-in source has.
_OF_A_CLASS = re.compile(r"(?P<source>.+?\.py:[A-Za-z_]\w*|\w+(?:\.\w+)+:[A-Za-z_]\w*)[/:](?P<name>.+)", re.DOTALL)
_OF_A_SOURCE = re.compile(r"(?P<source>[^/:]*)[/:](?P<name>.+)", re.DOTALL)


def named_of_class(name: str) -> tuple[str, str] | None:
    """The class of a user's and the dataset behind it, where a text names both."""
    named = _OF_A_CLASS.fullmatch(name)
    return (named["source"], named["name"]) if named else None


def dataset_spec(spec: StageSpec, sources: Family) -> tuple[StageSpec, str] | None:
    """The source and the name of the dataset that a text names; None where it names none of these sources' datasets."""
    named = _OF_A_CLASS.fullmatch(spec.name) or _OF_A_SOURCE.fullmatch(spec.name)
    if named is None or (named.re is _OF_A_SOURCE and named["source"] not in sources.names()):
        return None
    return StageSpec(named["source"], spec.arguments), named["name"]


def load_named(sources: Family, text: str) -> Any:
    """Make the source that a name begins with, and let it load the rest.

    Raises:
        UserError: the text names no source or nothing behind it; or the source knows no such dataset.
    """
    spec = StageSpec.parse(text)
    named = _OF_A_CLASS.fullmatch(spec.name) or _OF_A_SOURCE.fullmatch(spec.name)
    if named is None:
        known = ", ".join(name + (":PATH" if name == "dir" else "/NAME") for name in sources.names())
        raise UserError(f"{spec.name!r} names no dataset; write one of {known} (the command list shows them).")
    return sources.create(StageSpec(named["source"], spec.arguments)).load(named["name"])
