"""TREC run and qrels files, read leniently and written canonically.

Columns are separated by tabs or spaces when read, by tabs when written (ids may then hold spaces).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from bench_core.artifacts import gzip_bytes
from bench_core.errors import BadFile
from bench_core.jsonl import first_line_with, read_lines
from retrieval_bench.types import Qrels, Run

RunScores = dict[str, dict[str, float]]
"""query_id -> doc_id -> score, as read; ranks and line order carry no meaning."""


def read_run(path: Path) -> RunScores:
    """Read a run: `query_id Q0 doc_id rank score tag`, a tag of several words allowed.

    An empty file is an empty run: a system may find nothing.

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

    The first line decides which of the two the file is.

    Raises:
        BadFile: another number of columns, a relevance that is not a whole number, one document judged twice unlike.
    """
    qrels: dict[str, dict[str, int]] = {}
    n_columns = 0
    for number, line in read_lines(path):
        if not line.strip() or (number == 1 and _is_header(line)):
            continue
        fields = _fields(line, n_columns or 3)
        n_columns = n_columns or len(fields)
        if len(fields) != n_columns or n_columns not in (3, 4):
            wanted = (
                "4 columns (query_id 0 doc_id relevance)" if n_columns != 3 else "3 columns (query-id corpus-id score)"
            )
            raise BadFile(path, f"expected {wanted} and found {len(fields)}", number)
        query_id, doc_id, relevance = fields[0], fields[-2], fields[-1]
        if not re.fullmatch(r"[+-]?[0-9]{1,9}", relevance):
            raise BadFile(path, f"expected a whole number as the relevance and found {relevance!r}", number)
        add_judgment(qrels, query_id, doc_id, int(relevance), path, number)
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


def check_known(qrels: Qrels, query_ids: Iterable[str], qrels_path: Path) -> None:
    """Refuse judgments of queries that do not exist: they would silently count as queries nobody answered.

    Raises:
        BadFile: names the first unknown query.
    """
    known = set(query_ids)
    for query_id in qrels:
        if query_id not in known:
            expected = f"query {query_id} is judged but is not among the {len(known)} queries"
            raise BadFile(qrels_path, expected, first_line_with(qrels_path, query_id))


def _fields(line: str, n_least: int) -> list[str]:
    """The columns of a line: by tabs where there are enough of them (ids may then hold spaces), else by blanks.

    Only tab and space separate: other white space, such as U+00A0, may be part of an id.
    """
    by_tab = [cell.strip(" ") for cell in line.split("\t")]
    return by_tab if len(by_tab) >= n_least else re.split(r"[ \t]+", line.strip(" \t"))


def _score(text: str) -> float | None:
    """A decimal number or an infinity, as C's strtod reads it; None for anything else, NaN too."""
    if not re.fullmatch(
        r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|inf(?:inity)?)", text, re.IGNORECASE
    ):
        return None
    return float(text)


def _is_header(line: str) -> bool:
    fields = _fields(line, 3)
    return len(fields) == 3 and fields[2] == "score"
