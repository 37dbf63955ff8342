"""The fusion stage: several systems' runs become one."""

from __future__ import annotations

from collections.abc import Sequence

from retrieval_bench.pipeline.making import FinishedRun, RunInMaking
from retrieval_bench.pipeline.system import Fused
from retrieval_bench.rankings.topk import canonical_order
from retrieval_bench.types import Run


def fuse(making: RunInMaking, system: Fused, parts: Sequence[FinishedRun]) -> Run:
    """The fused lists of a dataset's queries."""
    manifest = making.manifest
    query_ids = [query.query_id for query in making.dataset.queries]
    with manifest.phase("fuse"):
        lists = system.fusion.fuse([part.run for part in parts], query_ids)
        run = {ranked.query_id: canonical_order(ranked, making.k) for ranked in lists}
    manifest.recorded["fused"] = [part.folder.path.name for part in parts]
    manifest.notes.extend(note for part in parts for note in part.manifest.notes)
    if any(part.is_partial for part in parts):
        manifest.status = "partial"
    return run
