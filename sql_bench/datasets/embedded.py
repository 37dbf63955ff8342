"""The embedded dataset: synthetic, written for this suite, part of the installation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench_core.errors import UserError
from bench_core.plugins.arguments import did_you_mean
from sql_bench.datasets.dataset import DatasetSourceBase, SqlCard, SqlDataset
from sql_bench.datasets.folder import dataset_of_folder

_FOLDER = Path(__file__).parent / "demo"
_NAMES = ("biomed",)


class DemoDatasets(DatasetSourceBase):
    """Embedded synthetic sets (`demo/biomed`, in BiomedSQL's shape)."""

    def cards(self) -> Sequence[SqlCard]:
        """The embedded sets."""
        return [self.load(name).card for name in _NAMES]

    def load(self, name: str) -> SqlDataset:
        """The set `demo/<name>`.

        Raises:
            UserError: there is no such set.
        """
        if name not in _NAMES:
            raise UserError(
                f"There is no demo set {name!r}{did_you_mean(name, _NAMES)}; known are {', '.join(_NAMES)}."
            )
        return dataset_of_folder(_FOLDER / name, f"demo/{name}")
