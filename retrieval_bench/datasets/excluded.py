"""Documents that rankings of a query leave out: lines of a file, or `excluded_ids` of queries (BRIGHT's form)."""

from __future__ import annotations

import json
import re
from pathlib import Path

from bench_core.errors import BadFile
from bench_core.jsonl import id_field, read_lines, read_objects

_HEADER = {"query-id", "query_id", "qid", "q_id"}
_FIELD = "excluded_ids"


def read_excluded(path: Path) -> dict[str, frozenset[str]]:
    """Read lines of a query_id and a doc_id, separated by a tab or, where there is none, by blanks; # begins a comment.

    Raises:
        BadFile: a line of another number of columns.
    """
    found: dict[str, set[str]] = {}
    for number, line in read_lines(path):
        stripped = line.strip(" \t")
        if not stripped or line.startswith("#"):
            continue
        columns = re.split(r" *\t[ \t]*" if "\t" in stripped else r" +", stripped)
        if len(columns) != 2:
            raise BadFile(path, f"expected 2 columns (query_id doc_id) and found {len(columns)}", number)
        if not found and columns[0].lower() in _HEADER:
            continue
        found.setdefault(columns[0], set()).add(columns[1])
    return {query_id: frozenset(doc_ids) for query_id, doc_ids in found.items()}


def excluded_of_queries(path: Path) -> dict[str, frozenset[str]]:
    """The `excluded_ids` of JSON lines of queries; queries may be without.

    Raises:
        BadFile: they are no list of ids.
    """
    found: dict[str, frozenset[str]] = {}
    for number, item in read_objects(path):
        doc_ids = item.get(_FIELD)
        if not doc_ids:
            continue
        if not isinstance(doc_ids, list) or not all(isinstance(doc_id, str | int) for doc_id in doc_ids):
            raise BadFile(path, f"expected a list of doc_ids in {_FIELD} and found {json.dumps(doc_ids)[:40]}", number)
        found[id_field(path, number, item, ("id", "_id", "query_id"))] = frozenset(map(str, doc_ids))
    return found
