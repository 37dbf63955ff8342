"""The instant at which a run's clock stands, so that what asks for today gives the same on every day.

It is the data set's own where its card has one, else the first moment of the day of the first run on it in a results
folder; that is kept in `as_of.json` beside the runs, for those to come.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench_core.artifacts import locked, read_json, write_json
from bench_core.errors import BadFile
from bench_core.identity import identity_hash
from bench_core.runs.items import Tell
from bench_core.runs.manifest import slug
from sql_bench.datasets.dataset import SqlCard

FILE_NAME = "as_of.json"
_MOMENT, _SHA256 = "as_of", "sha256"


@dataclass(frozen=True)
class AsOf:
    """An instant, and who said so."""

    moment: datetime.datetime
    origin: str

    def __str__(self) -> str:
        is_midnight = self.moment.time() == datetime.time() and self.moment.utcoffset() == datetime.timedelta()
        shown = self.moment.date() if is_midnight else self.moment
        return f"{shown.isoformat()} ({self.origin})"


def as_of_run(card: SqlCard, root: Path, tell: Tell) -> AsOf:
    """The instant for runs on a dataset.

    Args:
        root: where runs of this half are kept.
        tell: told of a damaged file.
    """
    if card.as_of is not None:
        return AsOf(card.as_of, "the data set's own time")
    path = root / slug(card.dataset_id) / FILE_NAME
    with locked(path):
        moment = _kept(path, tell)
        if moment is None:
            today = datetime.datetime.now(datetime.UTC).date()
            moment = datetime.datetime.combine(today, datetime.time(), datetime.UTC)
            content = {_MOMENT: moment.isoformat()}
            write_json(path, {**content, _SHA256: identity_hash(content)})
    return AsOf(moment, "the day of the first run")


def _kept(path: Path, tell: Tell) -> datetime.datetime | None:
    """The instant that an earlier run has kept; None where there is none, or it cannot be believed."""
    try:
        content: Any = read_json(path)
        moment = datetime.datetime.fromisoformat(content[_MOMENT])
        if content[_SHA256] == identity_hash({_MOMENT: content[_MOMENT]}) and moment.tzinfo is not None:
            return moment
    except FileNotFoundError:
        return None
    except (BadFile, KeyError, TypeError, ValueError):
        pass
    tell(f"{path}: this file is damaged; the clock of runs on this data set stands at today from now on.")
    return None
