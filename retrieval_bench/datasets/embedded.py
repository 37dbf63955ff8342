"""Embedded datasets: synthetic, written for this suite, part of the installation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench_core.errors import UserError
from bench_core.plugins.arguments import did_you_mean
from retrieval_bench.datasets.card import DatasetCard
from retrieval_bench.datasets.cliniq import read_match_judgments
from retrieval_bench.datasets.dataset import Dataset, DatasetSourceBase
from retrieval_bench.datasets.folder import dataset_of_folder

_FOLDER = Path(__file__).parent / "demo"


def _card(name: str, summary: str, task: str, k: int = 100) -> DatasetCard:
    return DatasetCard(
        f"demo/{name}",
        summary,
        licence="CC0-1.0",
        revision="1",
        k=k,
        task=task,
        generated_dir=_FOLDER / name,
    )


_QA = "questions about everyday biology and the reference texts that explain what is behind them"
_EVIDENCE = "clinical vignettes and the passages that answer them by inference"
_CASES = "descriptions of patients and cases of others who have the same disease"
_EHR_SUMMARY = "entities searched in fictional discharge summaries, across patients (CliniQ's shape, synthetic)"
_EHR = _card("ehr", _EHR_SUMMARY, "health-records", k=1000)
# The first three have R2MED's shape, one for each of its tasks.
_CARDS = (
    _card("qa", f"{_QA} (R2MED's shape, synthetic)", "qa-reference"),
    _card("evidence", f"{_EVIDENCE} (R2MED's shape, synthetic)", "clinical-evidence"),
    _card("cases", f"{_CASES} (R2MED's shape, synthetic)", "clinical-case"),
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


def _load(card: DatasetCard, folder: Path) -> Dataset:
    dataset = dataset_of_folder(folder, card)
    if card is _EHR:
        return replace(dataset, read_qrels=lambda: read_match_judgments(folder / "qrels.tsv"))
    return dataset
