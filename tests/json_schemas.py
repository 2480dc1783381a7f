"""Holds values against the schemas of our document: every word it uses, and no other."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

Json: TypeAlias = Any
Schema: TypeAlias = Mapping[str, Any]

TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "boolean": (bool,),
    "null": (type(None),),
}
TOLD = {"title", "description", "default", "examples", "format", "writeOnly", "discriminator"}
"""Words that refuse nothing."""


def resolved(document: Schema, value: Json) -> Json:
    """Return what a reference leads to, or the value itself."""
    while isinstance(value, dict) and "$ref" in value:
        found: Json = document
        for name in value["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        value = found
    return value


def faults(document: Schema, schema: Schema, value: Json) -> list[str]:
    """Return what is wrong with `value`; a word that is not known here is a fault itself."""
    schema = resolved(document, schema)
    found = []
    for word, said in schema.items():
        if word in TOLD:
            continue
        rule = RULES.get(word)
        if rule is None:
            found.append(f"{word}: not known")
        else:
            found += [f"{word}: {fault}" for fault in rule(document, schema, said, value)]
    return found


Rule = Callable[[Schema, Schema, Json, Json], Iterator[str]]


def _type(_: Schema, __: Schema, said: Json, value: Json) -> Iterator[str]:
    names = said if isinstance(said, list) else [said]
    is_bool = isinstance(value, bool)
    fits = any(
        isinstance(value, TYPES[name]) and (not is_bool or name == "boolean") for name in names
    )
    if not fits:
        yield f"{value!r} is not {said}"


def _const(_: Schema, __: Schema, said: Json, value: Json) -> Iterator[str]:
    if value != said:
        yield f"{value!r} is not {said!r}"


def _enum(_: Schema, __: Schema, said: Json, value: Json) -> Iterator[str]:
    if value not in said:
        yield f"{value!r} is none of {said!r}"


def _properties(document: Schema, _: Schema, said: Json, value: Json) -> Iterator[str]:
    if isinstance(value, dict):
        for name in said.keys() & value.keys():
            yield from (f"{name}: {f}" for f in faults(document, said[name], value[name]))


def _required(_: Schema, __: Schema, said: Json, value: Json) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (f"{name} is missing" for name in said if name not in value)


def _additional(document: Schema, schema: Schema, said: Json, value: Json) -> Iterator[str]:
    if not isinstance(value, dict):
        return
    for name in value.keys() - schema.get("properties", {}).keys():
        if said is False:
            yield f"{name} is too much"
        elif said is not True:
            yield from faults(document, said, value[name])


def _items(document: Schema, _: Schema, said: Json, value: Json) -> Iterator[str]:
    if isinstance(value, list):
        for each in value:
            yield from faults(document, said, each)


def _pattern(_: Schema, __: Schema, said: Json, value: Json) -> Iterator[str]:
    if isinstance(value, str) and not re.search(said, value):
        yield f"{value!r} does not fit {said}"


def _size(value: Json) -> int | None:
    if isinstance(value, int):
        return value
    return len(value) if isinstance(value, str | list) else None


def _least(_: Schema, __: Schema, said: Json, value: Json) -> Iterator[str]:
    size = _size(value)
    if size is not None and size < said:
        yield f"{size} is less than {said}"


def _most(_: Schema, __: Schema, said: Json, value: Json) -> Iterator[str]:
    size = _size(value)
    if size is not None and size > said:
        yield f"{size} is more than {said}"


def _one(document: Schema, _: Schema, said: Json, value: Json) -> Iterator[str]:
    found = [faults(document, each, value) for each in said]
    if found.count([]) != 1:
        yield f"fits {found.count([])} of {len(said)}: {found}"


def _any(document: Schema, _: Schema, said: Json, value: Json) -> Iterator[str]:
    if all(faults(document, each, value) for each in said):
        yield "fits none"


RULES: Mapping[str, Rule] = {
    "type": _type,
    "const": _const,
    "enum": _enum,
    "properties": _properties,
    "required": _required,
    "additionalProperties": _additional,
    "items": _items,
    "pattern": _pattern,
    "minimum": _least,
    "minLength": _least,
    "minItems": _least,
    "maximum": _most,
    "maxLength": _most,
    "maxItems": _most,
    "oneOf": _one,
    "anyOf": _any,
}
