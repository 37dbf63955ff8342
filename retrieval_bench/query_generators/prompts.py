"""Prompt files, one a method and task, replaceable by the user's; their content is part of a generator's identity."""

from __future__ import annotations

from pathlib import Path

from bench_core.llm.prompts import Prompt, read_prompt

_FOLDER = Path(__file__).parent / "prompt_files"

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
    return read_prompt(file, fields, {"query"})
