"""RCS: agents at Google or at a partner, registered, listed and linked; nothing is read yet.

Either way the operator has the contract, and an account names the provider app it is under.
"""

from __future__ import annotations

from typing import Final

from jackfield.providers import credentials as check
from jackfield.providers.contract import Registration

NAME: Final = "rcs"

CONNECTORS: Final = ("google", "infobip")


def registration(
    external_id: object,
    *,
    access_token: object,  # noqa: ARG001 - Messenger's way to give a token, not that of RCS
    credentials: object,
) -> Registration:
    """Return what is kept of an agent's credentials. Raises `Invalid`.

    Google's callbacks name the agent by its id (`agentId`), a partner's by its sender.
    """
    fields = check.Checked(credentials)
    agent = fields.own_id(external_id)
    connector = fields.required_credential("connector", check.one_of(*CONNECTORS))
    if connector == "infobip":
        return fields.at_infobip()
    name = fields.required_credential("provider_app", check.text(check.LONGEST_NAME))
    fields.close()
    return Registration(
        agent, secrets={"connector": connector}, provider_app=name, provider_app_kind="google"
    )
