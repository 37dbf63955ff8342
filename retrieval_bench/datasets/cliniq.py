"""CliniQ's judgments: chunks of a note that match a query, and the type of match (arXiv 2502.06252)."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

from bench_core.errors import BadFile
from bench_core.jsonl import read_lines
from retrieval_bench.rankings.trec import add_judgment

MatchType = Literal["string", "synonym", "abbreviation", "hyponym", "implication"]
MATCH_TYPES: tuple[MatchType, ...] = get_args(MatchType)


def read_match_judgments(path: Path) -> dict[str, dict[str, int]]:
    """Read headerless `query_id ⇥ chunk_id ⇥ match_type` lines; each is a relevance of 1.

    Raises:
        BadFile: another number of columns, an unknown match type, or no line at all.
    """
    qrels: dict[str, dict[str, int]] = {}
    for number, line in read_lines(path):
        fields = line.split("\t")
        if len(fields) != 3:
            raise BadFile(
                path, f"expected query_id, chunk_id and match_type with tabs and found {len(fields)} columns", number
            )
        query_id, doc_id, match_type = fields
        if match_type not in MATCH_TYPES:
            raise BadFile(path, f"expected a match type ({', '.join(MATCH_TYPES)}) and found {match_type!r}", number)
        add_judgment(qrels, query_id, doc_id, 1, path, number)
    if not qrels:
        raise BadFile(path, "expected at least one judgment, but the file is empty")
    return qrels
