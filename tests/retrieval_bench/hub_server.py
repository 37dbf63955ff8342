"""A hub on loopback: enough of the Hugging Face hub's protocol to list and fetch a dataset over real HTTP."""

from __future__ import annotations

import hashlib
import json
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def git_blob(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


class Repository:
    """A dataset repository: its files, which of them are large, and the revisions that name its one commit."""

    def __init__(self, files: dict[str, bytes], large: tuple[str, ...] = (), revisions: tuple[str, ...] = ("main",)):
        self.files, self.large, self.revisions = dict(files), large, {*revisions, COMMIT}

    def listing(self):
        return {"id": "x", "sha": COMMIT, "siblings": [self._sibling(name) for name in self.files]}

    def _sibling(self, name: str):
        content = self.files[name]
        if name not in self.large:
            return {"rfilename": name, "size": len(content), "blobId": git_blob(content)}
        lfs = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 130}
        return {"rfilename": name, "size": len(content), "blobId": git_blob(b"pointer"), "lfs": lfs}


class HubServer:
    """Serves repositories; large files through a redirect to another path, as the hub's own storage does.

    Attributes:
        requests: (method, path, Range header) in order.
        refuse: given a request's path, an answer in place of the right one: (status, headers), or None.
        send: given a file's name, its content and where to begin, what is sent before the connection breaks, or None.
        stall: as `send`, but then nothing more comes and the connection stays.
    """

    def __init__(self, repositories: dict[str, Repository]):
        self.repositories = repositories
        self.requests: list[tuple[str, str, str]] = []
        self.tokens: list[str] = []
        self.refuse: Callable[[str], tuple[int, dict[str, str]] | None] = lambda path: None
        self.send: Callable[[str, bytes, int], bytes | None] = lambda name, content, start: None
        self.stall: Callable[[str, bytes, int], bytes | None] = lambda name, content, start: None
        self.ignores_ranges = False
        self.stopping = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self):
                self.answer()

            def do_GET(self):
                self.answer()

            def answer(self):
                path = unquote(urlsplit(self.path).path)
                outer.requests.append((self.command, path, self.headers.get("Range", "")))
                outer.tokens.append(self.headers.get("Authorization", ""))
                refused = outer.refuse(path)
                if refused is not None:
                    self.reply(*refused)
                elif path.startswith("/api/datasets/"):
                    self.list(path.removeprefix("/api/datasets/"))
                else:
                    self.resolve(path)

            def list(self, path):
                repo_id, _, revision = path.partition("/revision/")
                repository = outer.repositories.get(repo_id)
                if repository is None:
                    self.reply(404, {"X-Error-Code": "RepoNotFound"})
                elif revision and revision not in repository.revisions:
                    self.reply(404, {"X-Error-Code": "RevisionNotFound"})
                else:
                    self.reply(200, {"Content-Type": "application/json"}, json.dumps(repository.listing()).encode())

            def resolve(self, path):
                stored = path.startswith("/storage/")
                repo_id, _, rest = path.removeprefix("/storage/").removeprefix("/datasets/").partition("/resolve/")
                repository, name = outer.repositories[repo_id], rest.partition("/")[2]
                if name not in repository.files:
                    self.reply(404, {"X-Error-Code": "EntryNotFound"})
                elif name in repository.large and not stored:
                    self.reply(302, {"Location": f"/storage/{repo_id}/resolve/{rest}", "X-Repo-Commit": COMMIT})
                else:
                    self.send_file(name, repository.files[name])

            def send_file(self, name, content):
                asked = "" if outer.ignores_ranges else self.headers.get("Range", "")
                start = int(asked.removeprefix("bytes=").rstrip("-") or 0)
                self.send_response(206 if start else 200)
                self.send_header("Content-Length", str(len(content) - start))
                self.send_header("ETag", f'"{git_blob(content)}"')
                self.send_header("X-Repo-Commit", COMMIT)
                if start:
                    self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
                self.end_headers()
                broken, stalled = outer.send(name, content, start), outer.stall(name, content, start)
                part = broken if broken is not None else stalled
                self.wfile.write(content[start:] if part is None else part)
                if stalled is not None:
                    outer.stopping.wait()
                if part is not None:
                    self.connection.shutdown(socket.SHUT_RDWR)
                    self.close_connection = True

            def reply(self, status, headers, body=b""):
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def ranges(self, name: str) -> list[str]:
        """The Range headers with which a file's content was asked for, "" for the whole."""
        return [asked for _, path, asked in self.requests if path.endswith(name) and not path.startswith("/api/")]

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
