"""The contract of dataset sources, as tests: subclass `DatasetSourceContract`, or run `sql-bench doctor SOURCE`."""

from __future__ import annotations

from bench_core.plugins.contracts import unique
from bench_core.plugins.source_contract import SourceContract
from sql_bench.datasets.dataset import SqlDataset
from sql_bench.mirror.sources import find_tables, read_outline
from sql_bench.types import Question


class DatasetSourceContract(SourceContract[SqlDataset]):
    """What every dataset source holds. A subclass gives `create`, and perhaps `names`."""

    def scored_by(self, dataset: SqlDataset) -> tuple[str, str]:
        """The golds."""
        return "golds", dataset.golds_sha256

    def test_questions_have_ids_and_texts(self) -> None:
        for dataset in self.loaded():
            assert dataset.questions, f"{dataset.card.dataset_id} has no questions"
            assert all(isinstance(question, Question) for question in dataset.questions), "a question is no Question"
            unique("question_id", (question.question_id for question in dataset.questions))
            without = [question.question_id for question in dataset.questions if not question.text.strip()]
            assert not without, f"question {without[0]} has no text"

    def test_golds_are_statements(self) -> None:
        for dataset in self.loaded():
            for question in dataset.questions:
                assert isinstance(question.golds, tuple), f"the golds of {question.question_id} are no tuple"
                assert all(gold.strip() for gold in question.golds), f"a gold of {question.question_id} is empty"

    def test_tables_and_files_are_there(self) -> None:
        for dataset in self.loaded():
            dataset.check_files()
            for table in find_tables(dataset.tables_dir) if dataset.tables_dir else ():
                read_outline(table)
