"""Report code that stands in two files: pylint's symilar over the packages, six lines, imports and docstrings aside.

The command `symilar` infers types in every file to find its imports (two minutes here) and exits with 0 whatever it
finds. Its own class does the comparing here; imports are blanked beforehand, and a similarity is exit code 1.
"""

from __future__ import annotations

import ast
import io
import sys
from pathlib import Path

from pylint.checkers.symilar import Symilar

MIN_LINES = 6
PACKAGES = ("bench_core", "retrieval_bench", "sql_bench")


def without_imports(source: str) -> str:
    """The same lines with each import statement blank, which symilar does not compare."""
    lines = source.splitlines(keepends=True)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for number in range(node.lineno, (node.end_lineno or node.lineno) + 1):
                lines[number - 1] = "\n"
    return "".join(lines)


def main() -> int:
    """Compare all files with each other; print what is alike and return the exit code."""
    root = Path(__file__).parent.parent
    symilar = Symilar(MIN_LINES, ignore_docstrings=True)
    for path in sorted(path for package in PACKAGES for path in (root / package).rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        symilar.append_stream(str(path.relative_to(root)), io.StringIO(without_imports(source)))
    similar = symilar._compute_sims()
    if similar:
        print(symilar._get_similarity_report(similar))
    return 1 if similar else 0


if __name__ == "__main__":
    sys.exit(main())
