"""The contract of dataset sources, as tests: subclass `DatasetSourceContract`, or run `sql-bench doctor SOURCE`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench_core.identity import canonical_json
from bench_core.plugins.contracts import unique
from sql_bench.datasets.dataset import SqlDataset, SqlDatasetSource
from sql_bench.types import Question


class DatasetSourceContract:
    """What every dataset source holds. A subclass gives `create`.

    Attributes:
        names: datasets to load, each what stands behind `source/`; none: all that the source has cards of.
    """

    names: Sequence[str] = ()

    def create(self) -> SqlDatasetSource:
        """A new source, always with the same arguments."""
        raise NotImplementedError

    def test_cards_have_ids_of_their_own_and_say_what_they_are(self) -> None:
        cards = self.create().cards()
        unique("dataset_id", (card.dataset_id for card in cards))
        for card in cards:
            assert card.summary, f"the card of {card.dataset_id} has no summary"
            assert card.dialect, f"the card of {card.dataset_id} has no dialect"

    def test_questions_have_ids_and_texts(self) -> None:
        for dataset in self._loaded():
            assert dataset.questions, f"{dataset.card.dataset_id} has no questions"
            assert all(isinstance(question, Question) for question in dataset.questions), "a question is no Question"
            unique("question_id", (question.question_id for question in dataset.questions))
            without = [question.question_id for question in dataset.questions if not question.text.strip()]
            assert not without, f"question {without[0]} has no text"

    def test_golds_are_statements(self) -> None:
        for dataset in self._loaded():
            for question in dataset.questions:
                assert isinstance(question.golds, tuple), f"the golds of {question.question_id} are no tuple"
                assert all(gold.strip() for gold in question.golds), f"a gold of {question.question_id} is empty"

    def test_a_dataset_is_the_same_whenever_it_is_loaded(self) -> None:
        for one, other in zip(self._loaded(), self._loaded(), strict=True):
            assert canonical_json(one.identity) == canonical_json(other.identity), (
                f"{one.card.dataset_id} has another identity when it is loaded again: its order or content changes"
            )
            assert one.golds_sha256 == other.golds_sha256, f"{one.card.dataset_id} has other golds each time"

    def _loaded(self) -> Iterator[SqlDataset]:
        source = self.create()
        names = self.names or [card.dataset_id.partition("/")[2] for card in source.cards()]
        assert names, "the source has no cards; name a dataset of it, as file.py:Class/NAME"
        return (source.load(name) for name in names)
