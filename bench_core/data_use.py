"""Data use: text of credentialed datasets stays on this machine unless the user says otherwise, and with its owner.

Closed by default: a class that does not say where it sends text is refused, as one is that sends it away.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

from bench_core.artifacts import OWNERS_FOLDER
from bench_core.errors import UserError
from bench_core.identity import Json

Access = Literal["public", "credentialed"]
ACCESSES: tuple[Access, ...] = get_args(Access)

REMOTE_FLAG = "--allow-remote-for-credentialed"
LOCAL_FLAG = "--is-local"
EXPORT_FLAG = "--credentialed"
RECORD = "data_use"
"""The field of a manifest's `recorded` that holds what `recorded_use` gives."""

# What stands behind the host of an address may hold a key.
_ADDRESS = re.compile(r"(https?://[^/?#,\s]+)[^#,\s]*")

_FORM = f'{REMOTE_FLAG} "PROVIDER; RETENTION", as in "Azure OpenAI of the institute; zero retention, no human review"'


@dataclass(frozen=True)
class Permission:
    """What a user says on the command line about text of credentialed datasets; nothing else can say it.

    Attributes:
        remote: who gets the text and what becomes of it there, `PROVIDER; RETENTION`; None: it may not leave.
        local_classes: classes that do not say where they send text, and of which the user says that it stays here.
        cluster_is_ours: the other nodes of a cluster count as this machine.

    Raises:
        UserError: `remote` lacks the provider or the retention.
    """

    remote: str | None = None
    local_classes: tuple[str, ...] = ()
    cluster_is_ours: bool = False

    def __post_init__(self) -> None:
        if self.remote is None:
            return
        provider, _, retention = self.remote.partition(";")
        if not provider.strip() or not retention.strip():
            raise UserError(f"{self.remote!r} does not name both the provider and what it retains; write {_FORM}.")

    @classmethod
    def of_json(cls, content: Mapping[str, Any]) -> Permission:
        """What `dataclasses.asdict` gave, after a way through JSON."""
        return cls(**{**content, "local_classes": tuple(content["local_classes"])})


NO_PERMISSION = Permission()
"""The user said nothing: whatever is credentialed stays here."""


@dataclass(frozen=True)
class Reach:
    """Where a part of a system sends the text that it sees.

    Attributes:
        part: its class as `--is-local` takes it (`path/to/file.py:Class`), or what it is.
        is_remote: whether text leaves this machine; None: it does not say.
        file: that the class was read from, where it is a user's file.
        hosts: of the endpoints that it sends text to, as far as its description names them.
    """

    part: str
    is_remote: bool | None
    file: Path | None = None
    hosts: tuple[str, ...] = ()

    @property
    def with_hosts(self) -> str:
        """The part, and where its endpoints are."""
        return f"{self.part} at {', '.join(self.hosts)}" if self.hosts else self.part


def hosts_of(described: object) -> tuple[str, ...]:
    """The hosts of the endpoints in a description; the rest of an address may hold a secret."""
    if isinstance(described, Mapping):
        endpoint = described.get("endpoint")
        own = urlsplit(endpoint).hostname if isinstance(endpoint, str) else None
        inner = [host for value in described.values() for host in hosts_of(value)]
        return tuple(dict.fromkeys([*([own] if own else []), *inner]))
    if isinstance(described, list | tuple):
        return tuple(dict.fromkeys(host for value in described for host in hosts_of(value)))
    return ()


def check_access(dataset_id: str, access: object) -> None:
    """Refuse an access that is none, before anything is decided by it.

    Raises:
        UserError: it is neither `public` nor `credentialed`, letter by letter.
    """
    if access not in ACCESSES:
        raise UserError(
            f"{dataset_id}: access is {access!r}; it must be exactly 'public' or 'credentialed' (text of a "
            "credentialed dataset may not leave this machine)."
        )


def is_credentialed(access: object) -> bool:
    """Whether a dataset's text is to stay here and with its owner: wherever it is not said to be exactly public."""
    return access != "public"


def any_remote(parts: Iterable[bool | None]) -> bool | None:
    """Whether text leaves this machine through one of several parts; None where none says so and not all deny it."""
    said = set(parts)
    return True if True in said else None if None in said else False


def check(what: str, dataset_id: str, access: Access, reaches: Iterable[Reach], permission: Permission) -> None:
    """Refuse to begin what would, or for all that is known could, send text of a credentialed dataset away.

    Args:
        what: the system, for messages.

    Raises:
        UserError: the dataset is credentialed, and a part is remote without the user's permission or says nothing.
    """
    if not is_credentialed(access):
        return
    for reach in _with_users_word(reaches, permission):
        if reach.is_remote is None:
            raise UserError(
                f"{dataset_id} is credentialed, and {reach.part} does not say whether it sends text to another "
                f"machine; write is_remote = False in the class if it does not (True if it does), or pass {LOCAL_FLAG} "
                f"{reach.part}."
            )
        if reach.is_remote and permission.remote is None:
            raise UserError(
                f"{dataset_id} is credentialed, and {_without_secrets(what)} would send its text to another machine "
                f"(by {reach.with_hosts}); run a model on this one, or pass {_FORM}, if your agreement allows it."
            )


def check_local_classes(reaches: Iterable[Reach], permission: Permission) -> None:
    """Refuse that a class is said to keep text here which is none of what is to run: a misspelt name says nothing.

    Args:
        reaches: of everything that is to run, on whatever data.

    Raises:
        UserError: names the class, and those that there are.
    """
    parts = list(reaches)
    for text in permission.local_classes:
        if not any(_is_called(part, text) for part in parts):
            silent = sorted({part.part for part in parts if part.is_remote is None})
            there_are = (
                f"those that do not say so themselves are {', '.join(silent)}" if silent else "all say it themselves"
            )
            raise UserError(f"{LOCAL_FLAG} {text}: no class of what is to run is called so; {there_are}.")


def _without_secrets(text: str) -> str:
    return _ADDRESS.sub(r"\1", text)


def recorded_use(access: Access, reaches: Iterable[Reach], permission: Permission) -> dict[str, Json]:
    """What a manifest records of a run's use of data; on credentialed data with the user's words."""
    if not is_credentialed(access):
        return {"access": access, "sent_to_other_machines": any_remote(reach.is_remote for reach in reaches)}
    named = [reach.part for reach in reaches if reach.is_remote is None and _is_named(reach, permission)]
    found: dict[str, Json] = {
        "access": "credentialed",
        "sent_to_other_machines": any_remote(reach.is_remote for reach in _with_users_word(reaches, permission)),
        "allow_remote_for_credentialed": permission.remote,
        "is_local": sorted(set(named)),
    }
    return {**found, "cluster_is_ours": True} if permission.cluster_is_ours else found


def recorded_access(recorded: Mapping[str, Any]) -> Access | None:
    """The access of the dataset that a run was made on, by what its manifest recorded; None: it does not say."""
    use = recorded.get(RECORD)
    access = use.get("access") if isinstance(use, Mapping) else None
    return access if access in ACCESSES else None


def check_export(what: str, accesses: Iterable[Access | None], allowed: bool) -> None:
    """Refuse to write a file to be passed on that holds, or could hold, text of credentialed data.

    Args:
        what: what is exported, for the message.
        accesses: of the datasets that it was made on; None: not said.
        allowed: the user passed `EXPORT_FLAG`.

    Raises:
        UserError: one is credentialed or not said, and the user has not allowed it.
    """
    found = list(accesses)
    n_credentialed, n_unsaid = found.count("credentialed"), found.count(None)
    if allowed or not n_credentialed + n_unsaid:
        return
    parts = [
        *([f"made of credentialed data: {n_credentialed}"] if n_credentialed else []),
        *([f"not known of which data: {n_unsaid}"] if n_unsaid else []),
    ]
    raise UserError(
        f"{what}: not everything was made of public data ({', '.join(parts)}); pass {EXPORT_FLAG} if whoever gets the "
        "file may see it."
    )


@contextmanager
def readable_by_its_owner_only(access: Access) -> Iterator[None]:
    """Let files and folders written within be their owner's alone where the dataset is credentialed.

    The mask holds for the whole process and what it starts, so for files of libraries too.
    """
    if not is_credentialed(access):
        yield
        return
    before = os.umask(0o777 & ~OWNERS_FOLDER)
    _private.append(True)
    try:
        yield
    finally:
        _private.pop()
        os.umask(before)


def close_to_others(folder: Path, access: Access) -> None:
    """Make a folder its owner's alone where the dataset is credentialed: it may be older than what says so."""
    if is_credentialed(access) and folder.is_dir():
        folder.chmod(OWNERS_FOLDER)


_private: list[bool] = []  # as the mask itself, of the process


def shown_of_error(error: BaseException) -> str:
    """What a file may keep of an error: on credentialed data its kind alone, since messages quote what they are about.

    Credentialed is what is done within `readable_by_its_owner_only`.
    """
    return type(error).__name__ if _private else f"{type(error).__name__}: {error}"


def _with_users_word(reaches: Iterable[Reach], permission: Permission) -> list[Reach]:
    """The parts, with those that say nothing as the user says."""
    return [
        replace(reach, is_remote=False) if reach.is_remote is None and _is_named(reach, permission) else reach
        for reach in reaches
    ]


def _is_named(reach: Reach, permission: Permission) -> bool:
    """Whether the user names a class: as messages do, by its file written otherwise, or by the class's name alone."""
    return any(_is_called(reach, text) for text in permission.local_classes)


def _is_called(reach: Reach, text: str) -> bool:
    _, _, name = reach.part.rpartition(":")
    place, _, class_name = text.rpartition(":")
    if text == reach.part or (class_name == name and not place):
        return True
    return class_name == name and reach.file is not None and Path(place).resolve() == reach.file
