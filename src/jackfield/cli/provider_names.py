"""How an account is named on the command line."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class ProviderName(StrEnum):
    """The providers, in the words of the API."""

    MESSENGER = "messenger"
    VIBER = "viber_service_msg"
    WHATSAPP = "whatsapp"
    RCS = "rcs"


ProviderArgument = Annotated[ProviderName, typer.Argument(help="The account's provider.")]
ExternalIdArgument = Annotated[str, typer.Argument(help="The account's id.")]
