"""Viber: bots and business senders, registered, listed and linked; nothing they hear is read yet.

A bot has a token of its own. A business sender belongs to a partner (Infobip) that the operator
has a contract with, and is one of the names there.
"""

from __future__ import annotations

from typing import Final

from jackfield.providers import credentials as check
from jackfield.providers.contract import Registration

NAME: Final = "viber_service_msg"

CONNECTORS: Final = ("bot", "infobip")


def registration(
    external_id: object,
    *,
    access_token: object,  # noqa: ARG001 - Messenger's way to give a token, not Viber's
    credentials: object,
) -> Registration:
    """Return what is kept of a bot's or a business sender's credentials. Raises `Invalid`.

    A callback to a bot does not name it, so its URL will; its routing key is its id. A
    partner's callback names the sender.
    """
    fields = check.Checked(credentials)
    own_id = fields.own_id(external_id)
    connector = fields.required_credential("connector", check.one_of(*CONNECTORS))
    if connector == "infobip":
        return fields.at_infobip()
    # Without a known connector nobody can say whether the token is missing.
    token = ""
    if connector == "bot":
        token = fields.required_credential("auth_token", check.text(check.LONGEST_TOKEN))
    fields.close()
    return Registration(own_id, secrets={"connector": connector, "auth_token": token})
