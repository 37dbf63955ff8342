"""The process that runs RAGatouille: its interpreter, and requests in JSON lines."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import weakref
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench_core.errors import BenchError, UserError
from bench_core.identity import Json

PYTHON_VARIABLE = "BIOMED_BENCH_RAGATOUILLE_PYTHON"
"""The environment variable that may hold the interpreter RAGatouille is installed for."""

STAGE = "retriever ragatouille"
"""Who asks for it, as messages begin."""

REMEDY = f"run scripts/setup_ragatouille.sh, or name an interpreter that has it by python= or {PYTHON_VARIABLE}"
"""What a user does who has none."""

_WORKER = Path(__file__).with_name("ragatouille_worker.py")
# scripts/setup_ragatouille.sh makes it beside the suite's own environment.
_ENVIRONMENT = ".venv-ragatouille"
_VERSIONS = """
import json
from importlib.metadata import version
print(json.dumps({name: version(name) for name in ("ragatouille", "colbert-ai")}))
"""


class Worker:
    """A process that runs RAGatouille; it ends with this object.

    Args:
        python: the interpreter.
    """

    def __init__(self, python: str) -> None:
        self._folder = TemporaryDirectory()  # the libraries leave things where they run
        self._log_path = Path(self._folder.name) / "ragatouille.log"
        with self._log_path.open("w", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                [python, "-I", str(_WORKER)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=self._folder.name,
                env=_environment(python),
                text=True,
                encoding="utf-8",
            )
        weakref.finalize(self, _end, self._process)

    def ask(self, what: str, **arguments: Json) -> Any:
        """The answer to one request.

        Raises:
            BenchError: RAGatouille failed, or its process ended.
        """
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps({"do": what, **arguments}) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            code = self._process.wait()
            raise BenchError(f"{STAGE}: its process ended with exit code {code} at {what} ({self._last_words()}).")
        answer = json.loads(line)
        if "error" in answer:
            raise BenchError(f"{STAGE}: RAGatouille failed at {what} ({answer['error']}).")
        return answer["ok"]

    def _last_words(self) -> str:
        lines = self._log_path.read_text(encoding="utf-8", errors="replace").splitlines()
        return next((line.strip()[:300] for line in reversed(lines) if line.strip()), "it said nothing")


def _end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def _environment(python: str) -> dict[str, str]:
    """That of this process, where the programs of the interpreter's environment come first: it builds with ninja."""
    return {**os.environ, "PATH": os.pathsep.join([str(Path(python).parent), os.environ.get("PATH", "")])}


def interpreter(python: str) -> str:
    """The interpreter that is to run RAGatouille; the empty string where there is none."""
    named = python or os.environ.get(PYTHON_VARIABLE, "")
    if named:
        # Not resolved: an environment's interpreter is a link, and finds its packages by where the link lies.
        path = Path(named).expanduser().absolute()
        return str(path) if path.is_file() and os.access(path, os.X_OK) else ""
    beside = Path(sys.prefix).parent / _ENVIRONMENT / "bin" / "python"
    if beside.is_file():
        return str(beside)
    return sys.executable if find_spec("ragatouille") else ""


def versions(python: str) -> dict[str, Json]:
    """The versions of RAGatouille and ColBERT that an interpreter has.

    Raises:
        UserError: it has none.
    """
    asked = subprocess.run([python, "-I", "-c", _VERSIONS], capture_output=True, text=True, check=False)
    if asked.returncode:
        raise UserError(f"{STAGE}: {python} has no RAGatouille; {REMEDY}.")
    versions: dict[str, Json] = json.loads(asked.stdout)
    return versions
