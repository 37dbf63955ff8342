"""Separate a model's answer from the reasoning in the same text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from bench_core.llm.chat import ChatResponse

RuleName = Literal["think", "final-response", "answer-tags", "none"]

# Which rule a model that reasons follows, by its name: R2MED, arXiv 2505.14558, section 4 and its code's model table;
# models that came later by their cards.
_MODELS: tuple[tuple[re.Pattern[str], RuleName], ...] = (
    (re.compile(r"deepseek-r(1|easoner)|r1-distill|qwq|qwen3(?!.*(instruct|coder))|magistral", re.IGNORECASE), "think"),
    (re.compile(r"huatuogpt-o1", re.IGNORECASE), "final-response"),
    (re.compile(r"search-?r1", re.IGNORECASE), "answer-tags"),
    # They reason, and their endpoints keep that from the text.
    (re.compile(r"^(.*/)?(gpt-)?(o\d(-|$)|gpt-5|gpt-oss)", re.IGNORECASE), "none"),
)
_END_OF_THINKING = "</think>"
_FINAL_RESPONSE = re.compile(r"(?:#+\s*)?Final Response:?\s*")
_ANSWER = re.compile(r"<answer>(.*?)</answer>", re.DOTALL)


@dataclass(frozen=True)
class Answer:
    """A model's text, taken apart.

    Attributes:
        rule: how it was done, and why, for the record.
    """

    text: str
    reasoning: str
    rule: str


def is_reasoning_model(model: str) -> bool:
    """Whether a model is known to reason before it answers, by its name."""
    return _known_rule(model) is not None


def problem_of(response: ChatResponse, model: str) -> str:
    """As `ChatResponse.problem`, and `empty` too where a model only reasoned."""
    if response.problem or response.tool_calls:
        return response.problem
    return "" if answer_part(response.text, model).text else "empty"


def _known_rule(model: str) -> RuleName | None:
    return next((rule for pattern, rule in _MODELS if pattern.search(model)), None)


def answer_part(text: str, model: str) -> Answer:
    """Separate reasoning and answer by the rule of the model.

    A model that is not known is taken to reason where `</think>` says so. Where a rule's mark is missing all of the
    text is the answer: models leave their reasoning out when they are told to.
    """
    known = _known_rule(model)
    rule: RuleName = known or ("think" if _END_OF_THINKING in text else "none")
    before, after = _parts(text, rule)
    how = rule if known else f"{rule} (model not known)"
    if after is None:
        return Answer(text.strip(), "", f"{how}: no mark, all of it is the answer" if rule != "none" else how)
    return Answer(after.strip(), before.strip(), how)


def _parts(text: str, rule: RuleName) -> tuple[str, str | None]:
    """What stands before the answer, and the answer; None where the rule's mark is missing."""
    if rule == "think" and _END_OF_THINKING in text:
        before, _, after = text.rpartition(_END_OF_THINKING)
        return before.strip().removeprefix("<think>"), after
    if rule == "final-response" and (marks := list(_FINAL_RESPONSE.finditer(text))):
        return text[: marks[-1].start()], text[marks[-1].end() :]
    if rule == "answer-tags" and (answers := list(_ANSWER.finditer(text))):
        return text[: answers[-1].start()], answers[-1].group(1)
    return "", None
