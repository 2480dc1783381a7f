"""One installation as its operator has it: commands, a server that may be killed, and HTTP."""

from __future__ import annotations

import asyncio
import hmac
import json
import os
import signal
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

import aiohttp

from starting import Started, start

APP_SECRET = "canary-app-secret-5d1c0f"
VERIFY_TOKEN = "canary-verify-token-77ab"
WEBHOOK = "/webhooks/meta/shared"


@dataclass
class Gateway:
    """A running `jackfield serve`."""

    process: Started
    url: str
    log: list[bytes]

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.send_signal(signal.SIGKILL)

    async def ended(self) -> int:
        """Wait until it is gone, and return how it ended."""
        return await asyncio.to_thread(self.process.wait, 60)


@dataclass
class Installation:
    """A data directory, a database and an environment of this test's own."""

    data: Path
    database_url: str
    environ: Mapping[str, str] = field(default_factory=dict)
    log: list[bytes] = field(default_factory=list)

    def environment(self, **more: str) -> dict[str, str]:
        """Return the environment of every program of this installation."""
        own = {name: value for name, value in os.environ.items() if "JACKFIELD" not in name}
        return {
            **own,
            "JACKFIELD_DATA": str(self.data),
            "JACKFIELD_DATABASE_URL": self.database_url,
            "JACKFIELD_MASTER_KEY": "c0ffee" + "0" * 58,
            "JACKFIELD_EGRESS_ALLOW": "127.0.0.0/8",
            **self.environ,
            **more,
        }

    async def command(self, *arguments: str) -> Any:  # noqa: ANN401 -- whatever JSON it prints
        """Run one command and return the JSON document that it prints."""
        code, out, err = await self.run(*arguments, "--json")
        assert code == 0, err
        return json.loads(out)

    async def run(self, *arguments: str, **environ: str) -> tuple[int | None, str, str]:
        """Run one command; return its exit code and what it said where."""
        with TemporaryFile() as out, TemporaryFile() as err:
            process = self._start(*arguments, out=out.fileno(), err=err.fileno(), **environ)
            code = await asyncio.to_thread(process.wait, 120)
            said, complained = (_all(file) for file in (out, err))
        self.log.append(complained)
        return code, said.decode(), complained.decode()

    @asynccontextmanager
    async def serving(self, *options: str, **environ: str) -> AsyncIterator[Gateway]:
        """Run the gateway; end it gently when the block ends, if it still runs."""
        out, its_out = os.pipe()
        err, its_err = os.pipe()
        arguments = ("serve", "--port", "0", *options)
        process = self._start(*arguments, out=its_out, err=its_err, **environ)
        os.close(its_out)
        os.close(its_err)
        said = await _reader(out)
        listening = asyncio.create_task(_drain(await _reader(err), self.log))
        async with asyncio.timeout(60):
            line = (await said.readline()).decode()
        url = next((word for word in line.split() if word.startswith("http")), None)
        assert url is not None, b"".join(self.log).decode()
        more = asyncio.create_task(_drain(said, self.log))
        gateway = Gateway(process, url.rstrip("/.,"), self.log)
        try:
            yield gateway
        finally:
            process.terminate()
            await gateway.ended()
            await asyncio.gather(listening, more)

    def _start(self, *arguments: str, out: int, err: int, **environ: str) -> Started:
        with Path(os.devnull).open("rb") as nothing:
            return start(
                arguments,
                environ=self.environment(**environ),
                directory=Path.cwd(),
                files=(nothing.fileno(), out, err),
            )

    async def meta_app(self) -> None:
        """Register one Meta app that serves every tenant."""
        given = ["--app-secret", APP_SECRET, "--verify-token", VERIFY_TOKEN]
        await self.command("provider-apps", "add", "meta", "shared", *given)
        await self.command("provider-apps", "grant", "shared", "--all")


def _all(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()


async def _reader(file: int) -> asyncio.StreamReader:
    """Return what reads an open file's bytes, and closes it after the last."""
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    pipe = os.fdopen(file, "rb")
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, pipe)
    return reader


async def _drain(stream: asyncio.StreamReader, log: list[bytes]) -> None:
    async for line in stream:
        log.append(line)  # noqa: PERF401 -- what came so far must be there if it is killed


@dataclass(frozen=True)
class Client:
    """A tenant's program that calls the gateway."""

    gateway: Gateway
    api_key: str
    api_secret: str

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
    ) -> tuple[int, Any]:
        """Make one request; return its status and its JSON, or None for an empty body."""
        basic = b64encode(f"{self.api_key}:{self.api_secret}".encode()).decode()
        sent = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Basic {basic}", "Content-Type": "application/json"}
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, self.gateway.url + path, data=sent, headers=headers) as answer,
        ):
            text = await answer.text()
            return answer.status, json.loads(text) if text else None

    async def application(self, inbound_url: str) -> str:
        """Make an application that hears messages, and return its id."""
        url = {"address": inbound_url, "http_method": "POST"}
        messages = {"webhooks": {"inbound_url": url, "status_url": url}}
        wanted = {"name": "Desk", "capabilities": {"messages": messages}}
        status, made = await self.call("POST", "/v2/applications", wanted)
        assert status == 201, made
        return str(made["id"])

    async def page(self, external_id: str, application_id: str) -> None:
        """Register a Page that the application hears from the start."""
        page = {
            "external_id": external_id,
            "access_token": "canary-page-token-0b7e",
            "applications": [application_id],
        }
        status, made = await self.call("POST", "/beta/chatapp-accounts/messenger", page)
        assert status == 201, made


async def post_webhook(gateway: Gateway, document: object) -> int:
    """Post what Meta would, signed; return the status, or raise when the gateway dies."""
    body = json.dumps(document).encode()
    digest = hmac.digest(APP_SECRET.encode(), body, "sha256").hex()
    headers = {"Content-Type": "application/json", "X-Hub-Signature-256": f"sha256={digest}"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(gateway.url + WEBHOOK, data=body, headers=headers) as answer,
    ):
        return answer.status


def spoken(page: str, *texts: tuple[str, str]) -> dict[str, object]:
    """Return one entry of a Messenger webhook: (person, text) pairs said to a page."""
    return {
        "id": page,
        "time": 1_795_000_000_123,
        "messaging": [
            {
                "sender": {"id": person},
                "recipient": {"id": page},
                "timestamp": 1_795_000_000_001,
                "message": {"mid": f"m_{page}_{person}_{text}", "text": text},
            }
            for person, text in texts
        ],
    }


def webhook(entries: Sequence[object]) -> dict[str, object]:
    """Return a whole Messenger webhook."""
    return {"object": "page", "entry": list(entries)}
