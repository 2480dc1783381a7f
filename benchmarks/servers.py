"""The servers of a benchmark: ours, the floors beside it, and what they need to know."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from benchmarks.databases import postgres_server
from benchmarks.meddling import change

SERVER_CPU, LOAD_CPU = 0, 1
"""Ours and its floors run on one processor, the load and the database on the other."""

API_KEY, API_SECRET = "bench001", "a-secret-for-the-benchmark-only"
APP_SECRET = "app-secret-for-the-benchmark-only"
PAGE, SILENT_PAGE = "200000000000002", "200000000000003"
BASIC = {"Authorization": "Basic " + b64encode(f"{API_KEY}:{API_SECRET}".encode()).decode()}
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class Server:
    """A running server on loopback."""

    port: int
    process: psutil.Process

    def cpu_seconds(self) -> float:
        """Return the processor time it used so far, with its children's."""
        times = [one.cpu_times() for one in (self.process, *self.process.children())]
        return sum(one.user + one.system for one in times)

    def call(self, method: str, path: str, body: object = None) -> tuple[int, bytes]:
        """Make one request as the benchmark's tenant."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        sent = None if body is None else json.dumps(body)
        connection.request(method, path, sent, {**BASIC, **JSON})
        answer = connection.getresponse()
        with answer:
            return answer.status, answer.read()


@contextmanager
def started(
    command: Sequence[str],
    *,
    port: int,
    cpu: int = SERVER_CPU,
    environ: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """Start a program that listens on `port`, wait until it does, and end it afterwards.

    What it complained of meanwhile is shown then: a figure may have its reason there.
    """
    with tempfile.TemporaryFile() as complaints:
        child = subprocess.Popen(
            ["taskset", "-c", str(cpu), *command],
            env={**os.environ, **(environ or {})},
            stdout=subprocess.DEVNULL,
            stderr=complaints,
        )
        try:
            _wait_for(port, child)
            yield Server(port, psutil.Process(child.pid))
        finally:
            child.terminate()
            child.wait(timeout=60)
            complaints.seek(0)
            sys.stderr.write(complaints.read().decode(errors="replace"))


def _wait_for(port: int, child: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        if child.poll() is not None:
            raise SystemExit(f"{child.args!r} ended at once; what it said is above.")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit(f"{child.args!r} does not listen on port {port}")


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def gateway(environ: Mapping[str, str], *, module: str = "jackfield") -> Iterator[Server]:
    """Run the gateway, or the floor that stands in for it, with a tenant's settings."""
    port = free_port()
    arguments = ["serve", "--port", str(port)] if module == "jackfield" else [str(port)]
    with started([sys.executable, "-m", module, *arguments], port=port, environ=environ) as server:
        yield server


@contextmanager
def receiver(*, silent: bool = False) -> Iterator[Server]:
    """Run an application that counts what it hears, or one that never answers."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.receiver", str(port)]
    command += ["silent"] if silent else []
    with started(command, port=port, cpu=LOAD_CPU) as server:
        yield server


def heard(server: Server) -> tuple[int, int]:
    """Return how many webhooks the receiver heard, and how many different ones."""
    number, different = server.call("GET", "/")[1].split()
    return int(number), int(different)


@contextmanager
def static_file() -> Iterator[Server | None]:
    """Run nginx with one worker and a fixed body of 300 bytes; None where it is not installed."""
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if nginx is None:
        yield None
        return
    port = free_port()
    with tempfile.TemporaryDirectory() as directory:
        settings = Path(directory) / "nginx.conf"
        settings.write_text(
            "daemon off; worker_processes 1; error_log stderr;"
            f"pid {directory}/nginx.pid; events {{ worker_connections 512; }}"
            f"http {{ access_log off; keepalive_requests 10000000;"
            f"server {{ listen 127.0.0.1:{port}; default_type application/json;"
            f"location / {{ return 200 '{'x' * 300}'; }} }} }}",
        )
        with started([nginx, "-c", str(settings), "-p", directory], port=port) as server:
            yield server


@contextmanager
def databases(names: Sequence[str]) -> Iterator[Iterator[tuple[str, dict[str, str]]]]:
    """Give the name and environment of a new database on each engine that is asked for."""
    with tempfile.TemporaryDirectory(prefix="jackfield-bench-") as directory:
        yield _databases(names, Path(directory))


def _databases(names: Sequence[str], directory: Path) -> Iterator[tuple[str, dict[str, str]]]:
    common = {
        "JACKFIELD_OWNERSHIP": "trust",
        "JACKFIELD_EGRESS_ALLOW": "127.0.0.0/8",
        "JACKFIELD_LOG_LEVEL": "warning",
        "JACKFIELD_DATA": str(directory / "data"),
    }
    if "sqlite" in names:
        yield "SQLite", common
    if "postgresql" in names:
        with postgres_server() as server:
            os.sched_setaffinity(server.get_pid() or 0, {LOAD_CPU})
            url = {"JACKFIELD_DATABASE_URL": server.get_uri()}
            yield "PostgreSQL", {**common, **url, "JACKFIELD_MASTER_KEY": "0f" * 32}


def prepare(environ: Mapping[str, str]) -> None:
    """Make the benchmark's tenant and its Meta app in a new database."""
    command(
        environ, "tenants", "create", "Bench", "--api-key", API_KEY, "--api-secret", API_SECRET
    )
    app = ["meta", "bench", "--app-secret", APP_SECRET, "--verify-token", "token"]
    command(environ, "provider-apps", "add", *app)
    command(environ, "provider-apps", "grant", "bench", "--all")


def another(environ: Mapping[str, str]) -> dict[str, str]:
    """Make a second database beside one of `databases`, with the same in it, and tell where."""
    other = {**environ, "JACKFIELD_DATA": environ["JACKFIELD_DATA"] + "-beside"}
    url = environ.get("JACKFIELD_DATABASE_URL")
    if url is not None:
        change(environ, "CREATE DATABASE beside")
        other["JACKFIELD_DATABASE_URL"] = urlsplit(url)._replace(path="/beside").geturl()
    prepare(other)
    return other


def command(environ: Mapping[str, str], *arguments: str) -> None:
    """Run one command of ours."""
    line = [sys.executable, "-m", "jackfield", *arguments]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run(line, check=True, env={**os.environ, **environ}, **quiet)  # type: ignore[call-overload] # its overloads know no mapping
