"""Requests to a language model's endpoint: how near N workers come to the ideal time, and the cost of a request."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click

from bench_core.llm.caching import Remembering
from bench_core.llm.chat import ChatRequest, Message
from bench_core.llm.endpoint import OpenAIEndpoint
from bench_core.llm.limits import Limits
from bench_core.llm.store import ResponseStore
from bench_core.machine.http import JsonEndpoint
from bench_core.machine.threads import in_threads
from bench_core.results.tables import Cell, Column, Table

# A process of its own, so that its work is not counted as the client's.
_SERVER = """
import json, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
answer = json.dumps({"choices": [{"message": {"content": "An answer."}, "finish_reason": "stop"}]}).encode()
class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(float(sys.argv[1]))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
    def log_message(self, *_): pass
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
"""


@click.command()
@click.option("--requests", "n_requests", default=400, show_default=True)
@click.option("--seconds", "server_s", default=0.2, show_default=True, help="Time the server takes for a request.")
@click.option("--workers", "worker_counts", type=int, multiple=True, default=(1, 4, 16, 32), show_default=True)
def main(n_requests: int, server_s: float, worker_counts: tuple[int, ...]) -> None:
    """Print wall time over the ideal one, and the client's CPU time a request, store included."""
    server = subprocess.Popen([sys.executable, "-c", _SERVER, str(server_s)], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        base_url = f"http://127.0.0.1:{server.stdout.readline().strip()}/v1"
        rows = [_row(base_url, n_requests, server_s, n_workers) for n_workers in worker_counts]
    finally:
        server.kill()
    columns = [
        Column("workers", "workers"),
        Column("ratio", "wall time / ideal"),
        Column("cpu_ms", "client CPU a request (ms)"),
    ]
    notes = [f"Ideal: requests × {server_s:g} s / workers. Answers are stored as in a run."]
    click.echo(Table(f"{n_requests} requests at most", columns, rows, notes).render("markdown"))


def _row(base_url: str, n_requests: int, server_s: float, n_workers: int) -> list[Cell]:
    n = min(n_requests, 25 * n_workers)
    requests = [ChatRequest((Message("user", json.dumps({"number": number})),)) for number in range(n)]
    with tempfile.TemporaryDirectory() as folder:
        client = OpenAIEndpoint(JsonEndpoint(base_url), "m", limits=Limits(n_at_once=n_workers))
        asking = Remembering(client, ResponseStore(Path(folder) / "store"))
        asking.complete(ChatRequest((Message("user", "libraries are loaded and the connection is made"),)))
        start, cpu = time.perf_counter(), _cpu_s()
        for _ in in_threads(asking.complete, requests, n_workers):
            pass
        wall_s, cpu_s = time.perf_counter() - start, _cpu_s() - cpu
    return [n_workers, wall_s / (n * server_s / n_workers), 1000 * cpu_s / n]


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
