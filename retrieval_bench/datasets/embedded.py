"""The embedded datasets: synthetic, written for this suite, there on a fresh machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench_core.errors import UserError
from bench_core.plugins.registry import did_you_mean
from retrieval_bench.datasets.cliniq import read_match_judgments
from retrieval_bench.datasets.dataset import Dataset, DatasetCard, DatasetSourceBase
from retrieval_bench.datasets.folder import dataset_of_folder

_FOLDER = Path(__file__).parent / "demo"
_EHR = DatasetCard(
    "demo/ehr",
    "entities searched in fictional discharge summaries, across patients (CliniQ's shape, synthetic)",
    licence="CC0-1.0",
    revision="1",
    k=1000,
)


def _reasoning_card(name: str, description: str) -> DatasetCard:
    """A set in R2MED's shape, one for each of its three tasks."""
    return DatasetCard(f"demo/{name}", f"{description} (R2MED's shape, synthetic)", licence="CC0-1.0", revision="1")


_CARDS = (
    _reasoning_card("qa", "questions about everyday biology and the reference texts that explain what is behind them"),
    _reasoning_card("evidence", "clinical vignettes and the passages that answer them by inference"),
    _reasoning_card("cases", "descriptions of patients and cases of others who have the same disease"),
    _EHR,
)


class DemoDatasets(DatasetSourceBase):
    """Embedded synthetic sets: `demo/qa`, `demo/evidence`, `demo/cases`, `demo/ehr`."""

    def cards(self) -> Sequence[DatasetCard]:
        """The embedded sets."""
        return _CARDS

    def load(self, name: str) -> Dataset:
        """The set `demo/<name>`.

        Raises:
            UserError: there is no such set.
        """
        for card in _CARDS:
            if card.dataset_id == f"demo/{name}":
                return _load(card, _FOLDER / name)
        known = [card.dataset_id.removeprefix("demo/") for card in _CARDS]
        raise UserError(f"There is no demo set {name!r}{did_you_mean(name, known)}; known are {', '.join(known)}.")


def packaged_texts(dataset_id: str, method: str) -> Path | None:
    """Texts that were generated for an embedded set by a method, to be replayed; None where there are none."""
    if dataset_id not in {card.dataset_id for card in _CARDS}:
        return None
    path = _FOLDER / dataset_id.removeprefix("demo/") / f"{method}.jsonl"
    return path if path.is_file() else None


def _load(card: DatasetCard, folder: Path) -> Dataset:
    dataset = dataset_of_folder(folder, card)
    if card is _EHR:
        return replace(dataset, read_qrels=lambda: read_match_judgments(folder / "qrels.tsv"))
    return dataset
