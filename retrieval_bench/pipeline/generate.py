"""The generation stage: what is searched with instead of each query, written once a query and kept line by line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench_core.errors import BenchError
from bench_core.llm.budget import SpendingCap
from bench_core.llm.chat import Usage
from bench_core.llm.conversation import Step
from bench_core.runs.item_lines import Item
from bench_core.runs.items import ItemKind, ItemStage, Made, Maker, NoItem, Plan, Unit
from bench_core.runs.manifest import RunFolder
from retrieval_bench.pipeline.making import RunInMaking
from retrieval_bench.pipeline.system import Generated
from retrieval_bench.query_generators.base import GeneratedQuery
from retrieval_bench.query_generators.combination import Combination
from retrieval_bench.query_generators.generation import Generation
from retrieval_bench.types import Query


def generated_from(item: Item) -> GeneratedQuery:
    """The text that a line holds, in today's form or that of the version before (`status`, and `seconds` inside).

    Raises:
        KeyError, TypeError, ValueError: the item is no generated text.
        NoItem: it says that there was none, as lines of the version before could.
    """
    content: Mapping[str, Any] = item.content
    if content.get("status", "ok") != "ok":
        raise NoItem
    return GeneratedQuery(
        content["query_id"],
        content["text"],
        Combination(**content["combination"]),
        reasoning=content["reasoning"],
        trace=tuple(Step(**step) for step in content["trace"]),
        usage=Usage(**content["usage"]),
        seconds=float(item.measured.get("seconds", content.get("seconds", 0.0))),
    )


GENERATED: ItemKind[GeneratedQuery] = ItemKind("generated.jsonl", ("query_id",), generated_from)


def item_of(generated: GeneratedQuery) -> Item:
    """A text as it is stored."""
    content = asdict(generated)
    del content["status"]
    return Item(content, {"seconds": content.pop("seconds")})


def generate(making: RunInMaking, system: Generated) -> list[Query]:
    """The queries to search with: those that a text was written for.

    Raises:
        BenchError: there is none.
    """
    generation, dataset = system.generation, making.dataset
    what = f"{system.label} on {dataset.card.dataset_id}"
    if generation.search is not None:
        with making.manifest.phase("index"):
            indexed_as, warn = dataset.card.indexed_as, making.tell.always
            generation.search.open(dataset.corpus, indexed_as, making.indexes_dir, warn, dataset.excluded)
    stored = making.items(GENERATED)
    with making.manifest.phase("generate"):
        without_text = generate_all(generation, dataset.queries, stored)
    stored.record(making.manifest)
    written = dict(stored.values())
    n_asked = generation.client.n_asked if generation.client else 0
    making.tell(f"{what}: texts for {len(written)} of {len(dataset.queries)} queries, {n_asked} requests made.")
    if stored.gaps:
        note = (
            f"{what}: {len(stored.gaps)} of {len(dataset.queries)} queries have no generated text "
            f"({stored.gap_reasons()}); they were not searched and count 0. The next run asks for them again."
        )
        if not written:
            raise BenchError(note)
        making.manifest.notes.append(note)
    came_back = [*written.values(), *without_text]
    making.manifest.recorded.update(
        {
            "requests": n_asked,
            "prompt_tokens": sum(text.usage.prompt_tokens or 0 for text in came_back),
            "completion_tokens": sum(text.usage.completion_tokens or 0 for text in came_back),
            "generation_seconds": sum(text.seconds for text in came_back),
        }
    )
    return [
        text.combination.of(query, text.text)
        for query in dataset.queries
        if (text := written.get((query.query_id,))) is not None
    ]


def read_generated(folder: Path) -> dict[str, GeneratedQuery]:
    """The texts of a run folder by query_id, in either form of line; damaged lines are left out."""
    run = RunFolder(folder)
    manifest = run.read()
    if manifest is None:
        return {}
    stored = ItemStage(GENERATED, run, manifest.identity, manifest, lambda sentence: None)
    return {query_id: text for (query_id,), text in stored.values()}


def generate_all(
    generation: Generation, queries: Sequence[Query], stored: ItemStage[GeneratedQuery]
) -> list[GeneratedQuery]:
    """Write what is missing; once the spending cap is reached nothing more is begun.

    Returns:
        What came back without a text to search with, which cost tokens all the same.
    """
    cap = SpendingCap()
    without_text: list[GeneratedQuery] = []

    def written(query: Query) -> Made:
        generated = generation.generator.generate(query)
        if generated.status == "ok":
            return Made([item_of(generated)])
        without_text.append(generated)
        cap.note(generated.status)
        return Made(gaps={(query.query_id,): generated.status})

    plan = Plan({(query.query_id,): {} for query in queries}, [Unit(query, [(query.query_id,)]) for query in queries])
    maker = Maker(written, "generate", generation.n_at_once, cap)
    stored.fill(lambda: plan, maker)
    return without_text
