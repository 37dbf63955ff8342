"""TREC run and qrels files, read as trec_eval reads them and written canonically (docs/rules/files.md F1 to F4).

Any run of tabs and spaces separates columns when read; where tabs alone give the columns, ids may hold spaces. Columns
are separated by single tabs when written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path

from bench_core.artifacts import gzip_bytes
from bench_core.errors import BadFile
from bench_core.jsonl import first_line_with, read_lines
from retrieval_bench.types import Qrels, Run

RunScores = dict[str, dict[str, float]]
"""query_id -> doc_id -> score, as read; ranks and line order carry no meaning."""


def read_run(path: Path, has_comments: bool = True) -> RunScores:
    """Read a run: `query_id Q0 doc_id rank score tag`, a tag of several words allowed.

    An empty file is an empty run: a system may find nothing.

    Args:
        has_comments: lines that begin with # are passed over, as by trec_eval; not so in files of the suite's own,
            which have none, and where an id may begin with it.

    Raises:
        BadFile: a line with fewer columns, a score that is not a number or is NaN, a document twice for one query.
    """
    run: RunScores = {}
    for number, line in read_lines(path):
        if not line.strip() or (has_comments and _is_comment(line)):
            continue
        fields = _run_columns(line)
        if len(fields) < _RUN_COLUMNS:
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
    rankings = list(run.items())
    starts = range(0, len(rankings), _QUERIES_A_PIECE)
    return gzip_bytes(_run_lines(rankings[start : start + _QUERIES_A_PIECE], tag) for start in starts)


def _run_lines(rankings: Iterable[tuple[str, Sequence[tuple[str, float]]]], tag: str) -> bytes:
    import numpy as np

    lines = []
    for query_id, ranking in rankings:
        scores = np.array([score for _, score in ranking], dtype=np.float32).astype(str).tolist()
        lines += [
            f"{query_id}\tQ0\t{doc_id}\t{rank}\t{score}\t{tag}\n"
            for rank, ((doc_id, _), score) in enumerate(zip(ranking, scores, strict=True), start=1)
        ]
    return "".join(lines).encode()


def read_qrels(path: Path) -> dict[str, dict[str, int]]:
    """Read judgments: TREC's `query_id 0 doc_id relevance`, or BEIR's `query-id corpus-id score` with its header line.

    The first line that is no comment decides which of the two the file is.

    Raises:
        BadFile: another number of columns, a relevance that is not a whole number, one document judged twice unlike.
    """
    qrels: dict[str, dict[str, int]] = {}
    n_columns = 0
    for number, line in read_lines(path):
        if not line.strip() or _is_comment(line):
            continue
        if not n_columns:
            n_columns = _n_judgment_columns(line)
            if _is_header(line):
                continue
        fields = _judgment_columns(line, n_columns)
        if len(fields) != n_columns:
            wanted = (
                "4 columns (query_id 0 doc_id relevance)" if n_columns != 3 else "3 columns (query-id corpus-id score)"
            )
            raise BadFile(path, f"expected {wanted} and found {len(fields)}", number)
        relevance = whole_relevance(fields[-1])
        if relevance is None:
            expected = f"expected a whole number as the relevance and found {fields[-1]!r} ({RELEVANCE_BOUND})"
            raise BadFile(path, expected, number)
        add_judgment(qrels, fields[0], fields[-2], relevance, path, number)
    if not qrels:
        raise BadFile(path, "expected at least one judgment, but the file is empty")
    return qrels


RELEVANCE_BOUND = "at most nine digits"
"""The bound of every reader of judgments, for messages."""

_MOST_RELEVANCE = 10**9 - 1


def whole_relevance(text: str) -> int | None:
    """A relevance of at most nine digits in any spelling of a whole number (`1`, `+1`, `1.0`, `1e0`); None: another."""
    if not re.fullmatch(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?", text):
        return None
    value = Decimal(text)
    if abs(value) > _MOST_RELEVANCE or value != value.to_integral_value():
        return None
    return int(value)


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


_RUN_COLUMNS = 6
# Written at once, so that they are compressed while the next are made: at 100 documents each about a megabyte.
_QUERIES_A_PIECE = 200
# The second column, which trec_eval does not read, as test collections and run files write it.
_ITERATIONS = ("0", "Q0", "q0")
_HEADER_BEGINS = ("query-id", "query_id", "qid", "q_id", "topic_id", "topic")
_HEADER_ENDS = ("score", "relevance", "rel", "label", "grade")


def _is_comment(line: str) -> bool:
    return line.startswith("#")


def _by_blanks(line: str) -> list[str]:
    """The columns between runs of tabs and spaces.

    Only tab and space separate: other white space, such as U+00A0, may be part of an id.
    """
    return re.split(r"[ \t]+", line.strip(" \t"))


def _by_tabs(line: str) -> list[str]:
    """The columns between runs of blanks that hold a tab: spaces by themselves are then part of an id."""
    return re.split(r" *\t[ \t]*", line.strip(" \t"))


def _run_columns(line: str) -> list[str]:
    if " " not in line:  # as the suite writes, and faster
        cells = line.split("\t")
        if len(cells) == _RUN_COLUMNS and all(cells):
            return cells
    by_tabs = _by_tabs(line)
    if len(by_tabs) >= _RUN_COLUMNS and by_tabs[1] in _ITERATIONS and " " not in by_tabs[3]:
        return by_tabs
    return _by_blanks(line)


def _n_judgment_columns(line: str) -> int:
    """Whether the first line is one of TREC's four columns or of BEIR's three."""
    by_tabs, by_blanks = _by_tabs(line), _by_blanks(line)
    if len(by_blanks) == 4:
        # `q1 0<tab>d1<tab>1` is TREC's; `q 1<tab>d1<tab>1` has a space in an id.
        return 3 if len(by_tabs) == 3 and by_blanks[1] not in _ITERATIONS else 4
    return 3 if len(by_blanks) == 3 or len(by_tabs) == 3 else 4


def _judgment_columns(line: str, n_columns: int) -> list[str]:
    by_tabs = _by_tabs(line)
    return by_tabs if len(by_tabs) == n_columns else _by_blanks(line)


def _score(text: str) -> float | None:
    """A decimal number or an infinity, as C's strtod reads it; None for anything else, NaN too."""
    if not re.fullmatch(
        r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|inf(?:inity)?)", text, re.IGNORECASE
    ):
        return None
    return float(text)


def _is_header(line: str) -> bool:
    fields = _by_blanks(line.lower())
    return len(fields) in (3, 4) and fields[0] in _HEADER_BEGINS and fields[-1] in _HEADER_ENDS
