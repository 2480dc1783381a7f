"""What the tests of the External Accounts API send, and the published words they get back."""

from __future__ import annotations

from gateway import Answer, Client

BASE = "/beta/chatapp-accounts"
ERRORS = "https://www.nexmo.com/messages/Errors#"
NO_ACCESS = {"title": "Wrong authentication - You are not authorised to access this resource"}
CANNOT_LINK = {
    "type": ERRORS + "Forbidden",
    "title": "Forbidden",
    "detail": "Cannot link application",
}
CONFLICT = {
    "type": ERRORS + "Conflict",
    "title": "Application conflict",
    "detail": "Unable to link application",
}
PAGE = {"external_id": "12345678", "access_token": "EAAB-token", "name": "Shop page"}
NUMBER = {
    "external_id": "447700900123",
    "name": "Support",
    "credentials": {
        "phone_number_id": "106000000000001",
        "waba_id": "102000000000001",
        "access_token": "EAAB-number-token",
    },
}


def faults(answer: Answer) -> list[dict[str, str]]:
    """Return the faults of a 400 whose every other member is as the contract has it."""
    body = answer.json
    params: list[dict[str, str]] = body.pop("invalid_params")
    assert answer.status == 400
    assert body == {
        "type": ERRORS + "InvalidParams",
        "title": "Your request parameters didn't validate.",
        "detail": f"Found errors validating {len(params)} of your submitted parameters.",
        "instance": answer.headers["x-request-id"],
    }
    return params


async def page(caller: Client, external_id: str = "12345678", **more: object) -> Answer:
    return await caller.post(BASE + "/messenger", PAGE | {"external_id": external_id} | more)
