"""The one scored system that a user means, among those of a results folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from bench_core.errors import UserError
from bench_core.plugins.arguments import did_you_mean
from bench_core.results.scores import ItemScores
from bench_core.runs.stored import meant, stored_runs

_MOST_NAMED = 8


def chosen_system(
    name: str | None, scores: Sequence[ItemScores], root: Path, option: str, tell: Callable[[str], None]
) -> ItemScores:
    """The system of this name; of several runs of one system the one that was scored last.

    Args:
        name: what tables call it, its folder, or the beginning of its hash; None: the only one there is.
        scores: those it is among.
        root: the half's folder of results.
        option: by which the user names a system, for the message.
        tell: told which of several runs is taken.

    Raises:
        UserError: the name means none, or systems that differ in more than their runs.
    """
    found = list(scores) if name is None else _meant(name, scores, root)
    known = list(dict.fromkeys(one.system for one in scores))
    if not found:
        raise UserError(
            f"There is no scored run of {name!r}{did_you_mean(name or '', known)}; there are {_named(known)}."
        )
    systems = list(dict.fromkeys(one.system for one in found))
    if len(systems) > 1:
        meaning = "Name" if name is None else f"{name!r} means {len(systems)} systems; name"
        raise UserError(f"{meaning} the system by {option}; there are {_named(systems)}.")
    datasets = list(dict.fromkeys(one.dataset for one in found))
    if len(datasets) > 1:
        raise UserError(f"{found[0].system} was run on {_named(datasets)}; name the dataset by --dataset.")
    if len(found) > 1:
        found.sort(key=_scored_at)
        *others, last = ("/".join(one.kept_in.parts[-2:]) for one in found)
        tell(f"{len(found)} runs are called so; {last} was scored last and is taken, not {_named(others)}.")
    return found[-1]


def _meant(name: str, scores: Sequence[ItemScores], root: Path) -> list[ItemScores]:
    found = [one for one in scores if one.system == name]
    folders = [run.folder.resolve() for run in meant(name, stored_runs(root, verified=False))] if not found else []
    found = found or [one for one in scores if {one.kept_in.resolve(), *one.kept_in.resolve().parents} & set(folders)]
    # A folder of executions below a run's own, which `runs` does not name.
    return found or [one for one in scores if _is_called(one.kept_in, name)]


def _is_called(folder: Path, name: str) -> bool:
    """Whether a folder's path ends in these parts, so that `<run>/<executions>` names it."""
    parts = Path(name).parts
    return bool(parts) and folder.parts[-len(parts) :] == parts


def _scored_at(scores: ItemScores) -> float:
    return max((path.stat().st_mtime for path in scores.kept_in.glob("scores*.json")), default=0.0)


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"{', '.join(names[:_MOST_NAMED])}{more}"
