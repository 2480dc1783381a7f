"""What is answered about deliveries and their URLs, as schemas."""

from __future__ import annotations

import msgspec

from jackfield.api.delivery_bodies import (
    DeliveryPageBody,
    DeliveryShownBody,
    DestinationPageBody,
    ReboundBody,
    ReplayedBody,
)
from jackfield.api.openapi_refusal import Schema


def delivery_schemas(template: str) -> dict[str, Schema]:
    """Return them by name; `template` makes a reference of a name."""
    _, found = msgspec.json.schema_components(
        [DeliveryPageBody, DeliveryShownBody, ReplayedBody, ReboundBody, DestinationPageBody],
        ref_template=template,
    )
    made: dict[str, Schema] = dict(found)
    for schema in made.values():
        if schema.get("type") == "object":
            schema["additionalProperties"] = False
    return made
