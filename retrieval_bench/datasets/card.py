"""The card of a dataset: what is known of it before it is read, and what is asked of the systems that search it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench_core.data_use import Access
from bench_core.errors import UserError
from bench_core.plugins.arguments import did_you_mean
from bench_core.plugins.cards import check_fields
from retrieval_bench.datasets.tasks import TASKS

IdenticalIds = Literal["keep", "drop", "drop-dense"]
"""What becomes of a document that has the query's own id: it stays, is left out of every ranking, or (as in R2MED's
code) only where vectors are searched."""


@dataclass(frozen=True)
class DatasetCard:
    """What stages may know of a dataset; none looks at its name.

    Attributes:
        access: text of a `credentialed` dataset may not leave the machine unless the user says so.
        k: how deep runs go by default.
        same_documents_as: the dataset whose indexes this one shares; the empty string: it has its own.
        task: a name of `TASKS`, which words instructions and chooses prompts; the empty string: none in particular.
        instructions_as: the dataset whose texts in an imported table of instructions and prompts hold for this one.
        identical_ids: see `IdenticalIds`.
        relevance_level: the least relevance that counts as relevant where a measure asks only whether (`trec_eval -l`).
        options: what may stand behind the dataset's name, as `,option=value`; messages suggest no other.
        generated_dir: a folder of texts that come with the dataset, generated for its queries: `METHOD.jsonl` each.

    Raises:
        UserError: a field holds something else, or a task, a k, a relevance level or a folder that is none.
    """

    dataset_id: str
    summary: str
    licence: str = ""
    revision: str = ""
    access: Access = "public"
    k: int = 100
    same_documents_as: str = ""
    task: str = ""
    instructions_as: str = ""
    identical_ids: IdenticalIds = "keep"
    relevance_level: int = 1
    options: frozenset[str] = frozenset()
    generated_dir: Path | None = None

    def __post_init__(self) -> None:
        check_fields(self)
        if self.task and self.task not in TASKS:
            raise UserError(
                f"{self.dataset_id}: there is no task {self.task!r}{did_you_mean(self.task, TASKS)}; known are "
                f"{', '.join(TASKS)}."
            )
        if self.relevance_level < 1:
            raise UserError(f"{self.dataset_id}: relevance_level={self.relevance_level} must be at least 1.")
        if self.k < 1:
            raise UserError(f"{self.dataset_id}: k={self.k} must be at least 1.")
        if self.generated_dir is not None and not self.generated_dir.is_dir():
            raise UserError(f"{self.dataset_id}: generated_dir is {self.generated_dir}, where there is no folder.")

    @property
    def indexed_as(self) -> str:
        """The dataset_id that indexes of the documents stand under."""
        return self.same_documents_as or self.dataset_id

    def generated_texts(self, method: str) -> Path | None:
        """The texts that come with the dataset for a method of generation; None where there are none."""
        path = self.generated_dir / f"{method}.jsonl" if self.generated_dir else None
        return path if path is not None and path.is_file() else None


UNKNOWN = DatasetCard("", "no dataset in particular")
"""The card of stages that are made to be looked at: nothing is asked of them."""
