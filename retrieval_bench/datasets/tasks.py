"""Tasks: what the documents of a dataset are to its queries, in the words that instructions of models are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class TaskWords:
    """The words of a task, put into the templates of models that take an instruction.

    Attributes:
        search: the task as a sentence.
        question: what a query is called.
        passage: what a document is called.
    """

    search: str
    question: str
    passage: str


TASKS: Mapping[str, TaskWords] = MappingProxyType(
    {
        "qa-reference": TaskWords(
            "Given a question from a life science forum, retrieve reference texts that explain what is needed to "
            "answer it",
            "life science question",
            "reference text",
        ),
        "clinical-evidence": TaskWords(
            "Given a clinical question, retrieve medical evidence that supports the right answer",
            "clinical question",
            "medical evidence",
        ),
        "clinical-case": TaskWords(
            "Given the description of a patient, retrieve cases of other patients who have the same disease",
            "patient description",
            "patient case",
        ),
        "health-records": TaskWords(
            "Given a disease, a procedure or a drug, retrieve parts of patient notes that show the patient has or had "
            "it",
            "medical entity",
            "part of a patient note",
        ),
    }
)
"""R2MED's three tasks (arXiv 2505.14558, section 3) and CliniQ's (arXiv 2502.06252), in words of this suite."""

GENERAL = TaskWords(
    "Given a medical question, retrieve passages that help to answer it", "medical question", "medical passage"
)
"""The words where a dataset says no task."""


def words_of(task: str) -> TaskWords:
    """The words of a task by its name; the general ones for the empty name."""
    return TASKS[task] if task else GENERAL
