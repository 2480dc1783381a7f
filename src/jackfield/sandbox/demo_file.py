"""What the demo made, kept beside its database so that the phone can sign for its Meta app.

It holds credentials in clear, which only a demo may: they open nothing but the demo.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from jackfield.problems import Unavailable

NAME = "demo.json"


class DemoFile(msgspec.Struct, kw_only=True):
    """One demo: where it is, its tenant, its provider app, its two accounts.

    `edition` counts the worlds made in one database; each has accounts of its own.
    """

    edition: int = 0
    page_id: str = ""
    number: str = ""
    phone_number_id: str = ""
    waba_id: str = ""
    person_at_messenger: str = ""
    person_at_whatsapp: str = ""
    provider_app: str = ""
    app_secret: str = ""
    webhook_path: str = ""
    url: str = ""
    receiver_url: str = ""
    api_key: str = ""
    api_secret: str = ""
    signature_secret: str = ""
    webhook_secret: str = ""
    application_id: str = ""

    @property
    def webhook_url(self) -> str:
        """Where Meta would post; empty where there is no demo."""
        return self.url + self.webhook_path

    @property
    def is_complete(self) -> bool:
        """Whether everything was made: the application comes last but for the accounts."""
        return bool(self.application_id)


def load(directory: Path) -> DemoFile | None:
    """Return the demo in `directory`, or None when there is none; raises Unavailable."""
    path = directory / NAME
    try:
        return msgspec.json.decode(path.read_bytes(), type=DemoFile)
    except FileNotFoundError:
        return None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Unavailable(
            f"{path} cannot be read ({error}); remove {directory} to begin anew.",
        ) from error


def save(demo: DemoFile, directory: Path) -> None:
    """Write it, readable by its owner only, whole or not at all."""
    draft = directory / f".{NAME}.{os.getpid()}"
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor has no Path
        file.write(msgspec.json.format(msgspec.json.encode(demo)) + b"\n")
    draft.replace(directory / NAME)
