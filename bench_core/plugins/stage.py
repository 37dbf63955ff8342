"""Facts that the suite asks of every stage, each with a default: data use, needs, failures, notes, records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from bench_core.identity import Json
from bench_core.plugins.described import Described
from bench_core.plugins.requirements import Requirements


class Stage(Protocol):
    """The optional facts of a stage. `StageBase` has defaults, and a class that states none of them gets these."""

    @property
    def is_remote(self) -> bool | None:
        """Whether texts leave this machine; None: not said, and so refused on credentialed data."""

    @property
    def requires(self) -> Requirements:
        """What it needs of the machine while it works."""

    @property
    def failed(self) -> Mapping[str, str]:
        """Items without a result so far -> why, in a few words; the next run asks for them again."""

    @staticmethod
    def missing_requirement() -> str:
        """What to install before this can run, or the empty string."""

    def unset_key(self) -> str:
        """The environment variable of a key that it needs and that is not set, or the empty string."""

    def recorded(self) -> Mapping[str, Json]:
        """What is worth recording and changes nothing: device, batch size, threads."""

    def notes(self) -> Sequence[str]:
        """What a reader of the figures should know, after the work: whole sentences, shown under every table."""


class PluginBase(Described):
    """What the members of every family have."""

    @staticmethod
    def missing_requirement() -> str:
        """What to install before this can run, or the empty string."""
        return ""


class StageBase(PluginBase):
    """Defaults of the optional facts, beside the description's arguments.

    `is_remote`, `requires` and `failed` are plain attributes, so that a class states one by an assignment in its body,
    by one in its constructor, or by a property. A type checker sees them as read-only, as the protocol has them.
    """

    if TYPE_CHECKING:

        @property
        def is_remote(self) -> bool | None:
            """See `Stage`."""

        @property
        def requires(self) -> Requirements:
            """See `Stage`."""

        @property
        def failed(self) -> Mapping[str, str]:
            """See `Stage`."""

    else:
        is_remote = None
        requires = Requirements()
        failed = MappingProxyType({})

    def unset_key(self) -> str:
        """See `Stage`: none."""
        return ""

    def recorded(self) -> Mapping[str, Json]:
        """See `Stage`: nothing."""
        return {}

    def notes(self) -> Sequence[str]:
        """See `Stage`: none."""
        return ()
