"""The publisher's own Node SDK, unmodified: applications, and every operation on accounts."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

from at_hand import missing, program
from system.installation import Installation

HERE = Path(__file__).parent / "node"


def node() -> str:
    """Return the path of Node where the SDK is installed beside the program."""
    found = program("node", package="nodejs npm")
    if not (HERE / "node_modules" / "@vonage" / "server-sdk").exists():
        missing("the SDK is not installed: npm install --no-package-lock --prefix tests/sdk/node")
    return found


async def test_a_program_with_the_sdk_sees_what_it_expects(
    tmp_path: Path, sqlite_url: str
) -> None:
    executable = node()
    installation = Installation(tmp_path, sqlite_url, {"JACKFIELD_OWNERSHIP": "trust"})
    made = await installation.command("tenants", "create", "Acme")
    async with installation.serving() as gateway:
        process = await asyncio.create_subprocess_exec(
            executable,
            "client.js",
            cwd=HERE,
            env={
                "PATH": os.environ["PATH"],
                "GATEWAY_URL": gateway.url,
                "API_KEY": made["api_key"],
                "API_SECRET": made["api_secret"],
            },
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()

    assert process.returncode == 0, err.decode()
    assert json.loads(out.splitlines()[-1]) == {"done": True}
