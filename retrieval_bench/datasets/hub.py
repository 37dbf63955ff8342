"""Files of a dataset on the Hugging Face hub, fetched whole into a folder of the user's.

The hub's own library lists and transfers them, so HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE mean what they mean
everywhere. A broken transfer is resumed, in another process too; what arrived is compared with the hub's
hashes, and its sha256 recorded beside it, so that a file changed later is noticed when it is read.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from bench_core.artifacts import file_sha256, folder_continued, locked, read_json, write_json
from bench_core.errors import BadFile, BenchError, UserError

_COMMIT = re.compile(r"[0-9a-f]{40}")
_RECORD = "fetched.json"
_LISTING_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class HubFiles:
    """What is fetched: some files of a dataset repository at one revision.

    Attributes:
        repo_id: `owner/name`.
        revision: commit, tag or branch.
        choose: which of the repository's paths are wanted.
    """

    repo_id: str
    revision: str
    choose: Callable[[Sequence[str]], Sequence[str]]


@dataclass(frozen=True)
class FetchedFolder:
    """A folder of fetched files.

    Attributes:
        commit: what the revision stood for when they were fetched.
        sha256: of each file, by its path in the folder.
    """

    folder: Path
    repo_id: str
    revision: str
    commit: str
    sha256: Mapping[str, str]

    @classmethod
    def open(cls, folder: Path) -> FetchedFolder | None:
        """What was fetched into a folder; None where nothing was, not all of it, or another commit than was asked for.

        Raises:
            BadFile: its record is damaged.
        """
        record = folder / _RECORD
        if not record.is_file():
            return None
        content = read_json(record)
        if not _is_record(content):
            raise BadFile(record, f"this is no record of fetched files; delete {folder} and fetch again")
        fetched = cls(folder, **content)
        return None if _COMMIT.fullmatch(fetched.revision) and fetched.commit != fetched.revision else fetched

    def file(self, name: str) -> Path:
        """The place of a file, after its content was compared with what was recorded.

        Raises:
            BadFile: it was changed, or is gone.
        """
        path = self.folder / name
        if not self._is_whole(name):
            raise BadFile(path, "this is not the file that was fetched; delete it and fetch the dataset again")
        return path

    def damaged(self) -> list[str]:
        """The files that were changed or are gone."""
        return [name for name in self.sha256 if not self._is_whole(name)]

    def _is_whole(self, name: str) -> bool:
        try:
            return file_sha256(self.folder / name) == self.sha256[name]
        except (OSError, ValueError):  # also a name that no file can have
            return False


def _is_record(content: Any) -> bool:
    """Whether JSON has the fields of a record of fetched files, each of its type."""
    texts = ("repo_id", "revision", "commit")
    if not isinstance(content, dict) or content.keys() != {*texts, "sha256"}:
        return False
    hashes = content["sha256"]
    values = [content[name] for name in texts] + (list(hashes.values()) if isinstance(hashes, dict) else [None])
    return all(isinstance(value, str) for value in values)


def fetch_files(wanted: HubFiles, folder: Path, tell: Callable[[str], None]) -> FetchedFolder:
    """Fetch files into a folder, or find them there; the folder exists only when all of them are whole.

    Args:
        tell: is given a sentence for each file that is transferred, and where all are.

    Raises:
        UserError: the hub is not to be asked, has no such dataset, or does not give it to this user.
        BenchError: the hub cannot be reached, or what it sent is not what it announced.
    """
    with locked(folder):
        there = FetchedFolder.open(folder)
        if there is not None:
            damaged = there.damaged()
            if not damaged:
                tell(f"{wanted.repo_id} is there already: {folder} (commit {there.commit[:12]}).")
                return there
            tell(f"{folder / damaged[0]} is not what was fetched: the dataset is fetched again.")
        with _explained(wanted), folder_continued(folder) as partial:
            commit, files = _listing(wanted)
            for file in files:
                if file.fault(partial / file.name):
                    tell(f"{wanted.repo_id}: {file.name} ({file.n_bytes / 1e6:,.1f} MB)")
                    _transfer(wanted.repo_id, commit, file, partial)
            _remove_all_but(files, partial)
            hashes = {file.name: file_sha256(partial / file.name) for file in files}
            record = asdict(FetchedFolder(folder, wanted.repo_id, wanted.revision, commit, hashes))
            write_json(partial / _RECORD, {name: value for name, value in record.items() if name != "folder"})
        tell(f"{wanted.repo_id} is in {folder} (commit {commit[:12]}).")
        return FetchedFolder(folder, wanted.repo_id, wanted.revision, commit, hashes)


@dataclass(frozen=True)
class _ListedFile:
    """A file as the hub lists it: large ones with a sha256, the others with git's name for their content."""

    name: str
    n_bytes: int
    sha256: str
    git_blob: str

    def fault(self, path: Path) -> str:
        """What is wrong with a file on disk, or the empty string."""
        if not path.is_file():
            return "it is not there"
        if path.stat().st_size != self.n_bytes:
            return f"it has {path.stat().st_size} bytes, and the hub says {self.n_bytes}"
        found, expected = (
            (file_sha256(path), self.sha256) if self.sha256 else (_git_blob(path, self.n_bytes), self.git_blob)
        )
        return "" if found == expected else f"its hash is {found[:12]}…, and the hub says {expected[:12]}…"


def _listing(wanted: HubFiles) -> tuple[str, list[_ListedFile]]:
    """The commit a revision stands for now, and the wanted files of it."""
    from huggingface_hub import HfApi

    info = HfApi().dataset_info(
        wanted.repo_id, revision=wanted.revision, timeout=_LISTING_TIMEOUT_S, files_metadata=True
    )
    if _COMMIT.fullmatch(wanted.revision) and info.sha != wanted.revision:
        raise BenchError(
            f"{wanted.repo_id}: the hub answers with commit {str(info.sha)[:12]} where {wanted.revision[:12]} was "
            "asked for; check HF_ENDPOINT."
        )
    siblings = {sibling.rfilename: sibling for sibling in info.siblings or ()}
    files = []
    for name in wanted.choose(list(siblings)):
        sibling = siblings[name]
        sha256 = sibling.lfs.sha256 if sibling.lfs is not None else ""
        if ".." in PurePosixPath(name).parts or PurePosixPath(name).is_absolute():
            raise BenchError(f"{wanted.repo_id} lists the file {name!r}, which would lie outside its folder.")
        if info.sha is None or sibling.size is None or not (sha256 or sibling.blob_id):
            raise BenchError(f"{wanted.repo_id}: the hub reports no size or hash of {name}, so it cannot be checked.")
        files.append(_ListedFile(name, sibling.size, sha256, sibling.blob_id or ""))
    return str(info.sha), files


def _transfer(repo_id: str, commit: str, file: _ListedFile, folder: Path) -> None:
    """Bring one file, going on with what an earlier process left of the same content."""
    from huggingface_hub import hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers, disable_progress_bars  # type: ignore[attr-defined]

    if not sys.stderr.isatty():
        disable_progress_bars()
    target = folder / file.name
    target.parent.mkdir(parents=True, exist_ok=True)
    incomplete = target.with_name(f"{target.name}.{(file.sha256 or file.git_blob)[:12]}.incomplete")
    if incomplete.is_file() and incomplete.stat().st_size > file.n_bytes:
        incomplete.unlink()
    url = hf_hub_url(repo_id, file.name, repo_type="dataset", revision=commit)
    # The library's own download begins a new file in each process; its transfer takes up a part where it ends.
    # Not compressed on the way, so that bytes here and bytes there are counted alike.
    headers = {**build_hf_headers(), "Accept-Encoding": "identity"}
    with incomplete.open("ab") as sink:
        http_get(url, sink, resume_size=sink.tell(), headers=headers, expected_size=file.n_bytes)
    fault = file.fault(incomplete)
    if fault:
        incomplete.unlink()
        raise BenchError(f"{repo_id}: {file.name} arrived damaged ({fault}); fetch it again.")
    incomplete.replace(target)


def _remove_all_but(files: Sequence[_ListedFile], folder: Path) -> None:
    """Remove what earlier, other fetches left: parts of files, files of another commit."""
    kept = {folder / file.name for file in files}
    for path in list(folder.rglob("*")):
        if path.is_file() and path not in kept:
            path.unlink()


def _git_blob(path: Path, n_bytes: int) -> str:
    """Git's name of a content: the sha1 of "blob", its length and itself (git-hash-object)."""
    digest = hashlib.sha1(f"blob {n_bytes}\0".encode(), usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


@contextmanager
def _explained(wanted: HubFiles) -> Iterator[None]:
    """Turn the library's errors into one sentence each."""
    import httpx2
    from huggingface_hub.constants import ENDPOINT
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    repo_id, log_in = wanted.repo_id, "log in with `hf auth login` or set HF_TOKEN"
    try:
        yield
    except OfflineModeIsEnabled as error:
        raise UserError(f"{repo_id} is not here, and HF_HUB_OFFLINE forbids to ask the hub; unset it.") from error
    except GatedRepoError as error:
        page = f"{ENDPOINT}/datasets/{repo_id}"
        raise UserError(f"{repo_id} is given out on conditions; accept them at {page}, then {log_in}.") from error
    except RevisionNotFoundError as error:
        raise UserError(f"{repo_id} has no revision {wanted.revision}; give a commit, tag or branch of it.") from error
    except RepositoryNotFoundError as error:
        raise UserError(
            f"{ENDPOINT} has no dataset {repo_id}, or shows it to its members only; check HF_ENDPOINT, and {log_in}."
        ) from error
    except HfHubHTTPError as error:
        status = error.response.status_code
        if status in (401, 403):
            raise UserError(f"{ENDPOINT} refuses {repo_id} ({status}); {log_in}.") from error
        raise BenchError(f"{ENDPOINT} answered {status} when asked for {repo_id}; try again later.") from error
    except httpx2.HTTPError as error:
        cause = str(error) or type(error).__name__
        raise BenchError(
            f"{ENDPOINT} cannot be reached ({cause}); fetch again when it can: what has arrived is kept."
        ) from error
    except OSError as error:
        cause = error.strerror or str(error).splitlines()[0].rstrip(".")
        raise BenchError(f"{repo_id} could not be fetched ({cause}); fetch again: what has arrived is kept.") from error
    except (ValueError, KeyError, TypeError) as error:  # the library trusts the shape of an answer
        raise BenchError(f"{ENDPOINT} does not answer as a hub does ({type(error).__name__}: {error}).") from error
