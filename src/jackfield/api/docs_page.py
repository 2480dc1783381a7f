"""The page that shows the document: one file without scripts, complete when it arrives."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Iterator
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any, Final

import msgspec

_TEMPLATE: Final = files("jackfield.api").joinpath("docs.html").read_text(encoding="utf-8")


def page(document: dict[str, Any]) -> str:
    """Return the page that shows an OpenAPI document of ours."""
    info = document["info"]
    parts = {
        "TITLE": _text(f"{info['title']} {info['version']}"),
        "ABOUT": _text(info["description"]),
        "MENU": "".join(_menu(document)),
        "OPERATIONS": "".join(_operations(document)),
        "SCHEMES": "".join(_schemes(document)),
        "SCHEMAS": "".join(_schemas(document)),
    }
    return re.sub(r"\{\{([A-Z]+)\}\}", lambda found: parts[found[1]], _TEMPLATE)


@cache
def policy(body: bytes) -> bytes:
    """Return the Content-Security-Policy under which only the page's own style has an effect."""
    found = re.search(rb"<style>(.*?)</style>", body, re.DOTALL)
    digest = b64encode(hashlib.sha256(found[1] if found else b"").digest())
    return (
        b"default-src 'none'; style-src 'sha256-%b'; img-src data:; base-uri 'none'; "
        b"form-action 'none'; frame-ancestors 'none'" % digest
    )


def _menu(document: dict[str, Any]) -> Iterator[str]:
    for tag in document["tags"]:
        yield f"<h2>{_text(tag['name'])}</h2><ul>"
        for _, method, operation in _of(document, tag["name"]):
            name = _text(operation["operationId"])
            yield f'<li><a href="#{name}">{_method(method)} {_text(operation["summary"])}</a></li>'
        yield "</ul>"


def _operations(document: dict[str, Any]) -> Iterator[str]:
    for tag in document["tags"]:
        yield f"<section><h2>{_text(tag['name'])}</h2><p>{_text(tag['description'])}</p>"
        for path, method, operation in _of(document, tag["name"]):
            yield from _operation(document, path, method, operation)
        yield "</section>"


def _of(document: dict[str, Any], tag: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if tag in operation["tags"]:
                yield path, method, operation


def _operation(
    document: dict[str, Any], path: str, method: str, operation: dict[str, Any]
) -> Iterator[str]:
    yield f'<article id="{_text(operation["operationId"])}">'
    yield f"<h3>{_text(operation['summary'])}</h3>"
    yield f'<p class="path">{_method(method)} <code>{_text(path)}</code></p>'
    yield f'<p class="quiet"><code>{_text(operation["operationId"])}</code>{_who(operation)}</p>'
    if "parameters" in operation:
        yield "<h4>Parameters</h4><table><tbody>"
        for each in operation["parameters"]:
            yield _parameter(_resolved(document, each))
        yield "</tbody></table>"
    if "requestBody" in operation:
        yield "<h4>Body</h4>"
        sent = operation["requestBody"]["content"]["application/json"]["schema"]
        yield _schema(_resolved(document, sent))
    yield "<h4>Answers</h4>"
    for status, response in operation["responses"].items():
        yield _response(status, _resolved(document, response))
    yield "</article>"


def _who(operation: dict[str, Any]) -> str:
    names = [name for each in operation["security"] for name in each]
    return f" · {_text(' or '.join(names))}" if names else " · no credentials"


def _parameter(parameter: dict[str, Any]) -> str:
    needed = " <em>required</em>" if parameter.get("required") else ""
    return (
        f"<tr><th><code>{_text(parameter['name'])}</code><br>"
        f'<span class="quiet">{_text(parameter["in"])}{needed}</span></th>'
        f"<td>{_prose(parameter['description'])}{_limits(parameter['schema'])}</td></tr>"
    )


def _limits(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return "<br>One of " + ", ".join(f"<code>{_text(v)}</code>" for v in schema["enum"])
    if "minimum" in schema:
        words = f"{schema['minimum']} to {schema['maximum']}, {schema['default']} if left out"
        return f'<br><span class="quiet">{_text(words)}</span>'
    return ""


def _response(status: str, response: dict[str, Any]) -> str:
    headers = ", ".join(f"<code>{_text(name)}</code>" for name in response.get("headers", {}))
    kind = "good" if status < "300" else "bad"
    inside = f'<p class="quiet">Headers: {headers}</p>' if headers else ""
    for content_type, content in response.get("content", {}).items():
        inside += f'<p class="quiet">{_text(content_type)}</p>'
        examples = content.get("examples", {}).values()
        inside += "".join(_schema(each["value"]) for each in examples) or _schema(
            content["schema"]
        )
    if "content" not in response:
        inside += '<p class="quiet">The body is empty.</p>'
    return (
        f'<details><summary><b class="{kind}">{_text(status)}</b> '
        f"{_text(response['description'])}</summary>{inside}</details>"
    )


def _schemes(document: dict[str, Any]) -> Iterator[str]:
    for name, scheme in document["components"]["securitySchemes"].items():
        told = _text(scheme["description"])
        yield f"<tr><th><code>{_text(name)}</code></th><td>{told}</td></tr>"


def _schemas(document: dict[str, Any]) -> Iterator[str]:
    for name, schema in document["components"]["schemas"].items():
        yield f'<article id="schema-{_text(name)}"><h3>{_text(name)}</h3>'
        yield _schema(schema) + "</article>"


def _schema(schema: dict[str, Any]) -> str:
    """Return a schema or an example as its JSON, where a reference leads to what it names."""
    pretty = msgspec.json.format(msgspec.json.encode(schema), indent=2).decode()
    linked = re.sub(
        r"#/components/schemas/(\w+)", r'<a href="#schema-\1">\1</a>', escape(pretty, quote=False)
    )
    return f"<pre>{linked}</pre>"


def _resolved(document: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in value:
        return value
    found = document
    for name in value["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    return found


def _method(method: str) -> str:
    return f'<span class="method {_text(method)}">{_text(method.upper())}</span>'


def _prose(text: str) -> str:
    return re.sub("`(.+?)`", r"<code>\1</code>", _text(text))


def _text(value: object) -> str:
    return escape(str(value))
