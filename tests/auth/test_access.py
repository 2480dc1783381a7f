"""An allow-list allows what it says, and what it does not say it refuses."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jackfield.auth import Access, read_acl
from jackfield.auth.access import agree, covers

ACCOUNT = "/beta/chatapp-accounts/messenger/12345678"


def access(paths: object) -> Access:
    return read_acl(json.dumps({"paths": paths}).encode())


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("/*/chatapp-accounts/**", "/beta/chatapp-accounts"),
        ("/*/chatapp-accounts/**", "/beta/chatapp-accounts/"),
        ("/*/chatapp-accounts/**", "/beta/chatapp-accounts/messenger"),
        ("/*/chatapp-accounts/**", ACCOUNT),
        ("/*/chatapp-accounts/**", ACCOUNT + "/applications/a%2Fb"),
        ("/**", "/"),
        ("/**", ACCOUNT),
        ("/beta/chatapp-accounts", "/beta/chatapp-accounts"),
        ("/beta/chatapp-accounts", "/beta/chatapp-accounts/"),
        ("/beta/chatapp-accounts/", "/beta/chatapp-accounts"),
        ("/*/*/*/*", ACCOUNT),
        ("/**/applications", ACCOUNT + "/applications"),
        ("/**/messenger/**/applications", ACCOUNT + "/applications"),
        ("/beta/**/messenger/*", ACCOUNT),
        ("/*/chatapp-accounts/messenger/*", "/beta/chatapp-accounts/messenger/a%2Fb"),
    ],
)
def test_a_pattern_covers(pattern: str, path: str) -> None:
    assert covers(pattern, path)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("/*/chatapp-accounts/*", "/beta/chatapp-accounts"),
        ("/*/chatapp-accounts/*", "/beta/chatapp-accounts/"),
        ("/*/chatapp-accounts/*", ACCOUNT),
        ("/*/chatapp-accounts", "/beta/chatapp-accounts/messenger"),
        ("/*/chatapp-accounts/**", "/chatapp-accounts"),
        ("/*/chatapp-accounts/**", "/a/beta/chatapp-accounts"),
        ("/*/chatapp-accounts/**", "/beta/chatapp-accountsx"),
        ("/beta/chatapp-accounts", "/BETA/chatapp-accounts"),
        ("/beta/*/messenger", "/beta//messenger"),
        ("/beta/*", "/beta//"),
        ("/beta/chatapp*", "/beta/chatapp-accounts"),
        ("/beta/chat**", "/beta/chatapp-accounts"),
        ("/*/chatapp-accounts/messenger/**", "/beta/chatapp-accounts/%6Dessenger/1"),
        ("/*/chatapp-accounts/messenger/a/b", "/beta/chatapp-accounts/messenger/a%2Fb"),
        ("/.*", "/beta"),
        ("/**/x", "/" + "a/" * 40 + "x"),
        ("/**", "/" + "a/" * 40 + "x"),
    ],
)
def test_a_pattern_does_not_cover(pattern: str, path: str) -> None:
    assert not covers(pattern, path)


segment = st.sampled_from(["a", "b", "", "a%2Fb", "messenger"])
paths = st.lists(segment, max_size=6).map(lambda parts: "/" + "/".join(parts))
patterns = st.lists(st.one_of(segment, st.sampled_from(["*", "**", "**"])), max_size=6).map(
    lambda parts: "/" + "/".join(parts)
)


@settings(max_examples=500)
@given(pattern=patterns, path=paths)
@example(pattern="/**/a/**/b/**/a", path="/a/b/a/b/a/a")
def test_patterns_cover_what_a_plain_reference_covers(pattern: str, path: str) -> None:
    assert covers(pattern, path) is covers_plainly(pattern, path)


def covers_plainly(pattern: str, path: str) -> bool:
    """Say it as a regular expression, segment by segment."""
    wanted = pattern.removesuffix("/").split("/")[1:]
    each = {"*": r"/[^/]+", "**": r"(?:/[^/]*)*"}
    expression = "".join(each.get(part, "/" + re.escape(part)) for part in wanted)
    return re.fullmatch(expression, path.removesuffix("/")) is not None


verbs = st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE"])
filters = st.dictionaries(
    st.sampled_from(["provider", "external_id", "a"]),
    st.sampled_from(["messenger", "1", 1, True, None, ["1"]]),
    max_size=2,
)
rules = st.fixed_dictionaries(
    {}, optional={"methods": st.lists(verbs, max_size=3), "filters": filters}
)
told = st.dictionaries(
    st.sampled_from(["provider", "external_id", "a", "b"]),
    st.sampled_from(["messenger", "1", 1, True, None, ["1"]]),
    max_size=3,
)


@settings(max_examples=500)
@given(
    allowed=st.dictionaries(patterns, rules, max_size=3),
    method=verbs,
    path=paths,
    sources=st.lists(told, max_size=2),
)
@example(allowed={"/**": {"methods": []}}, method="GET", path="/a", sources=[])
@example(allowed={"/**": {"filters": {"a": 1}}}, method="GET", path="/a", sources=[{"a": True}])
def test_a_list_allows_what_a_plain_reference_allows(
    allowed: dict[str, dict[str, Any]], method: str, path: str, sources: list[dict[str, Any]]
) -> None:
    asked = access(allowed).filters_for(method, path)

    assert any(agree(each, sources) for each in asked) is allows_plainly(
        allowed, method=method, path=path, sources=sources
    )


def allows_plainly(
    allowed: dict[str, dict[str, Any]],
    *,
    method: str,
    path: str,
    sources: list[dict[str, Any]],
) -> bool:
    """Say it as the publisher does: some rule covers the path, has the method and its filters."""
    for pattern, rule in allowed.items():
        has_method = method in rule.get("methods", [method])
        every_filter = all(
            any(name in source for source in sources)
            and all(
                json.dumps(source[name]) == json.dumps(wanted)
                for source in sources
                if name in source
            )
            for name, wanted in rule.get("filters", {}).items()
        )
        if covers_plainly(pattern, path) and has_method and every_filter:
            return True
    return False


def test_a_rule_without_methods_is_for_every_method() -> None:
    allowed = access({"/**": {}})

    assert [bool(allowed.filters_for(m, ACCOUNT)) for m in ("GET", "DELETE", "OPTIONS")] == [
        True,
        True,
        True,
    ]


def test_a_rule_with_methods_is_for_these_only() -> None:
    allowed = access({"/**": {"methods": ["GET", "PATCH"]}, "/**/x": {"methods": []}})

    assert allowed.filters_for("GET", ACCOUNT) == [{}]
    assert allowed.filters_for("PATCH", ACCOUNT) == [{}]
    assert allowed.filters_for("POST", ACCOUNT) == []
    assert allowed.filters_for("get", ACCOUNT) == []
    assert allowed.filters_for("POST", "/beta/x") == []


def test_each_rule_that_covers_a_path_tells_its_filters() -> None:
    allowed = access(
        {
            "/**": {"filters": {"a": 1}},
            "/beta/**": {"methods": ["GET"], "filters": {"b": "2"}},
            "/v1/**": {"filters": {"c": 3}},
        }
    )

    assert allowed.filters_for("GET", ACCOUNT) == [{"a": 1}, {"b": "2"}]


@pytest.mark.parametrize(
    "claim",
    [
        b"",
        b"null",
        b"{}",
        b"[]",
        b'"*"',
        b"{",
        b'{"paths": null}',
        b'{"paths": ["/**"]}',
        b'{"paths": {"/**": null}}',
        b'{"paths": {"/**": []}}',
        b'{"paths": {"/**": {"methods": "GET"}}}',
        b'{"paths": {"/**": {"methods": ["get"]}}}',
        b'{"paths": {"/**": {"methods": ["GET", 1]}}}',
        b'{"paths": {"/**": {"methods": null}}}',
        b'{"paths": {"/**": {"filters": []}}}',
        b'{"paths": {"/**": {"filters": null}}}',
        b'{"paths": {"/**": {"method": ["GET"]}}}',
        b'{"paths": {"**": {}, "/**": {}}}',
        b'{"paths": {"/a b": {}, "/**": {}}}',
        b'{"paths": {"/**\\n": {}, "/**": {}}}',
        b'{"paths": {"/**": {}}, "more": 1}',
        b'{"paths": {"/**": {"filters": {"a": ' + b"[" * 5_000 + b"]" * 5_000 + b"}}}}",
    ],
)
def test_a_list_that_is_not_as_published_allows_nothing(claim: bytes) -> None:
    assert read_acl(claim).filters_for("GET", ACCOUNT) == []


@given(st.binary())
def test_any_bytes_can_be_read_as_a_list(claim: bytes) -> None:
    assert read_acl(claim).filters_for("GET", ACCOUNT) == []


@pytest.mark.parametrize(
    ("filters", "sources"),
    [
        ({}, []),
        ({"provider": "messenger"}, [{"provider": "messenger"}]),
        ({"a": "1", "b": 2}, [{"a": "1"}, {"b": 2}]),
        ({"a": "1"}, [{"a": "1"}, {"a": "1", "b": "2"}]),
        ({"a": {"x": [1, None], "y": True}}, [{"a": {"y": True, "x": [1, None]}}]),
        ({"a": None}, [{"a": None}]),
    ],
)
def test_filters_agree_with_equal_members(
    filters: dict[str, object], sources: list[dict[str, object]]
) -> None:
    assert agree(filters, sources)


@pytest.mark.parametrize(
    ("filters", "sources"),
    [
        ({"a": "1"}, []),
        ({"a": "1"}, [{"b": "1"}]),
        ({"a": None}, [{"b": "1"}]),
        ({"a": "1"}, [{"a": "2"}]),
        ({"a": "1"}, [{"a": "1"}, {"a": "2"}]),
        ({"a": "1", "b": "2"}, [{"a": "1"}]),
        ({"a": "x"}, [{"a": "X"}]),
        ({"a": 1}, [{"a": "1"}]),
        ({"a": 1}, [{"a": True}]),
        ({"a": 1}, [{"a": 1.0}]),
        ({"a": [1]}, [{"a": [True]}]),
        ({"a": [1, 2]}, [{"a": [2, 1]}]),
        ({"a": {}}, [{"a": {"b": 1}}]),
    ],
)
def test_filters_do_not_agree_with_anything_else(
    filters: dict[str, object], sources: list[dict[str, object]]
) -> None:
    assert not agree(filters, sources)


def test_a_member_that_is_nested_too_deep_to_compare_does_not_agree() -> None:
    deep: list[object] = []
    for _ in range(50_000):
        deep = [deep]

    assert not agree({"a": deep}, [{"a": deep}])
