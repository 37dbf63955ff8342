"""Nodes of a Ray cluster: which there are, and whether they see what this process sees."""

from __future__ import annotations

import platform
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench_core.artifacts import file_sha256
from bench_core.errors import UserError
from bench_core.runs.executors import ray_worker
from bench_core.runs.grid import Cell, Failure

_PROOF_S = 120.0
"""A node that has not said within this time what it sees is not used: starting a worker takes a few seconds."""


def nodes() -> list[dict[str, Any]]:
    """The nodes that are there and have processors."""
    import ray

    return [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU", 0.0) >= 1.0]


def most_of_a_node(found: Sequence[dict[str, Any]]) -> tuple[float, float]:
    """The most processors that a node has, and the most GPUs."""
    cpus, gpus = ([node["Resources"].get(kind, 0.0) for node in found] for kind in ("CPU", "GPU"))
    return max(cpus, default=0.0), max(gpus, default=0.0)


def prove_nodes(folders: Sequence[Path], cells: Sequence[Cell]) -> None:
    """Let every node show that it can take these cells' place.

    Args:
        folders: what all must see and write to: results, indexes, caches. Locks are tried in the first.

    Raises:
        UserError: a node lacks something, or has it otherwise than this process.
    """
    files = {str(path): file_sha256(path) for cell in cells for path in cell.files}
    with _proofs(folders) as tokens:
        for node in nodes():
            place = f"node {node['NodeManagerAddress']} ({node['NodeID'][:8]}) of the cluster"
            facts = _asked(node["NodeID"], place, list(tokens), list(files))
            check_facts(facts, place, tokens, files)
            unseen = [folder for folder in tokens if not (Path(folder) / node["NodeID"]).exists()]
            if unseen:
                raise UserError(f"{place} writes to another {Path(unseen[0]).parent} than this machine sees.")


def refused(cells: Sequence[Cell], cluster_is_ours: bool) -> list[tuple[Cell, Failure]]:
    """The cells that this cluster may not or cannot run, with the reason."""
    import ray

    found, own = nodes(), ray.get_runtime_context().get_node_id()
    others = [node["NodeManagerAddress"] for node in found if node["NodeID"] != own]
    reaches_further = (
        f"its data is credentialed, and the cluster has other nodes ({', '.join(sorted(others))}), which count as "
        "other machines; pass --cluster-is-ours if your agreement covers them, or use --executor local."
    )
    lacks_gpu = "it needs a GPU, and no node of the cluster has one; leave device= out to use processors."
    kept = [cell for cell in cells if cell.is_credentialed and others and not cluster_is_ours]
    homeless = [cell for cell in cells if cell.requires.gpu == "needed" and most_of_a_node(found)[1] < 1.0]
    return [
        *((cell, Failure(cell.label, reaches_further, is_mistake=True)) for cell in kept),
        *((cell, Failure(cell.label, lacks_gpu, is_mistake=True)) for cell in homeless if cell not in kept),
    ]


@contextmanager
def _proofs(folders: Sequence[Path]) -> Iterator[dict[str, str]]:
    """A folder within each of the given ones -> the token it holds; the lock in the first is held meanwhile."""
    from filelock import FileLock

    made = {}
    with ExitStack() as stack:
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
            proof = Path(tempfile.mkdtemp(prefix=".cluster-", dir=folder.absolute()))
            stack.callback(shutil.rmtree, proof, ignore_errors=True)
            made[str(proof)] = secrets.token_hex(16)
            (proof / ray_worker.TOKEN).write_text(made[str(proof)], encoding="utf-8")
        stack.enter_context(FileLock(Path(next(iter(made))) / ray_worker.LOCK))
        yield made


def _asked(node_id: str, place: str, folders: list[str], files: list[str]) -> ray_worker.NodeFacts:
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    there = NodeAffinitySchedulingStrategy(node_id, soft=False)
    proof = ray.remote(ray_worker.prove).options(num_cpus=0, scheduling_strategy=there, max_retries=0)
    try:
        return ray_worker.facts_of(ray.get(proof.remote(node_id, folders, files, folders[0]), timeout=_PROOF_S))
    except ray.exceptions.GetTimeoutError as error:
        raise UserError(f"{place} did not answer within {_PROOF_S:.0f} s.") from error
    except ray.exceptions.RayError as error:
        reason = str(error).strip().splitlines()[-1].rstrip(".")
        raise UserError(
            f"{place} cannot run the suite ({reason}); install the same version there, or set its PYTHONPATH."
        ) from error


def check_facts(facts: ray_worker.NodeFacts, place: str, tokens: dict[str, str], files: dict[str, str]) -> None:
    """Refuse a node that differs from this process in anything that results depend on."""
    versions = (("Python", platform.python_version(), facts.python), ("ray", version("ray"), facts.ray))
    for name, here, there in versions:
        if here != there:
            raise UserError(f"{place} has {name} {there}, and this machine {here}; they must be the same.")
    if facts.suite_sha256 != ray_worker.suite_sha256():
        raise UserError(f"{place} has another version of the suite than this machine; install the same on both.")
    for folder, token in tokens.items():
        if facts.tokens[folder] != token:
            raise UserError(
                f"{place} does not see {Path(folder).parent}, or cannot write there; name a folder on a file system "
                "that all nodes share."
            )
    for path, sha256 in files.items():
        if facts.files[path] != sha256:
            state = "does not have" if facts.files[path] is None else "has another version of"
            raise UserError(f"{place} {state} {path}; put the same file there.")
    if not facts.is_lock_seen:
        raise UserError(
            f"{place} does not see locks that this machine holds in {Path(next(iter(tokens))).parent}: two workers "
            "could write one folder; use a file system whose locks hold for all nodes."
        )
