"""A PostgreSQL server of the tests' own: an unprivileged user, a Unix socket in a temporary folder, no port."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

_USERS = ("postgres", "nobody")  # who runs it where the tests are root's: PostgreSQL refuses to be
_SETTINGS = ("listen_addresses=", "fsync=off", "timezone=UTC", "autovacuum=off", "shared_buffers=16MB")


class PostgresServer:
    """A running server.

    Args:
        bin_dir: where its programs are.
        socket_dir: where its socket is.
        user: who may start its programs.
    """

    def __init__(self, bin_dir, socket_dir, user):
        self._psql, self._socket_dir, self._user = bin_dir / "psql", socket_dir, user

    @property
    def version(self):
        return self.run("SHOW server_version;\n")[0].split()[0]

    def run(self, script):
        """The lines that psql prints for a script; an error is one line too."""
        command = [self._psql, "-X", "-q", "-A", "-t", "-h", self._socket_dir, "-U", "bench", "-d", "postgres"]
        done = subprocess.run(
            command, input=script, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
            timeout=60, env={"PGCLIENTENCODING": "UTF8", "PGOPTIONS": "-c client_min_messages=error"},
        )  # fmt: skip
        return done.stdout.splitlines()

    def values(self, expressions):
        """For each expression the type of its first row's value and the value as JSON, None where there is no row, or
        the message of the error."""
        script = "".join(
            f"\\echo ---\nSELECT JSON_BUILD_ARRAY(PG_TYPEOF(v)::text, v) FROM (SELECT {text}) AS r(v) LIMIT 1;\n"
            for text in expressions
        )
        answers = "\n".join(self.run(script)).split("---")[1:]
        return [_answer(text.strip()) for text in answers]


def _answer(text):
    if not text:
        return None
    return json.loads(text, parse_float=str) if text.startswith("[") else text


@contextmanager
def postgres_server():
    """A server on an empty database; skips the test, with the reason, where there is no PostgreSQL."""
    bin_dir = _bin_dir()
    if bin_dir is None:
        pytest.skip("there is no PostgreSQL server (initdb and postgres) on this machine")
    user = _unprivileged_user()
    folder = Path(tempfile.mkdtemp(prefix="bench-pg-"))  # not pytest's: a socket's path has at most 107 bytes
    server = None
    try:
        if user is not None:
            shutil.chown(folder, user)
        as_user = {"user": user, "extra_groups": []} if user is not None else {}
        made = subprocess.run(
            [bin_dir / "initdb", "-D", folder / "data", "-U", "bench", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8",
             "--no-sync", "--no-instructions"],
            cwd=folder, capture_output=True, text=True, check=False, **as_user,
        )  # fmt: skip
        assert made.returncode == 0, made.stderr
        settings = [part for setting in _SETTINGS for part in ("-c", setting)]
        server = subprocess.Popen(
            [bin_dir / "postgres", "-D", folder / "data", "-k", folder, *settings],
            cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, **as_user,
        )  # fmt: skip
        for line in server.stderr:
            if "ready to accept connections" in line:
                break
        else:
            raise AssertionError(f"PostgreSQL ended with status {server.wait()}")
        yield PostgresServer(bin_dir, folder, user)
    finally:
        if server is not None:
            server.terminate()
            server.wait()
            server.stderr.close()
        shutil.rmtree(folder, ignore_errors=True)


def _bin_dir():
    """The newest server's programs, of PATH first."""
    on_path = shutil.which("postgres")
    found = [Path(on_path).resolve().parent] if on_path else []
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True)
    return next(
        (path for path in found if all((path / name).exists() for name in ("initdb", "postgres", "psql"))), None
    )


def _unprivileged_user():
    """None where the tests have no privileges to drop."""
    import pwd

    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    user = next((name for name in _USERS if name in names), None)
    if user is None:
        pytest.skip("PostgreSQL does not run as root, and there is no other user")
    return user
