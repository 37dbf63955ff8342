"""Listwise reranking by a language model: a window of candidates slides up the list."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench_core.errors import UserError
from bench_core.identity import Json
from bench_core.llm.chat import AsksClient, ChatClient, ChatRequest, Message, NoAnswer, Sampling
from bench_core.llm.prompts import read_prompt
from bench_core.llm.reasoning import answer_part
from bench_core.machine.threads import in_threads
from retrieval_bench.rerankers.base import RerankerBase
from retrieval_bench.types import Candidates, Description

_PROMPT = Path(__file__).parent / "prompt_files" / "listwise.txt"
_NUMBER = re.compile(r"\d+")
_BRACKETED = re.compile(r"\[\s*(\d+)\s*\]")
# [2] > [1] > [3]; models also put commas or line ends between.
_CHAIN = re.compile(r"\[\s*\d+\s*\](?:[\s>,;]+\[\s*\d+\s*\])+")
_FIELDS = frozenset({"n", "passages", "query"})


class Listwise(AsksClient, RerankerBase):
    """A language model orders passages (RankGPT: W. Sun et al., "Is ChatGPT Good at Search?", EMNLP 2023).

    The last `window` candidates are ordered first, then the window moves up by `step`, so that the best reach the top.
    What the model says is repaired: a number that comes again or is none of the window's is dropped, one that is
    missing keeps its place behind those named. Of a model that reasons the answer part counts.

    Args:
        window: passages shown at once.
        step: how far the window moves.
        words: words of a passage that are shown.
        prompt: a prompt file of the user's with {n}, {passages} and {query}.
        temperature: how freely tokens are drawn.
        max_tokens: the most tokens of an answer, reasoning included.
    """

    def __init__(
        self,
        window: int = 20,
        step: int = 10,
        words: int = 300,
        prompt: str = "",
        temperature: float = 0.0,
        max_tokens: int = 4096,
        *,
        client: ChatClient,
        n_at_once: int,
    ) -> None:
        if not 1 <= step <= window or window < 2 or words < 1:
            raise UserError(f"reranker listwise: window={window}, step={step}, words={words} do not fit.")
        self._window, self._step, self._words = window, step, words
        self._client, self._n_at_once = client, n_at_once
        self._model = str(client.describe().get("model", ""))
        self._sampling = Sampling(temperature=temperature, max_tokens=max_tokens)
        self._prompt = read_prompt(Path(prompt) if prompt else _PROMPT, _FIELDS, {"passages", "query"})
        self._n_windows = self._n_repaired = 0
        self._failed: dict[str, str] = {}

    def describe(self) -> Description:
        """Model, prompt, windows and sampling."""
        settings: dict[str, Json] = {
            "client": dict(self._client.describe()),
            "prompt_sha256": self._prompt.sha256,
            "sampling": self._sampling.describe(),
            "window": self._window,
            "step": self._step,
            "words": self._words,
        }
        return Description("listwise", search=settings)

    @property
    def failed(self) -> Mapping[str, str]:
        """Queries of which a window got no answer and kept its order, and why."""
        return self._failed

    def recorded(self) -> Mapping[str, Json]:
        """Windows asked for, answers repaired, queries without an answer."""
        return {"windows": self._n_windows, "repaired": self._n_repaired, "failed_queries": len(self._failed)}

    def notes(self) -> Sequence[str]:
        """How often the model's order was no order, or did not come."""
        notes = []
        if self._n_repaired:
            notes.append(f"listwise: {self._n_repaired} of {self._n_windows} answers were no full order; repaired.")
        if self._failed:
            why = ", ".join(f"{n} {status}" for status, n in sorted(Counter(self._failed.values()).items()))
            notes.append(
                f"listwise: {len(self._failed)} queries got no answer for a window ({why}), which kept its "
                "order; the next run asks for them again."
            )
        return notes

    def rerank(self, batch: Sequence[Candidates]) -> Sequence[Sequence[float]]:
        """Scores that fall by 1 from the best document down."""
        coming = in_threads(lambda place: self._scores(batch[place]), range(len(batch)), self._n_at_once)
        return [scores for _, scores in sorted(coming)]

    def _scores(self, candidates: Candidates) -> list[float]:
        order = list(range(len(candidates.documents)))
        end = len(order)
        while end > 0:
            start = max(end - self._window, 0)
            order[start:end] = self._ordered(candidates, order[start:end])
            if start == 0:
                break
            end -= self._step
        scores = [0.0] * len(order)
        for place, number in enumerate(order):
            scores[number] = float(len(order) - place)
        return scores

    def _ordered(self, candidates: Candidates, window: list[int]) -> list[int]:
        if len(window) < 2:
            return window
        texts = (" ".join(candidates.documents[number].text.split()[: self._words]) for number in window)
        passages = "\n".join(f"[{place}] {text}" for place, text in enumerate(texts, start=1))
        prompt = self._prompt.filled({"n": str(len(window)), "passages": passages, "query": candidates.query.text})
        self._n_windows += 1
        try:
            response = self._client.complete(ChatRequest((Message("user", prompt),), self._sampling))
        except NoAnswer as error:
            self._failed[candidates.query.query_id] = error.status
            return window
        if response.problem:
            self._failed[candidates.query.query_id] = response.problem
            return window
        places, is_whole = permutation(answer_part(response.text, self._model).text, len(window))
        self._n_repaired += not is_whole
        return [window[place] for place in places]


def permutation(text: str, n: int) -> tuple[list[int], bool]:
    """The order in a model's answer, from 0, and whether it named each of `n` passages exactly once.

    The longest chain of numbers in brackets counts, of several so long the last, and what stands around it is prose;
    without a chain all numbers in brackets, and without any all numbers. Of those named twice the first counts; numbers
    of no passage are dropped; those not named follow in their order.
    """
    chains = [_BRACKETED.findall(chain) for chain in _CHAIN.findall(text)]
    numbers = max(reversed(chains), key=len, default=[]) or _BRACKETED.findall(text) or _NUMBER.findall(text)
    named = [int(number) - 1 for number in numbers if len(number) < 9]
    order = list(dict.fromkeys(place for place in named if 0 <= place < n))
    missing = [place for place in range(n) if place not in set(order)]
    return [*order, *missing], sorted(named) == list(range(n))
