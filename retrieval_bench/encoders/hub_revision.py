"""Which commit of a hub model is meant where its user names none, or a branch."""

from __future__ import annotations

import re
from dataclasses import replace

from bench_core.errors import UserError
from retrieval_bench.model_files import ModelFiles

_COMMIT = re.compile(r"[0-9a-f]{40}")
# One of them is in every checkpoint, and both are small.
_SMALL_FILES = ("config.json", "modules.json")


def pinned(files: ModelFiles) -> ModelFiles:
    """The same model at a commit: the one the hub names now, or without the hub that of the local copy.

    It is known before the weights are there, and is what identity holds; the weights are then loaded at that commit.

    Raises:
        UserError: the hub is not reached and there is no local copy, or it has no such model.
    """
    if files.folder is not None or _COMMIT.fullmatch(files.revision):
        return files
    with files.loading("encoder"):
        for name in _SMALL_FILES:
            path = files.file(name)
            if path is not None:
                # The hub's cache keeps a file under snapshots/<commit>/<name>.
                commit = path.parent.name
                return replace(files, revision=commit if _COMMIT.fullmatch(commit) else files.revision)
    raise UserError(f"{files.model} holds neither config.json nor modules.json: it is no model that can be loaded.")
