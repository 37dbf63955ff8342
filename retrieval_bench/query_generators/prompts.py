"""Prompt files, one a method and task, replaceable by the user's; their content is part of a generator's identity."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench_core.errors import BadFile, UserError
from bench_core.identity import content_hash

_FOLDER = Path(__file__).parent / "prompt_files"
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


UPSTREAM = "upstream"
"""In place of a prompt file: R2MED's own prompt, imported from the user's clone of its code."""


def load_prompt(method: str, task: str, path: str, fields: frozenset[str], instructions_as: str = "") -> Prompt:
    """The prompt of a method for a task, or the user's own.

    Args:
        task: names the suite's prompt; empty: the general one.
        instructions_as: the dataset whose prompt is meant among upstream's.
        path: the user's file; empty: the suite's `prompt_files/<method>/<task>.txt`, or its `general.txt`.
        fields: the fields the method fills; `query` must be among those of the text.

    Raises:
        UserError: no such file.
        BadFile: it holds no `{query}`, or a field the method does not fill.
    """
    if path == UPSTREAM:
        from retrieval_bench.upstream.r2med import upstream_prompt

        return Prompt(upstream_prompt(method, instructions_as))
    file = Path(path) if path else _FOLDER / method / f"{task or 'general'}.txt"
    if not path and not file.is_file():
        file = _FOLDER / method / "general.txt"
    try:
        text = file.read_text(encoding="utf-8").strip()
    except FileNotFoundError as error:
        raise UserError(f"{file}: there is no such prompt file.") from error
    except UnicodeDecodeError as error:
        raise BadFile(file, "expected a prompt in UTF-8") from error
    found = set(_FIELD.findall(text))
    if "query" not in found:
        raise BadFile(file, "expected {query} where the query is to stand")
    unknown = sorted(found - fields)
    if unknown:
        raise BadFile(file, f"{{{unknown[0]}}} is not filled here; fields are {', '.join(sorted(fields))}")
    return Prompt(text)
