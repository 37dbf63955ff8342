"""Files of a model: where they are, their hashes, and the message where they cannot be loaded."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from bench_core.artifacts import file_sha256
from bench_core.errors import BenchError, UserError
from bench_core.identity import Json, content_hash

_COMMIT = re.compile(r"[0-9a-f]{40}")
_HUB_ID = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?")
# One of them is in every checkpoint, and all are small.
_SMALL_FILES = ("config.json", "modules.json", "adapter_config.json")


@dataclass(frozen=True)
class ModelOptions:
    """Which version of a model runs where.

    Attributes:
        revision: commit, tag or branch of a hub model; without one, the commit it has now is found and recorded.
        device: `cpu`, `cuda:1`, …; without: the GPU where there is one.
    """

    revision: str = ""
    device: str = ""


@dataclass(frozen=True)
class ModelFiles:
    """A model as its user names it: a folder, or an id of the Hugging Face hub.

    Args:
        model: a folder where there is one of that name, else a hub id.
        revision: commit, tag or branch of a hub model; pin it, or a changed model keeps its identity.
    """

    model: str
    revision: str = ""

    def __post_init__(self) -> None:
        """Refuse what names no model, and a revision where nothing can be looked up by it.

        Raises:
            UserError: `model` is empty or a path to nothing, or a folder has a revision.
        """
        if not self.model:
            raise UserError("model= is empty; give a folder or an id of the Hugging Face hub.")
        if self.folder is None and not _HUB_ID.fullmatch(self.model):
            raise UserError(f"{self.model}: there is no such folder, and an id of the hub is written OWNER/NAME.")
        if self.revision and self.folder is not None:
            raise UserError(f"{self.model} is a folder, which has no revision={self.revision}; leave that out.")

    @cached_property
    def folder(self) -> Path | None:
        """The folder of a model on disk; None for one of the hub."""
        folder = Path(self.model).expanduser()
        return folder if folder.is_dir() else None

    @property
    def place(self) -> str:
        """What libraries load the model from."""
        return str(self.folder or self.model)

    def identity(self) -> dict[str, Json]:
        """A hub model is its id and revision; one on disk is the content of its files, wherever they lie."""
        if self.folder is None:
            return {"model": self.model, "revision": self.revision}
        return {"files_sha256": self._files_sha256}

    @cached_property
    def _files_sha256(self) -> str:
        assert self.folder is not None
        names = sorted(
            path.relative_to(self.folder).as_posix()
            for path in self.folder.rglob("*")
            if path.is_file() and _holds_model(path.relative_to(self.folder))
        )
        return content_hash(text for name in names for text in (name, file_sha256(self.folder / name)))

    def file(self, name: str, local_only: bool = False) -> Path | None:
        """One file of the model, fetched from the hub where the model is there; None where it has no such file.

        Args:
            local_only: look among the files that were fetched earlier, and ask nobody.
        """
        if self.folder is not None:
            return self.folder / name if (self.folder / name).is_file() else None
        from huggingface_hub import _CACHED_NO_EXIST, hf_hub_download, try_to_load_from_cache
        from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

        revision = self.revision or None
        try:
            return Path(hf_hub_download(self.model, name, revision=revision, local_files_only=local_only))
        except LocalEntryNotFoundError:  # the hub was not reached, but may have said earlier that it has no such file
            if try_to_load_from_cache(self.model, name, revision=revision) is not _CACHED_NO_EXIST:
                raise
            return None
        except EntryNotFoundError:
            return None

    def first_file(self, *names: str) -> Path | None:
        """The first of some files that the model has; None where it has none of them."""
        unreached: OSError | None = None
        for name in names:
            try:
                path = self.file(name, local_only=unreached is not None)
            except OSError as error:  # the hub was not reached: another of the files may be here all the same
                unreached = unreached or error
                continue
            if path is not None:
                return path
        if unreached is not None:
            raise unreached
        return None

    def at_commit(self, stage: str) -> ModelFiles:
        """The same model at a commit: the one the hub names now, or where it is not reached that of the local copy.

        So identity is known before any weights are here, and they are then loaded at that commit.

        Args:
            stage: who wants it, as in `loading`.

        Raises:
            UserError: the hub is not reached and there is no local copy, or it has no such model.
        """
        if self.folder is not None or _COMMIT.fullmatch(self.revision):
            return self
        with self.loading(stage):
            path = self.first_file(*_SMALL_FILES)
        if path is None:
            raise UserError(f"{stage}: {self.model} holds none of {', '.join(_SMALL_FILES)}; it is no model.")
        # The hub's cache keeps a file under snapshots/<commit>/<name>.
        return replace(self, revision=path.parent.name)

    @contextmanager
    def loading(self, stage: str) -> Iterator[None]:
        """Load the model in this block: libraries are kept quiet, and an error becomes one sentence.

        Args:
            stage: who wants it, as the message shall begin (`reranker monot5`).

        Raises:
            UserError: the model cannot be loaded.
            BenchError: it is on the hub, which is not reached.
        """
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # else a warning at every fork
        from huggingface_hub.utils import logging as hub_logging
        from transformers.utils import logging

        for library in (logging, hub_logging):
            library.set_verbosity_error()
        logging.disable_progress_bar()
        try:
            yield
        except BenchError:
            raise
        except Exception as error:  # files made by others can fail a loader in any way
            if not _is_unreached(error):
                raise UserError(
                    f"{stage}: the model {self.model} cannot be loaded ({_cause(error)}); give a folder that holds "
                    "one, or a hub id this machine can reach."
                ) from error
            raise BenchError(
                f"{stage}: the hub is not reached, and there is no local copy of {self.model}; give a folder "
                "that holds the model, or fetch it where there is a network."
            ) from error


def _is_unreached(error: BaseException | None) -> bool:
    """Whether the hub was not there: libraries wrap its error in others."""
    from huggingface_hub.errors import LocalEntryNotFoundError, OfflineModeIsEnabled

    while error is not None:
        if isinstance(error, LocalEntryNotFoundError | OfflineModeIsEnabled):
            return True
        error = error.__cause__ or error.__context__
    return False


def _cause(error: Exception) -> str:
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    if isinstance(error, GatedRepoError):
        return "its owner has to grant you access on the hub, and `hf auth login` has to make you known here"
    if isinstance(error, RepositoryNotFoundError):
        return "the hub has no model of that name, or none that it shows without `hf auth login`"
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rstrip(".")


def _holds_model(path: Path) -> bool:
    """Everything but hidden files and prose: weights, tokenizer, configuration, code."""
    hidden = any(part.startswith(".") or part == "__pycache__" for part in path.parts)
    return not hidden and path.suffix.lower() not in {".md", ".pyc"}
