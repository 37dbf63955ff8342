"""The reach of a stage: who gets the text that it sees, as its class says by its member `is_remote`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench_core.data_use import Reach, hosts_of
from bench_core.plugins.loading import plugin_file
from bench_core.plugins.places import is_of_the_suite
from bench_core.plugins.protocols import COMPLETES


def reach_of(stage: object) -> Reach:
    """What a stage says of itself, by its member `is_remote`.

    A class of the suite speaks for itself alone: what a user derives from it may send text elsewhere, and has to say so
    in a class of the user's own.
    """
    cls = type(stage)
    # A class that derives from no base of the suite may lack the member, which is one way of not saying it.
    said = getattr(stage, "is_remote", None) if _speaks_for_itself(stage) else None
    file = plugin_file(cls)
    place = _shown(file) if file else cls.__module__
    hosts = hosts_of(_description(stage)) if said is True else ()
    return Reach(f"{place}:{cls.__qualname__}", said if isinstance(said, bool) else None, file, hosts)


def _description(stage: Any) -> object:
    """What a stage describes itself by, as JSON."""
    described = stage.describe()
    return described.as_json() if hasattr(described, "as_json") else described


def unsaid(stage: object) -> str:
    """What follows from it that a stage does not say where it sends text, as a sentence; empty where it does."""
    reach = reach_of(stage)
    if reach.is_remote is not None:
        return ""
    return (
        f"{reach.part} does not say whether it sends text to another machine, and is refused on credentialed data; "
        "write is_remote = False in the class if it does not (True if it does)."
    )


def _speaks_for_itself(stage: object) -> bool:
    cls = type(stage)
    own = [vars(base) for base in cls.__mro__ if not is_of_the_suite(base) and COMPLETES not in vars(base)]
    return is_of_the_suite(cls) or any("is_remote" in names for names in (*own, getattr(stage, "__dict__", {})))


def _shown(file: Path) -> str:
    """A file by its name from the folder we are in, else by its name alone: manifests hold no user's folders."""
    return str(file.relative_to(Path.cwd())) if file.is_relative_to(Path.cwd()) else file.name
