"""TREC run and qrels files, read from anybody and written so that they can be read by anybody.

Columns are separated by tabs or spaces when read, by tabs when written (ids may then hold spaces).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

from bench_core.artifacts import gzip_bytes
from bench_core.errors import BadFile
from bench_core.jsonl import read_lines
from retrieval_bench.types import Qrels, Run

RunScores = dict[str, dict[str, float]]
"""query_id -> doc_id -> score, as read; ranks and line order carry no meaning."""


def read_run(path: Path) -> RunScores:
    """Read a run: `query_id Q0 doc_id rank score tag`, a tag of several words allowed.

    Raises:
        BadFile: a line with fewer columns, a score that is not a number or is NaN, a document twice for one query.
    """
    run: RunScores = {}
    for number, line in read_lines(path):
        if not line.strip():
            continue
        fields = _fields(line, 6)
        if len(fields) < 6:
            raise BadFile(
                path, f"expected 6 columns (query_id Q0 doc_id rank score tag) and found {len(fields)}", number
            )
        query_id, _, doc_id, _, score_text, *_ = fields
        score = _score(score_text)
        if score is None:
            raise BadFile(path, f"expected a number as the score and found {score_text!r}", number)
        scores = run.setdefault(query_id, {})
        if doc_id in scores:
            raise BadFile(path, f"document {doc_id} stands twice for query {query_id}; each may stand once", number)
        scores[doc_id] = score
    if not run:
        raise BadFile(path, "expected a run of at least one line, but the file is empty")
    return run


def run_bytes(run: Run, tag: str) -> bytes:
    """A run as a gzipped TREC file; scores are written so that their float32 values come back exactly."""
    import numpy as np

    lines = [
        f"{query_id}\tQ0\t{doc_id}\t{rank}\t{np.float32(score)!s}\t{tag}\n"
        for query_id, ranking in run.items()
        for rank, (doc_id, score) in enumerate(ranking, start=1)
    ]
    return gzip_bytes("".join(lines).encode())


def read_qrels(path: Path) -> dict[str, dict[str, int]]:
    """Read judgments: TREC's `query_id 0 doc_id relevance`, or BEIR's `query-id corpus-id score` with its header line.

    Raises:
        BadFile: another number of columns, a relevance that is not a whole number, one document judged twice unlike.
    """
    qrels: dict[str, dict[str, int]] = {}
    for number, line in read_lines(path):
        if not line.strip() or (number == 1 and _is_header(line)):
            continue
        query_id, doc_id, relevance_text = _judgment(path, number, line)
        try:
            relevance = int(relevance_text)
        except ValueError:
            expected = f"expected a whole number as the relevance and found {relevance_text!r}"
            raise BadFile(path, expected, number) from None
        add_judgment(qrels, query_id, doc_id, relevance, path, number)
    if not qrels:
        raise BadFile(path, "expected at least one judgment, but the file is empty")
    return qrels


def add_judgment(
    qrels: dict[str, dict[str, int]], query_id: str, doc_id: str, relevance: int, path: Path, number: int
) -> None:
    """Add one judgment; the same one again is harmless, another relevance for the same pair is a BadFile."""
    judged = qrels.setdefault(query_id, {})
    if judged.setdefault(doc_id, relevance) != relevance:
        expected = f"document {doc_id} is judged {judged[doc_id]} and {relevance} for query {query_id}; keep one"
        raise BadFile(path, expected, number)


def qrels_text(qrels: Qrels) -> str:
    """Judgments in TREC form, queries and documents sorted."""
    return "".join(
        f"{query_id} 0 {doc_id} {relevance}\n"
        for query_id, judged in sorted(qrels.items())
        for doc_id, relevance in sorted(judged.items())
    )


def check_known(qrels: Qrels, query_ids: Iterable[str], qrels_path: Path) -> None:
    """Refuse judgments of queries that do not exist: they would silently count as queries nobody answered.

    Raises:
        BadFile: names the first unknown query.
    """
    known = set(query_ids)
    for query_id in qrels:
        if query_id not in known:
            raise BadFile(qrels_path, f"query {query_id} is judged but is not among the {len(known)} queries")


def _fields(line: str, n_columns: int) -> list[str]:
    by_tab = line.split("\t")
    return by_tab if len(by_tab) == n_columns else line.split()


def _score(text: str) -> float | None:
    try:
        score = float(text)
    except ValueError:
        return None
    return None if math.isnan(score) else score


def _is_header(line: str) -> bool:
    return line.split("\t")[-1].strip() == "score" or line.split()[:1] == ["query-id"]


def _judgment(path: Path, number: int, line: str) -> tuple[str, str, str]:
    fields = line.split("\t") if line.count("\t") in (2, 3) else line.split()
    if len(fields) == 4:
        return fields[0], fields[2], fields[3]
    if len(fields) == 3:
        return fields[0], fields[1], fields[2]
    raise BadFile(
        path,
        f"expected 4 columns (query_id 0 doc_id relevance) or 3 (query-id corpus-id score) and found {len(fields)}",
        number,
    )
