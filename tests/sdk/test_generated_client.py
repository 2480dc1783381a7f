"""A client that a generator makes from our document calls every operation, and understands it."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest

from at_hand import missing
from auth.signing import claims_of, public_pem, signed
from contract.installed import partners, serving
from gateway import SECRET, opened
from jackfield.api import openapi
from jackfield.api.application_bodies import APPLICATIONS_PATH
from jackfield.api.representations import ACCOUNTS_PATH

HERE = Path(__file__).parent / "generated"
PYTHON = HERE.parents[2] / ".venv-generator" / "bin" / "python"
COLLECTIONS = (ACCOUNTS_PATH, APPLICATIONS_PATH)
TAGS = {"External Accounts", "Applications"}


async def run(*arguments: str | Path, **environ: str) -> str:
    """Run a program in the generator's own environment, and return what it prints."""
    if not PYTHON.exists():
        missing("the generator is not installed: see .ci/run")
    process = await asyncio.create_subprocess_exec(
        PYTHON,
        *arguments,
        env={"PATH": os.environ["PATH"], **environ},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == 0, (out + err).decode()
    return out.decode()


async def generate(directory: Path, *, slash: str) -> None:
    """Make the client, from a document that names the collections with this at their end."""
    document = dict(openapi.document())
    document["paths"] = {
        path + slash if path in COLLECTIONS else path: methods
        for path, methods in document["paths"].items()
    }
    file = directory / "openapi.json"
    file.write_text(json.dumps(document))
    await run(
        *("-m", "openapi_python_client", "generate", "--fail-on-warning", "--meta", "none"),
        *("--config", HERE / "generator.yaml", "--path", file),
        *("--output-path", directory / "jackfield_client"),
    )


@pytest.mark.parametrize("slash", ["", "/"], ids=["without a slash", "with a slash"])
async def test_every_operation_is_called_and_understood(
    database_url: str, tmp_path: Path, slash: str
) -> None:
    await generate(tmp_path, slash=slash)
    async with opened(database_url) as doors:
        tenant = await doors.tenant()
        await partners(doors)
        calling = {"name": "Calling", "keys": {"public_key": public_pem()}}
        application = (await tenant.post(APPLICATIONS_PATH, calling)).json["id"]
        async with serving(doors.asgi) as url:
            printed = await run(
                HERE / "client.py",
                PYTHONPATH=str(tmp_path),
                GATEWAY_URL=url,
                API_KEY="acme0001",
                API_SECRET=SECRET,
                TOKEN=signed(claims_of(application)),
            )

    operations = [
        operation
        for methods in openapi.document()["paths"].values()
        for operation in methods.values()
        if TAGS & set(operation["tags"])
    ]
    assert len(json.loads(printed)) == len(operations)
