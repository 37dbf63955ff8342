"""Properties of this machine: packages with their versions, processors, memory, accelerators."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from bench_core.errors import UserError

Finding = tuple[str, str, str]
"""What was looked at, its state (`ok`, `missing`, `none`), and a detail: a version, or what to do."""


def machine_findings() -> list[Finding]:
    """Python, processors, memory and accelerator."""
    memory = memory_bytes()
    return [
        ("python", "ok", platform.python_version()),
        ("processors", "ok", str(os.cpu_count())),
        ("memory", "ok" if memory else "unknown", f"{memory / 1024**3:.1f} GiB" if memory else ""),
        _accelerator_finding(),
    ]


def package_findings(packages: Mapping[str, tuple[str, str]]) -> list[Finding]:
    """Whether packages are here.

    Args:
        packages: distribution name -> (module it brings, what to install it with).
    """
    findings = []
    for name, (module, remedy) in packages.items():
        try:
            findings.append((name, "ok", version(name)) if find_spec(module) else (name, "missing", remedy))
        except PackageNotFoundError:
            findings.append((name, "missing", remedy))
    return findings


def parse_bytes(text: str) -> int:
    """A size as people write it: `512MB`, `1.5GB`, `2GiB`, or a number of bytes.

    Raises:
        UserError: it is no size of at least one byte.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)(i?)B?\s*", text, re.IGNORECASE)
    step = 1024 if found and found.group(3) else 1000
    size = int(float(found.group(1)) * step ** " KMGT".index(found.group(2).upper() or " ")) if found else 0
    if size < 1:
        raise UserError(f"{text!r} is no size; write for example 512MB or 2GiB.")
    return size


def memory_bytes() -> int | None:
    """The machine's memory, where the system reports it."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return None


def free_memory_bytes() -> int | None:
    """What processes may still take, of the machine or of this control group; None where the system does not say."""
    found = [_available_bytes(), _left_in_control_group()]
    return min((n_bytes for n_bytes in found if n_bytes is not None), default=None)


def _available_bytes() -> int | None:
    try:
        text = Path("/proc/meminfo").read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return None
    match = re.search(r"^MemAvailable:\s+(\d+) kB$", text, re.MULTILINE)
    return 1024 * int(match[1]) if match else None


def _left_in_control_group() -> int | None:
    """By version 2 of Linux's control groups, as containers have it."""
    folder = Path("/sys/fs/cgroup")
    try:
        bound, used = ((folder / name).read_text().strip() for name in ("memory.max", "memory.current"))
        return None if bound == "max" else int(bound) - int(used)
    except (OSError, ValueError):
        return None


def _accelerator_finding() -> Finding:
    if find_spec("torch") is None:
        return ("accelerator", "none", "torch is not installed")
    import torch

    if not torch.cuda.is_available():
        return ("accelerator", "none", "no CUDA device: everything runs on the processor")
    return ("accelerator", "ok", f"{torch.cuda.device_count()} × {torch.cuda.get_device_name()}")
