"""The one scored system that a user means, among those of a results folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench_core.errors import UserError
from bench_core.plugins.arguments import did_you_mean
from bench_core.results.scores import ItemScores
from bench_core.runs.stored import meant, stored_runs

_MOST_NAMED = 8


def chosen_system(name: str | None, scores: Sequence[ItemScores], root: Path, option: str) -> ItemScores:
    """The system of this name.

    Args:
        name: what tables call it, its folder, or the beginning of its hash; None: the only one there is.
        scores: those it is among.
        root: the half's folder of results.
        option: by which the user names a system, for the message.

    Raises:
        UserError: the name means none, or several.
    """
    found = list(scores) if name is None else [one for one in scores if one.system == name]
    if not found and name is not None:
        folders = [run.folder.resolve() for run in meant(name, stored_runs(root, verified=False))]
        found = [one for one in scores if set(folders) & {one.kept_in.resolve(), *one.kept_in.resolve().parents}]
    if len(found) == 1:
        return found[0]
    known = list(dict.fromkeys(one.system for one in scores))
    if not found:
        raise UserError(
            f"There is no scored run of {name!r}{did_you_mean(name or '', known)}; there are {_named(known)}."
        )
    if name is None and len(known) > 1:
        raise UserError(f"Name the system by {option}; there are {_named(known)}.")
    datasets = list(dict.fromkeys(one.dataset for one in found))
    if len(datasets) > 1:
        raise UserError(f"{found[0].system} was run on {_named(datasets)}; name the dataset by --dataset.")
    places = [one.kept_in.relative_to(root) for one in found if one.kept_in.is_relative_to(root)]
    raise UserError(f"{found[0].system} means {len(found)} runs: {_named(list(map(str, places)))}; give one's hash.")


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"{', '.join(names[:_MOST_NAMED])}{more}"
