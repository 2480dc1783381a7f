"""The chat providers, listed by hand; `contract.py` says what each must do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from jackfield.providers import messenger, meta, rcs, viber, whatsapp
from jackfield.providers.contract import Provider, Webhook

PROVIDERS: Final[Mapping[str, Provider]] = {
    messenger.NAME: messenger,
    viber.NAME: viber,
    whatsapp.NAME: whatsapp,
    rcs.NAME: rcs,
}
"""By the word that accounts have."""

WEBHOOKS: Final[Mapping[str, Webhook]] = {
    meta.KIND: meta,
}
"""By the word in the webhook's path."""
