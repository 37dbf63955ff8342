"""Prompt files: texts with fields in braces, replaceable by the user's; their content is part of an identity."""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from dataclasses import dataclass
from pathlib import Path

from bench_core.errors import BadFile, UserError
from bench_core.identity import content_hash

_FIELD = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Prompt:
    """A text with fields in braces."""

    text: str

    @property
    def sha256(self) -> str:
        """A hash of the text."""
        return content_hash([self.text])

    def filled(self, values: Mapping[str, str]) -> str:
        """The text with its fields replaced; braces in the values stay as they are."""
        return _FIELD.sub(lambda found: values.get(found[1], found[0]), self.text)


def read_prompt(path: Path, fields: Set[str], required: Set[str] = frozenset()) -> Prompt:
    """The prompt of a file.

    Args:
        fields: those that are filled.
        required: those of them that the text must have.

    Raises:
        UserError: no such file.
        BadFile: it is not UTF-8, lacks a required field, or has one that is not filled.
    """
    try:
        text = path.read_text(encoding="utf-8").strip()
    except FileNotFoundError as error:
        raise UserError(f"{path}: there is no such prompt file.") from error
    except UnicodeDecodeError as error:
        raise BadFile(path, "expected a prompt in UTF-8") from error
    found = set(_FIELD.findall(text))
    missing, unknown = sorted(required - found), sorted(found - fields)
    if missing:
        raise BadFile(path, f"expected {{{missing[0]}}} where the {missing[0]} is to stand")
    if unknown:
        raise BadFile(path, f"{{{unknown[0]}}} is not filled here; fields are {', '.join(sorted(fields))}")
    return Prompt(text)
